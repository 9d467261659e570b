package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// reconcileMargin is how far before the job table's last change to look for
// encodings it does not know: clocks differ.
const reconcileMargin = 15 * time.Minute

// maxReconcilePolls is how many encodings a predecessor has prepared are looked at together.
const maxReconcilePolls = 16

// preparedEncodings are the encodings that a predecessor has configured and, as far
// as the job table knows, not started.
func (d *accountLoop) preparedEncodings() map[string]job.ID {
	prepared := map[string]job.ID{}
	for id, e := range d.tracked {
		if e.job.Prepared() {
			prepared[e.job.EncodingID] = id
		}
	}
	return prepared
}

// reconcile brings the job table in line with what happened at the platform without
// its knowledge. After a crash that is little: encodings that were being created, and
// starts whose answer nobody heard. After a backup was restored it is all that went on
// since: jobs the table believes to be waiting have been started, and have perhaps
// finished. They are adopted, not paid again.
//
// An encoding that the platform gives no answer about, while it answers otherwise, keeps
// nobody waiting for ever: from the third try on its job is treated as if its start had
// not been answered, so that it is not started before it has been seen.
func (w *worker) reconcile(ctx context.Context, prepared map[string]job.ID, try int) error {
	unseen := make(chan job.ID, len(prepared))
	group, look := errgroup.WithContext(ctx)
	group.SetLimit(maxReconcilePolls)
	for encoding, id := range prepared {
		group.Go(func() error {
			task, err := w.account.Client.Status(look, bitmovin.EncodingID(encoding))
			switch {
			case bitmovin.NotFound(err):
				return nil // the start will find out
			case try >= 3 && saysNothing(err):
				unseen <- id
				return nil
			case err != nil:
				return err
			}
			return w.adoptStarted(look, id, taskObservation(encoding, task))
		})
	}
	group.Go(func() error {
		w.encodings.lookForOtherInstances(look)
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	since, err := w.store.ReconcileSince(ctx, w.account.ID)
	if err != nil || since.IsZero() {
		return err
	}
	unknown, err := w.unknownEncodings(ctx, since.Add(-reconcileMargin))
	if err != nil {
		return err
	}
	for _, e := range unknown {
		if err := w.reconcileUnknown(ctx, e); err != nil {
			return err
		}
	}
	close(unseen)
	for id := range unseen {
		if _, err := w.updateJob(ctx, id, func(u *job.Update) error { return u.BeginStart(w.now()) }); err != nil {
			return err
		}
	}
	return w.store.MarkReconciled(context.WithoutCancel(ctx), w.account.ID)
}

// unknownEncodings are the encodings of ours that belong to no job and were created after a
// time, the oldest first. So what is left to claim when a claim fails, or the process dies,
// is newer than all that was claimed: they never hide behind those.
//
// The platform lists the newest first, and what the job table cannot know is newer than
// all that it knows. Where that order holds, a page of known ones ends the search.
func (w *worker) unknownEncodings(ctx context.Context, after time.Time) ([]bitmovin.Encoding, error) {
	unknown, page := map[bitmovin.EncodingID]bitmovin.Encoding{}, []bitmovin.Encoding(nil)
	settle := func() (strangers []bitmovin.Encoding, err error) {
		strangers, err = w.selectUnknown(ctx, page)
		for _, e := range strangers {
			unknown[e.ID] = e
		}
		page = page[:0]
		return strangers, err
	}
	ordered, last := true, time.Time{}
	err := w.listOwnSince(ctx, after, func(e bitmovin.Encoding) (enough bool, err error) {
		ordered = ordered && (last.IsZero() || !e.CreatedAt.After(last))
		last = e.CreatedAt.Time
		if page = append(page, e); len(page) < pageSize {
			return false, nil
		}
		strangers, err := settle()
		return len(strangers) == 0 && ordered, err
	})
	if err != nil {
		return nil, err
	}
	if _, err := settle(); err != nil {
		return nil, err
	}
	return slices.SortedStableFunc(maps.Values(unknown), func(a, b bitmovin.Encoding) int {
		_, n := provision.SplitAttempt(a.Name)
		_, m := provision.SplitAttempt(b.Name)
		// A template's later attempts tell that the earlier ones have ended.
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt.Time), cmp.Compare(n, m))
	}), nil
}

