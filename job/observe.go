package job

import (
	"cmp"
	"strconv"
	"time"
)

// Remote is the status of an encoding as the platform names it.
type Remote string

// The statuses of an encoding at the platform.
const (
	RemoteCreated       Remote = "CREATED"
	RemoteQueued        Remote = "QUEUED"
	RemoteRunning       Remote = "RUNNING"
	RemoteFinished      Remote = "FINISHED"
	RemoteError         Remote = "ERROR"
	RemoteCanceled      Remote = "CANCELED"
	RemoteTransferError Remote = "TRANSFER_ERROR"
	// RemoteGone stands for a 404: the encoding does not exist any more.
	RemoteGone Remote = "GONE"
)

// known reports whether r is one of the constants.
func (r Remote) known() bool {
	switch r {
	case RemoteCreated, RemoteQueued, RemoteRunning, RemoteFinished, RemoteError, RemoteCanceled, RemoteTransferError, RemoteGone:
		return true
	}
	return false
}

// Observation is what one look at an encoding showed.
type Observation struct {
	EncodingID string // the encoding looked at; one the job no longer uses is ignored
	Status     Remote
	// Unknown is the platform's word for a status that nobody knows. Nothing follows
	// from it but that the encoding exists, and Status means nothing then.
	Unknown    string
	Progress   int // percent
	QueuedAt   time.Time
	RunningAt  time.Time
	FinishedAt time.Time
	// Failure is the platform's error object for ERROR and TRANSFER_ERROR; nil
	// when there was none, which makes an ERROR permanent.
	Failure *Failure
	// Messages are the platform's error messages.
	Messages []string
}

// Mark identifies the run that o speaks of. The platform's answers carry no
// attempt number: only their timestamps tell one run of an encoding from the next.
// It is empty if the platform gave none, and then nothing can be told apart.
func (o Observation) Mark() string {
	if o.QueuedAt.IsZero() && o.FinishedAt.IsZero() {
		return ""
	}
	return strconv.FormatInt(unixMilli(o.QueuedAt), 36) + "." + strconv.FormatInt(unixMilli(o.FinishedAt), 36)
}

// unknownRunMark is the mark of a run of which the platform gave no times. No observation
// carries it; it says no more than that the encoding has run.
const unknownRunMark = "-"

// Ran reports whether o, seen after the job's latest start was refused, speaks of a run
// that ended before: what ran before, and did not run since, cannot be started again.
func (j *Job) Ran(o Observation) bool {
	if j.StaleMark == "" {
		return false
	}
	return j.Stale(o) || o.Status == RemoteCreated || o.Status == RemoteError && o.Mark() == ""
}

// Stale reports whether o speaks of the run that ended before the job's latest start. An
// observation without timestamps never does: it cannot be told.
func (j *Job) Stale(o Observation) bool { return j.StaleMark != "" && o.Mark() == j.StaleMark }

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Rules are the parts of a batch's settings that decide what a fact does to a job.
type Rules struct {
	Retry RetryPolicy
	// FallbackRegionCount is how many regions the recipe names to fall back to.
	FallbackRegionCount int
	// Template says that the batch has an encoding template, so that each attempt
	// has an encoding of its own.
	Template bool
	// FreshEncoding says that the platform does not start an encoding again that has run
	// before, so that each attempt after a run needs a new one.
	FreshEncoding bool
	// Settle is how long an encoding must be seen not started after a start
	// whose answer was lost, before it counts as not started: the platform
	// may still act on a call after its gateway gave up on it.
	Settle time.Duration
	// Jitter in [0, 1) spreads back-offs.
	Jitter float64
}

// staleEndLimit is how long the end of an earlier run is believed to be stale
// after a new start was accepted. Without a limit a platform that loses an
// accepted start would leave the job waiting for ever.
const staleEndLimit = 10 * time.Minute

