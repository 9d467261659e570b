// Package terminal runs programs on a terminal, and reads and types as a person does.
package terminal

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/creack/pty"
)

// patience is how long a program may take to print what is expected, on a busy machine too.
const patience = time.Minute

// Session is a program on a terminal of 120 columns and 40 lines.
type Session struct {
	t      *testing.T
	cmd    *exec.Cmd
	tty    *os.File
	output chan []byte
	seen   bytes.Buffer // what was printed behind what Expect has found
}

// Start starts a program. Its environment is that of the test and env. It is killed when the test ends.
func Start(t *testing.T, program string, args, env []string) *Session {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(append(os.Environ(), "LC_ALL=C.UTF-8", "TERM=xterm"), env...)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{t: t, cmd: cmd, tty: tty, output: make(chan []byte, 100)}
	go s.read()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended, or is no longer needed
		_ = cmd.Wait()
		_ = tty.Close()
	})
	return s
}

// read passes on what the program prints until it ends.
func (s *Session) read() {
	defer close(s.output)
	for {
		part := make([]byte, 4096)
		n, err := s.tty.Read(part)
		if n > 0 {
			select {
			case s.output <- part[:n]:
			case <-s.t.Context().Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Type types keys.
func (s *Session) Type(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// Expect waits until the program has printed a text, behind what was expected before.
func (s *Session) Expect(text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for {
		if at := bytes.Index(s.seen.Bytes(), []byte(text)); at >= 0 {
			s.seen.Next(at + len(text))
			return
		}
		select {
		case part, ok := <-s.output:
			if !ok {
				s.t.Fatalf("the program ended without printing %q, after %q", text, s.seen.String())
			}
			s.seen.Write(part)
		case <-ctx.Done():
			s.t.Fatalf("the program does not print %q, after %q", text, s.seen.String())
		}
	}
}

// Rest waits until the program ends, and returns what it has printed behind what was expected.
func (s *Session) Rest() string {
	for part := range s.output {
		s.seen.Write(part)
	}
	return s.seen.String()
}

// Wait waits until the program ends, and returns its exit code.
func (s *Session) Wait() int {
	s.t.Helper()
	s.Rest()
	_ = s.cmd.Wait() // the exit code says it
	return s.cmd.ProcessState.ExitCode()
}

// Process is the program.
func (s *Session) Process() *os.Process { return s.cmd.Process }
