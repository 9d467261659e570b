package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// NotificationTable keeps the endpoints of notifications, and what is delivered to them, in the job table. Its methods
// may be called concurrently. Errors are those of package job.
type NotificationTable struct{ s *Store }

// NewNotificationTable returns what a job table keeps of notifications.
func NewNotificationTable(s *Store) NotificationTable { return NotificationTable{s} }

// Wakeup returns a channel that gets a value when there is something new to deliver. A value stands for any number of
// deliveries.
func (t NotificationTable) Wakeup() <-chan struct{} { return t.s.outbox }

// writeEndpoint collects the row of an endpoint, and has what the writer knows of endpoints be read again.
func (u *unit) writeEndpoint(e notification.Endpoint) error {
	round(&e.DisabledTime, &e.FailingSince, &e.LastSuccessTime, &e.CreateTime, &e.UpdateTime)
	u.rows.Endpoints = append(u.rows.Endpoints, e)
	return u.flushEndpoints()
}

func (u *unit) flushEndpoints() error {
	err := u.flush()
	u.endpoints.drop()
	u.outbox = true
	return err
}

// endpointWrite is a write that is about endpoints. Everything before it is written first.
func endpointWrite(what string) op { return op{what: what, readsTable: true} }

// lockedEndpoints returns the endpoints, which nobody else changes before the transaction ends.
func (u *unit) lockedEndpoints() ([]notification.Endpoint, error) {
	if err := u.tx.LockEndpoints(u.ctx); err != nil {
		return nil, err
	}
	return u.tx.Endpoints(u.ctx)
}

// CreateEndpoint stores an endpoint. If there is one of this name the answer is [job.ErrExists], and if there are
// [notification.MaxEndpoints] it is a [job.InvalidError].
func (t NotificationTable) CreateEndpoint(ctx context.Context, e notification.Endpoint) error {
	return writeOnly(ctx, t.s, endpointWrite("store endpoint "+e.Name), func(u *unit) error {
		list, err := u.lockedEndpoints()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(o notification.Endpoint) bool { return o.Name == e.Name }) {
			return fmt.Errorf("endpoint %q: %w", e.Name, job.ErrExists)
		}
		if len(list) >= notification.MaxEndpoints {
			return &job.InvalidError{Violations: []job.Violation{{
				Field: "endpoint.name", Message: fmt.Sprintf("there are %d endpoints, which is the most; delete one first", len(list)),
			}}}
		}
		return u.writeEndpoint(e)
	})
}

// ConfigureEndpoints stores the endpoints of the configuration. They replace those that it had before, and none that
// somebody has made: for a name of these the error is an [EndpointTakenError], and nothing is stored. An endpoint that was
// disabled stays so, unless its URL has changed.
func (t NotificationTable) ConfigureEndpoints(ctx context.Context, configured []notification.Endpoint, now time.Time) error {
	round(&now)
	return writeOnly(ctx, t.s, endpointWrite("store the endpoints of the configuration"), func(u *unit) error {
		list, err := u.lockedEndpoints()
		if err != nil {
			return err
		}
		for _, e := range configured { // before anything is collected
			if slices.ContainsFunc(list, func(o notification.Endpoint) bool { return o.Name == e.Name && !o.Configured }) {
				return &EndpointTakenError{Name: e.Name}
			}
		}
		for _, old := range list {
			if old.Configured && !slices.ContainsFunc(configured, func(e notification.Endpoint) bool { return e.Name == old.Name }) {
				u.rows.DeletedEndpoints = append(u.rows.DeletedEndpoints, old.Name)
			}
		}
		for _, e := range configured {
			e.Configured, e.Keys, e.CreatedBy, e.CreateTime, e.UpdateTime = true, nil, "", now, now
			if at := slices.IndexFunc(list, func(o notification.Endpoint) bool { return o.Name == e.Name }); at >= 0 {
				old := list[at]
				if err := u.forgetAccounts(&old, &e); err != nil {
					return err
				}
				e.CreateTime, e.LastSuccessTime = old.CreateTime, old.LastSuccessTime
				if old.URL == e.URL {
					e.Disabled, e.DisabledReason, e.DisabledTime, e.FailingSince = old.Disabled, old.DisabledReason, old.DisabledTime, old.FailingSince
				}
			}
			u.rows.Endpoints = append(u.rows.Endpoints, e)
		}
		return u.flushEndpoints()
	})
}

// EndpointTakenError is the error for an endpoint of the configuration of whose name somebody has made another one. It
// matches [job.ErrExists].
type EndpointTakenError struct{ Name string }

