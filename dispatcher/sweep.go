package dispatcher

import (
	"context"
	"errors"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

const (
	// sweepInterval is the time between two sweeps of an account.
	sweepInterval = 10 * time.Minute
	// sweepAge protects encodings whose creation has not been answered yet: a sweep
	// leaves younger ones alone.
	sweepAge = 10 * time.Minute
)

// orphanEntry is an encoding to delete.
type orphanEntry struct {
	task      taskKind
	notBefore time.Time
	failures  int
}

// spawnSweep compares the platform with the job table. The first sweep of a
// process reconciles the two; the later ones look for orphans only.
func (d *driver) spawnSweep(ctx context.Context) {
	d.busy[taskSweep]++
	began, from := d.now(), d.sweptFrom
	sweep := func() error { return d.worker.sweep(ctx, from, began.Add(-sweepAge)) }
	if !d.swept {
		d.reconciles++
		prepared, try := d.preparedEncodings(), d.reconciles
		sweep = func() error { return d.worker.reconcile(ctx, prepared, try) }
	}
	d.beside(func() func() {
		err := sweep()
		return func() { d.sweptOnce(began, err) }
	})
}

func (d *driver) sweptOnce(began time.Time, err error) {
	now := d.now()
	d.busy[taskSweep]--
	d.observe(taskSweep, "", err, now)
	again := d.repeat(taskSweep, err, now)
	if err != nil {
		d.log.Warn("cannot sweep the account", "err", err)
		d.sweepDue = now.Add(time.Minute)
		if !d.swept {
			d.comparing = err
			d.sweepDue = again
		}
		return
	}
	d.swept, d.comparing = true, nil
	clear(d.confirmed)
	d.sweptFrom = began.Add(-sweepAge - reconcileMargin)
	d.sweepDue = now.Add(max(sweepInterval, 10*now.Sub(began))) // where lists are long, less often
	d.stale.live, d.stale.window, d.stale.orphans = true, true, true
}

// sweep finds encodings that carry our label, were created before a time and never
// started, and belong to no job. They become orphans. What is being configured is in
// the job table once it is no longer among those, so that the table is asked last. Where
// that takes the list of everybody's encodings, those are left out that earlier sweeps
// have seen.
func (w *worker) sweep(ctx context.Context, from, before time.Time) error {
	w.listing.glance(ctx)
	query := bitmovin.ListEncodings{Status: bitmovin.StatusCreated, SkipTotalCount: true}
	if w.listing.usable(bitmovin.ParamSearch) {
		query.Search = w.listing.search()
	}
	if query.Search == "" || !w.listing.usable(bitmovin.ParamStatus) {
		query.CreatedAfter = from
	}
	var old []bitmovin.Encoding
	err := w.listing.each(ctx, query, func(e bitmovin.Encoding) (bool, error) {
		own, err := w.own(ctx, e)
		if _, making := w.making.Load(string(e.ID)); own && !making && e.CreatedAt.Before(before) {
			old = append(old, e)
		}
		return false, err
	})
	if err != nil {
		return err
	}
	unknown, err := w.strangers(ctx, old)
	if err != nil {
		return err
	}
	for _, e := range unknown {
		if err := w.claim(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// orphan records an encoding that nobody needs.
func (w *worker) orphan(ctx context.Context, id string) error {
	w.log.Info("found an encoding that belongs to no job", "encoding", id)
	return w.store.AddOrphan(ctx, job.Orphan{AccountID: w.account.ID, EncodingID: id, CreateTime: w.now()})
}

// spawnDelete deletes an encoding that nobody needs.
func (d *driver) spawnDelete(ctx context.Context, id string) {
	o := d.orphans[id]
	o.task = taskDelete
	d.busy[taskDelete]++
	d.beside(func() func() {
		err := d.worker.delete(ctx, bitmovin.EncodingID(id))
		if err == nil {
			err = d.store.DeleteOrphan(context.WithoutCancel(ctx), d.account.ID, id)
		}
		return func() { d.deleted(id, err) }
	})
}

// delete removes an encoding that was never started. One that turns out to have
// been started after all is stopped, and kept: it is part of the account's bill.
func (w *worker) delete(ctx context.Context, id bitmovin.EncodingID) error {
	task, err := w.account.Client.Status(ctx, id)
	switch {
	case err != nil:
	case task.Status == bitmovin.StatusCreated:
		err = w.account.Client.DeleteEncoding(ctx, id)
	case task.Status == bitmovin.StatusQueued || task.Status == bitmovin.StatusRunning:
		err = w.account.Client.StopEncoding(ctx, id)
	case !task.Status.Known():
		// It may run: it is stopped as long as nobody knows how it ends.
		err = errors.Join(w.account.Client.StopEncoding(ctx, id), errUnknownStatus)
	}
	if bitmovin.NotFound(err) {
		return nil
	}
	return err
}

func (d *driver) deleted(id string, err error) {
	now := d.now()
	d.busy[taskDelete]--
	// Nothing depends on the call, so that a 403 is no reason to stop all others: a key may
	// have the right to encode, and not to move or delete encodings. If it has no right to
	// anything, other calls tell.
	if !bitmovin.Forbidden(err) {
		d.observe(taskDelete, id, err, now)
	}
	if err == nil {
		delete(d.orphans, id)
		return
	}
	o := d.orphans[id]
	o.task = taskNone
	o.failures++
	d.again.total[taskDelete]++
	o.notBefore = now.Add(growing(4*soon, o.failures, maxDelete))
	d.log.Warn("cannot delete an encoding", "encoding", id, "err", err)
}
