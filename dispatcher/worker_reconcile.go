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

// reconcileMargin is how far before the job table's last change to look for encodings that the
// table does not know: clocks differ.
const reconcileMargin = 15 * time.Minute

// maxReconcilePolls is how many prepared encodings are polled side by side.
const maxReconcilePolls = 16

// triesToGiveUpPoll is the try from which on reconciling goes on without the status of a prepared
// encoding about which the platform gives no answer.
const triesToGiveUpPoll = 3

// reconcile brings the job table in line with what happened at the platform without its
// knowledge. After a crash that is little: encodings that were being created, and starts
// without an answer. After a backup was restored it is everything since the backup: jobs that
// wait in the table have been started, and have perhaps ended. Their encodings are adopted, so
// that they are not paid for again.
//
// An encoding about which the platform gives no answer, while it answers otherwise, does not
// hold up all others forever: from the third try on its job is treated as if its start had not
// been answered, so that the job is not started before the encoding has been seen.
//
// prepared are the encodings that an earlier process has configured and, as far as the job
// table knows, not started.
func (w *worker) reconcile(ctx context.Context, prepared map[string]job.ID, try int) error {
	unanswered, err := w.pollPrepared(ctx, prepared, try)
	if err != nil {
		return err
	}
	since, err := w.store.ReconcileSince(ctx, w.account.ID)
	if err != nil || since.IsZero() {
		return err
	}
	unknown, err := w.unknownEncodings(ctx, since)
	if err != nil {
		return err
	}
	if err := w.reconcileAll(ctx, unknown, try); err != nil {
		return err
	}
	for _, id := range unanswered {
		if _, err := w.updateJob(ctx, id, func(u *job.Update) error { return u.BeginStart(w.now()) }); err != nil {
			return err
		}
	}
	return w.store.MarkReconciled(context.WithoutCancel(ctx), w.account.ID)
}

// pollPrepared adopts the prepared encodings that have been started. It returns the jobs of those
// about which the platform gives no answer.
func (w *worker) pollPrepared(ctx context.Context, prepared map[string]job.ID, try int) (unanswered []job.ID, err error) {
	without := make(chan job.ID, len(prepared))
	group, poll := errgroup.WithContext(ctx)
	group.SetLimit(maxReconcilePolls)
	for encoding, id := range prepared {
		group.Go(func() error {
			task, err := w.account.Client.ReadStatus(poll, bitmovin.EncodingID(encoding))
			switch {
			case bitmovin.NotFound(err):
				return nil // the job's start will be refused, and handles that
			case try >= triesToGiveUpPoll && tellsNoStatus(err):
				without <- id
				return nil
			case err != nil:
				return err
			}
			return w.adoptStarted(poll, id, taskObservation(encoding, task))
		})
	}
	group.Go(func() error {
		w.encodings.lookForOtherInstances(poll)
		return nil
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	close(without)
	for id := range without {
		unanswered = append(unanswered, id)
	}
	return unanswered, nil
}

// unknownEncodings are the encodings of ours that belong to no job, the oldest first. since is when the job table was
// last known to have all of them. If reconciling one fails, or the process dies, the ones that are left are newer than
// all that were reconciled, and are found again.
//
// The platform lists the newest first, and encodings that the job table cannot know are newer than all that it knew at
// that time. Where that order holds, a page's worth of those ends the search. Encodings that were recorded later do not
// count: new batches are started before the search has succeeded, and their encodings are newer than all others.
func (w *worker) unknownEncodings(ctx context.Context, since time.Time) ([]bitmovin.Encoding, error) {
	unknown, page := map[bitmovin.EncodingID]bitmovin.Encoding{}, []bitmovin.Encoding(nil)
	old := 0 // encodings that the table knew at that time, since the latest unknown one
	finishPage := func() error {
		jobs, err := w.store.EncodingJobs(ctx, w.account.ID, idsOf(page))
		if err != nil {
			return err
		}
		found := withoutJob(page, jobs)
		for _, e := range found {
			unknown[e.ID], old = e, 0
		}
		if page = page[:0]; len(found) > 0 {
			return nil
		}
		n, err := countUnchanged(ctx, w.store, jobs, since)
		old += n
		return err
	}
	ordered, last := true, time.Time{}
	err := w.encodings.eachOwnSince(ctx, since.Add(-reconcileMargin), func(e bitmovin.Encoding) (enough bool, err error) {
		ordered = ordered && (last.IsZero() || !e.CreatedAt.After(last))
		last = e.CreatedAt.Time
		if page = append(page, e); len(page) < pageSize {
			return false, nil
		}
		err = finishPage()
		return old >= pageSize && ordered, err
	})
	if err != nil {
		return nil, err
	}
	if err := finishPage(); err != nil {
		return nil, err
	}
	return slices.SortedStableFunc(maps.Values(unknown), func(a, b bitmovin.Encoding) int {
		_, n := provision.SplitAttempt(a.Name)
		_, m := provision.SplitAttempt(b.Name)
		// A template's later attempt shows that the earlier ones have ended.
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt.Time), cmp.Compare(n, m))
	}), nil
}

