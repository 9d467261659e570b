package job

import (
	"cmp"
	"strconv"
	"time"
)

// Remote is the status of an encoding, as the platform spells it.
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
	// RemoteGone is the status of an encoding that does not exist: the platform answers 404.
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

// Observation is the status of an encoding as it was read at the platform.
type Observation struct {
	EncodingID string // a job ignores observations of any encoding but its own
	Status     Remote
	// Unknown is a status that this service does not know, as the platform spells it; empty if it
	// knows the status. An unknown status only says that the encoding exists. Status has no
	// meaning then.
	Unknown    string
	Progress   int // percent
	QueuedAt   time.Time
	RunningAt  time.Time
	FinishedAt time.Time
	// Failure is the platform's error object for ERROR and TRANSFER_ERROR; nil if the platform
	// sent none. An ERROR without a Failure is permanent.
	Failure *Failure
	// Messages are the platform's error messages.
	Messages []string
}

// Mark identifies the run of the encoding that o is about, by the timestamps of the run: the platform
// does not number runs. Mark is empty without timestamps.
func (o Observation) Mark() string {
	if o.QueuedAt.IsZero() && o.FinishedAt.IsZero() {
		return ""
	}
	return strconv.FormatInt(unixMilli(o.QueuedAt), 36) + "." + strconv.FormatInt(unixMilli(o.FinishedAt), 36)
}

// unknownRunMark is the [Job.StaleMark] after a run without timestamps. No observation has this mark:
// it only says that the encoding has run.
const unknownRunMark = "-"

// Ran reports whether o, observed after the latest start of the job was refused, shows that the
// encoding ran before that start and not since. Such an encoding cannot be started again.
func (j *Job) Ran(o Observation) bool {
	if j.StaleMark == "" {
		return false
	}
	return j.Stale(o) || o.Status == RemoteCreated || o.Status == RemoteError && o.Mark() == ""
}

// Stale reports whether o is about the run that ended before the latest start of the job. An
// observation without timestamps is not stale.
func (j *Job) Stale(o Observation) bool { return j.StaleMark != "" && o.Mark() == j.StaleMark }

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Rules are the settings of a batch that decide what a fact does to a job.
type Rules struct {
	Retry RetryPolicy
	// FallbackRegionCount is how many fallback regions the recipe or template has.
	FallbackRegionCount int
	// Template says that the batch has an encoding template. Each attempt then has an encoding
	// of its own.
	Template bool
	// FreshEncoding says that the platform refuses to start an encoding that has run before. Each
	// attempt after a run then needs a new encoding.
	FreshEncoding bool
	// Settle is the settle time. A start without an answer counts as not made if its encoding has
	// not started after this time. Until then the platform may still act on the call, even if a
	// gateway has given up on it.
	Settle time.Duration
	// Jitter in [0, 1) spreads back-offs; see [RetryPolicy.Backoff].
	Jitter float64
}

// staleEndLimit is how long after an accepted start an observation that does not show the start, the
// end of an earlier run or CREATED, counts as outdated. After that, the platform has lost the start.
// Without the limit, the job would wait for ever.
const staleEndLimit = 10 * time.Minute

// Observe applies an observation of the job's encoding. Late, repeated and out-of-order observations
// change nothing. An unknown status is kept with the job, and does not end the job.
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
		return u.StartAccepted(now) // an encoding of a template exists only after an accepted start
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

// Adopt gives a WAITING job the encoding that has its name at the platform and was started although
// the job table, restored from a backup, has no record of the start. The job goes on as after a
// start without an answer, and is not encoded and paid again. A job in any other state does not
// change.
func (u *Update) Adopt(o Observation, now time.Time) error {
	j := &u.Job
	if j.State != Waiting || o.Unknown == "" && (o.Status == RemoteCreated || o.Status == RemoteGone) {
		return nil
	}
	if o.EncodingID == j.EncodingID && j.Stale(o) {
		return nil // the job table has a record of this run
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

// observeUnknown applies an unknown status. The job keeps its state, with one exception: the encoding
// of a template exists only after an accepted start. A CANCELLING job may be stopped after the settle
// time.
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

// keepUnknownStatus keeps an unknown status with the job.
func (u *Update) keepUnknownStatus(o Observation, now time.Time) {
	if u.Job.PlatformStatus == o.Unknown {
		return
	}
	u.Job.PlatformStatus, u.Job.PlatformStatusTime = o.Unknown, now
	u.markVisible(now)
}

// clearUnknownStatus removes an unknown status from the job.
func (u *Update) clearUnknownStatus(now time.Time) {
	if u.Job.PlatformStatus != "" {
		u.Job.PlatformStatus, u.Job.PlatformStatusTime = "", time.Time{}
		u.markVisible(now)
	}
}

// completeFailure returns the platform's error object, or an empty failure if there is none, with
// messages, kind, time and, where the platform gives no reason, a text.
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

// observeCreated applies CREATED although the start was accepted. Up to staleEndLimit after the start,
// the observation counts as outdated. Then the platform has lost the start, and the attempt ends. After the encoding
// was seen to have left CREATED, it counts as outdated up to staleEndLimit after a stop, and for ever without one.
func (u *Update) observeCreated(r Rules, now time.Time) error {
	j := &u.Job
	if now.Sub(j.StartTime) < staleEndLimit {
		return nil
	}
	stopped := j.Step == StepStop && now.Sub(j.StepTime) >= staleEndLimit
	if (j.State == Running || !j.QueuedTime.IsZero() || !j.RunningTime.IsZero()) && !stopped {
		return nil // outdated: this run has left CREATED
	}
	f := Failure{Kind: FailedStart, Text: "the platform accepted the start, but the encoding never left CREATED", Time: now}
	if r.Template {
		u.Orphan = j.EncodingID // only the platform could still start it
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

// recordTimes records that the platform accepted the current attempt, and when the encoding was
// queued and was taken by an encoder, if the observation has these times.
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