// Observe applies what a look at the job's encoding showed. Late, repeated and
// out-of-order observations change nothing. A status that nobody knows is kept, and is no
// evidence: not of a start, nor of its absence, nor of an end.
func (u *Update) Observe(o Observation, r Rules, now time.Time) error {
	j := &u.Job
	if !j.State.OnPlatform() || j.EncodingID == "" || o.EncodingID != j.EncodingID {
		return nil
	}
	if o.Unknown == "" && !o.Status.known() {
		o.Unknown = cmp.Or(string(o.Status), "(none)")
	}
	if o.Unknown != "" {
		return u.observeUnknown(o, r, now)
	}
	u.clearUnknownStatus(now)
	if r.Template && j.Step == StepStart && o.Status == RemoteCreated {
		return u.StartAccepted(now) // there would be no encoding if it were not
	}
	stale := j.Stale(o)
	if j.Step == StepStart && (stale || o.Status == RemoteCreated) {
		if now.Sub(j.StepTime) < r.Settle {
			return nil
		}
		return u.StartNotMade("the start was not accepted", now)
	}
	if stale && now.Sub(j.StartTime) < staleEndLimit {
		return nil
	}
	switch o.Status {
	case RemoteCreated:
		return u.observeCreated(r, now)
	case RemoteQueued:
		return u.observeQueued(o, now)
	case RemoteRunning:
		return u.observeRunning(o, now)
	case RemoteFinished:
		u.recordTimes(o, now)
		j.Progress, j.Failure = 100, nil
		return u.moveTo(Succeeded, "finished", now)
	case RemoteError, RemoteTransferError, RemoteGone:
		u.recordTimes(o, now)
		if j.State == Cancelling {
			return u.endCancelled(j.Reason, o.completeFailure(now), now)
		}
		return u.failAttempt(o.completeFailure(now), cmp.Or(o.Mark(), unknownRunMark), r, now)
	case RemoteCanceled:
		u.recordTimes(o, now)
		if j.State == Cancelling {
			return u.endCancelled(j.Reason, nil, now)
		}
		return u.endCancelled("cancelled at the platform by somebody else", nil, now)
	}
	return nil
}

// Adopt takes over an encoding that carries the job's name and was started without
// the job table knowing: the table is older than the platform, because it was restored
// from a backup. A job that waits goes on with it, as with a start whose answer is
// not known, instead of being paid for again. Any other job is left alone.
func (u *Update) Adopt(o Observation, now time.Time) error {
	j := &u.Job
	if j.State != Waiting || o.Unknown == "" && (o.Status == RemoteCreated || o.Status == RemoteGone) {
		return nil
	}
	if o.EncodingID == j.EncodingID && j.Stale(o) {
		return nil // the run that the table knows of
	}
	if j.EncodingID != "" && j.EncodingID != o.EncodingID && j.StaleMark == "" {
		u.Orphan = j.EncodingID
	}
	if j.EncodingID != o.EncodingID {
		j.Manifests = nil
	}
	j.EncodingID, j.StaleMark = o.EncodingID, ""
	if o.Unknown == "" {
		return u.openStart("found started at the platform", now)
	}
	if err := u.openStart("found at the platform with a status that is not known", now); err != nil {
		return err
	}
	u.keepUnknownStatus(o, now)
	return nil
}

// observeUnknown handles a status that nobody knows. The job stays where it is, except that the
// mere existence of a template's encoding tells of an accepted start, and that a cancelled job
// whose start must have arrived by now can be stopped.
func (u *Update) observeUnknown(o Observation, r Rules, now time.Time) error {
	j := &u.Job
	switch {
	case j.Step != StepStart:
	case r.Template:
		if err := u.StartAccepted(now); err != nil {
			return err
		}
	case j.State == Cancelling && now.Sub(j.StepTime) >= r.Settle:
		j.Step, j.StepTime = StepNone, time.Time{}
		u.markChanged(now)
	}
	u.keepUnknownStatus(o, now)
	return nil
}

