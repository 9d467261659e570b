package job

import (
	"fmt"
	"time"
)

// Update is one change of a job. A transaction reads the job, applies facts by the methods of the
// update, and writes the result. The methods have no effect outside the update. A method whose fact
// is outdated changes nothing and returns nil; a Begin method returns [ErrConflict].
type Update struct {
	Job Job
	// Ended is the attempt that the update ended without success; nil if it ended none. The
	// transaction stores it beside the job.
	Ended *Attempt
	// Orphan is the id of an encoding that was never started and that no job needs any more;
	// empty if there is none. It has to be deleted at the platform.
	Orphan string
	// Reason is the reason of a change of state, for its event.
	Reason string

	from    State
	changed bool
	visible bool
	starts  int
}

// NewUpdate begins an update of j.
func NewUpdate(j Job) *Update { return &Update{Job: j, from: j.State} }

// Changed reports whether the update has to be written.
func (u *Update) Changed() bool { return u.changed || u.Orphan != "" }

// Visible reports whether a watch shows the change. Other changes do not wake watches.
func (u *Update) Visible() bool { return u.visible }

// From returns the state before the update.
func (u *Update) From() State { return u.from }

// Starts returns how many starts the update records, minus those that turned out not to have been
// made. It may be negative.
func (u *Update) Starts() int { return u.starts }

// markChanged notes a change that no watch shows.
func (u *Update) markChanged(now time.Time) {
	u.changed = true
	u.Job.UpdateTime = now
}

// markVisible notes a change that watches show.
func (u *Update) markVisible(now time.Time) {
	u.markChanged(now)
	u.visible = true
}

// moveTo moves the job to another state and ends its step. The error matches [ErrIllegalTransition] if
// the transition is not in the table.
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

// BeginCreate records the intent to create and configure an encoding. The error matches [ErrConflict]
// if the job is not WAITING or has an encoding.
func (u *Update) BeginCreate(now time.Time) error {
	j := &u.Job
	if j.State != Waiting || j.EncodingID != "" {
		return fmt.Errorf("job %s: create an encoding: %w: %s", j.ID, ErrConflict, j.State)
	}
	j.Step, j.StepTime = StepCreate, now
	u.markChanged(now)
	return nil
}

// Configured records that the encoding and its manifests are completely configured for the job. If the
// job does not need the encoding any more, the encoding becomes an orphan.
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

// CreateAbandoned records that configuring was given up for reasons that do not lie with the job.
// encoding becomes an orphan; it is empty if no encoding was created.
func (u *Update) CreateAbandoned(encoding string, now time.Time) error {
	if u.Job.Step == StepCreate {
		u.Job.Step, u.Job.StepTime = StepNone, time.Time{}
		u.markChanged(now)
	}
	u.Orphan = encoding
	return nil
}

// ConfigureRefused records that the platform refused the encoding of the job or a part of it. The
// refusal counts as a failed attempt although nothing was started: otherwise a job that can never be
// configured would not end. encoding becomes an orphan; it is empty if no encoding was created.
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

// BeginStart records the intent to start the encoding of the job, and opens the next attempt. The
// error matches [ErrConflict] if the job is not [Job.Prepared].
func (u *Update) BeginStart(now time.Time) error {
	j := &u.Job
	if !j.Prepared() {
		return fmt.Errorf("job %s: start: %w: %s", j.ID, ErrConflict, j.State)
	}
	return u.openStart("a place is free", now)
}

// openStart opens the next attempt and moves the job to STARTING.
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

// openAttempt counts the next attempt and clears progress and times of the previous one.
func (u *Update) openAttempt() {
	j := &u.Job
	j.Attempt++
	j.Progress = 0
	j.StartTime, j.QueuedTime, j.RunningTime = time.Time{}, time.Time{}, time.Time{}
}

