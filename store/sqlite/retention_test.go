package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// mustSucceed submits a batch whose n jobs have succeeded.
func mustSucceed(t testing.TB, s *table, n int) (job.Batch, []job.Spec) {
	t.Helper()
	specs := make([]job.Spec, n)
	for i := range specs {
		specs[i] = job.Spec{Key: fmt.Sprint("k", i), InputPath: fmt.Sprintf("in/%d.mp4", i), OutputPath: fmt.Sprint("out/", i)}
	}
	b, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: specs}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	for _, fact := range []func(*job.Update) error{
		func(u *job.Update) error {
			return u.Configured(fmt.Sprintf("%08x-0000-4000-8000-%012x", b.Seq, u.Job.ID.Number), nil, testTime)
		},
		func(u *job.Update) error { return u.BeginStart(testTime) },
		func(u *job.Update) error { return u.StartAccepted(testTime) },
		func(u *job.Update) error {
			return u.Observe(job.Observation{EncodingID: u.Job.EncodingID, Status: job.RemoteFinished}, job.Rules{}, testTime)
		},
	} {
		if _, err := s.UpdateJobs(t.Context(), job.Filter{BatchID: b.ID}, testTime, fact); err != nil {
			t.Fatal(err)
		}
	}
	return b, specs
}

// A process that ends in the middle of a deletion leaves a table in which all that has succeeded is still known:
// either as a job or as a result. The next process goes on.
func TestDeletionIsInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	open := func() *table {
		slices := 0
		s, err := openHooked(t.Context(), path, store.Options{Unsafe: true}, func(db *hookedDatabase) {
			db.onReap = func() error {
				if slices++; slices > 5 { // they have less than 400 jobs
					return errors.New("interrupted")
				}
				return nil
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	s := open()
	b, specs := mustSucceed(t, s, 2000)
	if err := s.DeleteBatch(t.Context(), b.ID, testTime); err != nil {
		t.Fatal(err)
	}
	seen := map[int64]bool{} // numbers of jobs that were left
	for left := int64(1); left > 0; {
		n, err := s.CountSucceeded(t.Context(), job.Batch{AccountID: "default", SkipSucceeded: true}, specs)
		if err != nil || n != int64(len(specs)) {
			t.Fatalf("%d of %d successes are known, %v", n, len(specs), err)
		}
		if left, err = one(t.Context(), s.db.reader, scalar[int64], `SELECT count(*) FROM jobs`); err != nil {
			t.Fatal(err)
		}
		seen[left] = true
		checkWhole(t, s)
		mustClose(t, s)
		s = open()
	}
	if len(seen) < 3 {
		t.Errorf("seen with %v jobs left: it was not interrupted", seen)
	}
	results, err := one(t.Context(), s.db.reader, scalar[int64], `SELECT count(*) FROM results WHERE typeof(encoding_id) = 'blob' AND length(encoding_id) = 16`)
	if err != nil || results != int64(len(specs)) {
		t.Errorf("%d results, %v, want %d", results, err, len(specs))
	}
}

// Rows are removed about a thousand at a time, however many a job has.
func TestDeletionInSlices(t *testing.T) {
	s := mustOpen(t)
	b, _ := mustSucceed(t, s, 3000)
	if err := s.DeleteBatch(t.Context(), b.ID, testTime); err != nil {
		t.Fatal(err)
	}
	if err := store.NewKeeper(s.Store).Remove(t.Context()); err != nil { // beside the reaper itself
		t.Fatal(err)
	}
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	var rows, jobs int64
	for i, r := range s.db.reaped {
		rows, jobs = rows+r.Rows, jobs+r.Jobs
		if r.Rows > 1500 {
			t.Errorf("slice %d has %d rows", i, r.Rows)
		}
	}
	if jobs != 3000 || rows != 4*3000 { // three events each
		t.Errorf("%d jobs and %d rows were removed, want 3000 and %d", jobs, rows, 4*3000)
	}
}

// While others write, the reaper works a twentieth of the time. When nobody has written for a while it does not rest.
func TestReaperRests(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		const took = 1500 * time.Microsecond // neither more nor fewer rows are removed next time
		var mu sync.Mutex
		var slices []time.Time
		s, err := openHooked(t.Context(), filepath.Join(t.TempDir(), "stoker.db"), store.Options{Unsafe: true}, func(db *hookedDatabase) {
			db.onReap = func() error {
				mu.Lock()
				defer mu.Unlock()
				slices = append(slices, time.Now())
				time.Sleep(took)
				return nil
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer mustClose(t, s)
		old, _ := mustSucceed(t, s, 2000)
		live, _ := mustSucceed(t, s, 1)
		if err := s.DeleteBatch(t.Context(), old.ID, testTime); err != nil {
			t.Fatal(err)
		}
		for range 40 {
			if _, err := s.UpdateBatch(t.Context(), live.ID, testTime, func(*job.Batch) error { return nil }); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		lastWrite := time.Now().Add(-100 * time.Millisecond)
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		var rested, busy int
		for i, began := range slices[1:] {
			rest := began.Sub(slices[i]) - took
			switch {
			case began.Before(lastWrite):
				if busy++; rest < 150*took {
					t.Fatalf("slice %d began %v after the one before it, while others wrote", i+1, rest)
				}
			case began.After(lastWrite.Add(time.Second)) && rest > 0:
				rested++
			}
		}
		if busy < 10 || rested > 0 {
			t.Errorf("%d slices while others wrote, and %d rests when nobody did", busy, rested)
		}
		n, err := one(t.Context(), s.db.reader, scalar[int64], `SELECT count(*) FROM jobs WHERE batch = $1`, old.Seq)
		if err != nil || n > 0 {
			t.Errorf("%d jobs are left, %v", n, err)
		}
	})
}

// How many rows are removed in a write depends on the time of their removal, not on how far away the database is.
func TestSlicesOfDistantDatabase(t *testing.T) {
	for name, tt := range map[string]struct {
		ask, remove time.Duration
		most        int64 // jobs in the last whole slices
	}{
		"near":          {0, 0, 250}, // a thousand rows
		"distant":       {5 * time.Millisecond, 5 * time.Millisecond, 250},
		"slow":          {0, 5 * time.Millisecond, 1},
		"slow, distant": {5 * time.Millisecond, 10 * time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				s, err := openHooked(t.Context(), filepath.Join(t.TempDir(), "stoker.db"), store.Options{Unsafe: true}, func(db *hookedDatabase) {
					db.onNextDeleted = func() { time.Sleep(tt.ask) }
					db.onReap = func() error {
						time.Sleep(tt.remove)
						return nil
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				defer mustClose(t, s)
				b, _ := mustSucceed(t, s, 1500)
				if err := s.DeleteBatch(t.Context(), b.ID, testTime); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				s.db.mu.Lock()
				defer s.db.mu.Unlock()
				last := s.db.reaped[len(s.db.reaped)-2]
				if last.Jobs != tt.most {
					t.Errorf("the last slice but one of %d had %d jobs, want %d", len(s.db.reaped), last.Jobs, tt.most)
				}
			})
		})
	}
}

// A new table gives the room of deleted rows back to the disk, a little at a time, and keeps some for new rows. One
// of an older Stoker does so after it was backed up and put back.
func TestRoomIsGivenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	s := mustOpenAt(t, path)
	b := makeEnded(t, s, 10_000)
	full := pagesOf(t, s)
	if err := s.DeleteBatch(t.Context(), b.ID, testTime); err != nil {
		t.Fatal(err)
	}
	if err := store.NewKeeper(s.Store).Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for more := true; more; steps++ {
		var before, after pages
		err := s.inTransaction(t.Context(), func(tx *transaction) (err error) { // the reaper does the same beside it
			before, err = readPages(t.Context(), tx)
			if err == nil {
				more, err = tx.ReleaseSpace(t.Context())
			}
			if err == nil {
				after, err = readPages(t.Context(), tx)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if freed := before.total - after.total; freed > releasedPages+1 { // one of them with the list of unused pages
			t.Fatalf("%d pages were given back at once", freed)
		}
	}
	left := pagesOf(t, s)
	if left.total > full.total/2 || left.unused > max(keptPages, left.total/keptShare)+releasedPages {
		t.Errorf("of %+v pages there are %+v", full, left)
	}
	checkWhole(t, s)
	mustClose(t, s)
	info, err := os.Stat(path)
	if err != nil || info.Size() > left.total*left.size {
		t.Errorf("the file has %d bytes, %v, want at most %d", info.Size(), err, left.total*left.size)
	}
}

func pagesOf(t *testing.T, s *table) (p pages) {
	t.Helper()
	err := s.inTransaction(t.Context(), func(tx *transaction) (err error) {
		p, err = readPages(t.Context(), tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A backup of a table that cannot give room back makes one that can.
func TestBackupGivesRoomBack(t *testing.T) {
	dir := t.TempDir()
	old, copied := filepath.Join(dir, "stoker.db"), filepath.Join(dir, "copy.db")
	makeOld(t, old, schemaVersion)
	s := mustOpenAt(t, old)
	if pagesOf(t, s).releases {
		t.Fatal("the old table can give room back already")
	}
	if err := Backup(t.Context(), old, copied); err != nil {
		t.Fatal(err)
	}
	if c := mustOpenAt(t, copied); !pagesOf(t, c).releases {
		t.Error("the copy cannot give room back")
	}
}
