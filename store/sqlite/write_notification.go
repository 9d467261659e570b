package sqlite

import (
	"context"
	"time"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/store"
)

// writeNotifications writes endpoints and the outbox.
func (t *transaction) writeNotifications(ctx context.Context, rows *store.Rows) error {
	if err := t.writeEndpoints(ctx, rows); err != nil {
		return err
	}
	for i := range rows.Deliveries {
		if err := t.insertDelivery(ctx, insertDelivery, &rows.Deliveries[i]); err != nil {
			return err
		}
	}
	for _, j := range rows.JoinedJobs {
		for _, name := range j.Endpoints {
			d := j.Delivery
			d.ID, d.Endpoint = notification.NewID(), name
			if err := t.insertDelivery(ctx, joinDelivery, &d); err != nil {
				return err
			}
		}
	}
	const update = `
UPDATE deliveries
   SET joining = $3, state = $4, attempts = $5, next_time = $6, last_time = $7, http_status = $8, problem = $9, finish_time = $10
 WHERE seq = $1 AND id = $2`
	for i := range rows.ChangedDeliveries {
		d := &rows.ChangedDeliveries[i]
		if _, err := t.exec(ctx, update, d.Seq, d.ID, d.Joining, string(d.State), d.Attempts, ms(d.NextTime), ms(d.LastTime),
			d.HTTPStatus, d.Problem, ms(d.FinishTime)); err != nil {
			return err
		}
	}
	for _, a := range rows.Availabilities {
		text, args := `DELETE FROM unavailable_accounts WHERE account = $1`, []any{a.AccountID}
		if a.Told {
			text, args = `INSERT OR REPLACE INTO unavailable_accounts (account, since) VALUES ($1, $2)`, append(args, ms(a.Since))
		}
		if _, err := t.exec(ctx, text, args...); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) writeEndpoints(ctx context.Context, rows *store.Rows) error {
	const save = `
INSERT OR REPLACE INTO notification_endpoints (` + endpointColumns + `)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`
	for i := range rows.Endpoints {
		e := &rows.Endpoints[i]
		if _, err := t.exec(ctx, save, e.Name, e.URL, encodeSlice(e.Events), encodeSlice(e.Accounts), e.AllowPrivate, e.Configured, encodeSlice(e.Keys),
			e.Disabled, e.DisabledReason, ms(e.DisabledTime), ms(e.FailingSince), ms(e.LastSuccessTime), e.CreatedBy, ms(e.CreateTime), ms(e.UpdateTime)); err != nil {
			return err
		}
	}
	for _, name := range rows.DeletedEndpoints {
		for _, text := range []string{`DELETE FROM deliveries WHERE endpoint = $1`, `DELETE FROM notification_endpoints WHERE name = $1`} {
			if _, err := t.exec(ctx, text, name); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	insertDelivery = `
INSERT INTO deliveries (id, endpoint, event, account, batch_id, batch, revision, content, jobs, listed, numbers, joining, create_time,
       state, attempts, next_time, last_time, http_status, problem, finish_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`
	// A row that lists enough numbers gets no more of them; splitNumbers cuts off those that are too many.
	joinDelivery = insertDelivery + `
    ON CONFLICT (endpoint, batch, event) WHERE joining = 1 DO UPDATE
   SET jobs = jobs + excluded.jobs, revision = excluded.revision,
       numbers = CASE WHEN listed < 100 THEN numbers || ',' || excluded.numbers ELSE numbers END,
       listed = listed + excluded.listed`
)

func (t *transaction) insertDelivery(ctx context.Context, text string, d *notification.Delivery) error {
	_, err := t.exec(ctx, text, d.ID, d.Endpoint, string(d.Event), d.AccountID, d.BatchID, d.BatchSeq, d.Revision, encode(d.Content),
		d.JobCount, len(d.JobNumbers), joinNumbers(d.JobNumbers), d.Joining, ms(d.CreateTime),
		string(d.State), d.Attempts, ms(d.NextTime), ms(d.LastTime), d.HTTPStatus, d.Problem, ms(d.FinishTime))
	return err
}

// ReapDeliveries removes deliveries that ended long ago.
func (t *transaction) ReapDeliveries(ctx context.Context, before time.Time, limit int) (int64, error) {
	const reap = `DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE finish_time <> 0 AND finish_time < $1 ORDER BY finish_time LIMIT $2 + 0)`
	return t.exec(ctx, reap, ms(before), limit)
}

// RemoveOldestDeliveries removes the oldest deliveries of an endpoint.
func (t *transaction) RemoveOldestDeliveries(ctx context.Context, endpoint string, state notification.DeliveryState, limit int) error {
	const remove = `
DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE endpoint = $1 AND state = $2 ORDER BY seq LIMIT $3 + 0)`
	_, err := t.exec(ctx, remove, endpoint, string(state), limit)
	return err
}

// RemoveDeliveriesOfOthers removes what is not about the accounts.
func (t *transaction) RemoveDeliveriesOfOthers(ctx context.Context, endpoint string, accounts []string) error {
	const remove = `DELETE FROM deliveries WHERE endpoint = $1 AND account NOT IN (SELECT value FROM json_each($2))`
	_, err := t.exec(ctx, remove, endpoint, encodeSlice(accounts))
	return err
}

// RedateDeliveries makes due what is due too late.
func (t *transaction) RedateDeliveries(ctx context.Context, endpoint string, after, now time.Time) error {
	const redate = `UPDATE deliveries SET next_time = $3 WHERE endpoint = $1 AND state = 'PENDING' AND next_time > $2`
	_, err := t.exec(ctx, redate, endpoint, ms(after), ms(now))
	return err
}

// LockEndpoints has nobody to keep from it: no other process writes.
func (t *transaction) LockEndpoints(context.Context) error { return nil }
