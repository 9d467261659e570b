package notifier

import (
	"context"
	"slices"
	"time"

	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

const (
	// accountInterval is the time between two looks at the accounts.
	accountInterval = 5 * time.Second
	// lookInterval is the time between two looks whether an endpoint wants to know of an account.
	lookInterval = time.Minute
	// accountSettleTime is how long the platform has to be unusable, or usable again, before endpoints are told: an
	// outage of a moment concerns nobody.
	accountSettleTime = 10 * time.Second
)

// accountWatch is how the platform has been for an account lately.
type accountWatch struct {
	unavailable bool
	since       time.Time
	told        bool      // what is true now
	nextLook    time.Time // when it is asked again whether an endpoint wants to know
}

// watchAccounts tells endpoints when the platform cannot be used for an account, and when it can be again, until ctx ends.
func (n *Notifier) watchAccounts(ctx context.Context) {
	watches := map[string]*accountWatch{}
	for (clock.Real{}).Sleep(ctx, accountInterval) == nil {
		for _, a := range n.accountStatuses() {
			if err := n.watchAccount(ctx, watches, &a, time.Now()); err != nil && ctx.Err() == nil {
				n.log.Warn("notification about an account not stored", "account", a.ID, "err", err)
			}
		}
	}
}

// watchAccount tells endpoints how the platform is for an account, if they do not know.
func (n *Notifier) watchAccount(ctx context.Context, watches map[string]*accountWatch, a *job.AccountStatus, now time.Time) error {
	unavailable := a.Breaker == job.BreakerOpen || a.Breaker == job.BreakerProbing
	if !unavailable && a.PlatformQueuedCount < 0 {
		return nil // no call has succeeded yet
	}
	w := watches[a.ID]
	if w == nil || w.unavailable != unavailable {
		w = &accountWatch{unavailable: unavailable, since: now}
		watches[a.ID] = w
	}
	if w.told || now.Before(w.nextLook) || now.Sub(w.since) < accountSettleTime {
		return nil
	}
	w.nextLook = now.Add(lookInterval)
	endpoints, err := n.store.Endpoints(ctx)
	if err != nil {
		return err
	}
	wanted := slices.ContainsFunc(endpoints, func(e notification.Endpoint) bool {
		return e.Wants(notification.AccountUnavailable, a.ID) || e.Wants(notification.AccountAvailable, a.ID)
	})
	if !wanted {
		return nil
	}
	is := notification.Availability{AccountID: a.ID, Told: unavailable, Since: a.BreakerSince}
	_, err = n.store.TellAvailability(ctx, is, a.BreakerReason, now)
	w.told = err == nil
	return err
}
