package store

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/stokerd/stoker/job"
)

// BatchName is the display name of a batch.
type BatchName struct {
	BatchSeq int64
	Name     string
}

// namesPerQuery is how many names are read at a time.
const namesPerQuery = 1_000

// Batches returns the batches that f chooses, newest first. Filters by name or id choose the batches by
// their names first, which stand in an index.
func (s *Store) Batches(ctx context.Context, f job.BatchFilter) (list []job.Batch, err error) {
	if isNamed(&f) {
		list, err = namedBatches(ctx, s.engine, &f)
	} else {
		list, err = s.engine.Batches(ctx, f)
	}
	if err != nil {
		return nil, fmt.Errorf("list batches: %w", err)
	}
	return list, nil
}

// CountBatches counts the batches that f chooses, whatever its BeforeSeq and Limit.
func (s *Store) CountBatches(ctx context.Context, f job.BatchFilter) (n int64, err error) {
	if isNamed(&f) {
		f.BeforeSeq = 0
		err = eachName(ctx, s.engine, &f, func(int64) bool {
			n++
			return true
		})
	} else {
		n, err = s.engine.CountBatches(ctx, f)
	}
	if err != nil {
		return 0, fmt.Errorf("count batches: %w", err)
	}
	return n, nil
}

// isNamed reports whether a filter chooses batches by name or id.
func isNamed(f *job.BatchFilter) bool {
	return f.Text != "" || f.DisplayName != "" || f.IDPrefix != ""
}

// namedBatches returns the batches that f chooses by name or id.
func namedBatches(ctx context.Context, r BatchReader, f *job.BatchFilter) ([]job.Batch, error) {
	var seqs []int64
	err := eachName(ctx, r, f, func(seq int64) bool {
		seqs = append(seqs, seq)
		return f.Limit <= 0 || len(seqs) < f.Limit
	})
	if err != nil {
		return nil, err
	}
	return r.BatchesBySeq(ctx, seqs)
}

// eachName calls visit with the seq of every batch that f chooses, the newest first, until visit returns
// false.
func eachName(ctx context.Context, r BatchReader, f *job.BatchFilter, visit func(seq int64) bool) error {
	text := searchable(f.Text)
	page := *f
	page.Limit = namesPerQuery
	if page.BeforeSeq <= 0 {
		page.BeforeSeq = math.MaxInt64
	}
	for {
		names, err := r.BatchNames(ctx, page)
		if err != nil {
			return err
		}
		for _, n := range names {
			if strings.Contains(searchable(n.Name), text) && !visit(n.BatchSeq) {
				return nil
			}
		}
		if len(names) < namesPerQuery {
			return nil
		}
		page.BeforeSeq = names[len(names)-1].BatchSeq
	}
}
