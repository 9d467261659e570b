package dispatcher

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// Nothing that fails is repeated without a pause, however often and for whatever reason it
// fails. The pauses double up to a bound:
//
//	what                                          pause          then
//	a call for one job without an answer          0.5 to 30 s    goes on; the breaker opens if the platform is out
//	a look, or a stop, that is refused            0.5 to 30 s    goes on: the encoding may be running
//	a stop that brings nothing about              30 s to 16 min goes on
//	an encoding that cannot be configured because
//	what its batch shares vanishes again          4 s to 5 min   after five times each uses an attempt
//	the same, without an answer                   4 s to 2 min   goes on
//	a storage that is refused                     4 to 30 s      goes on, for all batches together
//	deleting what nobody needs, refused           4 s to 1 h     goes on: it costs nothing
//	counting, listing, sweeping                   1 s to 1 min   goes on
//	walking the whole list                        10 s, or as
//	                                              long as it took goes on while something is missing
const (
	maxJobPause    = 30 * time.Second
	maxSharedPause = 5 * time.Minute
	maxDeletePause = time.Hour
	maxTaskPause   = time.Minute
)

// sharedFailuresTolerated is how often in a row the jobs of a batch may find what they share vanished
// before that counts as their failure.
const sharedFailuresTolerated = 5

// failuresToReport is how many refusals in a row people are told of.
const failuresToReport = 3

// growingPause is a pause that doubles with each failure from the first on, up to a limit.
func growingPause(first time.Duration, failures int, limit time.Duration) time.Duration {
	return min(first<<min(max(failures-1, 0), 20), limit)
}

// jobPause is how long to leave a job alone after trouble that is not its own.
func jobPause(failures int) time.Duration { return growingPause(changePoll/2, failures, maxJobPause) }

// retryCounts counts what has to be done again because it came to nothing, by kind of task.
type retryCounts struct {
	total       [taskKinds]int64 // since the process started
	consecutive [taskKinds]int   // of the tasks that are not for one job: in a row
	lastErr     [taskKinds]error // the latest of these
	lastTime    [taskKinds]time.Time
}

// noteTaskEnd takes note of how a task ended that is not for one job, and returns when to make
// it again if it failed.
func (d *accountLoop) noteTaskEnd(kind taskKind, err error, now time.Time) (again time.Time) {
	r := &d.retries
	if err == nil {
		r.consecutive[kind], r.lastErr[kind] = 0, nil
		return now
	}
	r.total[kind]++
	r.consecutive[kind]++
	r.lastErr[kind], r.lastTime[kind] = err, now
	return now.Add(growingPause(changePoll, r.consecutive[kind], maxTaskPause))
}

// accountTasks are the tasks that are not for one job or encoding, in words.
var accountTasks = map[taskKind]string{
	taskCount: "count the platform's queue", taskList: "list what runs",
	taskSweep: "compare the platform with the job table", taskWalk: "list all encodings",
}

// problem is what keeps failing although the platform answers; nil if nothing does, or
// nothing has needed it for a while.
func (r *retryCounts) problem(now time.Time) error {
	for kind, n := range r.consecutive {
		if n >= failuresToReport && now.Sub(r.lastTime[kind]) < 3*maxTaskPause {
			return fmt.Errorf("cannot %s: %w", accountTasks[taskKind(kind)], r.lastErr[kind])
		}
	}
	return nil
}

// totals are the repeated tasks since the process started, by kind.
func (r *retryCounts) totals() map[string]int64 {
	all := map[string]int64{}
	for kind := taskNone + 1; kind < taskKinds; kind++ {
		all[kind.String()] = r.total[kind]
	}
	return all
}

// noteFailure takes note of trouble with a job that is not its own.
func (e *trackedJob) noteFailure(kind taskKind, err error, now time.Time) {
	if e.failures == 0 || e.failingTask != kind {
		e.failures, e.failingSince = 0, now
	}
	e.failures++
	e.failingTask, e.lastErr = kind, err
	e.notBefore = now.Add(jobPause(e.failures))
}

