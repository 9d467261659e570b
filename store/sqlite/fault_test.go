package sqlite

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// story is a little of everything the store writes, one transaction for each
// step. It is the same every time.
var story = []struct {
	name string
	run  func(*testing.T, *table) error
}{
	{"submit", func(t *testing.T, s *table) error {
		b := job.Batch{ID: "b", AccountID: "a", Open: true, Labels: map[string]string{"team": "vod"}}
		_, _, err := s.Submit(t.Context(), job.Submission{Batch: b, Jobs: make([]job.Spec, 40), RequestID: "r"}, testTime)
		return err
	}},
	{"configure", tell(1, func(u *job.Update) error { return u.Configured("e", nil, testTime) })},
	{"begin", tell(1, func(u *job.Update) error { return u.BeginStart(testTime) })},
	{"accept", tell(1, func(u *job.Update) error { return u.StartAccepted(testTime) })},
	{"add", func(t *testing.T, s *table) error {
		_, _, _, err := s.AddJobs(t.Context(), "b", []job.Spec{{Key: "k"}}, testTime)
		return err
	}},
	{"fail", tell(1, func(u *job.Update) error {
		return u.Observe(job.Observation{EncodingID: "e", Status: job.RemoteError}, job.Rules{}, testTime)
	})},
	{"checkpoint", func(t *testing.T, s *table) error {
		// From now on the log is carried over into the file after every commit.
		_, err := s.exec(t, `PRAGMA wal_autocheckpoint = 1`)
		return err
	}},
	{"cancel some", func(t *testing.T, s *table) error {
		_, err := s.UpdateJobs(t.Context(), job.Filter{BatchID: "b", States: []job.State{job.Waiting}, Limit: 20}, testTime,
			func(u *job.Update) error { return u.Cancel("enough", testTime) })
		return err
	}},
	{"pause", func(t *testing.T, s *table) error {
		_, err := s.UpdateBatch(t.Context(), "b", testTime, func(b *job.Batch) error { return b.Pause("night") })
		return err
	}},
	{"retry", tell(1, func(u *job.Update) error { return u.Retry(testTime) })},
	{"orphan", func(t *testing.T, s *table) error {
		return s.AddOrphan(t.Context(), job.Orphan{AccountID: "a", EncodingID: "o", CreateTime: testTime})
	}},
}

// tell is a step that applies a fact to a job.
func tell(number int64, fact func(*job.Update) error) func(*testing.T, *table) error {
	return func(t *testing.T, s *table) error {
		_, err := s.UpdateJob(t.Context(), job.ID{Batch: "b", Number: number}, testTime, fact)
		return err
	}
}

// trouble makes accesses fail.
type trouble struct {
	ops     string // which ones, separated by blanks
	rc      int32
	lasting bool // until it is cleared; else once

	left    atomic.Int64 // how many of them still go well; negative: none fails
	struck  atomic.Bool
	cleared atomic.Bool
}

func (f *trouble) look(a diskAccess) int32 {
	if f.cleared.Load() || a.file == ".lock" || a.file == ".lock-journal" || !strings.Contains(f.ops, a.op) {
		return sqlite3.SQLITE_OK
	}
	left := f.left.Add(-1)
	if left > 0 || left < 0 && !f.lasting {
		return sqlite3.SQLITE_OK
	}
	f.struck.Store(true)
	return f.rc
}

// long is for a night: the sweeps leave nothing out.
var long = flag.Bool("long", false, "try every access to the disk and every moment of a power cut, not a sample")

// sample is how far to go to the next case: about mean on average.
func sample(mean int64) int64 {
	if *long {
		return 1
	}
	if testing.Short() {
		mean *= 12
	}
	return 1 + rand.Int64N(2*mean-1)
}

