package docstest

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/gobuild"
	"github.com/stokerd/stoker/internal/testkit/grpcurl"
	"github.com/stokerd/stoker/internal/testkit/loopback"
)

// pageTime is the timeout for the commands of one page, on a busy machine too.
const pageTime = 10 * time.Minute

// session is a shell in a directory of its own, with stoker and grpcurl in its path
// and a service with a simulator behind it.
type session struct {
	dir     string
	env     []string
	address map[string]string // by the address that the pages name
	says    map[string]string // what a page says in place of what is printed
	in      io.Writer
	out     *bufio.Reader
}

// newSession starts everything. README and tour presuppose the service of the demo; the service of the
// cookbook has variables as in Bitmovin's examples. No batch is
// submitted.
func newSession(t *testing.T, demo bool) *session {
	t.Helper()
	return startSession(t, demo, nil)
}

// startSession is newSession. secure, if not nil, is called before the service is started, and may have it ask for
// proof.
func startSession(t *testing.T, demo bool, secure func(s *session, stoker string)) *session {
	t.Helper()
	s := &session{dir: t.TempDir(), address: addresses(t, "127.0.0.1:7070", "127.0.0.1:7071", "127.0.0.1:7072", "127.0.0.1:7073", "127.0.0.1:7080")}
	bin := filepath.Join(s.dir, "bin")
	if err := gobuild.Program(t.Context(), filepath.Join(bin, "stoker"), "cmd/stoker"); err != nil {
		t.Fatal(err)
	}
	s.link(t, grpcurl.Path(t), filepath.Join(bin, "grpcurl"))
	examples, err := filepath.Abs(filepath.Join(root, "examples"))
	if err != nil {
		t.Fatal(err)
	}
	s.link(t, examples, filepath.Join(s.dir, "examples"))
	s.env = []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + s.dir, "TMPDIR=" + s.dir,
		"STOKER_SERVER=" + s.address["127.0.0.1:7070"],
		"STOKER_LISTEN=" + s.address["127.0.0.1:7070"], "STOKER_HTTP_LISTEN=" + s.address["127.0.0.1:7071"],
		"STOKER_WEB_LISTEN=" + s.address["127.0.0.1:7072"], "STOKER_ADMIN_LISTEN=" + s.address["127.0.0.1:7073"],
		"STOKER_BITMOVIN_URL=http://" + s.address["127.0.0.1:7080"] + "/v1",
		"BITMOVIN_API_KEY=any", "HTTP_INPUT_HOST=masters.example.com",
		"S3_OUTPUT_BUCKET_NAME=encodes", "S3_OUTPUT_ACCESS_KEY=a", "S3_OUTPUT_SECRET_KEY=s",
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), pageTime, errors.New("the page takes too long"))
	t.Cleanup(cancel)
	if stoker := filepath.Join(bin, "stoker"); demo {
		s.start(ctx, t, nil, nil, stoker, "demo", "--serve", "--empty", "--listen", s.address["127.0.0.1:7070"], "--web-listen", s.address["127.0.0.1:7072"])
	} else {
		s.start(ctx, t, nil, nil, stoker, "simulate", "--listen", s.address["127.0.0.1:7080"], "--encoders", "20", "--duration", "2s")
		await(ctx, t, s.address["127.0.0.1:7080"])
		if secure != nil {
			secure(s, stoker)
		}
		s.start(ctx, t, nil, nil, stoker, "serve", "--db", "service.db")
	}
	await(ctx, t, s.address["127.0.0.1:7070"])

	in, commands := pipe(t)
	printed, out := pipe(t)
	s.in, s.out = commands, bufio.NewReader(printed)
	s.start(ctx, t, in, out, "sh")
	_ = in.Close()  // the shell has it
	_ = out.Close() // the shell has it: the output ends with it
	return s
}

func (s *session) link(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(from, to); err != nil {
		t.Fatal(err)
	}
}

// addresses finds a free address for each that the pages name.
func addresses(t *testing.T, names ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for i, address := range loopback.Addresses(t, len(names)) {
		found[names[i]] = address
	}
	return found
}

// start runs a program until the test or ctx ends, and everything it has started with it.
func (s *session) start(ctx context.Context, t *testing.T, in io.Reader, out io.Writer, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = s.dir, s.env, in, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Cancel() // it may have ended by itself
		_ = cmd.Wait()   // it was killed
	})
}

// await waits until somebody listens on address.
func await(ctx context.Context, t *testing.T, address string) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("nobody listens on %s: %v", address, context.Cause(ctx))
		case <-again.C:
		}
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() }) // once more does no harm
	return r, w
}

// run executes a command in the shell and returns what it printed and its exit code.
func (s *session) run(text string) (printed []string, code string, err error) {
	for named, real := range s.address {
		text = strings.ReplaceAll(text, named, real)
	}
	const end = "--- the command has ended:"
	if _, err := fmt.Fprintf(s.in, "{\n%s\n} </dev/null 2>&1\nprintf '\\n%s %%d\\n' $?\n", text, end); err != nil {
		return nil, "", err
	}
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			return printed, "", fmt.Errorf("the shell has ended: %w", err)
		}
		line = strings.TrimSuffix(line, "\n")
		if code, ended := strings.CutPrefix(line, end+" "); ended {
			return trimmed(printed), code, nil
		}
		for named, real := range s.address {
			line = strings.ReplaceAll(line, real, named)
		}
		for printed, said := range s.says {
			line = strings.ReplaceAll(line, printed, said)
		}
		printed = append(printed, line)
	}
}

// trimmed leaves out the empty lines at the end.
func trimmed(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// check runs a command of a page and compares its output with the page.
func (s *session) check(t *testing.T, page string, c command) {
	t.Helper()
	where := fmt.Sprintf("%s:%d: %s", page, c.line, c.text)
	printed, code, err := s.run(c.text)
	if err != nil {
		t.Fatalf("%s\n%v, after:\n%s", where, err, strings.Join(printed, "\n"))
	}
	if code != "0" {
		t.Fatalf("%s\nended with exit code %s:\n%s", where, code, strings.Join(printed, "\n"))
	}
	if want := trimmed(c.want); len(want) > 0 && !matches(want, printed) {
		t.Fatalf("%s\nprinted\n%s\nand should have printed\n%s", where,
			cmp.Or(strings.Join(printed, "\n"), "(nothing)"), strings.Join(want, "\n"))
	}
}
