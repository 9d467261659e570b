package postgres

import (
	"context"
	"time"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/store"
)

// writeNotifications writes endpoints and the outbox.
func writeNotifications(w *writes, rows *store.Rows) {
	writeEndpoints(w, rows)
	for i := range rows.Deliveries {
		insertDelivery(w, newDelivery, &rows.Deliveries[i])
	}
	for _, j := range rows.JoinedJobs {
		for _, name := range j.Endpoints {
			d := j.Delivery
			d.ID, d.Endpoint = notification.NewID(), name
			insertDelivery(w, joinDelivery, &d)
		}
	}
	const update = `
UPDATE deliveries
   SET joining = $3, state = $4, attempts = $5, next_time = $6, last_time = $7, http_status = $8, problem = $9, finish_time = $10
 WHERE seq = $1 AND id = $2`
	for i := range rows.ChangedDeliveries {
		d := &rows.ChangedDeliveries[i]
		w.any(update, d.Seq, d.ID, d.Joining, string(d.State), d.Attempts, ms(d.NextTime), ms(d.LastTime), d.HTTPStatus, storable(d.Problem), ms(d.FinishTime))
	}
	for _, a := range rows.Availabilities {
		if !a.Told {
			w.any(`DELETE FROM unavailable_accounts WHERE account = $1`, a.AccountID)
			continue
		}
		w.any(`INSERT INTO unavailable_accounts (account, since) VALUES ($1, $2) ON CONFLICT (account) DO UPDATE SET since = excluded.since`, a.AccountID, ms(a.Since))
	}
}

func writeEndpoints(w *writes, rows *store.Rows) {
	const save = `
INSERT INTO notification_endpoints (` + endpointColumns + `)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    ON CONFLICT (name) DO UPDATE
   SET url = excluded.url, events = excluded.events, accounts = excluded.accounts, allow_private = excluded.allow_private, configured = excluded.configured,
       keys = excluded.keys, disabled = excluded.disabled, disabled_reason = excluded.disabled_reason, disabled_time = excluded.disabled_time,
       failing_since = excluded.failing_since, last_success_time = excluded.last_success_time, created_by = excluded.created_by,
       create_time = excluded.create_time, update_time = excluded.update_time`
	for i := range rows.Endpoints {
		e := &rows.Endpoints[i]
		w.any(save, storable(e.Name), storable(e.URL), encodeSlice(e.Events), encodeSlice(e.Accounts), e.AllowPrivate, e.Configured, encodeSlice(e.Keys),
			e.Disabled, storable(e.DisabledReason), ms(e.DisabledTime), ms(e.FailingSince), ms(e.LastSuccessTime), storable(e.CreatedBy), ms(e.CreateTime), ms(e.UpdateTime))
	}
	for _, name := range rows.DeletedEndpoints {
		w.any(`DELETE FROM deliveries WHERE endpoint = $1`, storable(name))
		w.any(`DELETE FROM notification_endpoints WHERE name = $1`, storable(name))
	}
}

const (
	newDelivery = `
INSERT INTO deliveries AS d (id, endpoint, event, account, batch_id, batch, revision, content, jobs, listed, numbers, joining, create_time,
       state, attempts, next_time, last_time, http_status, problem, finish_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`
	// A row that lists enough numbers gets no more of them; splitNumbers cuts off those that are too many.
	joinDelivery = newDelivery + `
    ON CONFLICT (endpoint, batch, event) WHERE joining DO UPDATE
   SET jobs = d.jobs + excluded.jobs, revision = excluded.revision,
       numbers = CASE WHEN d.listed < 100 THEN d.numbers || ',' || excluded.numbers ELSE d.numbers END,
       listed = d.listed + excluded.listed`
)

func insertDelivery(w *writes, text string, d *notification.Delivery) {
	w.any(text, d.ID, storable(d.Endpoint), string(d.Event), d.AccountID, d.BatchID, d.BatchSeq, d.Revision, encode(d.Content),
		d.JobCount, len(d.JobNumbers), joinNumbers(d.JobNumbers), d.Joining, ms(d.CreateTime),
		string(d.State), d.Attempts, ms(d.NextTime), ms(d.LastTime), d.HTTPStatus, storable(d.Problem), ms(d.FinishTime))
}

// ReapDeliveries removes deliveries that ended long ago.
func (t *transaction) ReapDeliveries(ctx context.Context, before time.Time, limit int) (int64, error) {
	const reap = `DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE finish_time <> 0 AND finish_time < $1 ORDER BY finish_time LIMIT $2)`
	return t.exec(ctx, reap, ms(before), limit)
}

// RemoveOldestDeliveries removes the oldest deliveries of an endpoint.
func (t *transaction) RemoveOldestDeliveries(ctx context.Context, endpoint string, state notification.DeliveryState, limit int) error {
	const remove = `DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE endpoint = $1 AND state = $2 ORDER BY seq LIMIT $3)`
	_, err := t.exec(ctx, remove, storable(endpoint), string(state), limit)
	return err
}

// RemoveDeliveriesOfOthers removes what is not about the accounts.
func (t *transaction) RemoveDeliveriesOfOthers(ctx context.Context, endpoint string, accounts []string) error {
	const remove = `DELETE FROM deliveries WHERE endpoint = $1 AND account <> ALL ($2::text[])`
	_, err := t.exec(ctx, remove, storable(endpoint), array(accounts))
	return err
}

// RedateDeliveries makes due what is due too late.
func (t *transaction) RedateDeliveries(ctx context.Context, endpoint string, after, now time.Time) error {
	const redate = `UPDATE deliveries SET next_time = $3 WHERE endpoint = $1 AND state = 'PENDING' AND next_time > $2`
	_, err := t.exec(ctx, redate, storable(endpoint), ms(after), ms(now))
	return err
}
