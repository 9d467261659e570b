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
	// minOrphanAge protects encodings whose creation has not been answered yet: a sweep
	// leaves younger ones alone.
	minOrphanAge = 10 * time.Minute
)

// orphanDeletion is an encoding to delete.
type orphanDeletion struct {
	task      taskKind
	notBefore time.Time
	failures  int
}

// spawnSweep compares the platform with the job table. The first sweep of a
// process reconciles the two; the later ones look for orphans only.
func (d *accountLoop) spawnSweep(ctx context.Context) {
	d.busy[taskSweep]++
	began, from := d.now(), d.sweepFrom
	sweep := func() error { return d.worker.sweep(ctx, from, began.Add(-minOrphanAge)) }
	if !d.reconciled {
		d.reconcileTries++
		prepared, try := d.preparedEncodings(), d.reconcileTries
		sweep = func() error { return d.worker.reconcile(ctx, prepared, try) }
	}
	d.runTask(func() func() {
		err := sweep()
		return func() { d.applySweep(began, err) }
	})
}

func (d *accountLoop) applySweep(began time.Time, err error) {
	now := d.now()
	d.busy[taskSweep]--
	d.noteCall(taskSweep, "", err, now)
	again := d.noteTaskEnd(taskSweep, err, now)
	if err != nil {
		d.log.Warn("cannot sweep the account", "err", err)
		d.sweepDue = now.Add(time.Minute)
		if !d.reconciled {
			d.reconcileErr = err
			d.sweepDue = again
		}
		return
	}
	d.reconciled, d.reconcileErr = true, nil
	clear(d.confirmations)
	d.sweepFrom = began.Add(-minOrphanAge - reconcileMargin)
	d.sweepDue = now.Add(max(sweepInterval, 10*now.Sub(began))) // where lists are long, less often
	d.outdated.inFlight, d.outdated.nextJobs, d.outdated.orphans = true, true, true
}

// sweep finds encodings that carry our label, were created before a time and never
// started, and belong to no job. They become orphans. What is being configured is in
// the job table once it is no longer among those, so that the table is asked last. Where
// that takes the list of everybody's encodings, those are left out that earlier sweeps
// have seen.
func (w *worker) sweep(ctx context.Context, from, before time.Time) error {
	w.encodings.lookForOtherInstances(ctx)
	query := bitmovin.ListEncodings{Status: bitmovin.StatusCreated, SkipTotalCount: true}
	if w.encodings.usable(bitmovin.ParamSearch) {
		query.Search = w.encodings.searchQuery()
	}
	if query.Search == "" || !w.encodings.usable(bitmovin.ParamStatus) {
		query.CreatedAfter = from
	}
	var old []bitmovin.Encoding
	err := w.encodings.eachSelected(ctx, query, func(e bitmovin.Encoding) (bool, error) {
		own, err := w.owns(ctx, e)
		if _, making := w.underConfiguration.Load(string(e.ID)); own && !making && e.CreatedAt.Before(before) {
			old = append(old, e)
		}
		return false, err
	})
	if err != nil {
		return err
	}
	unknown, err := w.selectUnknown(ctx, old)
	if err != nil {
		return err
	}
	for _, e := range unknown {
		if err := w.reconcileUnknown(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// recordOrphan records an encoding that nobody needs.
func (w *worker) recordOrphan(ctx context.Context, id string) error {
	w.log.Info("found an encoding that belongs to no job", "encoding", id)
	return w.store.AddOrphan(ctx, job.Orphan{AccountID: w.account.ID, EncodingID: id, CreateTime: w.now()})
}

// spawnDelete deletes an encoding that nobody needs.
func (d *accountLoop) spawnDelete(ctx context.Context, id string) {
	o := d.orphans[id]
	o.task = taskDelete
	d.busy[taskDelete]++
	d.runTask(func() func() {
		err := d.worker.deleteEncoding(ctx, bitmovin.EncodingID(id))
		if err == nil {
			err = d.store.DeleteOrphan(context.WithoutCancel(ctx), d.account.ID, id)
		}
		return func() { d.applyDelete(id, err) }
	})
}

// deleteEncoding removes an encoding that was never started. One that turns out to have
// been started after all is stopped, and kept: it is part of the account's bill.
func (w *worker) deleteEncoding(ctx context.Context, id bitmovin.EncodingID) error {
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

func (d *accountLoop) applyDelete(id string, err error) {
	now := d.now()
	d.busy[taskDelete]--
	// Nothing depends on the call, so that a 403 is no reason to stop all others: a key may
	// have the right to encode, and not to move or delete encodings. If it has no right to
	// anything, other calls tell.
	if !bitmovin.Forbidden(err) {
		d.noteCall(taskDelete, id, err, now)
	}
	if err == nil {
		delete(d.orphans, id)
		return
	}
	o := d.orphans[id]
	o.task = taskNone
	o.failures++
	d.retries.total[taskDelete]++
	o.notBefore = now.Add(growingPause(4*changePoll, o.failures, maxDeletePause))
	d.log.Warn("cannot delete an encoding", "encoding", id, "err", err)
}
