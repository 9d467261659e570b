package notifier_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// fullTable is a job table that cannot be written while it is full: how an attempt has ended is not noted.
type fullTable struct {
	store.NotificationTable
	full *atomic.Bool
}

func (t fullTable) NoteAttempt(ctx context.Context, d notification.Delivery, a notification.Attempt) (notification.Delivery, notification.Endpoint, error) {
	if t.full.Load() {
		return notification.Delivery{}, notification.Endpoint{}, job.ErrFull
	}
	return t.NotificationTable.NoteAttempt(ctx, d, a)
}

// A message is sent once, however long it cannot be noted that it was: a full disk is no reason to flood receivers.
func TestFullDisk(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ops", notification.BatchFinished)
		w.full.Store(true)
		w.finish()
		w.sleep(10 * time.Minute)
		same(t, "messages while the disk was full", len(w.receivers.times("ops")), 1)
		w.full.Store(false)
		w.sleep(2 * time.Second)
		same(t, "messages", len(w.receivers.times("ops")), 1)
		list, err := w.table.Deliveries(t.Context(), notification.DeliveryFilter{Endpoint: "ops"})
		w.must(err)
		same(t, "the delivery", []any{list[0].State, list[0].Attempts}, []any{notification.Delivered, 1})

		// The end of a service does not wait for room.
		w.full.Store(true)
		w.finish()
		w.sleep(time.Minute)
		w.stop()
		w.full.Store(false)
		w.start()
		defer func() { w.stop() }()
		w.sleep(time.Second)
		same(t, "messages after a start", len(w.receivers.times("ops")), 3)
	})
}
