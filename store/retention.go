package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// Retention says how long batches are kept after their end, by their outcome. 0 keeps them for ever.
type Retention struct {
	Succeeded, Failed, Cancelled time.Duration
	// Jobs is how many jobs the table has at most. Beyond it the batches that ended first are deleted,
	// whatever their outcome. Batches that have not ended are never deleted.
	Jobs int64
	// Results is how long it is remembered what has succeeded in batches that are gone.
	Results time.Duration
}

// keepRequests is for how long the request id of a batch that was deleted is remembered.
const keepRequests = 7 * 24 * time.Hour

// Retained is what a call of [Keeper.Retain] has deleted.
type Retained struct{ Batches, Jobs int64 }

// Keeper keeps the table from growing for ever, and says how large it is. Its methods may be called
// concurrently.
type Keeper struct{ s *Store }

// NewKeeper returns the keeper of a job table.
func NewKeeper(s *Store) Keeper { return Keeper{s} }

// retainedPerWrite is how many batches are marked as deleted in one write.
const retainedPerWrite = 100

// Retain deletes the batches that r keeps no longer, like [Store.DeleteBatch], the oldest first. After an error
// it has deleted some of them.
func (k Keeper) Retain(ctx context.Context, r Retention, now time.Time) (done Retained, err error) {
	round(&now)
	for _, rule := range []struct {
		state job.BatchState
		keep  time.Duration
	}{{job.BatchSucceeded, r.Succeeded}, {job.BatchFailed, r.Failed}, {job.BatchCancelled, r.Cancelled}} {
		if rule.keep <= 0 {
			continue
		}
		if err := k.deleteOld(ctx, rule.state, now.Add(-rule.keep), now, &done); err != nil {
			return done, err
		}
	}
	if r.Jobs > 0 {
		err = k.deleteBeyond(ctx, r.Jobs, now, &done)
	}
	return done, err
}

// Remove removes the rows of all batches that were deleted, without the rests in which others have the table. It is
// for tables that nobody else uses: the rows are removed in the background in any case.
func (k Keeper) Remove(ctx context.Context) error {
	r := newReaper(k.s)
	for more := true; more; {
		var err error
		if more, err = r.removeRows(ctx); err != nil {
			return err
		}
	}
	return nil
}

// deleteOld deletes the batches with an outcome that ended before a time.
func (k Keeper) deleteOld(ctx context.Context, state job.BatchState, before, now time.Time, done *Retained) error {
	for {
		list, err := k.s.engine.EndedBatches(ctx, state, before, retainedPerWrite)
		if err != nil {
			return fmt.Errorf("old batches: %w", err)
		}
		deleted, err := k.delete(ctx, list, now, done)
		if err != nil || len(list) < retainedPerWrite || deleted == 0 {
			return err
		}
	}
}

// deleteBeyond deletes the batches that ended first until there are no more than most jobs.
func (k Keeper) deleteBeyond(ctx context.Context, most int64, now time.Time, done *Retained) error {
	for {
		total, err := k.s.engine.CountAllJobs(ctx)
		if err != nil {
			return fmt.Errorf("count jobs: %w", err)
		}
		if total <= most {
			return nil
		}
		var list []EndedBatch
		for _, state := range []job.BatchState{job.BatchSucceeded, job.BatchFailed, job.BatchCancelled} {
			part, err := k.s.engine.EndedBatches(ctx, state, time.Time{}, retainedPerWrite)
			if err != nil {
				return fmt.Errorf("old batches: %w", err)
			}
			list = append(list, part...)
		}
		slices.SortFunc(list, func(a, b EndedBatch) int {
			return cmp.Or(a.FinishTime.Compare(b.FinishTime), cmp.Compare(a.Seq, b.Seq))
		})
		n := 0
		for ; n < len(list) && n < retainedPerWrite && total > most; n++ {
			total -= list[n].Jobs
		}
		if deleted, err := k.delete(ctx, list[:n], now, done); err != nil || deleted == 0 {
			return err
		}
	}
}

// delete deletes batches, apart from those that have gone on since they were read.
func (k Keeper) delete(ctx context.Context, list []EndedBatch, now time.Time, done *Retained) (deleted int, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	part, err := write(ctx, k.s, op{what: "delete old batches"}, func(u *unit) (Retained, error) {
		var part Retained
		for _, b := range list {
			h, err := u.header(b.ID)
			if errors.Is(err, job.ErrNotFound) || err == nil && !h.FinishTime.Equal(b.FinishTime) {
				continue
			}
			if err != nil {
				return part, err
			}
			if err := u.deleteBatch(h, now); err != nil {
				return part, err
			}
			part.Batches, part.Jobs = part.Batches+1, part.Jobs+h.Counts.Total()
		}
		return part, nil
	})
	if err != nil {
		return 0, err
	}
	done.Batches, done.Jobs = done.Batches+part.Batches, done.Jobs+part.Jobs
	k.s.wakeReaper()
	return int(part.Batches), nil
}

// ForgetRequests removes what is remembered of batches that were deleted more than a week ago: their request ids.
func (k Keeper) ForgetRequests(ctx context.Context, now time.Time) error {
	round(&now)
	return repeat(ctx, k.s, func(ctx context.Context) (more bool, err error) {
		n, err := write(ctx, k.s, op{what: "forget request ids", background: true}, func(u *unit) (int64, error) {
			return u.tx.ReapRequests(u.ctx, now.Add(-keepRequests), reapRows)
		})
		return n >= reapRows, err
	})
}

// ForgetEvery is how often [Keeper.ForgetResults] is worth its while. It looks at everything that has succeeded, and
// writes most pages of that again, however little it removes.
func (r Retention) ForgetEvery() time.Duration { return max(24*time.Hour, r.Results/30) }

// ForgetResults removes what has succeeded and is kept no longer. It goes through all that has succeeded, slowly.
func (k Keeper) ForgetResults(ctx context.Context, r Retention, now time.Time) error {
	if r.Results <= 0 {
		return nil
	}
	round(&now)
	var after ResultKey
	return repeat(ctx, k.s, func(ctx context.Context) (more bool, err error) {
		next, err := write(ctx, k.s, op{what: "forget results", background: true}, func(u *unit) (*ResultKey, error) {
			return u.tx.ReapResults(u.ctx, now.Add(-r.Results), after, reapRows)
		})
		if err != nil || next == nil {
			return false, err
		}
		after = *next
		return true, nil
	})
}