// selectUnknown are those of our encodings that belong to no job.
func (w *worker) selectUnknown(ctx context.Context, encodings []bitmovin.Encoding) (strangers []bitmovin.Encoding, err error) {
	ids := make([]string, len(encodings))
	for i, e := range encodings {
		ids[i] = string(e.ID)
	}
	known, err := w.store.EncodingJobs(ctx, w.account.ID, ids)
	if err != nil {
		return nil, err
	}
	for _, e := range encodings {
		if _, ok := known[string(e.ID)]; !ok {
			strangers = append(strangers, e)
		}
	}
	return strangers, nil
}

// reconcileUnknown decides about an encoding of ours that belongs to no job.
func (w *worker) reconcileUnknown(ctx context.Context, e bitmovin.Encoding) error {
	id, attempt, ok := provision.ParseName(e.Name)
	if other, err := w.ownedElsewhere(ctx, id); err != nil || other {
		return err
	}
	if attempt > 0 {
		if claimed, err := w.reconcileTemplateEncoding(ctx, e, id, attempt); err != nil || claimed {
			return err
		}
	}
	if e.Status == bitmovin.StatusCreated {
		if making, err := w.isBeingConfigured(ctx, e, id); err != nil || making {
			return err
		}
		return w.recordOrphan(ctx, string(e.ID))
	}
	if attempt > 0 {
		w.log.Warn("an encoding was started that its job does not know", "encoding", string(e.ID), "job", id.String(), "attempt", attempt)
		return nil
	}
	if !ok {
		w.log.Warn("an encoding with our label has a name that is not ours", "encoding", string(e.ID), "name", e.Name)
		return nil
	}
	j, err := w.store.Job(ctx, id)
	if errors.Is(err, job.ErrNotFound) { // its batch was deleted, or submitted after a backup
		w.log.Warn("an encoding was started for a job that the job table does not know", "encoding", string(e.ID), "job", id.String())
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := w.refreshJob(ctx, j); err != nil {
		return err
	}
	task, err := w.account.Client.Status(ctx, e.ID)
	switch {
	case bitmovin.NotFound(err):
		return nil
	case saysNothing(err):
		task = bitmovin.Task{Status: e.Status, QueuedAt: e.QueuedAt} // as listed; its job looks on
	case err != nil:
		return err
	}
	return w.adoptStarted(ctx, id, taskObservation(string(e.ID), task))
}

// isBeingConfigured reports whether an encoding is being configured right now, by this process, or
// has just been: its job says so before it is created.
func (w *worker) isBeingConfigured(ctx context.Context, e bitmovin.Encoding, id job.ID) (bool, error) {
	j, err := w.store.Job(ctx, id)
	if errors.Is(err, job.ErrNotFound) {
		return false, nil
	}
	return j.Step == job.StepCreate || j.EncodingID == string(e.ID), err
}

// ownedElsewhere reports whether a job belongs to another account, which may have the same
// key: what is made for it is that account's.
func (w *worker) ownedElsewhere(ctx context.Context, id job.ID) (bool, error) {
	b, err := w.store.Batch(ctx, id.Batch)
	if errors.Is(err, job.ErrNotFound) {
		return false, nil
	}
	return b.AccountID != w.account.ID, err
}

// adoptStarted has a waiting job go on with an encoding that was started without
// the job table knowing.
func (w *worker) adoptStarted(ctx context.Context, id job.ID, seen job.Observation) error {
	now := w.now()
	before, err := w.store.Job(ctx, id)
	if err != nil {
		return err
	}
	after, err := w.updateJob(ctx, id, func(u *job.Update) error { return u.Adopt(seen, now) })
	if err == nil && before.State != after.State {
		w.log.Info("adopted an encoding", "job", id.String(), "encoding", seen.EncodingID, "status", cmp.Or(seen.Unknown, string(seen.Status)))
	}
	return err
}

// saysNothing reports whether err says no more than that the platform does not tell how an
// encoding stands.
func saysNothing(err error) bool {
	return bitmovin.Ambiguous(err) || err != nil && !bitmovin.Outage(err)
}
