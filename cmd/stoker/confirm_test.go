package main

import (
	"path/filepath"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/gobuild"
	"github.com/stokerd/stoker/internal/testkit/terminal"
)

// On a terminal, what cannot be taken back is asked for first.
func TestQuestions(t *testing.T) {
	stoker := filepath.Join(t.TempDir(), "stoker")
	if err := gobuild.Program(t.Context(), stoker, "cmd/stoker"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		args  []string
		keys  string
		says  []string
		code  int
		calls int // that change something
	}{
		{
			name: "yes", args: []string{"cancel", "411"}, keys: "y\r",
			says: []string{
				"Cancel 198,634 jobs of 411 night run 411?", "198,406 waiting: never start", "228 at Bitmovin: stopped, may be billed for what they did",
				"321,366 finished stay as they are", "[y/N] ", "411 night run 411: cancelling 198,634 jobs", "  stoker watch 411",
			}, calls: 1,
		},
		{name: "YES", args: []string{"cancel", "411"}, keys: "YES\r", says: []string{"[y/N] ", "cancelling"}, calls: 1},
		{name: "no", args: []string{"cancel", "411"}, keys: "n\r", says: []string{"[y/N] ", "Nothing was changed."}, code: exitFailed},
		{name: "enter", args: []string{"cancel", "411"}, keys: "\r", says: []string{"[y/N] ", "Nothing was changed."}, code: exitFailed},
		{name: "end of input", args: []string{"cancel", "411"}, keys: "\x04", says: []string{"[y/N] ", "Nothing was changed."}, code: exitFailed},
		{name: "Ctrl-C", args: []string{"cancel", "411"}, keys: "\x03", says: []string{"[y/N] ", "Nothing was changed."}, code: exitFailed},
		{name: "something else", args: []string{"delete", "402"}, keys: "yep\r", says: []string{"Delete 402 twice with 2 jobs from the job table?", "Nothing is deleted at Bitmovin.", "[y/N] ", "Nothing was changed."}, code: exitFailed},
		{
			name: "many", args: []string{"pause", "--label", "team=vod"}, keys: "y\r",
			says: []string{"Pause 2 batches?", "412 kids back catalogue", "411 night run 411", "[y/N] ", "--label team=vod: 2 batches paused"}, calls: 1,
		},
		{name: "retry", args: []string{"retry", "411"}, keys: "n\r", says: []string{"Retry 437 jobs of 411 night run 411?", "396 Input not found (404)", "permanent", "[y/N] "}, code: exitFailed},
		{name: "one job", args: []string{"cancel", "411/29"}, says: []string{"411/29"}, calls: 1},
		{name: "--yes", args: []string{"cancel", "411", "--yes"}, says: []string{"411 night run 411: cancelling 198,634 jobs"}, calls: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := newTable()
			s := terminal.Start(t, stoker, append(tt.args, "--server", table.start(t)), nil)
			for _, want := range tt.says {
				s.Expect(want)
				if want == "[y/N] " {
					s.Type(tt.keys)
				}
			}
			if code := s.Wait(); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			calls := 0
			for _, m := range table.asked {
				if v, ok := m.(interface{ GetValidateOnly() bool }); !ok || !v.GetValidateOnly() {
					calls++
				}
			}
			if calls != tt.calls {
				t.Errorf("%d calls that change something, want %d: %v", calls, tt.calls, table.asked)
			}
		})
	}
}

// The names come from a pipe, and the answer from the terminal.
func TestQuestionAboutAList(t *testing.T) {
	dir := t.TempDir()
	if err := gobuild.Program(t.Context(), filepath.Join(dir, "stoker"), "cmd/stoker"); err != nil {
		t.Fatal(err)
	}
	table := newTable()
	s := terminal.Start(t, "/bin/sh", []string{"-c", "printf '411/17\\n411/28\\n' | " + filepath.Join(dir, "stoker") + " retry - --server " + table.start(t)}, nil)
	s.Expect("Retry 2 jobs?")
	s.Expect("[y/N] ")
	s.Type("y\r")
	s.Expect("2 jobs retried")
	if code := s.Wait(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}