// Whatever fails, and at whichever moment: a write that was not acknowledged has
// left nothing behind, everything that was is there, the caller hears an error
// that says what is wrong, and work goes on by itself once the trouble is over.
func TestFaults(t *testing.T) {
	for n, tt := range []struct {
		name string
		ops  string
		rc   int32
		want error
	}{
		{"disk full", "write", sqlite3.SQLITE_FULL, job.ErrFull},
		{"disk broken for writing", "write sync truncate", sqlite3.SQLITE_IOERR_WRITE, job.ErrUnavailable},
		{"disk does not flush", "sync", sqlite3.SQLITE_IOERR_FSYNC, job.ErrUnavailable},
		{"disk broken for reading", "read", sqlite3.SQLITE_IOERR_READ, job.ErrUnavailable},
		{"file system became read-only", "write sync truncate", sqlite3.SQLITE_READONLY, job.ErrReadOnly},
		{"disk gone", "open read write sync truncate", sqlite3.SQLITE_IOERR, job.ErrUnavailable},
	} {
		for _, lasting := range []bool{false, true} {
			if testing.Short() && lasting != (n%2 == 0) {
				continue // one of the two, under the race detector
			}
			t.Run(fmt.Sprintf("%s/lasting=%t", tt.name, lasting), func(t *testing.T) {
				for n := int64(1); ; n += sample(30) {
					f := &trouble{ops: tt.ops, rc: tt.rc, lasting: lasting}
					if !f.sweep(t, n, tt.want) {
						if n == 1 {
							t.Error("the trouble never came")
						}
						return
					}
					if t.Failed() {
						t.Fatalf("in the run that fails at access %d", n)
					}
				}
			})
		}
	}
}

// sweep tells the story with the nth access failing. It reports whether there
// was one.
func (f *trouble) sweep(t *testing.T, n int64, want error) bool {
	installDisk() // before the file is opened
	path := filepath.Join(t.TempDir(), "stoker.db")
	s := mustOpenDurable(t, path)
	defer func() { _ = s.Close() }()
	before := content(t, s)
	f.left.Store(n)
	watchDisk(t, path, f.look)
	for _, step := range story {
		err := step.run(t, s)
		if err != nil && !f.struck.Load() {
			t.Fatalf("%s: %v, although nothing was wrong", step.name, err)
		}
		if err != nil {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", step.name, err, want)
			}
			f.cleared.Store(true)
			if diff := cmp.Diff(before, content(t, s)); diff != "" {
				t.Errorf("%s failed and left (-before +after):\n%s", step.name, diff)
			}
			if err := step.run(t, s); err != nil {
				t.Fatalf("%s, when all was well again: %v", step.name, err)
			}
		}
		armed := f.cleared.Swap(true)
		before = content(t, s)
		f.cleared.Store(armed)
	}
	f.cleared.Store(true)
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	s = mustOpenAt(t, path)
	if diff := cmp.Diff(before, content(t, s)); diff != "" {
		t.Errorf("acknowledged and lost (-acknowledged +found):\n%s", diff)
	}
	checkWhole(t, s)
	mustClose(t, s)
	return f.struck.Load()
}

// Opening meets the same trouble: it says so, and the next try finds everything.
func TestFaultsWhileOpening(t *testing.T) {
	installDisk()
	for _, kind := range []string{"a new file", "a file with jobs"} {
		t.Run(kind, func(t *testing.T) {
			for n := int64(1); ; n += sample(12) {
				path := filepath.Join(t.TempDir(), "stoker.db")
				want := ""
				if kind != "a new file" {
					s := mustOpenAt(t, path)
					mustSubmitTo(t, s, job.Spec{Key: "k"})
					want = content(t, s)
					mustClose(t, s)
				}
				f := &trouble{ops: "open read write sync truncate shm delete", rc: sqlite3.SQLITE_IOERR, lasting: true}
				f.left.Store(n)
				watchDisk(t, path, f.look)
				s, err := openTable(t.Context(), path, store.Options{})
				switch {
				case !f.struck.Load():
					mustClose(t, s)
					return
				case err == nil: // it only hit what is done in the background
					f.cleared.Store(true)
					mustClose(t, s)
				case !errors.Is(err, job.ErrUnavailable):
					t.Errorf("access %d fails: %v, want %v", n, err, job.ErrUnavailable)
				}
				f.cleared.Store(true)
				s = mustOpenAt(t, path)
				if got := content(t, s); got != want {
					t.Errorf("access %d failed; then there was %q, want %q", n, got, want)
				}
				mustClose(t, s)
			}
		})
	}
}

