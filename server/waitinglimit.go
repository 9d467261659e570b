package server

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// waitingLimit limits how many jobs of an account may wait to be started, those of paused batches included: pausing
// batches makes no room for others. It counts them rarely: as long as all
// jobs that were submitted since the last count fit, nothing is counted.
type waitingLimit struct {
	most  int
	count func(ctx context.Context, paused bool) (map[string]int64, error) // the waiting jobs of each account

	mu   sync.Mutex
	upTo map[string]int64 // at most so many jobs of an account wait
}

// waitingRetry is when a submission beyond the limit is advised to come back.
const waitingRetry = time.Minute

func newWaitingLimit(most int, count func(ctx context.Context, paused bool) (map[string]int64, error)) *waitingLimit {
	return &waitingLimit{most: most, count: count, upTo: map[string]int64{}}
}

// add notes jobs that are about to be submitted to an account, or refuses them with a [limitError].
func (l *waitingLimit) add(ctx context.Context, account string, jobs int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if jobs > l.most {
		return &limitError{
			limit: "waiting_jobs_per_account",
			text:  fmt.Sprintf("%d jobs are more than may wait for an account at a time, which are %d (limits.waiting_jobs_per_account): submit fewer, or raise the limit", jobs, l.most),
		}
	}
	waiting, known := l.upTo[account]
	if !known || waiting+int64(jobs) > int64(l.most) {
		counts, err := l.count(ctx, true)
		if err != nil {
			return fmt.Errorf("count waiting jobs: %w", err)
		}
		waiting = counts[account]
	}
	l.upTo[account] = waiting
	if waiting+int64(jobs) > int64(l.most) {
		return &limitError{
			limit: "waiting_jobs_per_account", retry: waitingRetry,
			text: fmt.Sprintf("%d jobs of account %s wait, and may be %d (limits.waiting_jobs_per_account): come back when some of them have been started, or raise the limit",
				waiting, clip(account, maxName), l.most),
		}
	}
	l.upTo[account] += int64(jobs)
	return nil
}
