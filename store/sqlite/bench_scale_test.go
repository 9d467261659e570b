package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// BenchmarkReads measures what the dispatcher and the watchers ask for again and
// again, beside nothing and beside a million finished jobs in the same batch. The
// two should hardly differ.
func BenchmarkReads(b *testing.B) {
	for _, finished := range []int{0, 1_000_000} {
		s := openWithFinished(b, finished)
		id, revision := submitWithLive(b, s)
		for _, read := range []struct {
			name string
			run  func() error
		}{
			{"next_jobs", func() error { _, err := s.NextJobs(b.Context(), "default", testTime, 100, job.Except{}); return err }},
			{"next_due", func() error { _, err := s.NextDueTime(b.Context(), "default", testTime); return err }},
			{"in_flight", func() error { _, err := s.JobsInFlight(b.Context(), "default"); return err }},
			{"changes", func() error { _, _, err := s.Changes(b.Context(), id, revision, 100); return err }},
			{"batch", func() error { _, err := s.Batch(b.Context(), id); return err }},
		} {
			b.Run(fmt.Sprintf("%s/finished=%d", read.name, finished), func(b *testing.B) {
				for b.Loop() {
					if err := read.run(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// openWithFinished opens a store with one batch that has that many finished jobs.
func openWithFinished(b *testing.B, finished int) *table {
	b.Helper()
	s, err := openTable(b.Context(), filepath.Join(b.TempDir(), "stoker.db"), store.Options{Unsafe: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	batch, _, err := s.Submit(b.Context(), job.Submission{Batch: job.Batch{ID: "big", AccountID: "default", Open: true}}, testTime)
	if err != nil {
		b.Fatal(err)
	}
	const insert = `
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
INSERT INTO jobs (batch, number, state, finish_time, key, name, input_path, output_path, variables, version, revision, step, step_time,
       attempt, failures, encoding_id, manifests, regions, stale_mark, progress, next_attempt_time, create_time, update_time, start_time, queued_time, running_time, reason)
SELECT $1, i, 'SUCCEEDED', 1, 'key-' || i, '', 'masters/' || i || '.mp4', 'vod/' || i, '', 6, i + 1, '', 0,
       1, 0, 'encoding-' || i, '', 0, '', 100, 0, 1, 1, 1, 1, 1, '' FROM n WHERE i <= $2`
	if _, err := s.exec(b, insert, batch.Seq, finished); err != nil {
		b.Fatal(err)
	}
	if _, err := s.exec(b, `UPDATE batches SET succeeded = $2, revision = $2 + 1 WHERE seq = $1`, batch.Seq, finished); err != nil {
		b.Fatal(err)
	}
	return s
}

// submitWithLive adds 2,000 jobs to the batch, half of them QUEUED, and returns
// the revision before the last 500 changes.
func submitWithLive(b *testing.B, s *table) (batchID string, revision int64) {
	b.Helper()
	before, err := s.Batch(b.Context(), "big")
	if err != nil {
		b.Fatal(err)
	}
	if _, _, _, err := s.AddJobs(b.Context(), "big", make([]job.Spec, 2000), testTime); err != nil {
		b.Fatal(err)
	}
	for _, fact := range []func(*job.Update) error{
		func(u *job.Update) error { return u.Configured("e", nil, testTime) },
		func(u *job.Update) error { return u.BeginStart(testTime) },
		func(u *job.Update) error { return u.StartAccepted(testTime) },
	} {
		filter := job.Filter{BatchID: "big", AfterNumber: before.Counts.Total(), Limit: 1000}
		if _, err := s.UpdateJobs(b.Context(), filter, testTime, fact); err != nil {
			b.Fatal(err)
		}
	}
	after, err := s.Batch(b.Context(), "big")
	if err != nil {
		b.Fatal(err)
	}
	return "big", after.Revision - 500
}

// BenchmarkFailures measures what is asked of the failures in a batch of which a million jobs have failed.
func BenchmarkFailures(b *testing.B) {
	s := openWithFinished(b, 1_000_000)
	const fail = `
UPDATE jobs
   SET cause = printf('%012x', number % 200), state = 'FAILED', failure = json_object('kind', 'ENCODING', 'text', 'no bytes', 'cause', printf('%012x', number % 200))`
	const count = `INSERT INTO failure_causes (batch, cause, jobs) SELECT batch, cause, count(*) FROM jobs GROUP BY batch, cause`
	// The guard of transitions knows no way from one end to another.
	for _, statement := range []string{`DROP TRIGGER jobs_transition`, fail, count} {
		if _, err := s.exec(b, statement); err != nil {
			b.Fatal(err)
		}
	}
	sel := job.Selection{BatchID: "big", States: []job.State{job.Failed}, Causes: []string{fmt.Sprintf("%012x", 7)}}
	for _, read := range []struct {
		name string
		run  func() error
	}{
		{"causes", func() error { _, err := s.FailureCauses(b.Context(), "big", 100); return err }},
		{"jobs_of_cause", func() error { _, err := s.SelectJobNumbers(b.Context(), sel, 0, 1000); return err }},
	} {
		b.Run(read.name, func(b *testing.B) {
			for b.Loop() {
				if err := read.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkManyBatches measures what an account pays for having ten thousand
// batches, every second one paused, and a hundred thousand that have ended.
func BenchmarkManyBatches(b *testing.B) {
	s := openWithFinished(b, 0)
	const insert = `
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
INSERT INTO batches (id, request_id, payload_hash, display_name, account, priority, state, state_reason, open, profile, recipe, template,
       input, output, retry, failure_limit, failures_forgiven, labels, waiting, starting, queued, running, succeeded, failed, cancelling, cancelled,
       revision, create_time, update_time, start_time, finish_time)
SELECT 'b' || i, '', x'', '', 'default', 50, iif(i <= $2, 'SUCCEEDED', iif(i % 2, 'ACTIVE', 'PAUSED')), '', 0, '', json_object('padding', hex(zeroblob(1000))), '', '', '', '', '', 0, '',
       iif(i <= $2, 0, 10), 0, 0, 0, iif(i <= $2, 10, 0), 0, 0, 0, 1, 1, 1, 0, iif(i <= $2, 1, 0) FROM n`
	const jobs = `
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
INSERT INTO jobs (batch, number, state, finish_time, key, name, input_path, output_path, variables, version, revision, step, step_time,
       attempt, failures, encoding_id, manifests, regions, stale_mark, progress, next_attempt_time, create_time, update_time, start_time, queued_time, running_time, reason)
SELECT seq, n.i, iif(finish_time, 'SUCCEEDED', 'WAITING'), finish_time, '', '', '', '', '', 1, 1, '', 0, 0, 0, '', '', 0, '', 0, 0, 1, 1, 0, 0, 0, '' FROM batches, n WHERE seq > 1`
	if _, err := s.exec(b, insert, 110_000, 100_000); err != nil {
		b.Fatal(err)
	}
	if _, err := s.exec(b, jobs); err != nil {
		b.Fatal(err)
	}
	for _, read := range []struct {
		name string
		run  func() error
	}{
		{"next_jobs", func() error { _, err := s.NextJobs(b.Context(), "default", testTime, 100, job.Except{}); return err }},
		{"next_due", func() error { _, err := s.NextDueTime(b.Context(), "default", testTime); return err }},
		{"list_active", func() error {
			_, err := s.Batches(b.Context(), job.BatchFilter{States: []job.BatchState{job.BatchOpen, job.BatchActive}, Limit: 50})
			return err
		}},
		{"list_failed", func() error {
			_, err := s.Batches(b.Context(), job.BatchFilter{States: []job.BatchState{job.BatchFailed}, Limit: 50})
			return err
		}},
		{"list", func() error { _, err := s.Batches(b.Context(), job.BatchFilter{Limit: 50}); return err }},
	} {
		b.Run(read.name, func(b *testing.B) {
			for b.Loop() {
				if err := read.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
