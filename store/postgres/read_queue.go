package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

func (r queries) DispatchableBatches(ctx context.Context, accountID string) ([]store.DispatchableBatch, error) {
	const query = `
SELECT b.seq, b.created_by, b.priority, h.starting + h.queued + h.running + h.cancelling, h.succeeded + h.failed + h.cancelled` + batchesAndHeads + `
 WHERE b.account = $1 AND b.dispatchable
 ORDER BY b.priority DESC, b.seq`
	scan := func(r row) (b store.DispatchableBatch, err error) {
		err = r.Scan(&b.Seq, &b.CreatedBy, &b.Priority, &b.InFlight, &b.Ended)
		return b, err
	}
	return all(ctx, r.q, scan, query, accountID)
}

func (r queries) CountWaiting(ctx context.Context, paused bool) (map[string]int64, error) {
	query := `SELECT b.account, sum(h.waiting)::bigint` + batchesAndHeads + `WHERE b.dispatchable GROUP BY b.account`
	if paused {
		query = `SELECT b.account, sum(h.waiting)::bigint` + batchesAndHeads + `WHERE NOT b.ended GROUP BY b.account`
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

func (r queries) QueueShares(ctx context.Context, accountID string, now time.Time, maxBackedOff int) ([]job.Share, error) {
	const query = `
SELECT b.seq, b.created_by, b.priority, h.starting + h.queued + h.running + h.cancelling, h.succeeded + h.failed + h.cancelled, h.waiting,
       (SELECT count(*) FROM (SELECT 1 FROM jobs AS j
                               WHERE j.batch = b.seq AND j.state = 'WAITING' AND j.next_attempt_time <> 0 AND j.next_attempt_time > $2
                               LIMIT $3) AS backed_off),
       coalesce((SELECT j.next_attempt_time FROM jobs AS j
                  WHERE j.batch = b.seq AND j.state = 'WAITING' AND j.next_attempt_time <> 0 AND j.next_attempt_time > $2
                  ORDER BY j.next_attempt_time LIMIT 1), 0)` + batchesAndHeads + `
 WHERE b.account = $1 AND b.dispatchable
 ORDER BY b.priority DESC, b.seq`
	scan := func(r row) (share job.Share, err error) {
		var waiting int64
		var next stamp
		err = r.Scan(&share.Seq, &share.CreatedBy, &share.Priority, &share.InFlight, &share.Ended, &waiting, &share.BackedOff, (*int64)(&next))
		share.Due, share.NextDue = max(waiting-share.BackedOff, 0), next.time()
		return share, err
	}
	return all(ctx, r.q, scan, query, accountID, ms(now), maxBackedOff)
}

// Jobs that never failed and jobs whose back-off is over are found by different indexes, neither of which holds
// the jobs still to wait.
const dueJobs = `
SELECT ` + jobColumns + `
  FROM ((SELECT number FROM jobs
          WHERE batch = $1 AND number > $2 AND state = 'WAITING' AND next_attempt_time = 0
          ORDER BY number LIMIT $3)
         UNION ALL
        (SELECT number FROM jobs
          WHERE batch = $1 AND number > $2 AND state = 'WAITING' AND next_attempt_time <> 0 AND next_attempt_time <= $4
          ORDER BY number LIMIT $3)
         ORDER BY number LIMIT $3) AS f
  JOIN jobs AS j ON j.batch = $1 AND j.number = f.number
  JOIN batches AS b ON b.seq = j.batch
 ORDER BY j.number`

func (r queries) DueJobs(ctx context.Context, batchSeq, afterNumber int64, now time.Time, limit int) ([]job.Job, error) {
	return all(ctx, r.q, scanJob, dueJobs, batchSeq, afterNumber, limit, ms(now))
}

func (r queries) NextDueTime(ctx context.Context, accountID string, now time.Time) (time.Time, error) {
	const query = `
SELECT coalesce(min(f.next_attempt_time), 0)
  FROM batches AS b CROSS JOIN LATERAL (
       SELECT j.next_attempt_time FROM jobs AS j
        WHERE j.batch = b.seq AND j.state = 'WAITING' AND j.next_attempt_time <> 0 AND j.next_attempt_time > $2
        ORDER BY j.next_attempt_time LIMIT 1) AS f
 WHERE b.account = $1 AND b.dispatchable`
	at, err := one(ctx, r.q, scalar[int64], query, accountID, ms(now))
	return stamp(at).time(), err
}

func scanReadyBlock(r row) (b store.ReadyBlock, err error) {
	err = r.Scan(&b.Block, &b.Ready)
	return b, err
}

func (r queries) ReadySum(ctx context.Context, batchSeq, first, last int64) (int64, error) {
	const query = `SELECT coalesce(sum(ready), 0)::bigint FROM ready_blocks WHERE batch = $1 AND block >= $2 AND block <= $3`
	return one(ctx, r.q, scalar[int64], query, batchSeq, first, last)
}

func (r queries) ReadyBlocks(ctx context.Context, batchSeq, first, last int64) ([]store.ReadyBlock, error) {
	const query = `SELECT block, ready FROM ready_blocks WHERE batch = $1 AND block >= $2 AND block <= $3 ORDER BY block`
	return all(ctx, r.q, scanReadyBlock, query, batchSeq, first, last)
}

func (r queries) ReadyNumbers(ctx context.Context, batchSeq, first, last int64) ([]int64, error) {
	const query = `
SELECT number FROM jobs
 WHERE batch = $1 AND number >= $2 AND number <= $3 AND state = 'WAITING' AND next_attempt_time = 0
 ORDER BY number`
	return all(ctx, r.q, scalar[int64], query, batchSeq, first, last)
}

func (r queries) DueRetryNumbers(ctx context.Context, batchSeq int64, now time.Time, limit int) ([]int64, error) {
	const query = `
SELECT number FROM jobs
 WHERE batch = $1 AND state = 'WAITING' AND next_attempt_time <> 0 AND next_attempt_time <= $2
 LIMIT $3`
	return all(ctx, r.q, scalar[int64], query, batchSeq, ms(now), limit)
}

const countedBlocks = `
SELECT (number - 1) / $2::bigint, count(*) FROM jobs
 WHERE batch = $1 AND state = 'WAITING' AND next_attempt_time = 0
 GROUP BY 1`

func (r queries) ReadyBlocksCorrect(ctx context.Context, batchSeq int64) (bool, error) {
	const stored = `SELECT block, ready FROM ready_blocks WHERE batch = $1 AND ready <> 0 ORDER BY block`
	have, err := all(ctx, r.q, scanReadyBlock, stored, batchSeq)
	if err != nil {
		return false, err
	}
	want, err := all(ctx, r.q, scanReadyBlock, countedBlocks+` ORDER BY 1`, batchSeq, store.ReadyBlockSize)
	return slices.Equal(have, want), err
}
