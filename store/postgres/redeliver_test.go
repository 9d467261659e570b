package postgres

import (
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/store"
)

// What is redelivered comes in parts. One of which another process takes a delivery away is not the last one.
func TestRedeliverAll(t *testing.T) {
	database := migrated(t)
	s := mustOpen(t, database)
	table := store.NewNotificationTable(s.Store)
	if err := table.CreateEndpoint(t.Context(), notification.Endpoint{Name: "ops", URL: "https://example.com/", Events: notification.DefaultEvents()}); err != nil {
		t.Fatal(err)
	}
	pgserver.Exec(t, database, `
INSERT INTO deliveries (id, endpoint, event, account, batch_id, batch, revision, content, jobs, listed, numbers, joining, create_time,
       state, attempts, next_time, last_time, http_status, problem, finish_time)
SELECT 'id' || n, 'ops', 'job.failed', 'default', 'b', n, 1, '', 0, 0, '', false, 1, 'FAILED', 1, 0, 1, 500, 'no', 1 FROM generate_series(1, 1100) AS n`)
	other := connectTo(t, database)
	for _, statement := range []string{`BEGIN`, `UPDATE deliveries SET state = 'DELIVERED' WHERE id = 'id1099'`} {
		if _, err := other.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	redelivered := make(chan int64, 1)
	go func() {
		f := notification.DeliveryFilter{Endpoint: "ops", States: []notification.DeliveryState{notification.Failed}}
		n, err := table.Redeliver(t.Context(), f, time.Now())
		if err != nil {
			t.Error(err)
		}
		redelivered <- n
	}()
	awaitLockWait(t, database)
	if _, err := other.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	if n := <-redelivered; n != 1099 {
		t.Errorf("%d deliveries are sent again, want 1099", n)
	}
}
