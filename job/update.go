package job

import (
	"fmt"
	"time"
)

// Update is one change of a job: a transaction reads the job, applies facts to
// the update, and writes what came of it. Its methods are pure; a method that
// finds its fact out of date changes nothing and returns nil.
type Update struct {
	Job Job
	// Ended is an attempt that ended without success by this change. It is
	// kept beside the job, which goes on to its next attempt.
	Ended *Attempt
	// Orphan is an encoding that was never started and that no job needs any
	// more. It is to be deleted at the platform.
	Orphan string
	// Reason explains a change of state in its event.
	Reason string

	from    State
	changed bool
	visible bool
	starts  int
}

// NewUpdate starts an update of j.
func NewUpdate(j Job) *Update { return &Update{Job: j, from: j.State} }

// Changed reports whether anything has to be written.
func (u *Update) Changed() bool { return u.changed || u.Orphan != "" }

// Visible reports whether the change can be seen by watchers; what cannot is
// written without waking them.
func (u *Update) Visible() bool { return u.visible }

// From is the state before the update. It differs from the job's state if the
// update moved the job.
func (u *Update) From() State { return u.from }

// Starts is how many starts the update records, less those that it gives back.
func (u *Update) Starts() int { return u.starts }

// markChanged notes a change nobody but the dispatcher sees.
func (u *Update) markChanged(now time.Time) {
	u.changed = true
	u.Job.UpdateTime = now
}

// markVisible notes a change that watchers see.
func (u *Update) markVisible(now time.Time) {
	u.markChanged(now)
	u.visible = true
}

// moveTo moves the job along the transition table.
func (u *Update) moveTo(next State, reason string, now time.Time) error {
	if err := u.Job.State.To(next); err != nil {
		return fmt.Errorf("job %s: %w", u.Job.ID, err)
	}
	u.Job.State, u.Reason = next, Shorten(reason, MaxReason)
	u.Job.Step, u.Job.StepTime = StepNone, time.Time{}
	if next.Terminal() {
		u.Job.FinishTime = now
	}
	if !next.OnPlatform() {
		u.Job.PlatformStatus, u.Job.PlatformStatusTime = "", time.Time{}
	}
	u.markVisible(now)
	return nil
}

// BeginCreate records the intent to create and configure an encoding.
func (u *Update) BeginCreate(now time.Time) error {
	j := &u.Job
	if j.State != Waiting || j.EncodingID != "" {
		return fmt.Errorf("job %s: create an encoding: %w: %s", j.ID, ErrConflict, j.State)
	}
	j.Step, j.StepTime = StepCreate, now
	u.markChanged(now)
	return nil
}

// Configured records that encoding, and the manifests over it, are completely
// configured for the job. If the job does not need them any more the encoding
// becomes an orphan.
func (u *Update) Configured(encoding string, manifests []ManifestRef, now time.Time) error {
	j := &u.Job
	if j.Step == StepCreate {
		j.Step, j.StepTime = StepNone, time.Time{}
		u.markChanged(now)
	}
	if j.State != Waiting || j.EncodingID != "" {
		u.Orphan = encoding
		return nil
	}
	j.EncodingID, j.Manifests, j.StaleMark = encoding, manifests, ""
	u.markVisible(now)
	return nil
}

// CreateAbandoned records that configuring did not come to its end for reasons
// that are not the job's. What was created of it, if anything, becomes an orphan.
func (u *Update) CreateAbandoned(encoding string, now time.Time) error {
	if u.Job.Step == StepCreate {
		u.Job.Step, u.Job.StepTime = StepNone, time.Time{}
		u.markChanged(now)
	}
	u.Orphan = encoding
	return nil
}

// ConfigureRefused records that the platform refused the job's encoding, or a
// part of it. It uses an attempt although nothing was started, so that a job that
// can never be configured comes to its end.
func (u *Update) ConfigureRefused(encoding string, f Failure, r Rules, now time.Time) error {
	if err := u.CreateAbandoned(encoding, now); err != nil {
		return err
	}
	if u.Job.State != Waiting {
		return nil
	}
	f.Kind = FailedConfigure
	u.openAttempt()
	return u.failAttempt(&f, "", r, now)
}

// BeginStart records the intent to start the job's encoding and opens the next attempt.
func (u *Update) BeginStart(now time.Time) error {
	j := &u.Job
	if !j.Prepared() {
		return fmt.Errorf("job %s: start: %w: %s", j.ID, ErrConflict, j.State)
	}
	return u.openStart("a slot is free", now)
}

