package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// blockSize is how many numbers a block of [readyBlocks] has.
const blockSize = 256

// manyBackedOff is how many jobs of one batch that wait out a back-off, or have, are counted;
// of more, the line is no longer exact.
const manyBackedOff = 20_000

// lineShares reads nothing but indexes: of the jobs, those that wait out a back-off.
const lineShares = `
SELECT b.seq, b.priority, b.starting + b.queued + b.running + b.cancelling, b.succeeded + b.failed + b.cancelled, b.waiting,
       (SELECT count(*) FROM (SELECT 1 FROM jobs AS j INDEXED BY jobs_backoff
                               WHERE j.batch = b.seq AND j.state = 'WAITING' AND j.next_attempt_time <> 0 AND j.next_attempt_time > $2
                               LIMIT $3 + 0)),
       coalesce((SELECT j.next_attempt_time FROM jobs AS j INDEXED BY jobs_backoff
                  WHERE j.batch = b.seq AND j.state = 'WAITING' AND j.next_attempt_time <> 0 AND j.next_attempt_time > $2
                  ORDER BY j.next_attempt_time LIMIT 1), 0)
  FROM batches AS b INDEXED BY batches_dispatch
 WHERE b.account = $1 AND b.state IN ('OPEN', 'ACTIVE') AND b.waiting > 0
 ORDER BY b.priority DESC, b.seq`

// AccountLine returns the order in which the waiting jobs of an account are started: that of
// [Store.NextJobs]. What it costs grows with the batches that have waiting jobs, some three
// microseconds for each, and with the jobs that wait out a back-off, not with the others.
func (s *Store) AccountLine(ctx context.Context, accountID string, now time.Time) (*job.Line, error) {
	scan := func(r row) (share job.Share, err error) {
		var waiting int64
		var next stamp
		err = r.Scan(&share.Seq, &share.Priority, &share.InFlight, &share.Ended, &waiting, &share.BackedOff, &next)
		share.Due, share.NextDue = max(waiting-share.BackedOff, 0), next.time()
		return share, err
	}
	shares, err := all(ctx, s.reader, scan, lineShares, accountID, ms(now), manyBackedOff)
	if err != nil {
		return nil, fmt.Errorf("line of account %s: %w", accountID, err)
	}
	return job.NewLine(shares), nil
}

// NextJobOfBatch returns the job of a batch that [Store.NextJobs] would return first, or an error matching
// [job.ErrNotFound] if none is due. Whether the batch dispatches is not asked.
func (s *Store) NextJobOfBatch(ctx context.Context, batchSeq int64, now time.Time) (job.Job, error) {
	next := share{seq: batchSeq}
	err := s.reader.snap(ctx, func(q snapshot) error { return next.read(ctx, q, now, 1) })
	if err == nil && len(next.due) == 0 {
		err = job.ErrNotFound
	}
	if err != nil {
		return job.Job{}, fmt.Errorf("next job of the batch with number %d: %w", batchSeq, err)
	}
	return next.due[0], nil
}

const (
	readyBlocks = `SELECT block, ready FROM ready_blocks WHERE batch = $1 AND block <= $2 ORDER BY block`
	readyIn     = `
SELECT number FROM jobs INDEXED BY jobs_ready
 WHERE batch = $1 AND number > $2 AND number <= $3 AND state = 'WAITING' AND next_attempt_time = 0
 ORDER BY number`
	dueNumbers = `
SELECT number FROM jobs INDEXED BY jobs_backoff
 WHERE batch = $1 AND state = 'WAITING' AND next_attempt_time <> 0 AND next_attempt_time <= $2
 LIMIT $3 + 0`
)

