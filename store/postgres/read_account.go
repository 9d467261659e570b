package postgres

import (
	"context"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

func (r queries) AccountSettings(ctx context.Context, accountID string) (job.AccountSettings, error) {
	const query = `SELECT paused, paused_reason, paused_time, queue_target, auto_target FROM accounts WHERE id = $1`
	scan := func(r row) (a job.AccountSettings, err error) {
		var since stamp
		err = r.Scan(&a.Paused, &a.PausedReason, (*int64)(&since), &a.Target.Number, &a.Target.Auto)
		a.PausedReason, a.PausedSince = job.Shorten(a.PausedReason, job.MaxReason), since.time()
		return a, err
	}
	return one(ctx, r.q, scan, query, accountID)
}

func (r queries) DailyStarts(ctx context.Context, accountID string) (job.DailyStarts, error) {
	const query = `SELECT day, made, forgiven FROM daily_starts WHERE account = $1`
	scan := func(r row) (d job.DailyStarts, err error) {
		var day stamp
		err = r.Scan((*int64)(&day), &d.Made, &d.Forgiven)
		d.Day = day.time()
		return d, err
	}
	return one(ctx, r.q, scan, query, accountID)
}

func (r queries) PrincipalStarts(ctx context.Context, principal string) (job.DailyStarts, error) {
	const query = `SELECT day, made FROM principal_starts WHERE principal = $1`
	scan := func(r row) (d job.DailyStarts, err error) {
		var day stamp
		err = r.Scan((*int64)(&day), &d.Made)
		d.Day = day.time()
		return d, err
	}
	return one(ctx, r.q, scan, query, storable(principal))
}

func (r queries) Orphans(ctx context.Context, accountID string, limit int) ([]job.Orphan, error) {
	const query = `SELECT account, encoding_id, create_time FROM orphans WHERE account = $1 ORDER BY create_time, encoding_id LIMIT $2`
	scan := func(r row) (o job.Orphan, err error) {
		var at stamp
		err = r.Scan(&o.AccountID, &o.EncodingID, (*int64)(&at))
		o.CreateTime = at.time()
		return o, err
	}
	return all(ctx, r.q, scan, query, accountID, limit)
}

func (r queries) ListParameters(ctx context.Context, accountID string) ([]job.ListParameter, error) {
	const query = `SELECT name, fault, time FROM list_parameters WHERE account = $1 ORDER BY name`
	scan := func(r row) (p job.ListParameter, err error) {
		var at stamp
		err = r.Scan(&p.Name, (*string)(&p.Fault), (*int64)(&at))
		p.Time = at.time()
		return p, err
	}
	return all(ctx, r.q, scan, query, accountID)
}

func (r queries) Resource(ctx context.Context, key store.ResourceKey) (remoteID string, saved time.Time, err error) {
	const query = `SELECT remote_id, update_time FROM resources WHERE account = $1 AND kind = $2 AND hash = $3`
	var at stamp
	scan := func(r row) (id string, err error) {
		err = r.Scan(&id, (*int64)(&at))
		return id, err
	}
	remoteID, err = one(ctx, r.q, scan, query, key.AccountID, key.Kind, key.Hash)
	return remoteID, at.time(), err
}
