package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/stokerd/stoker/job"
)

// BatchCause is how many FAILED jobs of a batch a search selects that have a cause.
type BatchCause struct {
	BatchSeq int64
	Cause    string
	Jobs     int64
	First    int64 // the number of the first of them; 0 if it is not known
}

// FindCauses returns the causes that the FAILED jobs failed of which a search selects, the most frequent one
// first, at most limit of them, and how many such jobs there are. The states of the search, its text and its
// encoding do not count. The cost grows with the number of FAILED jobs, unless the search selects by batch,
// account and label alone.
func (s *Store) FindCauses(ctx context.Context, search job.Search, limit int) (causes []job.Cause, failed int64, err error) {
	causes, failed, err = findCauses(ctx, s.engine, search, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("find causes of failures: %w", err)
	}
	return causes, failed, nil
}

func findCauses(ctx context.Context, r SearchReader, f job.Search, limit int) (causes []job.Cause, failed int64, err error) {
	f.States = nil
	list, err := r.CausesByBatch(ctx, &f)
	if err != nil {
		return nil, 0, err
	}
	causes, latest := sumCauses(list)
	for _, c := range causes {
		failed += c.Count
	}
	causes = causes[:min(len(causes), limit)]
	for i := range causes {
		if err := readExample(ctx, r, &causes[i], latest[causes[i].ID]); err != nil {
			return nil, 0, err
		}
	}
	return causes, failed, nil
}

// sumCauses sums up causes over batches, the most frequent first. latest has that of the latest batch, by cause.
func sumCauses(list []BatchCause) (causes []job.Cause, latest map[string]BatchCause) {
	sums := map[string]*job.Cause{}
	latest = map[string]BatchCause{}
	for _, c := range list {
		sum := sums[c.Cause]
		if sum == nil {
			sum = &job.Cause{ID: c.Cause}
			sums[c.Cause] = sum
		}
		sum.Count += c.Jobs
		sum.Batches++
		if c.BatchSeq > latest[c.Cause].BatchSeq {
			latest[c.Cause] = c
		}
	}
	for _, sum := range sums {
		causes = append(causes, *sum)
	}
	slices.SortFunc(causes, func(a, b job.Cause) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.ID, b.ID)) })
	return causes, latest
}

// readExample reads the first job of a batch that failed of a cause. The job may have been retried meanwhile:
// then the cause has no example.
func readExample(ctx context.Context, r SearchReader, c *job.Cause, of BatchCause) error {
	c.BatchSeq = of.BatchSeq
	if of.First == 0 {
		var err error
		if of.First, err = r.FirstFailed(ctx, of.BatchSeq, c.ID); err != nil {
			return err
		}
	}
	found, err := r.JobsAt(ctx, &job.Search{}, []job.JobPosition{{BatchSeq: of.BatchSeq, Number: of.First}})
	if err != nil || len(found) == 0 || found[0].Failure == nil {
		return err
	}
	c.First, c.Key, c.Failure = found[0].ID, found[0].Key, *found[0].Failure
	return nil
}
