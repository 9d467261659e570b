package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

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
	s := mustOpenAt(t, path)
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
		s = mustOpenAt(t, path)
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
