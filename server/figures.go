package server

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/job"
)

// Figures are what metrics tell of a server. Use [NewFigures].
type Figures struct {
	server *Server

	mu     sync.Mutex
	counts map[WaitingJobs]int64 // of the latest count
	due    time.Time             // for the next one
}

// NewFigures returns the figures of a server.
func NewFigures(s *Server) *Figures { return &Figures{server: s} }

// CountWatches is how many watches there are.
func (f *Figures) CountWatches() int { return f.server.hub.watchCount() }

// RefusedCallers is how many calls with no valid proof of who calls there were since the process started.
func (f *Figures) RefusedCallers() int64 { return f.server.gate.strangers.total.Load() }

// RefusedByLimit returns how many calls each limit has refused since the process started, by its name.
func (f *Figures) RefusedByLimit() map[string]int64 {
	c := f.server.callers
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// LimitNames lists the limits that [Figures.RefusedByLimit] tells of.
func LimitNames() []string {
	return []string{
		"calls_per_second", "calls_under_way", "watches", "watches_in_all", "request_bytes", "receive_bytes", "answer_bytes", "waiting_jobs_per_account",
	}
}

const (
	// waitingJobsAge is how old a count of waiting jobs may be.
	waitingJobsAge = 15 * time.Second
	// waitingJobsShare is how many times longer than counting the pause between two counts is, at least.
	waitingJobsShare = 50
	// waitingJobsPage is how many batches are read at once.
	waitingJobsPage = 500
)

// WaitingJobs names the jobs of one account that wait for one reason.
type WaitingJobs struct {
	AccountID string
	Code      job.WaitCode
}

// CountWaitingJobs counts the WAITING jobs of all batches by account and by why they wait. All due jobs of a
// batch count for the reason of the one that is started next. A count is kept for 15 seconds, or longer if
// counting takes long. The caller must not change it.
func (f *Figures) CountWaitingJobs(ctx context.Context) (map[WaitingJobs]int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.counts != nil && now.Before(f.due) {
		return f.counts, nil
	}
	all := withGrant(ctx, grant{principal: &access.Principal{Role: access.Admin}})
	counts := map[WaitingJobs]int64{}
	filter := job.BatchFilter{
		States: []job.BatchState{job.BatchOpen, job.BatchActive, job.BatchPaused, job.BatchCancelling}, Limit: waitingJobsPage,
	}
	for more := true; more; {
		batches, err := f.server.store.Batches(all, filter)
		if err != nil {
			return nil, fmt.Errorf("count waiting jobs: %w", err)
		}
		for _, b := range batches {
			if err := f.addWaiting(all, counts, b, now); err != nil {
				return nil, fmt.Errorf("count waiting jobs: %w", err)
			}
			filter.BeforeSeq = b.Seq
		}
		more = len(batches) == waitingJobsPage
	}
	f.counts, f.due = counts, time.Now().Add(max(waitingJobsAge, waitingJobsShare*time.Since(now)))
	return counts, nil
}

// addWaiting counts the waiting jobs of one batch.
func (f *Figures) addWaiting(ctx context.Context, counts map[WaitingJobs]int64, b job.Batch, now time.Time) error {
	due := b.Counts.Waiting
	if due == 0 {
		return nil
	}
	at, err := f.server.waitExplainer(ctx, &b, now)
	if err != nil {
		return err
	}
	first, err := f.server.jobForBatchWait(ctx, &b, at.Place, now)
	if err != nil {
		return err
	}
	if at.Place != nil { // the others of the batch are not due
		due = min(due, at.Place.BatchShare().Due)
		if n := b.Counts.Waiting - due; n > 0 {
			counts[WaitingJobs{b.AccountID, job.WaitBackoff}] += n
		}
	}
	wait := at.BatchWait(first)
	if wait.Code == "" {
		wait.Code = job.WaitInLine // it is about to be started
	}
	if due > 0 {
		counts[WaitingJobs{b.AccountID, wait.Code}] += due
	}
	return nil
}