func (e *EndpointTakenError) Error() string {
	return fmt.Sprintf("endpoint %q was made while the service ran", e.Name)
}

// Is reports whether target is [job.ErrExists].
func (*EndpointTakenError) Is(target error) bool { return target == job.ErrExists }

// forgetAccounts removes what an endpoint has of accounts that it is not told of any more. Who may see the endpoint only
// because it is bound to an account sees nothing of others, and nothing of them is sent where it is told to.
func (u *unit) forgetAccounts(before, after *notification.Endpoint) error {
	if len(after.Accounts) == 0 || slices.Equal(before.Accounts, after.Accounts) {
		return nil
	}
	return u.tx.RemoveDeliveriesOfOthers(u.ctx, after.Name, after.Accounts)
}

// Endpoints returns all endpoints by name.
func (t NotificationTable) Endpoints(ctx context.Context) ([]notification.Endpoint, error) {
	list, err := t.s.engine.Endpoints(ctx)
	if err != nil {
		return nil, fmt.Errorf("read endpoints: %w", err)
	}
	return list, nil
}

// Endpoint returns an endpoint, or [job.ErrNotFound].
func (t NotificationTable) Endpoint(ctx context.Context, name string) (notification.Endpoint, error) {
	e, err := t.s.engine.Endpoint(ctx, name)
	if err != nil {
		return notification.Endpoint{}, fmt.Errorf("endpoint %q: %w", name, err)
	}
	return e, nil
}

// UpdateEndpoint applies f to an endpoint, stores it, and returns it as it then is. An error of f changes nothing and
// is returned as it is. f may be called twice and must do nothing else.
func (t NotificationTable) UpdateEndpoint(ctx context.Context, name string, f func(*notification.Endpoint) error) (notification.Endpoint, error) {
	return write(ctx, t.s, endpointWrite("change endpoint "+name), func(u *unit) (notification.Endpoint, error) {
		e, err := u.tx.Endpoint(u.ctx, name)
		if err != nil {
			return notification.Endpoint{}, fmt.Errorf("endpoint %q: %w", name, err)
		}
		before := e
		if err := f(&e); err != nil {
			return notification.Endpoint{}, err
		}
		if err := u.forgetAccounts(&before, &e); err != nil {
			return notification.Endpoint{}, err
		}
		return e, u.writeEndpoint(e)
	})
}

// DeleteEndpoint removes an endpoint that allow accepts, with its deliveries. An error of allow changes nothing and is
// returned as it is.
func (t NotificationTable) DeleteEndpoint(ctx context.Context, name string, now time.Time, allow func(notification.Endpoint) error) error {
	// Nothing is added to what is removed a part at a time.
	_, err := t.UpdateEndpoint(ctx, name, func(e *notification.Endpoint) error {
		if err := allow(*e); err != nil {
			return err
		}
		e.Disable("it is being deleted", now)
		return nil
	})
	if err != nil {
		return err
	}
	for _, state := range notification.DeliveryStates() {
		if err := t.removeOldest(ctx, name, state, 0); err != nil {
			return err
		}
	}
	return writeOnly(ctx, t.s, endpointWrite("delete endpoint "+name), func(u *unit) error {
		u.rows.DeletedEndpoints = append(u.rows.DeletedEndpoints, name)
		return u.flushEndpoints()
	})
}

// DueDeliveries returns pending deliveries of an endpoint that are due, at most limit, the longest due first. Those that
// jobs may still join have to have been due at joining.
func (t NotificationTable) DueDeliveries(ctx context.Context, endpoint string, now, joining time.Time, limit int) ([]notification.Delivery, error) {
	list, err := t.s.engine.DueDeliveries(ctx, endpoint, now, joining, limit)
	if err != nil {
		return nil, fmt.Errorf("read due deliveries to %q: %w", endpoint, err)
	}
	return list, nil
}

// NextDeliveryTime returns when a delivery of an endpoint is due that is not due at after; zero if there is none.
func (t NotificationTable) NextDeliveryTime(ctx context.Context, endpoint string, after time.Time) (time.Time, error) {
	next, err := t.s.engine.NextDeliveryTime(ctx, endpoint, after)
	if err != nil {
		return time.Time{}, fmt.Errorf("read when the next delivery to %q is due: %w", endpoint, err)
	}
	return next, nil
}

