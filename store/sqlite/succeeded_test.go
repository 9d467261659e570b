package sqlite

import (
	"fmt"
	"testing"

	"github.com/stokerd/stoker/job"
)

// What a deleted batch has left out goes with it, a part at a time.
func TestReapSkipped(t *testing.T) {
	s := mustOpen(t)
	const chunk = 500
	const jobs = 2*chunk + 1
	list := make([]job.Spec, jobs)
	for i := range list {
		list[i] = job.Spec{Key: fmt.Sprint("k", i), InputPath: "in", OutputPath: fmt.Sprint("out", i)}
	}
	first, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "a"}, Jobs: list}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	for _, fact := range []func(*job.Update) error{
		func(u *job.Update) error { return u.Configured(fmt.Sprint("e", u.Job.ID.Number), nil, testTime) },
		func(u *job.Update) error { return u.BeginStart(testTime) },
		func(u *job.Update) error {
			return u.Observe(job.Observation{EncodingID: u.Job.EncodingID, Status: job.RemoteFinished}, job.Rules{}, testTime)
		},
	} {
		if _, err := s.UpdateJobs(t.Context(), job.Filter{BatchID: first.ID}, testTime, fact); err != nil {
			t.Fatal(err)
		}
	}
	again := job.Submission{Batch: job.Batch{AccountID: "a", SkipSucceeded: true}, Jobs: list}
	second, _, err := s.Submit(t.Context(), again, testTime)
	if err != nil || second.Skipped != jobs {
		t.Fatalf("%d skipped, %v; want %d", second.Skipped, err, jobs)
	}
	checkWhole(t, s)
	// As DeleteBatch does, but with nobody to clear away after it.
	if _, err := s.exec(t, `UPDATE batches SET deleted = 1 WHERE seq = $1`, second.Seq); err != nil {
		t.Fatal(err)
	}
	rounds := 0
	for more := true; more; rounds++ {
		err := s.inTransaction(t.Context(), func(tx *transaction) error {
			done, err := tx.ReapBatch(t.Context(), second.Seq, chunk)
			more = done.Rows > 0
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const left = `SELECT (SELECT count(*) FROM skipped) + (SELECT count(*) FROM batches WHERE seq = $1)`
	n, err := one(t.Context(), s.db.reader, scalar[int64], left, second.Seq)
	if err != nil || n != 0 {
		t.Errorf("%d rows are left, %v", n, err)
	}
	if rounds < 4 {
		t.Errorf("it was all removed in %d writes, which keeps others waiting", rounds)
	}
}