// countUnchanged counts the jobs that have not changed since a time.
func countUnchanged(ctx context.Context, store JobStore, jobs map[string]job.ID, since time.Time) (n int, err error) {
	for _, id := range jobs {
		j, err := store.Job(ctx, id)
		switch {
		case errors.Is(err, job.ErrNotFound): // deleted meanwhile
		case err != nil:
			return n, err
		case !j.UpdateTime.After(since):
			n++
		}
	}
	return n, nil
}

// selectUnknown selects the encodings that belong to no job.
func (w *worker) selectUnknown(ctx context.Context, encodings []bitmovin.Encoding) ([]bitmovin.Encoding, error) {
	jobs, err := w.store.EncodingJobs(ctx, w.account.ID, idsOf(encodings))
	if err != nil {
		return nil, err
	}
	return withoutJob(encodings, jobs), nil
}

// idsOf are the ids of encodings.
func idsOf(encodings []bitmovin.Encoding) []string {
	ids := make([]string, len(encodings))
	for i, e := range encodings {
		ids[i] = string(e.ID)
	}
	return ids
}

// withoutJob selects the encodings that have no job among jobs.
func withoutJob(encodings []bitmovin.Encoding, jobs map[string]job.ID) (list []bitmovin.Encoding) {
	for _, e := range encodings {
		if _, ok := jobs[string(e.ID)]; !ok {
			list = append(list, e)
		}
	}
	return list
}

// reconcileAll decides about encodings of ours that belong to no job, one after the other.
func (w *worker) reconcileAll(ctx context.Context, unknown []bitmovin.Encoding, try int) error {
	for _, e := range unknown {
		if err := w.reconcileUnknown(ctx, e, try); err != nil {
			return err
		}
	}
	return nil
}

