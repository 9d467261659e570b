package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// Recount compares the counters of every batch that has not ended with the rows
// of its jobs. It corrects those that disagree, and brings the batch's state in line with
// them. It returns how many batches it corrected; the log names them.
//
// Counters and rows are written in one transaction, so there should never be
// anything to correct; but a batch with wrong counters is one that is not dispatched,
// or never ends. [New] has it done once in the background. The cost grows
// with the jobs of live batches, a tenth of a second or two for a million. Writes go on
// meanwhile.
func (s *Store) Recount(ctx context.Context, now time.Time) (corrected int, err error) {
	round(&now)
	ids, err := s.engine.LiveBatches(ctx)
	if err != nil {
		return 0, fmt.Errorf("list live batches: %w", err)
	}
	for _, id := range ids {
		right, err := countsRight(ctx, s.engine, id)
		if err != nil {
			return corrected, fmt.Errorf("recount batch %s: %w", id, err)
		}
		if right {
			continue
		}
		done, err := s.correctCounts(ctx, id, now)
		if err != nil && !errors.Is(err, job.ErrNotFound) { // deleted meanwhile
			return corrected, err
		}
		if done {
			corrected++
		}
	}
	return corrected, nil
}

// countsRight reports whether the counters of a batch, its own and those by block and by cause, agree
// with its jobs. They do for a batch that does not exist any more.
func countsRight(ctx context.Context, engine Engine, id string) (right bool, err error) {
	err = engine.Snapshot(ctx, func(r Reader) error {
		b, err := r.Batch(ctx, id)
		if errors.Is(err, job.ErrNotFound) {
			right = true
			return nil
		}
		if err != nil {
			return err
		}
		counts, err := r.CountJobs(ctx, b.Seq)
		if right = counts == b.Counts; err != nil || !right {
			return err
		}
		right, err = r.ReadyBlocksCorrect(ctx, b.Seq)
		if err != nil || !right {
			return err
		}
		right, err = r.CausesCorrect(ctx, b.Seq)
		return err
	})
	return right, err
}

// correctCounts counts again, beside no other write, and writes what it finds, unless that is
// right by now. It is not interrupted: the log is to name every batch that was corrected.
func (s *Store) correctCounts(ctx context.Context, id string, now time.Time) (corrected bool, err error) {
	type correction struct {
		was, is        job.Counts
		blocks, causes bool // these were wrong
	}
	o := op{what: "recount batch " + id, batch: id, readsTable: true}
	c, err := write(context.WithoutCancel(ctx), s, o, func(u *unit) (correction, error) {
		h, err := u.header(id)
		if err != nil {
			return correction{}, err
		}
		counts, err := u.tx.CountJobs(u.ctx, h.Seq)
		if err != nil {
			return correction{}, err
		}
		c := correction{was: h.Counts, is: counts}
		if c.blocks, err = correctUnless(u, h.Seq, u.tx.ReadyBlocksCorrect, u.tx.RecountReadyBlocks); err != nil {
			return correction{}, err
		}
		u.reblocked[h.Seq] = u.reblocked[h.Seq] || c.blocks
		if c.causes, err = correctUnless(u, h.Seq, u.tx.CausesCorrect, u.tx.RecountCauses); err != nil {
			return correction{}, err
		}
		if c.was == c.is {
			return c, nil
		}
		h.Counts, h.UpdateTime, h.changed = counts, now, true
		h.Revision++
		u.wakeup(h.Batch).Dispatch = true
		if h.Derive(now) {
			return c, u.notifyBatch(h.Batch, now)
		}
		return c, nil
	})
	if err != nil || c.was == c.is && !c.blocks && !c.causes {
		return false, err
	}
	s.log.Warn("counters of a batch did not agree with its jobs and were corrected", "batch", id, "were", c.was, "are", c.is,
		"blocks", c.blocks, "causes", c.causes)
	return true, nil
}

// correctUnless has counts of a batch be counted anew unless they are correct.
func correctUnless(u *unit, batchSeq int64, correct func(context.Context, int64) (bool, error), recount func(context.Context, int64) error) (corrected bool, err error) {
	right, err := correct(u.ctx, batchSeq)
	if err != nil || right {
		return false, err
	}
	return true, recount(u.ctx, batchSeq)
}

// recountOnce is the check of [New].
func (s *Store) recountOnce(ctx context.Context) {
	if _, err := s.Recount(ctx, time.Now()); err != nil && ctx.Err() == nil {
		s.log.Warn("batches not recounted", "err", err)
	}
}
