package sqlite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/stokerd/stoker/store"
)

// A power cut takes what has not been flushed: some of it, all of it, and of the
// last write a part. Whatever it takes, the file opens, what was acknowledged is
// there, and what was under way is there as a whole or not at all.
func TestPowerCut(t *testing.T) {
	installDisk()
	path := filepath.Join(t.TempDir(), "stoker.db")
	var tape tape
	watchDisk(t, path, tape.record)
	s := mustOpenDurable(t, path)
	contents := []string{"", content(t, s)} // of the table: before there is one, and after every step
	tape.acknowledge()
	for _, step := range story {
		if err := step.run(t, s); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		tape.acknowledge()
		contents = append(contents, content(t, s))
	}
	mustClose(t, s)
	tape.acknowledge()
	contents = append(contents, contents[len(contents)-1])

	for at := int64(1); at <= int64(len(tape.done)); at += sample(8) {
		for _, cut := range []struct {
			name string
			keep func(unflushed int) bool
		}{
			{"everything written survives", func(int) bool { return true }},
			{"only what was flushed survives", func(int) bool { return false }},
			{"chance decides", func(int) bool { return rand.IntN(2) == 0 }},
		} {
			files, acknowledged := tape.disk(int(at), cut.keep)
			name := fmt.Sprintf("cut %d of %d, %s", at, len(tape.done), cut.name)
			got := recovered(t, name, files)
			if got != contents[acknowledged] && (acknowledged+1 >= len(contents) || got != contents[acknowledged+1]) {
				t.Errorf("%s: after %d steps the table is neither as it was then nor as it was to be:\n%s", name, acknowledged, got)
			}
			if t.Failed() {
				t.FailNow()
			}
		}
	}
}

// recovered opens the files a power cut has left, twice, and returns what is in
// the table.
func recovered(t *testing.T, name string, files map[string][]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stoker.db")
	for suffix, data := range files {
		if err := os.WriteFile(path+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var first string
	for range 2 { // recovery must not undo itself
		s, err := openTable(t.Context(), path, store.Options{Unsafe: true, Readers: 1})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := content(t, s)
		if first != "" && got != first {
			t.Errorf("%s: opened again, the table is another", name)
		}
		first = got
		checkWhole(t, s)
		mustClose(t, s)
	}
	return first
}

// tape is everything that was done to the files of a job table, in its order.
type tape struct {
	done  []diskAccess
	steps []int // how much had been done when each step was acknowledged
}

func (p *tape) record(a diskAccess) int32 {
	switch a.op {
	case "write", "truncate", "sync", "delete":
		if a.file == "" || a.file == "-wal" || a.file == "-journal" {
			a.data = append([]byte(nil), a.data...)
			p.done = append(p.done, a)
		}
	}
	return sqlite3.SQLITE_OK
}

func (p *tape) acknowledge() { p.steps = append(p.steps, len(p.done)) }

// disk returns the files as they are after a power cut during the last of n
// things that were done, and how many steps had been acknowledged by then. Of
// what was not flushed, keep decides.
func (p *tape) disk(n int, keep func(unflushed int) bool) (files map[string][]byte, acknowledged int) {
	flushed := map[string]int{} // by file, how much of the tape its last flush covers
	for i, a := range p.done[:n-1] {
		if a.op == "sync" {
			flushed[a.file] = i
		}
	}
	files = map[string][]byte{}
	for i, a := range p.done[:n] {
		if a.op != "delete" && i >= flushed[a.file] && !keep(i) {
			continue
		}
		if i == n-1 && a.op == "write" {
			a.data = a.data[:rand.IntN(len(a.data)+1)]
		}
		a.apply(files)
	}
	for _, done := range p.steps {
		if done < n {
			acknowledged++
		}
	}
	return files, acknowledged
}

// apply does to the files what was done to the real ones.
func (a diskAccess) apply(files map[string][]byte) {
	data := files[a.file]
	size := a.offset
	switch a.op {
	case "delete":
		delete(files, a.file)
		return
	case "sync":
		return
	case "write":
		size = max(int64(len(data)), a.offset+int64(len(a.data)))
	}
	if grow := size - int64(len(data)); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	data = data[:size]
	copy(data[a.offset:], a.data)
	files[a.file] = data
}
