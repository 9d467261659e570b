package notifier

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// underWay is the attempts that are being made.
type underWay struct {
	mu    sync.Mutex
	seqs  map[string]map[int64]bool // by endpoint: the deliveries
	ended chan struct{}             // capacity 1: an attempt has ended
}

// begin notes an attempt, and reports whether it may be made: there are not too many, and it is not under way already.
func (u *underWay) begin(endpoint string, seq int64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	seqs := u.seqs[endpoint]
	if len(seqs) >= attemptsPerEndpoint || seqs[seq] {
		return false
	}
	if seqs == nil {
		seqs = map[int64]bool{}
		u.seqs[endpoint] = seqs
	}
	seqs[seq] = true
	return true
}

func (u *underWay) end(endpoint string, seq int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.seqs[endpoint], seq)
	if len(u.seqs[endpoint]) == 0 {
		delete(u.seqs, endpoint)
	}
	select {
	case u.ended <- struct{}{}:
	default: // the loop is going to look anyway
	}
}

// deliver begins the attempts that are due until ctx ends, and then gives those under way [stopTime] to end.
func (n *Notifier) deliver(ctx context.Context) {
	sending, cutOff := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cutOff(nil)
	var attempts sync.WaitGroup
	for ctx.Err() == nil {
		pause := n.beginDue(ctx, sending, &attempts)
		if (clock.Real{}).Sleep(ctx, scanPause) != nil {
			break
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-n.store.Wakeup():
		case <-n.endpoints.ended:
		case <-timer.C:
		}
		timer.Stop()
	}
	timer := time.AfterFunc(stopTime, func() { cutOff(errStopped) })
	defer timer.Stop()
	attempts.Wait()
}

// beginDue begins the attempts that are due, as many as each endpoint may have, and returns how long none will be due
// that is not yet.
func (n *Notifier) beginDue(ctx, sending context.Context, attempts *sync.WaitGroup) time.Duration {
	now := time.Now()
	pause := longestPause
	endpoints, err := n.store.Endpoints(ctx)
	for _, e := range endpoints {
		n.noteDisabled(e)
		if e.Disabled {
			continue
		}
		var next time.Time
		if next, err = n.beginDueTo(ctx, sending, attempts, e, now); err != nil {
			break
		}
		if !next.IsZero() {
			pause = min(pause, next.Sub(now))
		}
	}
	if err != nil && ctx.Err() == nil {
		n.log.Warn("outbox of notifications not read", "err", err)
		return failurePause
	}
	return pause
}

// joinWhileFailing is how long jobs go on joining a message while its endpoint fails: the outbox stays small, and what
// is sent in the end is all that has happened.
const joinWhileFailing = 5 * time.Minute

// beginDueTo begins the attempts to one endpoint, and returns when the next one is due; zero if none will be.
func (n *Notifier) beginDueTo(ctx, sending context.Context, attempts *sync.WaitGroup, e notification.Endpoint, now time.Time) (time.Time, error) {
	joining := now
	if !e.FailingSince.IsZero() {
		joining = now.Add(-joinWhileFailing)
	}
	due, err := n.store.DueDeliveries(ctx, e.Name, now, joining, 2*attemptsPerEndpoint)
	if err != nil {
		return time.Time{}, err
	}
	for _, d := range due {
		if n.endpoints.begin(e.Name, d.Seq) {
			attempts.Go(func() {
				defer n.endpoints.end(e.Name, d.Seq)
				n.attempt(sending, e, d)
			})
		}
	}
	return n.store.NextDeliveryTime(ctx, e.Name, now)
}

// attempt makes one attempt and notes how it ended. What was not noted when the process ends is done again.
func (n *Notifier) attempt(ctx context.Context, e notification.Endpoint, d notification.Delivery) {
	if d.Joining {
		sealed, err := n.store.SealDelivery(ctx, d.Seq)
		if err != nil {
			n.waitAfterFailure(ctx, d, err)
			return
		}
		d = sealed
	}
	a := n.sender.send(ctx, e, &d)
	if ctx.Err() != nil {
		return // cut off: nobody knows whether it arrived
	}
	d, after, err := n.note(ctx, d, a)
	if err != nil {
		return // it is sent again by the next process, unless it was deleted
	}
	switch d.State {
	case notification.Delivered:
		n.counters.count(d.Event, OutcomeDelivered)
	case notification.Failed:
		n.counters.count(d.Event, OutcomeFailed)
	default:
		n.counters.count(d.Event, OutcomeRetried)
	}
	n.logAttempt(e, after, d, a)
}

// note notes how an attempt has ended, and tries that again while the job table cannot be written: the message is not
// sent once more because a disk is full.
func (n *Notifier) note(ctx context.Context, d notification.Delivery, a notification.Attempt) (notification.Delivery, notification.Endpoint, error) {
	for {
		noted, e, err := n.store.NoteAttempt(ctx, d, a)
		if err == nil || errors.Is(err, job.ErrNotFound) || ctx.Err() != nil {
			return noted, e, err
		}
		n.waitAfterFailure(ctx, d, err)
	}
}

// waitAfterFailure logs an error of the job table and waits a moment, unless the delivery has been deleted.
func (n *Notifier) waitAfterFailure(ctx context.Context, d notification.Delivery, err error) {
	if errors.Is(err, job.ErrNotFound) {
		return
	}
	if ctx.Err() == nil {
		n.log.Warn("delivery of a notification not kept in the job table", "endpoint", d.Endpoint, "message", d.ID, "err", err)
	}
	_ = clock.Real{}.Sleep(ctx, failurePause) // the caller sees that ctx has ended
}

// logAttempt logs what an attempt has changed in an endpoint. Each attempt by itself is for debugging.
func (n *Notifier) logAttempt(before, after notification.Endpoint, d notification.Delivery, a notification.Attempt) {
	log := n.log.With("endpoint", d.Endpoint, "message", d.ID, "event", d.Event, "attempt", d.Attempts)
	switch {
	case after.Disabled && !before.Disabled:
		log.Warn("endpoint of notifications disabled", "why", after.DisabledReason)
	case !a.Delivered() && before.FailingSince.IsZero():
		log.Warn("endpoint of notifications does not accept a message; it is sent again", "why", a.Problem)
	case a.Delivered() && !before.FailingSince.IsZero():
		log.Info("endpoint of notifications accepts messages again")
	default:
		log.Debug("notification sent", "delivered", a.Delivered(), "why", a.Problem, "took", a.Duration)
	}
}