// JobRanks tells for each of the given jobs of a batch, all of which are due, how many of its jobs that are due, as
// those of [Store.NextJobs] are, have smaller numbers, in the order of the numbers given. It
// reads the counts of the blocks before the jobs, the numbers in their own blocks, and those
// whose back-off is over, from indexes.
func (s *Store) JobRanks(ctx context.Context, batchSeq int64, now time.Time, numbers []int64) ([]int64, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	ranks := make([]int64, len(numbers))
	err := s.reader.snap(ctx, func(q snapshot) error {
		r, err := readRanks(ctx, q, batchSeq, now, slices.Max(numbers))
		if err != nil {
			return err
		}
		for i, n := range numbers {
			if i > 0 && n == numbers[i-1]+1 {
				ranks[i] = ranks[i-1] + 1 // the one before is due as well
				continue
			}
			if ranks[i], err = r.of(ctx, q, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ranks in the batch with number %d: %w", batchSeq, err)
	}
	return ranks, nil
}

// ranks are the places of the jobs of a batch, as far as they have been read.
type ranks struct {
	batch  int64
	before []int64           // how many ready jobs there are before each block
	due    []int64           // the numbers of those whose back-off is over
	ready  map[int64][]int64 // the numbers of the ready ones in each block that was asked for
}

func readRanks(ctx context.Context, q querier, batch int64, now time.Time, most int64) (*ranks, error) {
	r := &ranks{batch: batch, before: make([]int64, blockOf(most)+2), ready: map[int64][]int64{}}
	type block struct{ block, ready int64 }
	scan := func(row row) (b block, err error) {
		err = row.Scan(&b.block, &b.ready)
		return b, err
	}
	blocks, err := all(ctx, q, scan, readyBlocks, batch, blockOf(most))
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		r.before[b.block+1] = b.ready
	}
	for i := 1; i < len(r.before); i++ {
		r.before[i] += r.before[i-1]
	}
	r.due, err = all(ctx, q, scalar[int64], dueNumbers, batch, ms(now), manyBackedOff)
	slices.Sort(r.due)
	return r, err
}

// of is how many jobs go before the one with this number.
func (r *ranks) of(ctx context.Context, q querier, number int64) (int64, error) {
	block := blockOf(number)
	ready, ok := r.ready[block]
	if !ok {
		var err error
		if ready, err = all(ctx, q, scalar[int64], readyIn, r.batch, block*blockSize, (block+1)*blockSize); err != nil {
			return 0, err
		}
		r.ready[block] = ready
	}
	here, _ := slices.BinarySearch(ready, number)
	due, _ := slices.BinarySearch(r.due, number)
	return r.before[block] + int64(here+due), nil
}

func blockOf(number int64) int64 { return (number - 1) / blockSize }

// block is one of [readyBlocks].
type block struct{ batch, block int64 }

// isReady reports whether a job counts in its block.
func isReady(j *job.Job) bool { return j.State == job.Waiting && j.NextAttemptTime.IsZero() }

// countReady notes that so many jobs of a block have become ready, or are so no more. It is
// written with the transaction.
func (t *tx) countReady(batch, number, change int64) {
	if change != 0 {
		t.blocks[block{batch, blockOf(number)}] += change
	}
}

// countInserted notes that the jobs behind number last have been added.
func (t *tx) countInserted(batch, last, added int64) {
	for added > 0 {
		n := min(added, (blockOf(last+1)+1)*blockSize-last)
		t.countReady(batch, last+1, n)
		last, added = last+n, added-n
	}
}

// flushBlocks writes the blocks that changed. What they say is for people, so that it does not
// refuse to go below zero: a recount mends it.
func (t *tx) flushBlocks() error {
	const save = `
INSERT INTO ready_blocks (batch, block, ready) VALUES ($1, $2, max($3, 0))
    ON CONFLICT (batch, block) DO UPDATE SET ready = max(ready + $3, 0)`
	order := func(a, b block) int { return cmp.Or(cmp.Compare(a.batch, b.batch), cmp.Compare(a.block, b.block)) }
	for _, b := range slices.SortedFunc(maps.Keys(t.blocks), order) {
		change := t.blocks[b]
		if change == 0 {
			continue
		}
		if _, err := t.exec(save, b.batch, b.block, change); err != nil {
			return err
		}
	}
	clear(t.blocks)
	return nil
}

const countedBlocks = `
SELECT (number - 1) / 256, count(*) FROM jobs INDEXED BY jobs_ready
 WHERE batch = $1 AND state = 'WAITING' AND next_attempt_time = 0
 GROUP BY (number - 1) / 256 ORDER BY 1`

// blocksRight reports whether the blocks of a batch agree with its jobs.
func blocksRight(ctx context.Context, q querier, batch int64) (bool, error) {
	type count struct{ block, ready int64 }
	scan := func(r row) (c count, err error) {
		err = r.Scan(&c.block, &c.ready)
		return c, err
	}
	const stored = `SELECT block, ready FROM ready_blocks WHERE batch = $1 AND ready <> 0 ORDER BY block`
	have, err := all(ctx, q, scan, stored, batch)
	if err != nil {
		return false, err
	}
	want, err := all(ctx, q, scan, countedBlocks, batch)
	return slices.Equal(have, want), err
}

// mendBlocks counts the blocks of a batch anew.
func (t *tx) mendBlocks(batch int64) error {
	if _, err := t.exec(`DELETE FROM ready_blocks WHERE batch = $1`, batch); err != nil {
		return err
	}
	const count = `INSERT INTO ready_blocks (batch, block, ready) SELECT $1, (number - 1) / 256, count(*) FROM jobs INDEXED BY jobs_ready
 WHERE batch = $1 AND state = 'WAITING' AND next_attempt_time = 0
 GROUP BY (number - 1) / 256`
	_, err := t.exec(count, batch)
	return err
}
