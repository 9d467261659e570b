package e2e

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// user runs stoker's commands in a directory of its own, against a running service.
type user struct {
	t      *testing.T
	server string
	dir    string
	token  string // if the service asks for one
}

func (s *service) user() *user {
	return &user{t: s.t, server: s.address, dir: s.t.TempDir()}
}

// command prepares a command line in the user's directory.
func (u *user) command(args ...string) *exec.Cmd {
	u.t.Helper()
	cmd := exec.CommandContext(u.t.Context(), binary(u.t), args...)
	cmd.Dir = u.dir
	cmd.Env = []string{"HOME=" + u.dir, "STOKER_SERVER=" + u.server}
	if u.token != "" {
		cmd.Env = append(cmd.Env, "STOKER_TOKEN="+u.token)
	}
	return cmd
}

// types runs a command line, and returns its exit code and its output.
func (u *user) types(args ...string) (code int, stdout, stderr string) {
	u.t.Helper()
	cmd := u.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		u.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// has writes a file into the user's directory.
func (u *user) has(name string, data []byte) {
	u.t.Helper()
	if err := os.WriteFile(filepath.Join(u.dir, name), data, 0o600); err != nil {
		u.t.Fatal(err)
	}
}

// TestMistakes makes the mistakes of a new user, against a real service. Each is answered with a
// message that names the mistake, and the documented exit code.
func TestMistakes(t *testing.T) {
	t.Parallel()
	s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
	s.run()
	u := s.user()
	junk := make([]byte, 1<<20)
	if _, err := rand.Read(junk); err != nil {
		t.Fatal(err)
	}
	u.has("junk.bin", junk)
	u.has("empty.csv", nil)
	u.has("ok.csv", []byte("key,input_path\na,in/a.mov\n"))
	u.has("other.csv", []byte("key,input_path\nb,in/b.mov\n"))
	u.has("bad.csv", []byte("key,input_path,output_path\na,in/a.mov,out\na,,x\nb,in/b.mov,../x\n"))
	u.has("pathless.csv", []byte("key,input_path,output_path\na,in/a.mov,out\nb,,x\n"))
	u.has("wide.csv", []byte("input_path\n"+strings.Repeat("x", 40<<20)+"\n"))
	u.has("long.csv", []byte("input_path\n"+numbered(100_001)))
	code, id, stderr := u.types("submit", "ok.csv", "--request-id", "once")
	if code != 0 {
		t.Fatalf("submit: exit code %d: %s", code, stderr)
	}
	id = strings.TrimSpace(id)
	for _, tt := range []struct {
		args string
		code int
		want string // in the output or on stderr
	}{
		{"submit junk.bin", 2, "junk.bin: this is not a text file"},
		{"submit empty.csv", 2, "empty.csv: the list has no jobs"},
		{"submit bad.csv", 2, `bad.csv:3: key "a" is also the key of line 2`},
		{"submit pathless.csv", 2, "pathless.csv:3: input_path: is required"},
		{"submit wide.csv", 2, "wide.csv:2: the row that begins here is longer than 2097152 bytes"},
		{"submit long.csv --profile hevc", 2, `unknown profile "hevc"; there are: default`}, // nor is a part of it stored
		{"submit nowhere.csv", 2, "nowhere.csv: no such file"},
		{"submit ok.csv --max-retries -1", 2, "max_retries: must be greater than or equal to 0"},
		{"submit ok.csv --priority 101", 2, "priority: must be"},
		{"submit ok.csv --profile hevc", 2, `unknown profile "hevc"; there are: default`},
		{"submit ok.csv --input masters", 2, `unknown storage "masters"; there are: default`},
		{"submit ok.csv --account acme", 2, `unknown account "acme"; there are: default`},
		{"submit ok.csv --request-id once", 0, id}, // a repeat, not a mistake
		{"submit other.csv --request-id once", 2, `request_id "once" was used before`},
		{"batches --server 127.0.0.1:1", 3, "nothing answers at 127.0.0.1:1 (connection refused)"},
		{"watch " + id + " --server 127.0.0.1:1", 3, "stoker serve"},
		{"watch nothing", 2, `there is no batch "nothing"`},
		{"jobs nothing", 2, `there is no batch "nothing"`},
		{"job " + id, 2, "a job is BATCH/NUMBER or BATCH/KEY"},
		{"job " + id + "/2", 2, `has no job "2"`},
		{"resume " + id, 0, "is not paused"},
		{"pause " + id, 0, "paused"},
		{"pause " + id, 0, "is paused already"},
		{"retry " + id + "/1", 2, "only FAILED and CANCELLED jobs can be retried"},
		{"cancel " + id, 2, "cancel asks first, and there is no terminal; add --yes"},
		{"cancel " + id + "/1", 0, id + "/1 a: cancel"},
		{"cancel " + id + "/1", 0, id + "/1 a: cancel"},
		{"watch " + id, 1, "cancelled: 1 cancelled"}, // exit code 1: it did not succeed
		{"pause " + id, 2, "is cancelled: only a batch that starts jobs can be paused"},
		{"resume " + id, 2, "is cancelled: only a paused batch can be resumed"},
		{"pause --account acme", 2, `account "acme" was not found`},
	} {
		code, stdout, stderr := u.types(strings.Fields(tt.args)...)
		if code != tt.code || !strings.Contains(stdout+stderr, tt.want) {
			t.Errorf("stoker %s: exit code %d, want %d, and %q in\n%s%s", tt.args, code, tt.code, tt.want, stdout, stderr)
		}
		if strings.Contains(stderr, "rpc error") || strings.Contains(stderr, "goroutine") || strings.Count(stderr, "\n") > 101 {
			t.Errorf("stoker %s says what nobody can read:\n%s", tt.args, stderr)
		}
	}
	if _, stdout, _ := u.types("batches"); strings.Count(stdout, "\n") != 1 {
		t.Errorf("mistakes made batches:\n%s", stdout)
	}
}

// numbered is a list of n paths.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "in/%d.mov\n", i)
	}
	return b.String()
}

// TestInterruptedWatch interrupts a watch like Ctrl-C does. The batch goes on.
func TestInterruptedWatch(t *testing.T) {
	t.Parallel()
	s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
	s.run()
	u := s.user()
	u.has("ok.csv", []byte("input_path\nin/a.mov\n"))
	for _, args := range [][]string{{"submit", "ok.csv", "--watch"}, {"watch"}} {
		if args[0] == "watch" {
			_, batches, _ := u.types("batches")
			id, _, _ := strings.Cut(batches, "\t")
			args = append(args, id)
		}
		cmd := u.command(args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatalf("stoker %s shows nothing: %v", strings.Join(args, " "), err)
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the exit code is in ProcessState
		if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(stderr.String(), "The batch goes on. To watch it again:\n  stoker watch ") {
			t.Errorf("stoker %s: exit code %d, want 130 and how to go on: %s", strings.Join(args, " "), code, stderr.String())
		}
	}
	if _, batches, _ := u.types("batches"); strings.Contains(batches, "cancel") || strings.Count(batches, "\n") != 1 {
		t.Errorf("the batch does not go on:\n%s", batches)
	}
}
