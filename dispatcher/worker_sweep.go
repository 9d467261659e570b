package dispatcher

import (
	"context"
	"errors"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// minOrphanAge protects encodings whose creation has not been answered yet: a sweep leaves
// younger ones alone.
const minOrphanAge = 10 * time.Minute

// errUnknownStatus is why an orphan whose status this version does not know is kept and stopped
// again later.
var errUnknownStatus = errors.New("the encoding has an unknown status")

// sweep finds encodings of ours that were created before a time, were never started, and belong to
// no job, and records them as orphans. An encoding that is being configured is in the job table
// before it is removed from underConfiguration, so the table is asked last. Where a sweep has to
// list everybody's encodings, it leaves out those created before from, which earlier sweeps have
// seen. Where another process may have driven the account, it looks for attempts with two encodings too.
func (w *worker) sweep(ctx context.Context, from, before time.Time) error {
	w.encodings.lookForOtherInstances(ctx)
	query := w.encodings.narrowToOwn(bitmovin.EncodingQuery{Status: bitmovin.StatusCreated, SkipTotalCount: true})
	if query.Search == "" || !w.encodings.usable(bitmovin.ParamStatus) {
		query.CreatedAfter = from
	}
	var old []bitmovin.Encoding
	err := w.encodings.eachSelected(ctx, query, func(e bitmovin.Encoding) (bool, error) {
		own, err := w.encodings.owns(ctx, e)
		if _, configuring := w.underConfiguration.Load(string(e.ID)); own && !configuring && e.CreatedAt.Before(before) {
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
	if err := w.reconcileAll(ctx, unknown, 1); err != nil || !w.takenOver {
		return err
	}
	return duplicateSearch{w}.sweep(ctx, from)
}

// recordOrphan records an encoding that belongs to no job as an orphan. The loop deletes it.
func (w *worker) recordOrphan(ctx context.Context, id string) error {
	w.log.Info("found an encoding that belongs to no job", "encoding", id)
	return w.store.AddOrphan(ctx, job.Orphan{AccountID: w.account.ID, EncodingID: id, CreateTime: w.now()})
}

// deleteOrphan deletes an orphan at the platform, and then in the job table.
func (w *worker) deleteOrphan(ctx context.Context, id string) error {
	if err := w.deleteEncoding(ctx, bitmovin.EncodingID(id)); err != nil {
		return err
	}
	return w.store.DeleteOrphan(context.WithoutCancel(ctx), w.account.ID, id)
}

// deleteEncoding deletes an encoding that was never started. One that turns out to have been
// started after all is stopped, and kept: it is part of the account's bill.
func (w *worker) deleteEncoding(ctx context.Context, id bitmovin.EncodingID) error {
	task, err := w.account.Client.ReadStatus(ctx, id)
	switch {
	case err != nil:
	case task.Status == bitmovin.StatusCreated:
		err = w.account.Client.DeleteEncoding(ctx, id)
	case task.Status == bitmovin.StatusQueued || task.Status == bitmovin.StatusRunning:
		err = w.account.Client.StopEncoding(ctx, id)
	case !task.Status.Known():
		// The encoding may run: it is stopped again and again until its status is known.
		err = errors.Join(w.account.Client.StopEncoding(ctx, id), errUnknownStatus)
	}
	if bitmovin.NotFound(err) {
		return nil
	}
	return err
}
