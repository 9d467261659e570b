package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// NextJobs returns the jobs of an account that are to be started next, at most
// limit, in the order of dispatch: WAITING, in a batch that dispatches, and not
// waiting out a back-off. Those that are prepared already are among them.
//
// Batches of a higher priority go first. Batches of the same priority share: the
// next job is one of the batch with the fewest jobs in flight, those chosen
// before it by this call included; among equals of the one that has begun fewer,
// then of the one submitted first. (If batches that have begun fewer jobs did not go first, the
// batch submitted first would win whenever one of its jobs has just ended.)
// Inside a batch the order is that of the numbers, so a job that is retried
// keeps its place. Some batches can be left out.
func (s *Store) NextJobs(ctx context.Context, accountID string, now time.Time, limit int, except job.Except) ([]job.Job, error) {
	var next []job.Job
	err := s.engine.Snapshot(ctx, func(r Reader) error {
		batches, err := r.DispatchableBatches(ctx, accountID)
		if err != nil {
			return err
		}
		list, shares := make([]share, len(batches)), make([]*share, 0, len(batches))
		for i, b := range batches {
			if !slices.Contains(except.Batches, b.Seq) && !slices.Contains(except.Principals, b.CreatedBy) {
				list[i] = share{seq: b.Seq, priority: b.Priority, inFlight: b.InFlight, begun: b.InFlight + b.Ended}
				shares = append(shares, &list[i])
			}
		}
		for len(shares) > 0 && len(next) < limit {
			n := slices.IndexFunc(shares, func(s *share) bool { return s.priority != shares[0].priority })
			if n < 0 {
				n = len(shares)
			}
			taken, err := take(ctx, r, shares[:n], now, limit-len(next))
			if err != nil {
				return err
			}
			next, shares = append(next, taken...), shares[n:]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("next jobs of account %s: %w", accountID, err)
	}
	return next, nil
}

// share is a batch that takes part in the distribution of the next starts.
type share struct {
	seq       int64
	priority  int
	inFlight  int64
	begun     int64     // in flight or ended
	due       []job.Job // the next ones, as far as they have been read
	after     int64     // the number of the last one read
	exhausted bool      // there are no others to read
}

// take distributes at most limit starts among batches of one priority, which
// come in the order of their submission.
func take(ctx context.Context, r QueueReader, shares []*share, now time.Time, limit int) ([]job.Job, error) {
	var taken []job.Job
	shares = slices.SortedFunc(slices.Values(shares), compareShares)
	for len(shares) > 0 && len(taken) < limit {
		s := shares[0]
		if len(s.due) == 0 && !s.exhausted {
			// As many as the batch gets if all batches have enough, and one more.
			if err := s.read(ctx, r, now, (limit-len(taken))/len(shares)+1); err != nil {
				return nil, err
			}
		}
		if len(s.due) == 0 {
			shares = shares[1:]
			continue
		}
		taken = append(taken, s.due[0])
		s.due = s.due[1:]
		s.inFlight++
		s.begun++
		// It moves back to behind those that now go first.
		ahead, _ := slices.BinarySearchFunc(shares[1:], s, compareShares)
		copy(shares, shares[1:ahead+1])
		shares[ahead] = s
	}
	return taken, nil
}

// compareShares puts first the batch that the next start belongs to.
func compareShares(a, b *share) int {
	return cmp.Or(cmp.Compare(a.inFlight, b.inFlight), cmp.Compare(a.begun, b.begun), cmp.Compare(a.seq, b.seq))
}

// read gets the next n jobs of the batch that are due.
func (s *share) read(ctx context.Context, r QueueReader, now time.Time, n int) (err error) {
	s.due, err = r.DueJobs(ctx, s.seq, s.after, now, n)
	s.exhausted = len(s.due) < n
	if len(s.due) > 0 {
		s.after = s.due[len(s.due)-1].ID.Number
	}
	return err
}

// NextJobOfBatch returns the job of a batch that [Store.NextJobs] would return first, or an
// error matching [job.ErrNotFound] if none is due. It does not ask whether the batch dispatches.
func (s *Store) NextJobOfBatch(ctx context.Context, batchSeq int64, now time.Time) (job.Job, error) {
	next := share{seq: batchSeq}
	err := s.engine.Snapshot(ctx, func(r Reader) error { return next.read(ctx, r, now, 1) })
	if err == nil && len(next.due) == 0 {
		err = job.ErrNotFound
	}
	if err != nil {
		return job.Job{}, fmt.Errorf("next job of the batch with number %d: %w", batchSeq, err)
	}
	return next.due[0], nil
}

// NextDueTime returns when the first back-off after now ends, among the jobs of the
// account that [Store.NextJobs] would then return. It is zero if there is none.
func (s *Store) NextDueTime(ctx context.Context, accountID string, now time.Time) (time.Time, error) {
	at, err := s.engine.NextDueTime(ctx, accountID, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("next back-off of account %s: %w", accountID, err)
	}
	return at, nil
}
