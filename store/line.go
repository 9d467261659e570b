package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// maxBackedOff is how many jobs of one batch that wait out a back-off, or have, are counted;
// of more, the line is no longer exact.
const maxBackedOff = 20_000

// AccountLine returns the order in which the waiting jobs of an account are started: that of
// [Store.NextJobs]. The cost grows with the batches that have waiting jobs, some three
// microseconds for each, and with the jobs that wait out a back-off, not with other jobs.
func (s *Store) AccountLine(ctx context.Context, accountID string, now time.Time) (*job.Line, error) {
	shares, err := s.engine.QueueShares(ctx, accountID, now, maxBackedOff)
	if err != nil {
		return nil, fmt.Errorf("line of account %s: %w", accountID, err)
	}
	return job.NewLine(shares), nil
}

// CountWaiting returns how many jobs are WAITING in the batches that dispatch, by account; with paused, in all
// batches that have not ended. The cost grows with these batches.
func (s *Store) CountWaiting(ctx context.Context, paused bool) (map[string]int64, error) {
	counts, err := s.engine.CountWaiting(ctx, paused)
	if err != nil {
		return nil, fmt.Errorf("count waiting jobs: %w", err)
	}
	return counts, nil
}

// JobRanks tells for each of the given jobs of a batch, all of which are due, how many due jobs
// of the batch have smaller numbers. It answers in the order of the numbers given. A job is due
// if [Store.NextJobs] may return it.
//
// It reads the sum of the blocks before the jobs, the numbers in their own blocks, and those whose
// back-off is over. The next call goes on with the sum of this one if no job of the batch has become
// ready meanwhile, or is ready no more: a walk through a batch does not begin at its first block with each
// page.
func (s *Store) JobRanks(ctx context.Context, batchSeq int64, now time.Time, numbers []int64) ([]int64, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	list := make([]int64, len(numbers))
	from, version := s.sums.get(batchSeq)
	err := s.engine.Snapshot(ctx, func(r Reader) error {
		known, err := readRanks(ctx, r, batchSeq, now, from, slices.Min(numbers), slices.Max(numbers))
		if err != nil {
			return err
		}
		s.sums.put(batchSeq, known.lastSum(), version)
		for i, n := range numbers {
			if i > 0 && n == numbers[i-1]+1 {
				list[i] = list[i-1] + 1 // the one before is due as well
				continue
			}
			if list[i], err = known.of(ctx, r, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ranks in the batch with number %d: %w", batchSeq, err)
	}
	return list, nil
}

// ranks are the places of the jobs of a batch, as far as they have been read.
type ranks struct {
	batchSeq int64
	first    int64             // block
	before   []int64           // how many ready jobs there are before each block from the first on
	due      []int64           // the numbers of those whose back-off is over
	ready    map[int64][]int64 // the numbers of the ready ones in each block that was asked for
}

// readRanks reads what the ranks of the numbers from first to last follow from. from is a sum that is
// known already.
func readRanks(ctx context.Context, r QueueReader, batchSeq int64, now time.Time, from blockSum, first, last int64) (*ranks, error) {
	known := &ranks{batchSeq: batchSeq, first: blockOf(first), before: make([]int64, blockOf(last)-blockOf(first)+2), ready: map[int64][]int64{}}
	if from.block > known.first {
		from = blockSum{}
	}
	between, err := r.ReadySum(ctx, batchSeq, from.block, known.first-1)
	if err != nil {
		return nil, err
	}
	blocks, err := r.ReadyBlocks(ctx, batchSeq, known.first, blockOf(last))
	if err != nil {
		return nil, err
	}
	known.before[0] = from.ready + between
	for _, b := range blocks {
		known.before[b.Block-known.first+1] = b.Ready
	}
	for i := 1; i < len(known.before); i++ {
		known.before[i] += known.before[i-1]
	}
	known.due, err = r.DueRetryNumbers(ctx, batchSeq, now, maxBackedOff)
	slices.Sort(known.due)
	return known, err
}

// lastSum is the sum of the blocks before the last one.
func (k *ranks) lastSum() blockSum {
	n := len(k.before) - 2
	return blockSum{block: k.first + int64(n), ready: k.before[n]}
}

// of is how many jobs go before the one with this number.
func (k *ranks) of(ctx context.Context, r QueueReader, number int64) (int64, error) {
	block := blockOf(number)
	ready, ok := k.ready[block]
	if !ok {
		var err error
		if ready, err = r.ReadyNumbers(ctx, k.batchSeq, block*ReadyBlockSize+1, (block+1)*ReadyBlockSize); err != nil {
			return 0, err
		}
		k.ready[block] = ready
	}
	here, _ := slices.BinarySearch(ready, number)
	due, _ := slices.BinarySearch(k.due, number)
	return k.before[block-k.first] + int64(here+due), nil
}

func blockOf(number int64) int64 { return (number - 1) / ReadyBlockSize }

// isReady reports whether a job counts in its block.
func isReady(j *job.Job) bool { return j.State == job.Waiting && j.NextAttemptTime.IsZero() }

// countReady notes that so many jobs of a block have become ready, or are so no more.
func (u *unit) countReady(batchSeq, number, change int64) {
	u.readyDelta[readyBlock{batchSeq, blockOf(number)}] += change
}

// countInserted notes that the jobs behind number last have been added.
func (u *unit) countInserted(batchSeq, last, added int64) {
	for added > 0 {
		n := min(added, (blockOf(last+1)+1)*ReadyBlockSize-last)
		u.countReady(batchSeq, last+1, n)
		last, added = last+n, added-n
	}
}
