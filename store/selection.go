package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/stokerd/stoker/job"
)

// SelectJobNumbers returns the numbers of the jobs that sel chooses, in ascending order: at
// most limit of them, all greater than after.
func (s *Store) SelectJobNumbers(ctx context.Context, sel job.Selection, after int64, limit int) ([]int64, error) {
	var numbers []int64
	var err error
	if sel.Text == "" {
		numbers, err = s.engine.SelectJobNumbers(ctx, sel, after, limit)
	} else {
		err = newSearcher(s).eachWithText(ctx, s.engine, sel, after, func(j *job.Job) bool {
			numbers = append(numbers, j.ID.Number)
			return len(numbers) < limit
		})
	}
	if err != nil {
		return nil, fmt.Errorf("select jobs of batch %s: %w", sel.BatchID, err)
	}
	return numbers, nil
}

// CountSelectedJobs returns how many jobs in each state sel chooses. Jobs that move from one of its
// states to another meanwhile may be counted twice or not at all.
func (s *Store) CountSelectedJobs(ctx context.Context, sel job.Selection) (job.Counts, error) {
	var n job.Counts
	var err error
	if sel.Text == "" {
		n, err = s.engine.CountSelectedJobs(ctx, sel)
	} else {
		err = newSearcher(s).eachWithText(ctx, s.engine, sel, 0, func(j *job.Job) bool {
			*n.Of(j.State)++
			return true
		})
	}
	if err != nil {
		return job.Counts{}, fmt.Errorf("count jobs of batch %s: %w", sel.BatchID, err)
	}
	return n, nil
}

// eachWithText calls visit with each job that sel chooses by a text, with numbers above after, ascending, until
// visit returns false.
func (s searcher) eachWithText(ctx context.Context, r BatchReader, sel job.Selection, after int64, visit func(*job.Job) bool) error {
	b, err := r.Batch(ctx, sel.BatchID)
	if err != nil {
		return err
	}
	search := job.Search{BatchSeq: b.Seq, States: sel.States, KeyPrefix: sel.KeyPrefix, Text: sel.Text, Causes: sel.Causes}
	page := job.SearchPage{Ascending: true, Limit: positionsPerQuery}
	if after > 0 {
		page.After = job.JobPosition{BatchSeq: b.Seq, Number: after}
	}
	for {
		found, err := s.find(ctx, search, page)
		if err != nil {
			return err
		}
		for i := range found.Jobs {
			if j := &found.Jobs[i].Job; failedAsSelected(j.Failure, sel) && !visit(j) {
				return nil
			}
		}
		if page.After = found.Next; page.After == (job.JobPosition{}) {
			return nil
		}
	}
}

// failedAsSelected reports whether a failure has a kind and a category that sel chooses.
func failedAsSelected(f *job.Failure, sel job.Selection) bool {
	if f == nil {
		return len(sel.FailureKinds)+len(sel.Categories) == 0
	}
	return (len(sel.FailureKinds) == 0 || slices.Contains(sel.FailureKinds, f.Kind)) &&
		(len(sel.Categories) == 0 || slices.Contains(sel.Categories, f.Category))
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
