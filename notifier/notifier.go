package notifier

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// Store is the part of the job table that the notifier uses. Its errors are those of package job.
type Store interface {
	// Wakeup returns a channel that gets a value when there is something new to deliver.
	Wakeup() <-chan struct{}
	Endpoints(ctx context.Context) ([]notification.Endpoint, error)
	// DueDeliveries returns pending deliveries of an endpoint that are due, the longest due first. Those that jobs
	// may still join have to have been due at joining.
	DueDeliveries(ctx context.Context, endpoint string, now, joining time.Time, limit int) ([]notification.Delivery, error)
	// NextDeliveryTime returns when a delivery is due that is not due at after; zero if there is none.
	NextDeliveryTime(ctx context.Context, endpoint string, after time.Time) (time.Time, error)
	// SealDelivery ends the joining of jobs to a delivery, and returns it.
	SealDelivery(ctx context.Context, seq int64) (notification.Delivery, error)
	// NoteAttempt notes how an attempt has ended, and returns the delivery and the endpoint as they then are.
	NoteAttempt(ctx context.Context, d notification.Delivery, a notification.Attempt) (notification.Delivery, notification.Endpoint, error)
	// TellAvailability adds a notification unless endpoints know already, and reports whether it did.
	TellAvailability(ctx context.Context, a notification.Availability, reason string, now time.Time) (told bool, err error)
	// TrimOutbox removes and gives up what is too old or too much, and returns what it has given up.
	TrimOutbox(ctx context.Context, now time.Time) (givenUp []notification.Delivery, err error)
}

// Config configures a [Notifier].
type Config struct {
	Store Store // required
	// Secrets returns the secrets of an endpoint that are valid at a time, the newest first. Required.
	Secrets func(e notification.Endpoint, now time.Time) ([]notification.Secret, error)
	// AccountStatuses returns the status of every account. Required.
	AccountStatuses func() []job.AccountStatus
	UserAgent       string            // of the requests
	Transport       http.RoundTripper // default: the network, with the addresses checked
	Logger          *slog.Logger      // default: discard
}

// Notifier delivers notifications. Use [New].
type Notifier struct {
	store           Store
	accountStatuses func() []job.AccountStatus
	sender          *sender
	log             *slog.Logger
	counters        counters
	endpoints       underWay
	disabled        map[string]bool // endpoints, as deliver has seen them last
	trimNow         chan struct{}   // capacity 1: there is something to give up
}

// New makes a notifier. It delivers nothing before [Notifier.Run].
func New(c Config) *Notifier {
	return &Notifier{
		store: c.Store, accountStatuses: c.AccountStatuses, sender: newSender(c), log: cmp.Or(c.Logger, slog.New(slog.DiscardHandler)),
		endpoints: underWay{seqs: map[string]map[int64]bool{}, ended: make(chan struct{}, 1)},
		disabled:  map[string]bool{}, trimNow: make(chan struct{}, 1),
	}
}

const (
	// attemptsPerEndpoint is how many attempts to one endpoint are under way at a time.
	attemptsPerEndpoint = 4
	// scanPause is the least time between two looks at the outbox: many commits add to it in a busy second.
	scanPause = 50 * time.Millisecond
	// longestPause is the longest time between two looks at the outbox. A wakeup may be lost.
	longestPause = time.Minute
	// failurePause is the pause after an error of the job table.
	failurePause = time.Second
	// stopTime is how long attempts under way may take when the notifier stops. Those that are cut off are made again.
	stopTime = 3 * time.Second
	// trimInterval is the time between two looks for what is too old or too much.
	trimInterval = 10 * time.Minute
)

var errStopped = errors.New("the service is stopping")

// RunAs is [Notifier.Run] with another view of the job table, such as that of a term. Only one of them may run at a time.
func (n *Notifier) RunAs(ctx context.Context, s Store) error {
	n.store = s
	return n.Run(ctx)
}

// Run delivers notifications until ctx ends. It returns nil.
func (n *Notifier) Run(ctx context.Context) error {
	var group sync.WaitGroup
	group.Go(func() { n.deliver(ctx) })
	group.Go(func() { n.watchAccounts(ctx) })
	group.Go(func() { n.trim(ctx) })
	group.Wait()
	return nil
}

// Test sends a message to an endpoint, whether it is disabled or not, and returns how the attempt ended. Nothing is
// kept of it.
func (n *Notifier) Test(ctx context.Context, e notification.Endpoint) notification.Attempt {
	d := notification.Delivery{ID: notification.NewID(), Endpoint: e.Name, Event: notification.EndpointTest, CreateTime: time.Now()}
	a := n.sender.send(ctx, e, &d)
	if a.Delivered() {
		n.counters.count(d.Event, OutcomeDelivered)
	} else {
		n.counters.count(d.Event, OutcomeFailed)
	}
	return a
}

// trim keeps the outbox small until ctx ends.
func (n *Notifier) trim(ctx context.Context) {
	for ctx.Err() == nil {
		givenUp, err := n.store.TrimOutbox(ctx, time.Now())
		for _, d := range givenUp {
			n.counters.count(d.Event, OutcomeFailed)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			n.log.Warn("outbox of notifications not shortened", "err", err)
		case len(givenUp) > 0:
			n.log.Warn("notifications given up", "count", len(givenUp), "why", givenUp[0].Problem)
		}
		timer := time.NewTimer(trimInterval)
		select {
		case <-ctx.Done():
		case <-n.trimNow:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// noteDisabled has what is pending to an endpoint be given up soon after it was disabled.
func (n *Notifier) noteDisabled(e notification.Endpoint) {
	if e.Disabled && !n.disabled[e.Name] {
		select {
		case n.trimNow <- struct{}{}:
		default: // it is going to be done anyway
		}
	}
	n.disabled[e.Name] = e.Disabled
}
