package clients

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/transcript"
)

// program is an example client: a command that takes submit, watch or cancel.
type program struct {
	name    string
	dir     string
	command []string
	env     []string // besides the address of the service
	// web says that the program speaks JSON over HTTP, and not gRPC.
	web bool
	// prepare makes the program ready to run, or says what is missing.
	prepare func(t *testing.T, dir string)
}

var programs = []program{
	{
		name: "python", dir: "../../examples/python", command: []string{"/usr/bin/python3", "main.py"},
		prepare: func(t *testing.T, dir string) {
			need(t, dir, "protoc", "--version")
			need(t, dir, "which", "grpc_python_plugin")
			need(t, dir, "/usr/bin/python3", "-c", "import grpc, google.protobuf")
			must(t, dir, "./generate.sh")
		},
	},
	{
		name: "typescript", dir: "../../examples/typescript", command: []string{"node", "--import", "tsx", "main.ts"},
		prepare: prepareNode,
	},
	{
		// Its types are made from the OpenAPI document, so that it shows whether the document is true.
		name: "openapi", dir: "../../examples/openapi", command: []string{"node", "--import", "tsx", "main.ts"}, web: true,
		prepare: prepareNode,
	},
}

// prepareNode installs what a program for Node.js needs, and compiles it.
func prepareNode(t *testing.T, dir string) {
	need(t, dir, "node", "--version")
	need(t, dir, "npm", "--version")
	if _, err := os.Stat(dir + "/node_modules/.bin/tsx"); errors.Is(err, fs.ErrNotExist) {
		must(t, dir, "npm", "ci")
	}
	must(t, dir, "npm", "run", "generate")
	must(t, dir, "npm", "run", "check")
}

// need makes sure that a tool is there. Without it the test is skipped, except in
// continuous integration.
func need(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("this test needs %s: %v: %s", name, err, out)
	default:
		t.Skipf("this test needs %s: %v: %s", name, err, out)
	}
}

// must runs a command that has to succeed.
func must(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// result is how a program ended.
type result struct {
	code           int
	stdout, stderr string
}

// run runs the program to its end.
func (p program) run(t *testing.T, address string, args ...string) result {
	t.Helper()
	cmd := p.start(t, address, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	r := result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	transcript.Add(t, "$ %s\n%s%s(exit code %d)", p.says(args), excerpt(r.stdout), excerpt(r.stderr), r.code)
	return r
}

// says is the program's command line for people.
func (p program) says(args []string) string {
	words := []string{p.command[0]}
	for _, arg := range append(p.command[1:len(p.command):len(p.command)], args...) {
		words = append(words, filepath.Base(arg))
	}
	return strings.Join(words, " ")
}

// excerpt is what a program printed, without the middle of what is long.
func excerpt(text string) string {
	const few = 6
	lines := strings.SplitAfter(text, "\n")
	if len(lines) > 2*few {
		left := fmt.Sprintf("... %d lines ...\n", len(lines)-2*few)
		lines = append(append(lines[:few:few], left), lines[len(lines)-few:]...)
	}
	for i, line := range lines {
		if len(line) > 240 {
			lines[i] = line[:240] + " ...\n"
		}
	}
	return strings.Join(lines, "")
}

// start is the program's command line, not started yet.
func (p program) start(t *testing.T, address string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), p.command[0], append(p.command[1:len(p.command):len(p.command)], args...)...)
	cmd.Dir = p.dir
	cmd.Env = append(append(os.Environ(), p.env...), "STOKER_SERVER="+address, "STOKER_URL=http://"+address)
	return cmd
}
