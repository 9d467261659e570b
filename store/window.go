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
// next job is one of the batch with the fewest jobs in flight, those taken
// before it in this window included; among equals of the one that has begun fewer,
// then of the one submitted first. (Without the former the batch submitted first
// would win whenever the end of its latest job has not been seen yet.)
// Inside a batch the order is that of the numbers, so a job that is retried
// keeps its place. Batches with one of the given sequence numbers are passed over.
func (s *Store) NextJobs(ctx context.Context, accountID string, now time.Time, limit int, except ...int64) ([]job.Job, error) {
	var window []job.Job
	err := s.reader.snap(ctx, func(q snapshot) error {
		shares, err := all(ctx, q, scanShare, dispatchable, accountID)
		if err != nil {
			return err
		}
		shares = slices.DeleteFunc(shares, func(s *share) bool { return slices.Contains(except, s.seq) })
		for len(shares) > 0 && len(window) < limit {
			n := slices.IndexFunc(shares, func(s *share) bool { return s.priority != shares[0].priority })
			if n < 0 {
				n = len(shares)
			}
			taken, err := take(ctx, q, shares[:n], now, limit-len(window))
			if err != nil {
				return err
			}
			window, shares = append(window, taken...), shares[n:]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("next jobs of account %s: %w", accountID, err)
	}
	return window, nil
}

// The index holds these batches only, in this order.
const dispatchable = `
SELECT seq, priority, starting + queued + running + cancelling,
       starting + queued + running + cancelling + succeeded + failed + cancelled
  FROM batches INDEXED BY batches_dispatch
 WHERE account = $1 AND state IN ('OPEN', 'ACTIVE') AND waiting > 0
 ORDER BY priority DESC, seq`

// share is a batch that takes part in the distribution of the window.
type share struct {
	seq       int64
	priority  int
	inFlight  int64
	begun     int64     // in flight or ended
	due       []job.Job // the next ones, as far as they have been read
	after     int64     // the number of the last one read
	exhausted bool      // there are no others to read
}

func scanShare(r row) (*share, error) {
	var s share
	err := r.Scan(&s.seq, &s.priority, &s.inFlight, &s.begun)
	return &s, err
}

// take distributes at most limit places among batches of one priority, which
// come in the order of their submission.
func take(ctx context.Context, q querier, shares []*share, now time.Time, limit int) ([]job.Job, error) {
	var taken []job.Job
	shares = slices.SortedFunc(slices.Values(shares), compareShares)
	for len(shares) > 0 && len(taken) < limit {
		s := shares[0]
		if len(s.due) == 0 && !s.exhausted {
			// As many as the batch will get if all of them have enough, and one for luck.
			if err := s.read(ctx, q, now, (limit-len(taken))/len(shares)+1); err != nil {
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

// compareShares puts first the batch whose turn it is.
func compareShares(a, b *share) int {
	return cmp.Or(cmp.Compare(a.inFlight, b.inFlight), cmp.Compare(a.begun, b.begun), cmp.Compare(a.seq, b.seq))
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

// read gets the next n jobs of the batch that are due.
func (s *share) read(ctx context.Context, q querier, now time.Time, n int) error {
	ready, err := all(ctx, q, scanJob, readyJobs, s.seq, s.after, n)
	if err != nil {
		return err
	}
	due, err := all(ctx, q, scanJob, dueJobs, s.seq, s.after, n, ms(now))
	if err != nil {
		return err
	}
	s.due = append(ready, due...)
	slices.SortFunc(s.due, func(a, b job.Job) int { return cmp.Compare(a.ID.Number, b.ID.Number) })
	s.due = s.due[:min(len(s.due), n)]
	s.exhausted = len(s.due) < n
	if len(s.due) > 0 {
		s.after = s.due[len(s.due)-1].ID.Number
	}
	return nil
}

const nextDue = `
SELECT coalesce(min((SELECT j.next_attempt_time
                       FROM jobs AS j INDEXED BY jobs_backoff
                      WHERE j.batch = b.seq AND j.state = 'WAITING' AND j.next_attempt_time <> 0 AND j.next_attempt_time > $2
                      ORDER BY j.next_attempt_time LIMIT 1)), 0)
  FROM batches AS b INDEXED BY batches_dispatch
 WHERE b.account = $1 AND b.state IN ('OPEN', 'ACTIVE') AND b.waiting > 0`

// NextDueTime returns when the first back-off after now ends, among the jobs of the
// account that [Store.NextJobs] would then return. It is zero if there is none.
func (s *Store) NextDueTime(ctx context.Context, accountID string, now time.Time) (time.Time, error) {
	at, err := one(ctx, s.reader, scalar[stamp], nextDue, accountID, ms(now))
	if err != nil {
		return time.Time{}, fmt.Errorf("next back-off of account %s: %w", accountID, err)
	}
	return at.time(), nil
}