// SealDelivery ends the joining of jobs to a delivery, and returns it as it is sent from now on.
func (t NotificationTable) SealDelivery(ctx context.Context, seq int64) (notification.Delivery, error) {
	return write(ctx, t.s, op{what: "seal delivery", readsTable: true}, func(u *unit) (notification.Delivery, error) {
		d, err := u.tx.Delivery(u.ctx, seq)
		if err != nil || !d.Joining {
			return d, err
		}
		d.Joining = false
		u.rows.ChangedDeliveries = append(u.rows.ChangedDeliveries, d)
		return d, u.flush()
	})
}

// NoteAttempt notes how an attempt has ended, in the delivery and in its endpoint, and returns both as they then are.
// Deliveries to an endpoint that this has disabled are given up. One that was deleted meanwhile is [job.ErrNotFound].
func (t NotificationTable) NoteAttempt(ctx context.Context, d notification.Delivery, a notification.Attempt) (notification.Delivery, notification.Endpoint, error) {
	type outcome struct {
		delivery notification.Delivery
		endpoint notification.Endpoint
	}
	round(&a.Time)
	o, err := write(ctx, t.s, op{what: "note an attempt to deliver", readsTable: true}, func(u *unit) (outcome, error) {
		now, err := u.tx.Delivery(u.ctx, d.Seq)
		if err == nil && now.ID != d.ID {
			err = job.ErrNotFound
		}
		if err != nil {
			return outcome{}, fmt.Errorf("delivery %s: %w", d.ID, err)
		}
		e, err := u.tx.Endpoint(u.ctx, d.Endpoint)
		if err != nil {
			return outcome{}, fmt.Errorf("endpoint %q: %w", d.Endpoint, err)
		}
		now.NoteAttempt(a)
		before := e
		e.NoteAttempt(a)
		if e.Disabled && now.State == notification.Pending {
			now.GiveUp(now.Problem+"; the endpoint is disabled", a.Time)
		}
		u.rows.ChangedDeliveries = append(u.rows.ChangedDeliveries, now)
		if e.Disabled != before.Disabled || !e.FailingSince.Equal(before.FailingSince) || e.LastSuccessTime.Sub(before.LastSuccessTime) >= successStep {
			return outcome{now, e}, u.writeEndpoint(e)
		}
		return outcome{now, e}, u.flush()
	})
	return o.delivery, o.endpoint, err
}

// successStep is how exactly the time of the latest success is kept: a row of an endpoint is not to be written with
// each delivery.
const successStep = time.Minute

// Deliveries returns the deliveries that f chooses, the newest first.
func (t NotificationTable) Deliveries(ctx context.Context, f notification.DeliveryFilter) ([]notification.Delivery, error) {
	list, err := t.s.engine.Deliveries(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("list deliveries to %q: %w", f.Endpoint, err)
	}
	return list, nil
}

// redeliverChunk is how many deliveries are changed in one write.
const redeliverChunk = 500

// Redeliver has the deliveries that f chooses sent again, and returns how many. Those that are pending are sent at once.
func (t NotificationTable) Redeliver(ctx context.Context, f notification.DeliveryFilter, now time.Time) (redelivered int64, err error) {
	round(&now)
	f.Limit = redeliverChunk
	for {
		type part struct{ n, last int64 }
		p, err := write(ctx, t.s, op{what: "redeliver", readsTable: true}, func(u *unit) (part, error) {
			list, err := u.tx.Deliveries(u.ctx, f)
			if err != nil {
				return part{}, err
			}
			p := part{n: int64(len(list))}
			for _, d := range list {
				p.last = d.Seq
				d.Redeliver(now)
				u.rows.ChangedDeliveries = append(u.rows.ChangedDeliveries, d)
			}
			u.outbox = true
			return p, u.flush()
		})
		redelivered += p.n
		if err != nil || p.n == 0 { // a part of which another process has taken some away is short
			return redelivered, err
		}
		f.BeforeSeq = p.last
	}
}

// TellAvailability adds the notification that the platform can be used for an account or that it cannot, unless
// endpoints were told so last. It reports whether an endpoint is told.
func (t NotificationTable) TellAvailability(ctx context.Context, a notification.Availability, reason string, now time.Time) (told bool, err error) {
	round(&now, &a.Since)
	event := notification.AccountAvailable
	if a.Told {
		event = notification.AccountUnavailable
	}
	return write(ctx, t.s, op{what: "note whether account " + a.AccountID + " is available", readsTable: true}, func(u *unit) (bool, error) {
		last, err := ignoreMissing(u.tx.Availability(u.ctx, a.AccountID))
		if err != nil || last.Told == a.Told {
			return false, err
		}
		if !a.Told {
			a.Since = last.Since
		}
		added, err := u.addDeliveries(notification.Delivery{
			Event: event, AccountID: a.AccountID, CreateTime: now, Content: notification.Content{Reason: reason, Since: a.Since},
		})
		if err != nil {
			return false, err
		}
		u.rows.Availabilities = append(u.rows.Availabilities, a)
		return added, u.flush()
	})
}

