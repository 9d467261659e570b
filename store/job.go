package store

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// Job returns a job, or [job.ErrNotFound].
func (s *Store) Job(ctx context.Context, id job.ID) (job.Job, error) {
	j, err := s.engine.Job(ctx, id)
	if err != nil {
		return job.Job{}, fmt.Errorf("job %s: %w", id, err)
	}
	return j, nil
}

// Jobs returns the jobs that f chooses, by number.
func (s *Store) Jobs(ctx context.Context, f job.Filter) ([]job.Job, error) {
	list, err := s.engine.Jobs(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("list jobs of batch %s: %w", f.BatchID, err)
	}
	return list, nil
}

// Changes returns a batch and those of its jobs that changed after a revision,
// at most limit, in the order of their revisions, from one view of the table. No
// two of them have the same revision. With states there are only those that are in
// one of them now, not those that have gone on to another state.
//
// A reader that got fewer jobs than limit has seen everything up to the batch's
// revision and asks next for what came after that; one that got limit jobs asks
// for what came after the last job's. Jobs that have not changed since they were
// submitted have revision 1 and are never among them: a reader starts with all
// jobs, from [Store.Jobs], and with the revision of a batch it read before them.
func (s *Store) Changes(ctx context.Context, batchID string, afterRevision int64, limit int, states ...job.State) (b job.Batch, jobs []job.Job, err error) {
	err = s.engine.Snapshot(ctx, func(r Reader) error {
		b, err = readBatch(ctx, r, batchID)
		if err != nil {
			return err
		}
		jobs, err = r.ChangedJobs(ctx, batchID, afterRevision, limit, states)
		if err != nil {
			return fmt.Errorf("changes of batch %s: %w", batchID, err)
		}
		return nil
	})
	return b, jobs, err
}

// Attempts returns the attempts of a job that ended without success, first
// first. It is empty for a job that does not exist.
func (s *Store) Attempts(ctx context.Context, id job.ID) ([]job.Attempt, error) {
	list, err := s.engine.Attempts(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("attempts of job %s: %w", id, err)
	}
	return list, nil
}

// Events returns the changes of a job's state, first first. The submission is not
// among them: the job's CreateTime tells it. It is empty for a job that does
// not exist.
func (s *Store) Events(ctx context.Context, id job.ID) ([]job.Event, error) {
	list, err := s.engine.Events(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("events of job %s: %w", id, err)
	}
	return list, nil
}

// RecentRuns returns the jobs of a batch in RUNNING and in SUCCEEDED: of each state those with the
// highest numbers, at most running and at most ended of them. The cost does not grow with the
// batch.
func (s *Store) RecentRuns(ctx context.Context, batchID string, running, ended int) ([]job.Run, error) {
	runs, err := s.engine.RecentRuns(ctx, batchID, job.Running, running)
	if err != nil {
		return nil, fmt.Errorf("runs of batch %s: %w", batchID, err)
	}
	succeeded, err := s.engine.RecentRuns(ctx, batchID, job.Succeeded, ended)
	if err != nil {
		return nil, fmt.Errorf("runs of batch %s: %w", batchID, err)
	}
	return append(runs, succeeded...), nil
}
