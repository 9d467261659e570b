package store

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// The outbox has a row for each notification and endpoint. It is written in the transaction of the change that it
// tells of, so that neither is without the other. Where no endpoint asks for an event, the event costs one look at a
// list in memory.
//
// Failed and succeeded jobs are joined: a unit of work writes one row for each batch, event and endpoint, however many
// jobs it changes, and jobs that follow within [notification.JoinTime] go into the same row. An endpoint that is slow
// gets fewer and larger messages, since a row takes in jobs until its first attempt begins.

// endpointCache is the endpoints as the writer knows them. It belongs to the goroutine of the writer.
type endpointCache struct {
	loaded bool
	list   []notification.Endpoint
}

// drop has the endpoints read again.
func (c *endpointCache) drop() { c.loaded, c.list = false, nil }

// jobEvent is an event of jobs of a batch.
type jobEvent struct {
	batchSeq int64
	event    notification.Event
}

// listeners returns the names of the endpoints that are told of an event of an account.
func (u *unit) listeners(event notification.Event, accountID string) ([]string, error) {
	if !u.endpoints.loaded {
		list, err := u.tx.Endpoints(u.ctx)
		if err != nil {
			return nil, err
		}
		u.endpoints.list, u.endpoints.loaded = list, true
	}
	var names []string
	for i := range u.endpoints.list {
		if e := &u.endpoints.list[i]; e.Wants(event, accountID) {
			names = append(names, e.Name)
		}
	}
	return names, nil
}

// addDeliveries adds a notification to the outbox, for each endpoint that is told of it. It reports whether there
// was one.
func (u *unit) addDeliveries(d notification.Delivery) (added bool, err error) {
	names, err := u.listeners(d.Event, d.AccountID)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		d.ID, d.Endpoint = notification.NewID(), name
		d.State, d.NextTime = notification.Pending, d.CreateTime
		u.rows.Deliveries = append(u.rows.Deliveries, d)
		u.outbox = true
	}
	return len(names) > 0, nil
}

// notifyMove adds the notifications about a job that has come to a new state, and about the state of its batch if that
// followed.
func (u *unit) notifyMove(h *batchHeader, j *job.Job, derived bool, now time.Time) error {
	if err := u.notifyJob(h, j, now); err != nil || !derived {
		return err
	}
	return u.notifyBatch(h.Batch, now)
}

// notifyBatch adds the notification about a state that a batch has come to by itself.
func (u *unit) notifyBatch(b *job.Batch, now time.Time) error {
	var event notification.Event
	switch {
	case b.State.Terminal():
		event = notification.BatchFinished
	case b.State == job.BatchPaused:
		event = notification.BatchPaused
	default:
		return nil
	}
	_, err := u.addDeliveries(notification.Delivery{
		Event: event, AccountID: b.AccountID, BatchID: b.ID, BatchSeq: b.Seq, Revision: b.Revision, CreateTime: now,
		Content: notification.Content{State: string(b.State), Reason: b.StateReason, Counts: new(b.Counts)},
	})
	return err
}

// notifyJob joins a job that has come to a new state to the notification about its batch.
func (u *unit) notifyJob(h *batchHeader, j *job.Job, now time.Time) error {
	var event notification.Event
	switch j.State {
	case job.Failed:
		event = notification.JobFailed
	case job.Succeeded:
		event = notification.JobSucceeded
	default:
		return nil
	}
	key := jobEvent{h.Seq, event}
	d := u.joined[key]
	if d == nil {
		names, err := u.listeners(event, h.AccountID)
		if err != nil || len(names) == 0 {
			return err
		}
		d = &notification.Delivery{
			Event: event, AccountID: h.AccountID, BatchID: h.ID, BatchSeq: h.Seq, Joining: true,
			State: notification.Pending, CreateTime: now, NextTime: now.Add(notification.JoinTime),
		}
		u.joined[key] = d
	}
	d.Revision = j.Revision
	d.JobCount++
	if len(d.JobNumbers) < notification.MaxJobNumbers {
		d.JobNumbers = append(d.JobNumbers, j.ID.Number)
	}
	return nil
}

// flushJoined collects the rows of the jobs that were joined.
func (u *unit) flushJoined() error {
	if len(u.joined) == 0 {
		return nil
	}
	keys := slices.SortedFunc(maps.Keys(u.joined), func(a, b jobEvent) int {
		return cmp.Or(cmp.Compare(a.batchSeq, b.batchSeq), cmp.Compare(a.event, b.event))
	})
	for _, key := range keys {
		d := u.joined[key]
		names, err := u.listeners(d.Event, d.AccountID)
		if err != nil {
			return err
		}
		u.rows.JoinedJobs = append(u.rows.JoinedJobs, JoinedJobs{Delivery: *d, Endpoints: names})
		u.outbox = true
	}
	u.joined = emptied(u.joined)
	return nil
}