// openStart opens the next attempt, the start of which is not answered yet.
func (u *Update) openStart(reason string, now time.Time) error {
	u.openAttempt()
	if err := u.moveTo(Starting, reason, now); err != nil {
		return err
	}
	j := &u.Job
	j.Step, j.StepTime = StepStart, now
	j.NextAttemptTime, j.Reason = time.Time{}, ""
	u.starts++
	return nil
}

// openAttempt makes room for the facts of the next attempt.
func (u *Update) openAttempt() {
	j := &u.Job
	j.Attempt++
	j.Progress = 0
	j.StartTime, j.QueuedTime, j.RunningTime = time.Time{}, time.Time{}, time.Time{}
}

// StartAccepted records that the platform took the start.
func (u *Update) StartAccepted(now time.Time) error {
	j := &u.Job
	if j.Step != StepStart {
		return nil // a look at the platform was faster
	}
	if j.EncodingID == "" {
		return fmt.Errorf("job %s: start accepted: %w: no encoding", j.ID, ErrConflict)
	}
	j.StartTime = now
	if j.State == Cancelling {
		j.Step, j.StepTime = StepNone, time.Time{}
		u.markChanged(now)
		return nil
	}
	return u.moveTo(Queued, "start accepted", now)
}

// StartUnknown records that the start call ended without an answer that can be
// trusted. The job stays where it is until the platform has been asked.
func (u *Update) StartUnknown(now time.Time) error {
	if u.Job.Step == StepStart {
		u.Job.StepTime = now
		u.markChanged(now)
	}
	return nil
}

// StartNotMade records that the start demonstrably did not happen and that it
// was not the job's fault. The attempt is given back.
func (u *Update) StartNotMade(reason string, now time.Time) error {
	j := &u.Job
	if j.Step != StepStart {
		return nil
	}
	j.Attempt--
	u.starts--
	if j.State == Cancelling {
		if j.StaleMark == "" {
			u.Orphan = j.EncodingID
			u.dropEncoding()
		}
		return u.moveTo(Cancelled, j.Reason, now)
	}
	j.Reason = Shorten(reason, MaxReason)
	return u.moveTo(Waiting, reason, now)
}

// StartRefused records that the platform refused to start this very job. The
// caller has looked at the encoding: it is not under way.
func (u *Update) StartRefused(f Failure, r Rules, now time.Time) error {
	j := &u.Job
	if j.Step != StepStart {
		return nil
	}
	if f.Kind == "" {
		f.Kind = FailedStart
	}
	if j.State == Cancelling {
		if j.StaleMark == "" {
			u.Orphan = j.EncodingID
		}
		return u.endCancelled(j.Reason, &f, now)
	}
	return u.failAttempt(&f, j.StaleMark, r, now)
}

// RestartRefused records that the platform does not start an encoding again that has run
// before, whatever became of that run. That is no fault of the job: the attempt is
// given back, and the job is configured anew. The encoding is kept at the platform: it is
// part of what the account has paid for.
func (u *Update) RestartRefused(reason string, now time.Time) error {
	j := &u.Job
	if j.Step != StepStart || j.StaleMark == "" {
		return nil
	}
	if j.State != Cancelling {
		defer u.dropEncoding()
	}
	return u.StartNotMade(reason, now)
}

// Renew lets go of an encoding that has run before, because the platform is known not to
// start such a one again. The job waits to be configured anew.
func (u *Update) Renew(now time.Time) error {
	if u.Job.State == Waiting && u.Job.StaleMark != "" {
		u.dropEncoding()
		u.markVisible(now)
	}
	return nil
}

// failAttempt ends the current attempt with f and sends the job back to wait for the
// next one, or gives it up.
func (u *Update) failAttempt(f *Failure, mark string, r Rules, now time.Time) error {
	j := &u.Job
	f = u.keepFailure(f)
	j.Failures++
	u.endAttempt(Failed, f, now)
	if !r.Retry.allows(f, j.Failures) {
		j.StaleMark = mark
		return u.moveTo(Failed, f.String(), now)
	}
	idle := mark != "" && mark == j.StaleMark // the latest start has brought about no other run
	j.StaleMark = mark
	switch {
	case f.Hint == HintDifferentRegion && j.FallbackRegionIndex < r.FallbackRegionCount:
		j.FallbackRegionIndex++
		u.dropEncoding()
	case r.Template:
		u.dropEncoding() // each attempt has an encoding of its own
	case mark != "" && (r.FreshEncoding || idle):
		u.dropEncoding() // the platform does not start it again
	case f.Kind == FailedTransfer || f.Kind == FailedGone:
		u.dropEncoding() // such an encoding cannot be started again
	}
	j.NextAttemptTime = now.Add(r.Retry.Backoff(j.Failures, r.Jitter))
	j.Reason = Shorten(f.String(), MaxReason)
	if j.State == Waiting {
		u.Reason = j.Reason
		u.markVisible(now)
		return nil
	}
	return u.moveTo(Waiting, j.Reason, now)
}

