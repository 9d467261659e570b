package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// AddJobs appends jobs to a batch that is open for more, all of them or none. A
// job whose key the batch has already is a duplicate and is not added, so a caller that does
// not know whether an earlier call arrived repeats it. The batch must be open, else the
// answer is a [job.StateError]. If a job would write to the same place as another job of the
// batch, the answer is a [job.InvalidError]. If any would be added and the disk has too little room left,
// see [Options.DiskFloor], the answer is a [job.SpaceError].
//
// If the batch has SkipSucceeded, jobs that have succeeded in an earlier batch are
// skipped: they are the jobs that are neither added nor duplicates. A job that was skipped
// once is skipped again, even if the earlier batch has been deleted since.
func (s *Store) AddJobs(ctx context.Context, batchID string, jobs []job.Spec, now time.Time) (b job.Batch, added, duplicates int64, err error) {
	round(&now)
	type outcome struct {
		batch             job.Batch
		added, duplicates int64
	}
	o := op{what: "add jobs to batch " + batchID, batch: batchID, readsTable: true, inserts: len(jobs)}
	if err := s.writer.outputs.prepare(ctx, s.engine, batchID); err != nil {
		return job.Batch{}, 0, 0, fmt.Errorf("%s: %w", o.what, err)
	}
	succeeded, err := findSucceededOf(ctx, s.engine, batchID, jobs)
	if err != nil {
		return job.Batch{}, 0, 0, fmt.Errorf("%s: %w", o.what, err)
	}
	out, err := write(ctx, s, o, func(u *unit) (outcome, error) {
		h, err := u.header(batchID)
		if err != nil {
			return outcome{}, err
		}
		if !h.Open {
			return outcome{}, &job.StateError{
				Resource: "batch", ID: batchID, BatchNumber: h.Seq, State: string(h.State),
				Problem: "it takes no more jobs; submit them as a new batch, and keep that open",
			}
		}
		unknown, err := unknownJobs(u.ctx, u.tx, h.Seq, jobs)
		if err != nil {
			return outcome{}, err
		}
		content, err := readBatch(u.ctx, u.tx, batchID)
		if err != nil {
			return outcome{}, err
		}
		if err := u.checkOutputPlaces(content, jobs, unknown); err != nil {
			return outcome{}, err
		}
		fresh, skipped, err := u.skipSucceeded(content, unknown, among(jobs, unknown, succeeded))
		if err != nil {
			return outcome{}, err
		}
		if len(fresh) > 0 {
			if err := s.room.check(); err != nil {
				return outcome{}, err
			}
		}
		if err := u.appendJobs(h, fresh, skipped, now); err != nil {
			return outcome{}, err
		}
		b, err := readBatch(u.ctx, u.tx, batchID)
		return outcome{b, int64(len(fresh)), int64(len(jobs) - len(unknown))}, err
	})
	if err != nil {
		return job.Batch{}, 0, 0, err
	}
	return out.batch, out.added, out.duplicates, nil
}

// among returns which of fresh, some of jobs in their order, are marked, by their index in fresh. marked has
// the indexes in jobs.
func among(jobs, fresh []job.Spec, marked map[int]bool) map[int]bool {
	if len(marked) == 0 {
		return nil
	}
	found := map[int]bool{}
	for i, at := range positions(jobs, fresh) {
		if marked[at] {
			found[i] = true
		}
	}
	return found
}

// appendJobs inserts jobs that are added to a batch, keeps the keys and paths of those that
// it skips, and has the batch read again.
func (u *unit) appendJobs(h *batchHeader, fresh, skippedJobs []job.Spec, now time.Time) error {
	added := int64(len(fresh))
	u.dirty[h.ID] = true
	// Each job gets a revision of its own, so a watcher can stop reading between any two.
	jobs := NewJobs{BatchSeq: h.Seq, LastNumber: h.Counts.Total(), Revision: h.Revision + 1, RevisionStep: 1, Time: now, Jobs: fresh}
	if err := u.insertJobs(jobs); err != nil {
		return err
	}
	skipped, err := u.insertSkipped(h.Seq, skippedJobs)
	if err != nil {
		return err
	}
	u.addOutputs(h.Seq, h.Counts.Total(), fresh, skippedJobs, skipped)
	u.noteSubmitted(h.AccountID, len(fresh))
	if added > 0 || skipped > 0 {
		h.Revision += max(added, 1)
		h.Counts.Waiting += added
		h.UpdateTime, h.changed = now, true
		u.wakeup(h.Batch).Dispatch = true
	}
	return u.flushAndEvict(h)
}

// keysPerQuery is how many keys one query is about: a query reads its list over and over, and
// that of 100,000 keys would be megabytes.
const keysPerQuery = 1000

// unknownJobs returns the jobs whose keys are neither in the batch nor given twice.
func unknownJobs(ctx context.Context, r SubmissionReader, batchSeq int64, jobs []job.Spec) ([]job.Spec, error) {
	seen := make(map[string]struct{}, len(jobs))
	for chunk := range slices.Chunk(jobs, keysPerQuery) {
		keys := make([]string, len(chunk))
		for i, j := range chunk {
			keys[i] = j.Key // an empty one is in no batch
		}
		have, err := r.KnownKeys(ctx, batchSeq, keys)
		if err != nil {
			return nil, err
		}
		for _, k := range have {
			seen[k] = struct{}{}
		}
	}
	// Most often all are new, and then there is nothing to copy.
	fresh, first := jobs, true
	for i, j := range jobs {
		_, known := seen[j.Key]
		known = known && j.Key != ""
		seen[j.Key] = struct{}{}
		switch {
		case known && first:
			fresh, first = append(make([]job.Spec, 0, len(jobs)-1), jobs[:i]...), false
		case !known && !first:
			fresh = append(fresh, j)
		}
	}
	return fresh, nil
}