// StartAccepted records that the platform accepted the start.
func (u *Update) StartAccepted(now time.Time) error {
	j := &u.Job
	if j.Step != StepStart {
		return nil // an observation was faster
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

// StartUnknown records that the start call ended without a usable answer. The settle time begins, and
// the job keeps its state until an observation shows whether the start was made.
func (u *Update) StartUnknown(now time.Time) error {
	if u.Job.Step == StepStart {
		u.Job.StepTime = now
		u.markChanged(now)
	}
	return nil
}

// StartNotMade records that the start was certainly not made, for a reason that does not lie with the
// job. The attempt does not count. The job waits again, or is CANCELLED if that was requested.
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

// StartRefused records that the platform refused to start the encoding of the job. The caller must
// have made sure that the encoding does not run.
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

// RestartRefused records that the platform refused the start because the encoding has run before. The
// attempt does not count, and the job is configured again, with a new encoding. The old encoding
// stays at the platform: the account has paid for its run.
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

// Renew drops the encoding of a WAITING job if it has run before, because the platform is known to
// refuse the start of such an encoding. The job is then configured with a new encoding.
func (u *Update) Renew(now time.Time) error {
	if u.Job.State == Waiting && u.Job.StaleMark != "" {
		u.dropEncoding()
		u.markVisible(now)
	}
	return nil
}

// failAttempt ends the current attempt with f. The job waits for the next attempt, or fails if the
// retry policy allows none. mark is the [Observation.Mark] of the run that failed; empty if the
// encoding did not run.
func (u *Update) failAttempt(f *Failure, mark string, r Rules, now time.Time) error {
	j := &u.Job
	f = u.keepFailure(f)
	j.Failures++
	u.endAttempt(Failed, f, now)
	moves := f.Hint == HintDifferentRegion && j.FallbackRegionIndex < r.FallbackRegionCount
	if moves {
		j.FallbackRegionIndex++
	}
	if !r.Retry.allows(f, j.Failures) {
		j.StaleMark = mark
		return u.moveTo(Failed, f.String(), now) // somebody may ask for a retry
	}
	idle := mark != "" && mark == j.StaleMark // the latest start did not lead to a new run
	j.StaleMark = mark
	switch {
	case moves:
		u.dropEncoding()
	case r.Template:
		u.dropEncoding() // each attempt has an encoding of its own
	case mark != "" && (r.FreshEncoding || idle):
		u.dropEncoding() // the platform would refuse to start it again
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

// keepFailure sets the failure of the job to f, shortened and with its cause, and returns it. Every failure
// of a job is set here, so that none has a text of unlimited length or no cause.
func (u *Update) keepFailure(f *Failure) *Failure {
	f = f.Shorten(MaxFailure)
	f.Cause = u.Job.CauseOf(f)
	u.Job.Failure = f
	return f
}

// dropEncoding takes the encoding from the job, so that the next attempt gets a new one.
func (u *Update) dropEncoding() {
	u.Job.EncodingID, u.Job.Manifests, u.Job.StaleMark = "", nil, ""
}

// endCancelled ends the current attempt and the job as CANCELLED. f is why the attempt failed
// meanwhile; nil if it did not fail.
func (u *Update) endCancelled(reason string, f *Failure, now time.Time) error {
	u.Job.Reason = Shorten(reason, MaxReason)
	if f != nil {
		f = u.keepFailure(f)
	}
	u.endAttempt(Cancelled, f, now)
	return u.moveTo(Cancelled, reason, now)
}

// endAttempt notes the current attempt in Ended.
func (u *Update) endAttempt(state State, f *Failure, now time.Time) {
	j := &u.Job
	u.Ended = &Attempt{
		Number: j.Attempt, EncodingID: j.EncodingID, State: state, Failure: f, FallbackRegionIndex: j.FallbackRegionIndex,
		StartTime: j.StartTime, QueuedTime: j.QueuedTime, RunningTime: j.RunningTime, FinishTime: now,
	}
}

// Cancel requests the end of the job. A WAITING job is CANCELLED at once; a started job is CANCELLING
// until the platform confirms the end. A job that is cancelled already keeps its reason. The error
// for a job that has SUCCEEDED or FAILED is a [*StateError].
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
		// A creation that is under way still has to report its encoding, which becomes an orphan.
		j.Step, j.StepTime = step, since
		return nil
	case Starting, Queued, Running:
		j.Reason = Shorten(reason, MaxReason)
		step, since := j.Step, j.StepTime
		if err := u.moveTo(Cancelling, reason, now); err != nil {
			return err
		}
		// The result of a start that is under way has to be known before the encoding can be stopped.
		j.Step, j.StepTime = step, since
		return nil
	}
	return &StateError{Resource: "job", ID: j.ID.String(), State: string(j.State), Problem: "it has ended and cannot be cancelled"}
}

// BeginStop records the intent to stop the encoding of the job. The error matches [ErrConflict] if the
// job is not CANCELLING, or if the result of its start is not known.
func (u *Update) BeginStop(now time.Time) error {
	j := &u.Job
	if j.State != Cancelling || j.Step == StepStart {
		return fmt.Errorf("job %s: stop: %w: %s", j.ID, ErrConflict, j.State)
	}
	j.Step, j.StepTime = StepStop, now
	u.markChanged(now)
	return nil
}

// Retry lets a FAILED or CANCELLED job be started again, with all of its retries. Attempts go on being
// numbered. The error for a job in any other state is a [*StateError].
func (u *Update) Retry(now time.Time) error {
	j := &u.Job
	if j.State != Failed && j.State != Cancelled {
		return &StateError{Resource: "job", ID: j.ID.String(), State: string(j.State), Problem: "only FAILED and CANCELLED jobs can be retried"}
	}
	// An encoding that ended in ERROR, or whose start was refused, can be started again, unless it is in the wrong region.
	reusable := j.State == Failed && j.Failure != nil && (j.Failure.Kind == FailedEncoding || j.Failure.Kind == FailedStart) && j.Failure.Hint != HintDifferentRegion
	if !reusable {
		u.dropEncoding()
	}
	j.Failures, j.NextAttemptTime, j.FinishTime = 0, time.Time{}, time.Time{}
	j.Reason = ""
	return u.moveTo(Waiting, "retry requested", now)
}