// keepUnknownStatus keeps the platform's word for a status that nobody knows.
func (u *Update) keepUnknownStatus(o Observation, now time.Time) {
	if u.Job.PlatformStatus == o.Unknown {
		return
	}
	u.Job.PlatformStatus, u.Job.PlatformStatusTime = o.Unknown, now
	u.markVisible(now)
}

// clearUnknownStatus forgets such a word.
func (u *Update) clearUnknownStatus(now time.Time) {
	if u.Job.PlatformStatus != "" {
		u.Job.PlatformStatus, u.Job.PlatformStatusTime = "", time.Time{}
		u.markVisible(now)
	}
}

// completeFailure completes the platform's error object, or explains its absence.
func (o Observation) completeFailure(now time.Time) *Failure {
	f := Failure{Time: now}
	if o.Failure != nil {
		f = *o.Failure
	}
	f.Messages = o.Messages
	switch o.Status {
	case RemoteTransferError:
		f.Kind = FailedTransfer
		if f.Text == "" {
			f.Text = "the encoding finished, but its output could not be transferred"
		}
	case RemoteGone:
		f.Kind, f.Text = FailedGone, "the encoding no longer exists at the platform"
	default:
		f.Kind = FailedEncoding
		if o.Failure == nil || o.Failure.Hint == HintNoRetry {
			f.Permanent = true
		}
		if f.Text == "" && len(f.Messages) == 0 {
			f.Text = "the platform reported ERROR and gave no reason"
		}
	}
	if !o.FinishedAt.IsZero() {
		f.Time = o.FinishedAt
	}
	return &f
}

// observeCreated handles an accepted start of which the platform knows nothing.
// Right after the start that is only a slow list; later it is a lost start.
func (u *Update) observeCreated(r Rules, now time.Time) error {
	j := &u.Job
	if now.Sub(j.StartTime) < staleEndLimit {
		return nil
	}
	if j.State != Cancelling && (j.State == Running || !j.QueuedTime.IsZero()) {
		return nil // out of date: this run has left CREATED
	}
	f := Failure{Kind: FailedStart, Text: "the platform accepted the start, but the encoding never left CREATED", Time: now}
	if r.Template {
		u.Orphan = j.EncodingID // nobody will start it, except the platform after all
	}
	if j.State == Cancelling {
		return u.endCancelled(j.Reason, &f, now)
	}
	return u.failAttempt(&f, "", r, now)
}

func (u *Update) observeQueued(o Observation, now time.Time) error {
	j := &u.Job
	switch {
	case j.State == Starting:
		u.recordTimes(o, now)
		return u.moveTo(Queued, "start accepted", now)
	case j.State == Cancelling && j.Step == StepStart:
		u.recordTimes(o, now)
		j.Step, j.StepTime = StepNone, time.Time{}
		u.markChanged(now)
	}
	return nil
}

func (u *Update) observeRunning(o Observation, now time.Time) error {
	j := &u.Job
	switch j.State {
	case Starting, Queued:
		u.recordTimes(o, now)
		j.Progress = min(max(j.Progress, o.Progress), 100)
		return u.moveTo(Running, "an encoder took it", now)
	case Cancelling:
		if j.Step == StepStart {
			u.recordTimes(o, now)
			j.Step, j.StepTime = StepNone, time.Time{}
			u.markChanged(now)
		}
	}
	if progress := min(o.Progress, 100); progress > j.Progress {
		j.Progress = progress
		u.markVisible(now)
	}
	return nil
}

// recordTimes records that the platform has accepted the current attempt and when it
// was queued and taken by an encoder.
func (u *Update) recordTimes(o Observation, now time.Time) {
	j := &u.Job
	if j.StartTime.IsZero() {
		j.StartTime = now
	}
	if !o.QueuedAt.IsZero() {
		j.QueuedTime = o.QueuedAt
	}
	if !o.RunningAt.IsZero() {
		j.RunningTime = o.RunningAt
	}
}
