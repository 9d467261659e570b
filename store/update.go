package store

import (
	"context"
	"errors"
	"time"

	"github.com/stokerd/stoker/job"
)

// UpdateJob is the one way a job changes: it reads the job, applies f and, if
// that changed anything, writes the job, its batch's counts, state and revision,
// the event and the ended attempt in one transaction. It returns the job as it
// then is. An error of f changes nothing and is returned as it is.
//
// f may be called twice and must do nothing but call methods of the update.
func (s *Store) UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error) {
	round(&now)
	return write(ctx, s, op{what: "update job", batch: id.Batch, jobs: []job.ID{id}}, func(u *unit) (job.Job, error) {
		h, err := u.header(id.Batch)
		if err != nil {
			return job.Job{}, err
		}
		before, err := u.job(id)
		if err != nil {
			return job.Job{}, err
		}
		update := job.NewUpdate(before)
		if err := f(update); err != nil {
			return job.Job{}, withBatchNumber(err, h.Seq)
		}
		if !update.Changed() {
			return before, nil
		}
		return u.apply(h, before, update, now)
	})
}

// withBatchNumber tells a [job.StateError] of a job the number of the job's batch.
func withBatchNumber(err error, number int64) error {
	if wrong, ok := errors.AsType[*job.StateError](err); ok {
		wrong.BatchNumber = number
	}
	return err
}

// UpdateJobs does to the jobs that filter chooses, at most its Limit, in the order
// of their numbers, what [Store.UpdateJob] does to one, all in one transaction,
// and returns how many changed. An error of f changes nothing at all and is
// returned as it is.
//
// To change more jobs than fit, call it until it returns 0, with a filter that
// no longer chooses what f has changed.
func (s *Store) UpdateJobs(ctx context.Context, filter job.Filter, now time.Time, f func(*job.Update) error) (int64, error) {
	round(&now)
	o := op{what: "update jobs", batch: filter.BatchID, selection: &filter}
	return write(ctx, s, o, func(u *unit) (int64, error) {
		h, err := u.header(filter.BatchID)
		if err != nil {
			return 0, err
		}
		jobs, err := u.selection(&filter)
		if err != nil {
			return 0, err
		}
		return u.applyAll(h, jobs, now, f)
	})
}

// UpdateJobsByNumber does to these jobs of a batch what [Store.UpdateJob] does to one, all
// in one transaction, and returns how many changed. An error of f changes nothing at
// all and is returned as it is.
func (s *Store) UpdateJobsByNumber(ctx context.Context, batchID string, numbers []int64, now time.Time, f func(*job.Update) error) (int64, error) {
	round(&now)
	ids := make([]job.ID, len(numbers))
	for i, n := range numbers {
		ids[i] = job.ID{Batch: batchID, Number: n}
	}
	return write(ctx, s, op{what: "update jobs", batch: batchID, jobs: ids}, func(u *unit) (int64, error) {
		h, err := u.header(batchID)
		if err != nil {
			return 0, err
		}
		jobs := make([]job.Job, len(ids))
		for i, id := range ids {
			if jobs[i], err = u.job(id); err != nil {
				return 0, err
			}
		}
		return u.applyAll(h, jobs, now, f)
	})
}

// applyAll has f change jobs of one batch, collects what came of it, and returns how many
// changed. Nothing is collected before f has accepted all of them.
func (u *unit) applyAll(h *batchHeader, jobs []job.Job, now time.Time, f func(*job.Update) error) (changed int64, err error) {
	updates := make([]*job.Update, len(jobs))
	for i, j := range jobs {
		updates[i] = job.NewUpdate(j)
		if err := f(updates[i]); err != nil {
			return 0, withBatchNumber(err, h.Seq)
		}
	}
	for i, update := range updates {
		if !update.Changed() {
			continue
		}
		if _, err := u.apply(h, jobs[i], update, now); err != nil {
			return 0, err
		}
		changed++
	}
	return changed, nil
}

// apply collects everything that an update of a job brings about. The header comes last: rows may
// be written on the way, and what changes in it after that is written with the next ones.
func (u *unit) apply(h *batchHeader, before job.Job, update *job.Update, now time.Time) (job.Job, error) {
	j := update.Job
	j.Version = before.Version + 1
	if update.Visible() {
		j.Revision = h.Revision + 1
	}
	round(&j.PlatformStatusTime, &j.StepTime, &j.NextAttemptTime, &j.UpdateTime, &j.StartTime, &j.QueuedTime, &j.RunningTime, &j.FinishTime)
	if err := u.setJob(h, &before, &j); err != nil {
		return job.Job{}, err
	}
	if update.Ended != nil {
		u.rows.Attempts = append(u.rows.Attempts, AttemptRow{BatchSeq: h.Seq, Number: j.ID.Number, Attempt: *update.Ended})
	}
	u.noteStateChange(h, &before, update, now)
	if n := update.Starts(); n != 0 {
		if err := u.countStarts(h.Batch, n, now); err != nil {
			return job.Job{}, err
		}
	}
	if update.Orphan != "" {
		if err := u.addOrphan(job.Orphan{AccountID: h.AccountID, EncodingID: update.Orphan, CreateTime: now}); err != nil {
			return job.Job{}, err
		}
	}
	if update.Visible() {
		h.Revision = j.Revision
		h.UpdateTime, h.changed = now, true
		u.wakeup(h.Batch)
	}
	if !j.StartTime.IsZero() && !j.StartTime.Equal(before.StartTime) {
		u.wakeup(h.Batch).Starts++
	}
	if j.State == job.Succeeded || update.Ended != nil && !update.Ended.StartTime.IsZero() {
		u.wakeup(h.Batch).Ends++
	}
	if j.State != before.State {
		u.rows.Events = append(u.rows.Events, EventRow{BatchSeq: h.Seq, Event: job.Event{
			Job: j.ID, Version: j.Version, Time: now, From: before.State, To: j.State, Attempt: j.Attempt, Reason: update.Reason,
		}})
		derived := h.moveJob(before.State, j.State, now)
		if derived {
			u.wakeup(h.Batch).Dispatch = true
			u.noteBatchChange(h)
		}
		if err := u.notifyMove(h, &j, derived, now); err != nil {
			return job.Job{}, err
		}
		if requestedByUser(before.State, j.State) {
			c := u.wakeup(h.Batch)
			c.Dispatch, c.Numbers = true, append(c.Numbers, j.ID.Number)
		}
	}
	return j, nil
}

// moveJob keeps the batch in line with a job's change of state. It reports
// whether the batch's own state followed.
func (h *batchHeader) moveJob(from, to job.State, now time.Time) bool {
	h.Counts.Move(from, to)
	switch to {
	case job.Queued, job.Running, job.Succeeded:
		if h.StartTime.IsZero() {
			h.StartTime = now
		}
	}
	return h.Derive(now)
}

// requestedByUser reports whether a move is one that somebody asked for, rather than one
// that followed from what the platform said.
func requestedByUser(from, to job.State) bool {
	return to == job.Cancelling || from.Terminal() && to == job.Waiting || from == job.Waiting && to == job.Cancelled
}

// round cuts times down to the milliseconds in UTC that the table keeps, so that a value handed
// back after a write equals the one read later.
func round(times ...*time.Time) {
	for _, t := range times {
		if !t.IsZero() {
			*t = time.UnixMilli(t.UnixMilli()).UTC()
		}
	}
}
