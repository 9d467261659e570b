package sqlite

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// The index holds these batches only, in this order.
const dispatchable = `
SELECT seq, created_by, priority, starting + queued + running + cancelling, succeeded + failed + cancelled
  FROM batches INDEXED BY batches_dispatch
 WHERE account = $1 AND state IN ('OPEN', 'ACTIVE') AND waiting > 0
 ORDER BY priority DESC, seq`

func (r queries) DispatchableBatches(ctx context.Context, accountID string) ([]store.DispatchableBatch, error) {
	scan := func(r row) (b store.DispatchableBatch, err error) {
		err = r.Scan(&b.Seq, &b.CreatedBy, &b.Priority, &b.InFlight, &b.Ended)
		return b, err
	}
	return all(ctx, r.q, scan, dispatchable, accountID)
}

// Numbers of waiting jobs, each from an index that holds these batches only.
const (
	waitingToDispatch = `
SELECT account, sum(waiting)
  FROM batches INDEXED BY batches_dispatch
 WHERE state IN ('OPEN', 'ACTIVE') AND waiting > 0
 GROUP BY account`
	waitingUnended = `
SELECT account, sum(waiting)
  FROM batches INDEXED BY batches_live
 WHERE finish_time = 0
 GROUP BY account`
)

func (r queries) CountWaiting(ctx context.Context, paused bool) (map[string]int64, error) {
	query := waitingToDispatch
	if paused {
		query = waitingUnended
	}
	counts := map[string]int64{}
	scan := func(r row) (account string, err error) {
		var n int64
		err = r.Scan(&account, &n)
		counts[account] = n
		return account, err
	}
	_, err := all(ctx, r.q, scan, query)
	return counts, err
}

// queueShares reads nothing but indexes: of the jobs, those that wait out a back-off.
const queueShares = `
SELECT b.seq, b.created_by, b.priority, b.starting + b.queued + b.running + b.cancelling, b.succeeded + b.failed + b.cancelled, b.waiting,
       (SELECT count(*) FROM (SELECT 1 FROM jobs AS j INDEXED BY jobs_backoff
                               WHERE j.batch = b.seq AND j.state = 'WAITING' AND j.next_attempt_time <> 0 AND j.next_attempt_time > $2
                               LIMIT $3 + 0)),
       coalesce((SELECT j.next_attempt_time FROM jobs AS j INDEXED BY jobs_backoff
                  WHERE j.batch = b.seq AND j.state = 'WAITING' AND j.next_attempt_time <> 0 AND j.next_attempt_time > $2
                  ORDER BY j.next_attempt_time LIMIT 1), 0)
  FROM batches AS b INDEXED BY batches_dispatch
 WHERE b.account = $1 AND b.state IN ('OPEN', 'ACTIVE') AND b.waiting > 0
 ORDER BY b.priority DESC, b.seq`

func (r queries) QueueShares(ctx context.Context, accountID string, now time.Time, maxBackedOff int) ([]job.Share, error) {
	scan := func(r row) (share job.Share, err error) {
		var waiting int64
		var next stamp
		err = r.Scan(&share.Seq, &share.CreatedBy, &share.Priority, &share.InFlight, &share.Ended, &waiting, &share.BackedOff, &next)
		share.Due, share.NextDue = max(waiting-share.BackedOff, 0), next.time()
		return share, err
	}
	return all(ctx, r.q, scan, queueShares, accountID, ms(now), maxBackedOff)
}

// Jobs that never failed and jobs whose back-off is over are found by different
// indexes, neither of which holds the jobs still to wait.
const (
	readyJobs = `
SELECT ` + jobColumns + `
  FROM jobs AS j INDEXED BY jobs_ready JOIN batches AS b ON b.seq = j.batch
 WHERE j.batch = $1 AND j.number > $2 AND j.state = 'WAITING' AND j.next_attempt_time = 0
 ORDER BY j.number LIMIT $3 + 0`
	dueJobs = `
SELECT ` + jobColumns + `
  FROM jobs AS j INDEXED BY jobs_backoff JOIN batches AS b ON b.seq = j.batch
 WHERE j.batch = $1 AND j.number > $2 AND j.state = 'WAITING' AND j.next_attempt_time <> 0 AND j.next_attempt_time <= $4
 ORDER BY j.number LIMIT $3 + 0`
)