// clearFailure forgets it: the same has worked, or something else has moved the job. A list
// that happens to show the encoding says nothing about the calls that are in trouble.
func (e *trackedJob) clearFailure(kind taskKind, moved bool) {
	if kind == e.failingTask || moved && kind != taskRecord {
		e.failures, e.failingTask, e.lastErr = 0, taskNone, nil
		e.notBefore, e.failingSince, e.leftQueue = time.Time{}, time.Time{}, false
	}
}

// lacksStatus reports whether the platform gives no answer about the job's encoding. It goes at
// its own pace, and nobody waits for it.
func (e *trackedJob) lacksStatus() bool { return e.failures > 0 && e.failingTask == taskPoll }

// cannotBePolled reports whether the encoding cannot be looked at, so that only the platform's
// queue as a whole can tell whether it holds a place there.
func (e *trackedJob) cannotBePolled() bool {
	return e.lacksStatus() || !e.missingSince.IsZero() || e.job.Step == job.StepStart && e.job.EncodingID == ""
}

// pollIfUnlisted has an encoding looked at because a list lacks it that should have it. A list
// that lacks it again and again is believed less and less.
func (e *trackedJob) pollIfUnlisted(now time.Time) {
	if !e.nextPoll.After(now) || e.lacksStatus() || e.unlistedCount > 0 && now.Sub(e.lastPoll) < growingPause(changePoll, e.unlistedCount, maxSharedPause) {
		return
	}
	e.nextPoll = now
	e.unlistedCount++
}

// stopRetryPause is how long after the latest stop to ask for one again.
func (e *trackedJob) stopRetryPause() time.Duration {
	return growingPause(stopRetryInterval, e.stopRequests, 32*stopRetryInterval)
}

// changePollPause is how soon to look again at something that is expected to change at once,
// the less so the longer it does not.
func (e *trackedJob) changePollPause() time.Duration {
	return growingPause(changePoll, e.unchangedPolls-10, maxJobPause)
}

// waitReasons tells people which jobs wait because the platform gives no answer about their
// encodings that could be believed.
func (d *accountLoop) waitReasons() map[job.ID]job.Wait {
	var all map[job.ID]job.Wait
	for id, e := range d.tracked {
		w, ok := e.waitReason()
		if !ok {
			continue
		}
		if all == nil {
			all = map[job.ID]job.Wait{}
		}
		all[id] = w
	}
	return all
}

// waitReason is why the job waits, if it is for an answer about its encoding.
func (e *trackedJob) waitReason() (w job.Wait, waits bool) {
	switch {
	case !e.job.State.OnPlatform():
		return w, false
	case e.failingTask == taskStop:
		w.Code, w.Since = job.WaitStop, e.failingSince
	case e.job.Step == job.StepStart && (e.lacksStatus() || e.job.EncodingID == ""):
		w.Code, w.Since = job.WaitUnknownStart, e.job.StepTime
	case e.lacksStatus():
		w.Code, w.Since = job.WaitMissing, e.failingSince
	case !e.missingSince.IsZero():
		w.Code, w.Since = job.WaitMissing, e.missingSince
	default:
		return w, false
	}
	w.Until = e.nextPoll
	if e.lastErr != nil {
		w.Text = shortText(e.lastErr)
	}
	return w, true
}

// noStatusErrors is what people are told of encodings without an answer, by batch.
func (d *accountLoop) noStatusErrors() map[string]error {
	all := map[string]error{}
	ids := slices.SortedFunc(maps.Keys(d.tracked), func(a, b job.ID) int { return int(a.Number - b.Number) })
	for _, id := range ids {
		if e := d.tracked[id]; all[id.Batch] == nil && e.failures >= failuresToReport && (e.lacksStatus() || e.failingTask == taskStop) {
			all[id.Batch] = e.lastErr
		}
	}
	return all
}
