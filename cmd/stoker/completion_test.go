package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/gobuild"
	"github.com/stokerd/stoker/internal/testkit/terminal"
)

// What the shells get from stoker __complete, for every kind of value.
func TestCompletions(t *testing.T) {
	env := map[string]string{"STOKER_SERVER": newTable().start(t), "HOME": t.TempDir()}
	mustRun(t, command{env: env}, "context add prod --server 127.0.0.1:7999")
	for _, tt := range []struct {
		args []string
		want string // the first line
		not  string
	}{
		{[]string{"cancel", ""}, "417\ttrailers Q1, open, 2 %", ""},
		{[]string{"cancel", "411", "41"}, "417\t", "411\t"},
		{[]string{"cancel", "night"}, "night run 411\t411, active, 61 %", ""},
		{[]string{"cancel", "@"}, "@last\tyour newest batch", ""},
		{[]string{"cancel", "411/"}, "411/17\tclips/tour-stage-9, failed", ""},
		{[]string{"cancel", "411/fil"}, "411/films/sintel\t411/29, waiting", ""},
		{[]string{"delete", ""}, "409\thevc re-encode 3, failed", "411"},
		{[]string{"close", ""}, "417\ttrailers Q1, open, 2 %", "411"},
		{[]string{"retry", "411", "--cause", ""}, "5f1d3a09c2e4\t396 Input not found (404)", ""},
		{[]string{"retry", "411", "--state", ""}, "failed", ""},
		{[]string{"retry", "--label", ""}, "run=nightly\t1 batch", ""},
		{[]string{"submit", "a.csv", "--template", ""}, "per-title\ttitle, brand=junior", ""},
		{[]string{"submit", "a.csv", "--profile", ""}, "default\tH.264 480p, 720p, 1080p; AAC; fMP4", ""},
		{[]string{"submit", "a.csv", "--input", ""}, "default\thttps masters.example.com", "encodes"},
		{[]string{"submit", "a.csv", "--output", ""}, "encodes\ts3 encodes", "masters"},
		{[]string{"submit", "a.csv", "--account", ""}, "archive\t11 of 20 queued, 40 running", ""},
		{[]string{"account", "set", ""}, "archive\t11 of 20 queued, 40 running", ""},
		{[]string{"account", "set", "default", "--target", ""}, "auto\tthe smallest that keeps the encoders busy", ""},
		{[]string{"context", "use", ""}, "prod\t127.0.0.1:7999", ""},
		{[]string{"batches", "--context", ""}, "prod\t127.0.0.1:7999", ""},
		{[]string{"completion", ""}, "bash", ""},
		{[]string{"help", "na"}, "names", ""},
		{[]string{"submit", "a.csv", "--template", "per-title", "--var", ""}, "title=\trequired\nbrand=\tdefault junior\n", ""},
		{[]string{"submit", "a.csv", "--template", "per-title", "--var", "title=Sintel", "--var", ""}, "brand=\tdefault junior\n", "title"},
		{[]string{"submit", "a.csv", "--var", ""}, ":", "="},
		{[]string{"submit", "a.csv", "--list-columns", "Titel="}, "Titel=key\nTitel=name\n", ""},
		{[]string{"submit", "a.csv", "--template", "per-title", "--list-columns", "Datei=input_path,Titel=v"}, "Datei=input_path,Titel=var:title\trequired\n", ""},
		{[]string{"batches", "--sort", ""}, "batch\tthe smallest first\n", ""},
		{[]string{"batches", "--sort=-b"}, "-batch\tthe largest first\n", ""},
		{[]string{"batches", "--columns", "name,"}, "name,batch\nname,state\n", "name,name"},
		{[]string{"batches", "--by", ""}, "@me\tyou\nlocal\t14 batches\n", ""},
	} {
		got := command{env: env, completionTime: longEnough}.run(t.Context(), append([]string{"__complete"}, tt.args...)...)
		if !strings.HasPrefix(got.stdout, tt.want) || tt.not != "" && strings.Contains(got.stdout, tt.not) {
			t.Errorf("%q: %q, want %q first", tt.args, got.stdout, tt.want)
		}
	}
}

// A server that does not answer costs a moment, and nothing is said.
func TestCompletionsWithoutAServer(t *testing.T) {
	for name, server := range map[string]string{
		"refused": "127.0.0.1:1",
		"silent":  serve(t, &silent{fake: &fake{}}),
	} {
		began := time.Now()
		got := command{env: map[string]string{"STOKER_SERVER": server}}.run(t.Context(), "__complete", "cancel", "")
		if took := time.Since(began); took > longEnough || !strings.HasPrefix(got.stdout, ":") {
			t.Errorf("%s: %q after %v", name, got.stdout, took)
		}
	}
}

// silent is a server that does not answer until the caller has gone.
type silent struct{ *fake }

func (*silent) ListBatches(ctx context.Context, _ *stokerv1.ListBatchesRequest) (*stokerv1.ListBatchesResponse, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// The scripts work in the shells they are for.
func TestCompletionInShells(t *testing.T) {
	dir := t.TempDir()
	if err := gobuild.Program(t.Context(), filepath.Join(dir, "stoker"), "cmd/stoker"); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "STOKER_SERVER=" + newTable().start(t), "PS1=$ "}
	for _, tt := range []struct {
		shell string
		args  []string
		setup string // read by the shell before the line is typed
		list  string // the keys that list the values
	}{
		{"bash", []string{"--norc", "--noprofile", "-i"}, "source /usr/share/bash-completion/bash_completion; source <(stoker completion bash)", "\t\t"},
		{"zsh", []string{"-f", "-i"}, "autoload -U compinit; compinit -u -D; source <(stoker completion zsh)", "\t\t"},
		{"fish", []string{"--no-config", "-i"}, "stoker completion fish | source", "\t\t"},
	} {
		t.Run(tt.shell, func(t *testing.T) {
			path, err := exec.LookPath(tt.shell)
			if err != nil {
				if os.Getenv("CI") != "" {
					t.Fatalf("%v: .ci/run installs it", err)
				}
				t.Skip(err)
			}
			s := terminal.Start(t, path, tt.args, env)
			s.Type(tt.setup + "; echo re''ady\n")
			s.Expect("ready")
			s.Type("stoker retry 411 --cause " + tt.list)
			s.Expect("5f1d3a09c2e4")
			s.Expect("Input not found (404)")
		})
	}
}
