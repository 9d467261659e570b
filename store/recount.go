package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// Recount compares the counters of every batch that has not ended with the rows
// of its jobs, and brings those that disagree, and the batch's state, in line with
// them. It returns how many batches it mended; the log names them.
//
// Counters and rows are written in one transaction, so there should never be
// anything to mend; but a batch with wrong counters is one that is not dispatched,
// or never ends. [Open] has it done once in the background. What it costs grows
// with the jobs of live batches, a tenth of a second or two for a million, and
// keeps nobody from writing.
func (s *Store) Recount(ctx context.Context, now time.Time) (mended int, err error) {
	round(&now)
	const live = `SELECT id FROM batches INDEXED BY batches_live WHERE finish_time = 0 AND deleted = 0`
	ids, err := all(ctx, s.reader, scalar[string], live)
	if err != nil {
		return 0, fmt.Errorf("list live batches: %w", err)
	}
	for _, id := range ids {
		right, err := s.countsRight(ctx, id)
		if err != nil {
			return mended, fmt.Errorf("recount batch %s: %w", id, err)
		}
		if right {
			continue
		}
		done, err := s.mend(ctx, id, now)
		if err != nil {
			return mended, err
		}
		if done {
			mended++
		}
	}
	return mended, nil
}

// countsRight reports whether a batch counts its jobs rightly, in all and by blocks, or is gone.
func (s *Store) countsRight(ctx context.Context, id string) (right bool, err error) {
	err = s.reader.snap(ctx, func(q snapshot) error {
		b, err := readBatch(ctx, q, id)
		if errors.Is(err, job.ErrNotFound) {
			right = true
			return nil
		}
		if err != nil {
			return err
		}
		counts, err := countJobs(ctx, q, b.Seq)
		if right = counts == b.Counts; err != nil || !right {
			return err
		}
		right, err = blocksRight(ctx, q, b.Seq)
		return err
	})
	return right, err
}

func countJobs(ctx context.Context, q querier, seq int64) (job.Counts, error) {
	const query = `SELECT state, count(*) FROM jobs INDEXED BY jobs_state WHERE batch = $1 GROUP BY state`
	type count struct {
		state job.State
		n     int64
	}
	scan := func(r row) (c count, err error) {
		err = r.Scan((*string)(&c.state), &c.n)
		return c, err
	}
	list, err := all(ctx, q, scan, query, seq)
	var counts job.Counts
	for _, c := range list {
		if n := counts.Of(c.state); n != nil {
			*n = c.n
		}
	}
	return counts, err
}

// mend counts again, beside no other write, and writes what it finds, unless that is right
// by now. It is not interrupted: the log is to name every batch that was mended.
func (s *Store) mend(ctx context.Context, id string, now time.Time) (mended bool, err error) {
	type correction struct {
		was, is job.Counts
		blocks  bool
	}
	c, err := write(context.WithoutCancel(ctx), s, "recount batch "+id, func(t *tx) (correction, error) {
		h, err := t.head(id)
		if err != nil {
			return correction{}, err
		}
		counts, err := countJobs(t.ctx, t, h.Seq)
		if err != nil {
			return correction{}, err
		}
		// No write is under way beside this one, but there may be some before it in its group.
		if err := t.flushBlocks(); err != nil {
			return correction{}, err
		}
		right, err := blocksRight(t.ctx, t, h.Seq)
		if err != nil {
			return correction{}, err
		}
		c := correction{h.Counts, counts, !right}
		if c.blocks {
			if err := t.mendBlocks(h.Seq); err != nil {
				return correction{}, err
			}
		}
		if c.was == c.is {
			return c, nil
		}
		h.Counts, h.UpdateTime, h.changed = counts, now, true
		h.Revision++
		h.Derive(now)
		t.bell(h).Dispatch = true
		return c, nil
	})
	if err != nil || c.was == c.is && !c.blocks {
		return false, err
	}
	s.log.Warn("counters of a batch did not agree with its jobs and were mended", "batch", id, "were", c.was, "are", c.is, "blocks", c.blocks)
	return true, nil
}

// recountOnce is the check of [Open].
func (s *Store) recountOnce(ctx context.Context) {
	if _, err := s.Recount(ctx, time.Now()); err != nil && ctx.Err() == nil {
		s.log.Warn("batches not recounted", "err", err)
	}
}