// keepFailure makes f the failure of the job, and returns what is kept of it: this is the one
// place where a failure, which is as long as the platform likes, becomes part of a job.
func (u *Update) keepFailure(f *Failure) *Failure {
	u.Job.Failure = f.Shorten(MaxFailure)
	return u.Job.Failure
}

// dropEncoding lets the job's encoding go: the next attempt gets a new one.
func (u *Update) dropEncoding() {
	u.Job.EncodingID, u.Job.Manifests, u.Job.StaleMark = "", nil, ""
}

// endCancelled ends the job because it no longer runs and should not.
func (u *Update) endCancelled(reason string, f *Failure, now time.Time) error {
	u.Job.Reason = Shorten(reason, MaxReason)
	if f != nil {
		f = u.keepFailure(f)
	}
	u.endAttempt(Cancelled, f, now)
	return u.moveTo(Cancelled, reason, now)
}

func (u *Update) endAttempt(state State, f *Failure, now time.Time) {
	j := &u.Job
	u.Ended = &Attempt{
		Number: j.Attempt, EncodingID: j.EncodingID, State: state, Failure: f,
		StartTime: j.StartTime, QueuedTime: j.QueuedTime, RunningTime: j.RunningTime, FinishTime: now,
	}
}

// Cancel asks for the job's end. A job that was never put on the platform's
// queue is cancelled at once; any other once the platform confirms it.
func (u *Update) Cancel(reason string, now time.Time) error {
	j := &u.Job
	switch j.State {
	case Cancelling, Cancelled:
		return nil
	case Waiting:
		if j.EncodingID != "" && j.StaleMark == "" {
			u.Orphan = j.EncodingID
			u.dropEncoding()
		}
		j.Reason, j.NextAttemptTime = Shorten(reason, MaxReason), time.Time{}
		step, since := j.Step, j.StepTime
		if err := u.moveTo(Cancelled, reason, now); err != nil {
			return err
		}
		// An encoding that is being created right now is still to be heard of.
		j.Step, j.StepTime = step, since
		return nil
	case Starting, Queued, Running:
		j.Reason = Shorten(reason, MaxReason)
		step, since := j.Step, j.StepTime
		if err := u.moveTo(Cancelling, reason, now); err != nil {
			return err
		}
		// A start under way is still to be resolved before anything can be stopped.
		j.Step, j.StepTime = step, since
		return nil
	}
	return &StateError{Resource: "job", ID: j.ID.String(), State: string(j.State), Problem: "it has ended and cannot be cancelled"}
}

// BeginStop records the intent to stop the job's encoding.
func (u *Update) BeginStop(now time.Time) error {
	j := &u.Job
	if j.State != Cancelling || j.Step == StepStart {
		return fmt.Errorf("job %s: stop: %w: %s", j.ID, ErrConflict, j.State)
	}
	j.Step, j.StepTime = StepStop, now
	u.markChanged(now)
	return nil
}

// Retry gives a job that failed or was cancelled another chance, with all of
// its retries. Earlier attempts are kept.
func (u *Update) Retry(now time.Time) error {
	j := &u.Job
	if j.State != Failed && j.State != Cancelled {
		return &StateError{Resource: "job", ID: j.ID.String(), State: string(j.State), Problem: "only FAILED and CANCELLED jobs can be retried"}
	}
	// An encoding that ended in ERROR, or refused its start, can be started again as it is.
	reusable := j.State == Failed && j.Failure != nil && (j.Failure.Kind == FailedEncoding || j.Failure.Kind == FailedStart)
	if !reusable {
		u.dropEncoding()
	}
	j.Failures, j.NextAttemptTime, j.FinishTime = 0, time.Time{}, time.Time{}
	j.Reason = ""
	return u.moveTo(Waiting, "retry asked", now)
}
