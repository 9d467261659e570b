package store

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// SelectJobNumbers returns the numbers of the jobs that sel chooses, in ascending order: at
// most limit of them, all greater than after.
func (s *Store) SelectJobNumbers(ctx context.Context, sel job.Selection, after int64, limit int) ([]int64, error) {
	numbers, err := s.engine.SelectJobNumbers(ctx, sel, after, limit)
	if err != nil {
		return nil, fmt.Errorf("select jobs of batch %s: %w", sel.BatchID, err)
	}
	return numbers, nil
}

// CountSelectedJobs returns how many jobs in each state sel chooses. Jobs that move from one of its
// states to another meanwhile may be counted twice or not at all.
func (s *Store) CountSelectedJobs(ctx context.Context, sel job.Selection) (job.Counts, error) {
	n, err := s.engine.CountSelectedJobs(ctx, sel)
	if err != nil {
		return job.Counts{}, fmt.Errorf("count jobs of batch %s: %w", sel.BatchID, err)
	}
	return n, nil
}

// FailureCauses returns the causes that the FAILED jobs of a batch failed of, the most frequent
// one first, at most limit of them. Of causes with as many jobs each, any may be beyond the limit.
// The cost grows with the limit, and not with the number of jobs.
func (s *Store) FailureCauses(ctx context.Context, batchID string, limit int) ([]job.Cause, error) {
	list, err := s.engine.FailureCauses(ctx, batchID, limit)
	if err != nil {
		return nil, fmt.Errorf("causes of failures of batch %s: %w", batchID, err)
	}
	return list, nil
}

// FindCauses returns the causes that the FAILED jobs failed of which a search selects, the most frequent one
// first, at most limit of them, and how many such jobs there are. The states of the search, its text and its
// encoding do not count. The cost grows with the number of FAILED jobs, unless the search selects by batch,
// account and label alone.
func (s *Store) FindCauses(ctx context.Context, search job.Search, limit int) (causes []job.Cause, failed int64, err error) {
	causes, failed, err = s.engine.FindCauses(ctx, search, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("find causes of failures: %w", err)
	}
	return causes, failed, nil
}

// CountCauses returns how many FAILED jobs of a batch have each of the causes. A cause that no such job has is
// missing. The cost does not grow with the number of jobs.
func (s *Store) CountCauses(ctx context.Context, batchID string, causes []string) (map[string]int64, error) {
	counts, err := s.engine.CountCauses(ctx, batchID, causes)
	if err != nil {
		return nil, fmt.Errorf("causes of failures of batch %s: %w", batchID, err)
	}
	return counts, nil
}

// failedBecause is the cause of a FAILED job; empty for other jobs.
func failedBecause(j *job.Job) string {
	if j.State != job.Failed || j.Failure == nil {
		return ""
	}
	return j.Failure.Cause
}

// countCause notes that one more job of a batch has failed of a cause, or one less; "" is no cause.
func (u *unit) countCause(batchSeq int64, cause string, change int64) {
	if cause != "" {
		u.causeDelta[failureCause{batchSeq, cause}] += change
	}
}