// Somebody else who writes to the file, with the sqlite3 shell for example, is
// waited for, but not for ever.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	s := mustOpenAt(t, path)
	other, err := sql.Open("sqlite", dsn(path, "busy_timeout(60000)")) // what was committed may still be at work
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	hold := func() (letGo func()) {
		tx, err := other.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), `DELETE FROM orphans WHERE account = 'nobody'`); err != nil {
			t.Fatal(err)
		}
		return func() { _ = tx.Rollback() }
	}
	letGo := hold()
	written := make(chan error, 1)
	go func() { written <- addOrphanTo(t, s, "1") }()
	letGo()
	if err := <-written; err != nil {
		t.Errorf("a lock that is held for a while: %v", err)
	}
	// Past the writer's goroutine, which is idle.
	if _, err := s.db.writer.conn.ExecContext(t.Context(), `PRAGMA busy_timeout = 10`); err != nil {
		t.Fatal(err)
	}
	letGo = hold()
	if err := addOrphanTo(t, s, "2"); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("a lock that is held for ever: %v, want %v", err, job.ErrUnavailable)
	}
	letGo()
	if err := addOrphanTo(t, s, "3"); err != nil {
		t.Errorf("when the lock is free: %v", err)
	}
	if got := orphanIDs(t, s); got != "1 3" {
		t.Errorf("orphans %q, want %q", got, "1 3")
	}
}

// Readers that met a broken disk read again when it is back, on connections that
// were not there when it broke.
func TestReadersRecover(t *testing.T) {
	installDisk()
	path := filepath.Join(t.TempDir(), "stoker.db")
	s := mustOpenDurable(t, path)
	mustSubmitTo(t, s, make([]job.Spec, 1000)...)
	mustClose(t, s)
	gone, opened := false, 0
	watchDisk(t, path, func(a diskAccess) int32 {
		if a.op == "open" && a.file == "" {
			opened++
		}
		if a.op == "read" && gone {
			return sqlite3.SQLITE_IOERR_READ
		}
		return sqlite3.SQLITE_OK
	})
	list := func(q querier) error {
		_, err := all(t.Context(), q, scalar[string], `SELECT input_path FROM jobs`)
		return err
	}
	for name, read := range map[string]func(*reader) error{
		"a query":    func(r *reader) error { return list(r) },
		"a snapshot": func(r *reader) error { return r.withSnapshot(t.Context(), func(q snapshot) error { return list(q) }) },
	} {
		r, err := openReader(path, 1)
		if err != nil {
			t.Fatal(err)
		}
		gone = true
		if err := read(r); !errors.Is(err, job.ErrUnavailable) {
			t.Errorf("%s: %v, want %v", name, err, job.ErrUnavailable)
		}
		gone = false
		before := opened
		if err := read(r); err != nil {
			t.Errorf("%s when the disk is back: %v", name, err)
		}
		if opened == before {
			t.Errorf("%s used the old connection again", name)
		}
		if err := r.close(); err != nil {
			t.Error(err)
		}
	}
}

// Many snapshots at once get along with few connections, whatever they ask for the
// first time.
func TestSnapshotsShareConnections(t *testing.T) {
	s := mustOpen(t)
	r, err := openReader(s.db.path, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.close() }()
	var inside, group sync.WaitGroup
	inside.Add(2)
	for n := range 2 {
		group.Go(func() {
			err := r.withSnapshot(t.Context(), func(q snapshot) error {
				inside.Done()
				inside.Wait() // every connection is taken
				_, err := one(t.Context(), q, scalar[int], fmt.Sprintf(`SELECT %d`, n))
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
