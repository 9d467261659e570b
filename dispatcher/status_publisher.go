package dispatcher

import (
	"context"
	"sync"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// publishInterval is how often the latest status is published again while its budgets change.
const publishInterval = time.Second

// maxUnknownValues is how many unknown values of the platform's an account's status shows.
const maxUnknownValues = 20

// statusPublisher publishes the status of an account. It is safe for concurrent use.
type statusPublisher struct {
	store  AccountStore
	client *bitmovin.Client // for its budgets, its unknown values and who answers it; no call is made

	changed wakeup // there is a new status

	mu     sync.Mutex // held while publishing, so that statuses are published in order
	status job.AccountStatus
}

func newStatusPublisher(s AccountStore, c *bitmovin.Client) *statusPublisher {
	return &statusPublisher{store: s, client: c, changed: newWakeup()}
}

// publish publishes a status, with the budgets as they are right now.
func (p *statusPublisher) publish(s job.AccountStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = s
	p.republish()
	p.changed.notify()
}

// run publishes the latest status every second until ctx ends, as long as its budgets grow: they do
// so while the loop sleeps.
func (p *statusPublisher) run(ctx context.Context) {
	timer := time.NewTimer(publishInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		p.mu.Lock()
		growing := p.republish()
		p.mu.Unlock()
		if !growing {
			select {
			case <-ctx.Done():
				return
			case <-p.changed:
			}
		}
		timer.Reset(publishInterval)
	}
}

// republish publishes the latest status with the budgets, the unknown values and who answers as they are right
// now, and reports whether the budgets will grow. The caller holds p.mu.
func (p *statusPublisher) republish() bool {
	s, growing := p.status, false
	s.Budgets, growing = p.readBudgets()
	s.Simulated = p.client.IsSimulated()
	unknown := p.client.Unknown()
	s.UnknownValues, s.UnknownValueCounts = nil, map[string]int64{}
	for _, v := range unknown.List(maxUnknownValues) {
		s.UnknownValues = append(s.UnknownValues, job.UnknownValue{Kind: string(v.Kind), Value: v.Value, FirstTime: v.First, Count: v.Count})
	}
	for kind, n := range unknown.Totals() {
		s.UnknownValueCounts[string(kind)] = n
	}
	p.store.PublishAccountStatus(s)
	return growing
}

// readBudgets returns the budgets of the client's governor, by endpoint class, and whether any of
// them will grow.
func (p *statusPublisher) readBudgets() (list []job.Budget, growing bool) {
	for _, c := range p.client.RateGovernor().State() {
		growing = growing || !c.Full
		list = append(list, job.Budget{
			Class: c.Class.String(), LimitPerMinute: c.LimitPerMinute,
			Available: c.Available, Waiting: c.Waiting, Next: c.Next, PausedUntil: c.PausedUntil,
		})
	}
	return list, growing
}
