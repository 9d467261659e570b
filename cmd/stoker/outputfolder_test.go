package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// A folder holds for all jobs of a list, and those that are added later have their own.
func TestOutputFolder(t *testing.T) {
	s := startService(t, serviceEnv(t, &simulator.Simulator{}))
	c := command{env: map[string]string{"STOKER_SERVER": s.grpc}}
	mustRun(t, c, "pause --account default")
	dir := t.TempDir()
	first, more := filepath.Join(dir, "first.csv"), filepath.Join(dir, "more.csv")
	for file, text := range map[string]string{first: "key,input_path,var:file\na,in/a.mov,\nb,in/b.mov,of b\n", more: "key,input_path\nc,in/c.mov\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, c, "submit "+first+" --keep-open --template-file ../../examples/templates/mp4-download.yaml --output-folder kids/2026 --var file=feature")
	mustRun(t, c, "add 1 "+more+" --output-folder late --var file=later")
	noInput := filepath.Join(dir, "no-input.csv") // the server says which jobs need one: of a template that it has no name for
	if err := os.WriteFile(noInput, []byte("key,output_path\nd,in/d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"submit " + first + " --output-folder /kids":                 "--output-folder: ",
		"submit " + first + " --var file=feature":                    "--var is for --template or --template-file: profiles have no variables",
		"submit " + first + " --template mp4-download --var other=x": "mp4-download",
		"add 1 " + more + " --var other=x":                           "--var other: ",
		"add 1 " + noInput + " --var file=x":                         "no-input.csv:2: input_path: is required: the template uses ${input_path}",
	} {
		if got := c.run(t.Context(), strings.Fields(args)...); got.code != exitUsage || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %+v, want %q", args, got, want)
		}
	}
	got := mustRun(t, c, "jobs 1 --columns key,output_path,variables -o csv")
	want := "key,output_path,variables\na,kids/2026/in/a,file=feature\nb,kids/2026/in/b,file=of b\nc,late/in/c,file=later\n"
	if diff := cmp.Diff(want, got.stdout); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
}
