package store

import (
	"context"
	"fmt"
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
	return write(ctx, s, "update job", func(t *tx) (job.Job, error) {
		h, err := t.head(id.Batch)
		if err != nil {
			return job.Job{}, err
		}
		before, err := t.job(h, id)
		if err != nil {
			return job.Job{}, err
		}
		u := job.NewUpdate(before)
		if err := f(u); err != nil {
			return job.Job{}, err
		}
		if !u.Changed() {
			return before, nil
		}
		return t.apply(h, before, u, now)
	})
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
	return write(ctx, s, "update jobs", func(t *tx) (int64, error) {
		h, err := t.head(filter.BatchID)
		if err != nil {
			return 0, err
		}
		jobs, err := readJobs(t.ctx, t, filter)
		if err != nil {
			return 0, err
		}
		return t.applyAll(h, jobs, now, f)
	})
}

// applyAll has f change jobs of one batch, writes what came of it, and returns how many
// changed. Nothing is written before f has accepted all of them.
func (t *tx) applyAll(h *head, jobs []job.Job, now time.Time, f func(*job.Update) error) (changed int64, err error) {
	updates := make([]*job.Update, len(jobs))
	for i, j := range jobs {
		updates[i] = job.NewUpdate(j)
		if err := f(updates[i]); err != nil {
			return 0, err
		}
	}
	for i, u := range updates {
		if !u.Changed() {
			continue
		}
		if _, err := t.apply(h, jobs[i], u, now); err != nil {
			return 0, err
		}
		changed++
	}
	return changed, nil
}

// job reads a job whose batch is known.
func (t *tx) job(h *head, id job.ID) (job.Job, error) {
	const query = `SELECT ` + jobColumns + ` FROM jobs AS j JOIN (SELECT $3 AS id) AS b WHERE j.batch = $1 AND j.number = $2`
	j, err := one(t.ctx, t, scanJob, query, h.Seq, id.Number, id.Batch)
	if err != nil {
		return job.Job{}, fmt.Errorf("job %s: %w", id, err)
	}
	return j, nil
}

// apply writes what an update came to.
func (t *tx) apply(h *head, before job.Job, u *job.Update, now time.Time) (job.Job, error) {
	j := u.Job
	j.Version = before.Version + 1
	if u.Visible() {
		h.Revision++
		h.UpdateTime, h.changed = now, true
		j.Revision = h.Revision
	}
	round(&j.PlatformStatusTime, &j.StepTime, &j.NextAttemptTime, &j.UpdateTime, &j.StartTime, &j.QueuedTime, &j.RunningTime, &j.FinishTime)
	if err := t.writeJob(h, before, j); err != nil {
		return job.Job{}, err
	}
	if u.Ended != nil {
		if err := t.writeAttempt(h, j.ID, u.Ended); err != nil {
			return job.Job{}, err
		}
	}
	if n := u.Starts(); n != 0 {
		if err := t.countStarts(h.AccountID, n, now); err != nil {
			return job.Job{}, err
		}
	}
	if u.Orphan != "" {
		if err := t.addOrphan(job.Orphan{AccountID: h.AccountID, EncodingID: u.Orphan, CreateTime: now}); err != nil {
			return job.Job{}, err
		}
	}
	if j.State != before.State {
		if err := t.writeEvent(h, before, j, u.Reason, now); err != nil {
			return job.Job{}, err
		}
		followed := h.moved(before.State, j.State, now)
		if followed || asked(before.State, j.State) {
			t.bell(h).Dispatch = true
		}
	}
	if u.Visible() {
		t.bell(h)
	}
	return j, nil
}

// moved keeps the batch in line with a job's change of state. It reports
// whether the batch's own state followed.
func (h *head) moved(from, to job.State, now time.Time) bool {
	h.Counts.Move(from, to)
	switch to {
	case job.Queued, job.Running, job.Succeeded:
		if h.StartTime.IsZero() {
			h.StartTime = now
		}
	}
	return h.Derive(now)
}

func (t *tx) writeJob(h *head, before, j job.Job) error {
	const update = `
UPDATE jobs
   SET state = $5, version = $6, revision = $7, step = $8, step_time = $9, attempt = $10, failures = $11, encoding_id = $12,
       regions = $13, stale_mark = $14, progress = $15, next_attempt_time = $16, update_time = $17, start_time = $18,
       queued_time = $19, running_time = $20, finish_time = $21, failure = $22, reason = $23, manifests = $24,
       platform_status = $25, platform_status_time = $26
 WHERE batch = $1 AND number = $2 AND state = $3 AND version = $4`
	n, err := t.exec(update, h.Seq, j.ID.Number, string(before.State), before.Version,
		string(j.State), j.Version, j.Revision, string(j.Step), ms(j.StepTime), j.Attempt, j.Failures, j.EncodingID,
		j.FallbackRegionIndex, j.StaleMark, j.Progress, ms(j.NextAttemptTime), ms(j.UpdateTime), ms(j.StartTime),
		ms(j.QueuedTime), ms(j.RunningTime), ms(j.FinishTime), encodeNullable(j.Failure), j.Reason, encodeSlice(j.Manifests),
		j.PlatformStatus, ms(j.PlatformStatusTime))
	if err != nil {
		return err
	}
	if n == 0 {
		return t.fault(fmt.Errorf("job %s: %w", j.ID, job.ErrConflict))
	}
	if was, is := isReady(&before), isReady(&j); was && !is {
		t.countReady(h.Seq, j.ID.Number, -1)
	} else if is && !was {
		t.countReady(h.Seq, j.ID.Number, 1)
	}
	return nil
}

func (t *tx) writeEvent(h *head, before, j job.Job, reason string, now time.Time) error {
	const insert = `
INSERT INTO events (batch, number, version, time, from_state, to_state, attempt, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	_, err := t.exec(insert, h.Seq, j.ID.Number, j.Version, ms(now), string(before.State), string(j.State), j.Attempt, reason)
	return err
}

func (t *tx) writeAttempt(h *head, id job.ID, a *job.Attempt) error {
	// An attempt that was given back and opened again has the same number.
	const insert = `
INSERT OR REPLACE INTO attempts (batch, number, attempt, encoding_id, state, start_time, queued_time, running_time, finish_time, failure)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	_, err := t.exec(insert, h.Seq, id.Number, a.Number, a.EncodingID, string(a.State),
		ms(a.StartTime), ms(a.QueuedTime), ms(a.RunningTime), ms(a.FinishTime), encodeNullable(a.Failure))
	return err
}

// asked reports whether a move is one that somebody asked for, rather than one
// that followed from what the platform said.
func asked(from, to job.State) bool {
	return to == job.Cancelling || from.Terminal() && to == job.Waiting || from == job.Waiting && to == job.Cancelled
}
