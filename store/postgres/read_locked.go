package postgres

import (
	"context"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// What a transaction reads in order to change it is locked, since another process may be about to change it as well.
// The lock comes first, in a statement of its own: the next statement sees what it waited for. Batches and their jobs
// are locked by [transaction.Load].

// lock runs a statement that waits for rows or a table.
func (t *transaction) lock(ctx context.Context, text string, args ...any) error {
	_, err := t.exec(ctx, text, args...)
	return err
}

// AccountSettings reads the settings of an account. The row is made if there is none, so that there is something to lock.
func (t *transaction) AccountSettings(ctx context.Context, accountID string) (job.AccountSettings, error) {
	const lock = `
INSERT INTO accounts (id, paused, paused_reason, paused_time, queue_target, auto_target, update_time) VALUES ($1, false, '', 0, 0, false, 0)
    ON CONFLICT (id) DO UPDATE SET id = excluded.id`
	if err := t.lock(ctx, lock, accountID); err != nil {
		return job.AccountSettings{}, err
	}
	return t.queries.AccountSettings(ctx, accountID)
}

// BatchByRequestID looks for an earlier submission. Until the transaction ends nobody else submits with the same request
// id: there is no row yet to lock, and more than the unique index knows counts as the same submission. The lock is the
// transaction's and not the session's, so a pooler may be between.
func (t *transaction) BatchByRequestID(ctx context.Context, key job.RequestKey) (id string, payloadHash []byte, err error) {
	if err := t.lock(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('request ' || $1, 0))`, storable(key.ID)); err != nil {
		return "", nil, err
	}
	return t.queries.BatchByRequestID(ctx, key)
}

// Token reads a token.
func (t *transaction) Token(ctx context.Context, id string) (access.Token, error) {
	if err := t.lock(ctx, `SELECT 1 FROM tokens WHERE id = $1 FOR UPDATE`, storable(id)); err != nil {
		return access.Token{}, err
	}
	return t.queries.Token(ctx, id)
}

// LockEndpoints waits for every transaction that changes endpoints, and keeps others from it.
func (t *transaction) LockEndpoints(ctx context.Context) error {
	return t.lock(ctx, `LOCK TABLE notification_endpoints IN SHARE ROW EXCLUSIVE MODE`)
}

// Endpoint reads an endpoint.
func (t *transaction) Endpoint(ctx context.Context, name string) (notification.Endpoint, error) {
	if err := t.lock(ctx, `SELECT 1 FROM notification_endpoints WHERE name = $1 FOR UPDATE`, storable(name)); err != nil {
		return notification.Endpoint{}, err
	}
	return t.queries.Endpoint(ctx, name)
}

// Delivery reads a delivery: jobs may join it until its row is locked.
func (t *transaction) Delivery(ctx context.Context, seq int64) (notification.Delivery, error) {
	if err := t.lock(ctx, `SELECT 1 FROM deliveries WHERE seq = $1 FOR UPDATE`, seq); err != nil {
		return notification.Delivery{}, err
	}
	return t.queries.Delivery(ctx, seq)
}

// Deliveries reads deliveries, and reads them once more when they are locked.
func (t *transaction) Deliveries(ctx context.Context, f notification.DeliveryFilter) ([]notification.Delivery, error) {
	return t.lockDeliveries(ctx, func() ([]notification.Delivery, error) { return t.queries.Deliveries(ctx, f) })
}

// OldestDeliveries does so with the oldest ones.
func (t *transaction) OldestDeliveries(ctx context.Context, endpoint string, state notification.DeliveryState, n int) ([]notification.Delivery, error) {
	return t.lockDeliveries(ctx, func() ([]notification.Delivery, error) { return t.queries.OldestDeliveries(ctx, endpoint, state, n) })
}

// lockDeliveries reads deliveries, locks them, and reads again those of them that read still returns.
func (t *transaction) lockDeliveries(ctx context.Context, read func() ([]notification.Delivery, error)) ([]notification.Delivery, error) {
	list, err := read()
	if err != nil || len(list) == 0 {
		return list, err
	}
	locked := map[int64]bool{}
	seqs := make([]int64, len(list))
	for i, d := range list {
		seqs[i], locked[d.Seq] = d.Seq, true
	}
	if err := t.lock(ctx, `SELECT 1 FROM deliveries WHERE seq = ANY ($1::bigint[]) ORDER BY seq FOR UPDATE`, seqs); err != nil {
		return nil, err
	}
	list, err = read()
	kept := list[:0]
	for _, d := range list {
		if locked[d.Seq] {
			kept = append(kept, d)
		}
	}
	return kept, err
}