// Backlogs returns what is pending of each endpoint that has pending deliveries.
func (t NotificationTable) Backlogs(ctx context.Context) ([]notification.Backlog, error) {
	list, err := t.s.engine.Backlogs(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is to be delivered: %w", err)
	}
	return list, nil
}

// Bounds of the outbox.
const (
	// KeepDeliveries is how long a delivery that has ended is kept.
	KeepDeliveries = 7 * 24 * time.Hour
	// MaxPending and MaxEnded are how many deliveries of one endpoint are pending, and are kept after their end.
	MaxPending, MaxEnded = 10_000, 10_000
)

const outboxChunk = 500

// TrimOutbox removes what has ended long ago or is too much, and gives up what is pending and too much, or pending to an
// endpoint that is disabled. The oldest go first. It returns what it has given up. What is due later than any attempt can
// be, because the clock was ahead, becomes due. Other writes go on between two parts of it.
func (t NotificationTable) TrimOutbox(ctx context.Context, now time.Time) (givenUp []notification.Delivery, err error) {
	round(&now)
	for {
		n, err := write(ctx, t.s, op{what: "shorten the outbox", readsTable: true}, func(u *unit) (int64, error) {
			return u.tx.ReapDeliveries(u.ctx, now.Add(-KeepDeliveries), outboxChunk)
		})
		if err != nil {
			return nil, err
		}
		if n < outboxChunk {
			break
		}
	}
	endpoints, err := t.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range endpoints {
		err := writeOnly(ctx, t.s, op{what: "send what a wrong clock has put off", readsTable: true}, func(u *unit) error {
			return u.tx.RedateDeliveries(u.ctx, e.Name, now.Add(notification.LongestPause), now)
		})
		if err != nil {
			return givenUp, err
		}
		most, why := int64(MaxPending), fmt.Sprintf("more than %d messages to the endpoint were pending", MaxPending)
		if e.Disabled {
			most, why = 0, "the endpoint is disabled: "+e.DisabledReason
		}
		list, err := t.giveUpOldest(ctx, e.Name, most, why, now)
		givenUp = append(givenUp, list...)
		if err != nil {
			return givenUp, err
		}
		for _, state := range []notification.DeliveryState{notification.Delivered, notification.Failed} {
			if err := t.removeOldest(ctx, e.Name, state, MaxEnded/2); err != nil {
				return givenUp, err
			}
		}
	}
	return givenUp, nil
}

// giveUpOldest gives up the oldest pending deliveries beyond a number.
func (t NotificationTable) giveUpOldest(ctx context.Context, endpoint string, most int64, why string, now time.Time) (givenUp []notification.Delivery, err error) {
	for {
		list, err := write(ctx, t.s, op{what: "give up deliveries", readsTable: true}, func(u *unit) ([]notification.Delivery, error) {
			n, err := u.tx.CountDeliveries(u.ctx, endpoint, notification.Pending)
			if err != nil || n <= most {
				return nil, err
			}
			list, err := u.tx.OldestDeliveries(u.ctx, endpoint, notification.Pending, int(min(n-most, outboxChunk)))
			if err != nil {
				return nil, err
			}
			for i := range list {
				list[i].GiveUp(why, now)
			}
			u.rows.ChangedDeliveries = append(u.rows.ChangedDeliveries, list...)
			return list, u.flush()
		})
		givenUp = append(givenUp, list...)
		if err != nil || len(list) == 0 {
			return givenUp, err
		}
	}
}

// removeOldest removes the oldest deliveries in a state beyond a number.
func (t NotificationTable) removeOldest(ctx context.Context, endpoint string, state notification.DeliveryState, most int64) error {
	for {
		n, err := t.s.engine.CountDeliveries(ctx, endpoint, state)
		if err != nil || n <= most {
			return err
		}
		err = writeOnly(ctx, t.s, op{what: "shorten the outbox", readsTable: true}, func(u *unit) error {
			return u.tx.RemoveOldestDeliveries(u.ctx, endpoint, state, int(min(n-most, outboxChunk)))
		})
		if err != nil {
			return err
		}
	}
}