func (r queries) DueJobs(ctx context.Context, batchSeq, afterNumber int64, now time.Time, limit int) ([]job.Job, error) {
	list, err := all(ctx, r.q, scanJob(), readyJobs, batchSeq, afterNumber, limit)
	if err != nil {
		return nil, err
	}
	due, err := all(ctx, r.q, scanJob(), dueJobs, batchSeq, afterNumber, limit, ms(now))
	if err != nil {
		return nil, err
	}
	if len(due) > 0 {
		list = append(list, due...)
		slices.SortFunc(list, func(a, b job.Job) int { return cmp.Compare(a.ID.Number, b.ID.Number) })
	}
	return list[:min(len(list), limit)], nil
}

const nextDue = `
SELECT coalesce(min((SELECT j.next_attempt_time
                       FROM jobs AS j INDEXED BY jobs_backoff
                      WHERE j.batch = b.seq AND j.state = 'WAITING' AND j.next_attempt_time <> 0 AND j.next_attempt_time > $2
                      ORDER BY j.next_attempt_time LIMIT 1)), 0)
  FROM batches AS b INDEXED BY batches_dispatch
 WHERE b.account = $1 AND b.state IN ('OPEN', 'ACTIVE') AND b.waiting > 0`

func (r queries) NextDueTime(ctx context.Context, accountID string, now time.Time) (time.Time, error) {
	at, err := one(ctx, r.q, scalar[stamp], nextDue, accountID, ms(now))
	return at.time(), err
}

const (
	readySum     = `SELECT coalesce(sum(ready), 0) FROM ready_blocks WHERE batch = $1 AND block >= $2 AND block <= $3`
	readyBlocks  = `SELECT block, ready FROM ready_blocks WHERE batch = $1 AND block >= $2 AND block <= $3 ORDER BY block`
	readyNumbers = `
SELECT number FROM jobs INDEXED BY jobs_ready
 WHERE batch = $1 AND number >= $2 AND number <= $3 AND state = 'WAITING' AND next_attempt_time = 0
 ORDER BY number`
	dueRetryNumbers = `
SELECT number FROM jobs INDEXED BY jobs_backoff
 WHERE batch = $1 AND state = 'WAITING' AND next_attempt_time <> 0 AND next_attempt_time <= $2
 LIMIT $3 + 0`
)

func scanReadyBlock(r row) (b store.ReadyBlock, err error) {
	err = r.Scan(&b.Block, &b.Ready)
	return b, err
}

func (r queries) ReadySum(ctx context.Context, batchSeq, first, last int64) (int64, error) {
	return one(ctx, r.q, scalar[int64], readySum, batchSeq, first, last)
}

func (r queries) ReadyBlocks(ctx context.Context, batchSeq, first, last int64) ([]store.ReadyBlock, error) {
	return all(ctx, r.q, scanReadyBlock, readyBlocks, batchSeq, first, last)
}

func (r queries) ReadyNumbers(ctx context.Context, batchSeq, first, last int64) ([]int64, error) {
	return all(ctx, r.q, scalar[int64], readyNumbers, batchSeq, first, last)
}

func (r queries) DueRetryNumbers(ctx context.Context, batchSeq int64, now time.Time, limit int) ([]int64, error) {
	return all(ctx, r.q, scalar[int64], dueRetryNumbers, batchSeq, ms(now), limit)
}

const countedBlocks = `
SELECT (number - 1) / $2, count(*) FROM jobs INDEXED BY jobs_ready
 WHERE batch = $1 AND state = 'WAITING' AND next_attempt_time = 0
 GROUP BY 1 ORDER BY 1`

func (r queries) ReadyBlocksCorrect(ctx context.Context, batchSeq int64) (bool, error) {
	const stored = `SELECT block, ready FROM ready_blocks WHERE batch = $1 AND ready <> 0 ORDER BY block`
	have, err := all(ctx, r.q, scanReadyBlock, stored, batchSeq)
	if err != nil {
		return false, err
	}
	want, err := all(ctx, r.q, scanReadyBlock, countedBlocks, batchSeq, store.ReadyBlockSize)
	return slices.Equal(have, want), err
}
