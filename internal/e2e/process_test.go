package e2e

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// processTimeout is how long a test waits for what a process usually does in a moment.
const processTimeout = 3 * time.Minute

// process is a stoker command that was started, and its stderr.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	name   string
	exited chan struct{} // closed when it has ended and been read to the end

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced with every line
}

// start starts the binary in a directory of its own, which is also its HOME. Its environment is env, HOME
// and PATH, so that no other variable of this process affects it. Its stderr is kept, and logged if the
// test fails. It is killed when the test ends.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return startCommand(t, env, exec.Command(binary(t), args...))
}

func startCommand(t *testing.T, env []string, cmd *exec.Cmd) *process {
	t.Helper()
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"HOME=" + cmd.Dir, "PATH=" + os.Getenv("PATH")}, env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, name: strings.Join(cmd.Args[1:], " "), exited: make(chan struct{}), more: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("stoker %s said:\n%s", p.name, p.said())
		}
	})
	return p
}

// read reads the stderr of the process into p.lines, until the process ends.
func (p *process) read(stderr io.Reader) {
	defer close(p.exited)
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // the exit code is in ProcessState
}

// said is what the process has written to stderr so far, at most the last 200 lines.
func (p *process) said() string {
	const enough = 200
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := p.lines
	if len(lines) > enough {
		lines = append([]string{"..."}, lines[len(lines)-enough:]...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// count is how many lines with the text the process has written to stderr so far.
func (p *process) count(text string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// hears waits until the process has written a line with the text to stderr, and returns the line. It
// returns false if the process ends without such a line.
func (p *process) hears(text string) (string, bool) {
	p.t.Helper()
	late := time.After(processTimeout)
	for read := 0; ; {
		p.mu.Lock()
		fresh, more := p.lines[read:], p.more
		read = len(p.lines)
		p.mu.Unlock()
		for _, line := range fresh {
			if strings.Contains(line, text) {
				return line, true
			}
		}
		if len(fresh) > 0 {
			continue
		}
		select {
		case <-more:
		case <-p.exited:
			p.mu.Lock()
			done := read == len(p.lines)
			p.mu.Unlock()
			if done {
				return "", false
			}
		case <-late:
			p.t.Fatalf("stoker %s has not said %q within %v", p.name, text, processTimeout)
		}
	}
}

// signal sends a signal to a process that may have ended.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal stoker %s: %v", p.name, err)
	}
}

// kill ends the process with SIGKILL and waits until it has ended.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// wait waits for the process to end and returns its exit code.
func (p *process) wait(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(limit):
		p.t.Fatalf("stoker %s has not ended within %v", p.name, limit)
	}
	return p.cmd.ProcessState.ExitCode()
}