// reconcileUnknown decides about an encoding of ours that belongs to no job. The job after which
// it was named adopts it if the encoding was started; if it never was, it becomes an orphan.
func (w *worker) reconcileUnknown(ctx context.Context, e bitmovin.Encoding, try int) error {
	id, attempt, ok := provision.ParseName(e.Name)
	if other, err := w.ownedElsewhere(ctx, id); err != nil || other {
		return err
	}
	if attempt > 0 {
		if adopted, err := w.adoptTemplateEncoding(ctx, e, id, attempt, try); err != nil || adopted {
			return err
		}
		if duplicate, err := (duplicateSearch{w}).stop(ctx, e, id, attempt); err != nil || duplicate {
			return err
		}
	}
	if e.Status == bitmovin.StatusCreated {
		if configuring, err := w.isBeingConfigured(ctx, e, id); err != nil || configuring {
			return err
		}
		return w.recordOrphan(ctx, string(e.ID))
	}
	if deleted, err := w.store.WasDeleted(ctx, id.Batch); err != nil || deleted {
		return err // nobody misses what it has encoded
	}
	if attempt > 0 {
		w.log.Warn("an encoding was started in an attempt that its job does not know", "encoding", string(e.ID), "job", id.String(), "attempt", attempt)
		return nil
	}
	if !ok {
		w.log.Warn("an encoding with our label has a name that is not ours", "encoding", string(e.ID), "name", e.Name)
		return nil
	}
	j, err := w.store.Job(ctx, id)
	if errors.Is(err, job.ErrNotFound) { // its batch was submitted after a backup, or deleted long ago
		w.log.Warn("an encoding was started for a job that the job table does not know", "encoding", string(e.ID), "job", id.String())
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := w.refreshJob(ctx, j, try); err != nil {
		return err
	}
	task, err := w.account.Client.ReadStatus(ctx, e.ID)
	switch {
	case tellsNoStatus(err): // not even if it is said not to exist: it is in the list
		task = bitmovin.Task{Status: e.Status, QueuedAt: e.QueuedAt} // as listed; its job goes on polling
	case err != nil:
		return err
	}
	return w.adoptStarted(ctx, id, taskObservation(string(e.ID), task))
}

// isBeingConfigured reports whether an encoding is being configured right now, by this process,
// or has just been: its job says so before it is created.
func (w *worker) isBeingConfigured(ctx context.Context, e bitmovin.Encoding, id job.ID) (bool, error) {
	j, err := w.store.Job(ctx, id)
	if errors.Is(err, job.ErrNotFound) {
		return false, nil
	}
	return j.Step == job.StepCreate || j.EncodingID == string(e.ID), err
}

// ownedElsewhere reports whether a job belongs to another account, which may have the same API
// key: its encodings are that account's.
func (w *worker) ownedElsewhere(ctx context.Context, id job.ID) (bool, error) {
	b, err := w.store.Batch(ctx, id.Batch)
	if errors.Is(err, job.ErrNotFound) {
		return false, nil
	}
	return b.AccountID != w.account.ID, err
}

// adoptStarted makes a waiting job go on with an encoding that was started without the job table
// knowing.
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

// adoptTemplateEncoding makes a job go on with an encoding of ours that was made from a template
// and belongs to no job. The job after which it was named adopts it if the job waits for an
// answer, or does not know of that attempt because the job table is a restored backup.
func (w *worker) adoptTemplateEncoding(ctx context.Context, e bitmovin.Encoding, id job.ID, attempt, try int) (adopted bool, err error) {
	j, err := w.store.Job(ctx, id)
	if errors.Is(err, job.ErrNotFound) {
		return false, nil
	}
	if err == nil && j.Attempt < attempt {
		j, err = w.refreshJob(ctx, j, try)
	}
	if err != nil {
		return false, err
	}
	j, err = w.updateJob(ctx, id, func(u *job.Update) error { return u.TemplateFound(string(e.ID), attempt, w.now()) })
	if err != nil || j.EncodingID != string(e.ID) {
		return false, err
	}
	w.log.Info("adopted an encoding", "job", id.String(), "encoding", j.EncodingID, "status", string(e.Status))
	return true, nil
}

// refreshJob records how a job's encoding has ended, before the job can go on with a later one. As long as the platform
// does not say how the encoding stands, the later one could not be adopted, and would be paid for again: so the next try
// asks once more. From the third try on the encoding counts as gone. The later one was started, so the job was done with it.
func (w *worker) refreshJob(ctx context.Context, j job.Job, try int) (job.Job, error) {
	if !j.State.OnPlatform() || j.EncodingID == "" {
		return j, nil
	}
	read, err := w.store.Batch(ctx, j.ID.Batch)
	if err != nil {
		return j, err
	}
	task, err := w.account.Client.ReadStatus(ctx, bitmovin.EncodingID(j.EncodingID))
	seen := taskObservation(j.EncodingID, task)
	switch {
	case err == nil:
	case try >= triesToGiveUpPoll && tellsNoStatus(err):
		seen = job.Observation{EncodingID: j.EncodingID, Status: job.RemoteGone}
	default:
		return j, err
	}
	return w.recordObservation(ctx, trackedJob{job: j, batch: &batch{read}}, seen)
}

// tellsNoStatus reports whether err leaves open no more than how one encoding stands: the call
// for its status had no answer, or was refused.
func tellsNoStatus(err error) bool {
	return bitmovin.Ambiguous(err) || err != nil && !bitmovin.Outage(err)
}
