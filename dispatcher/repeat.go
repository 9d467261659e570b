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
	maxPause  = 30 * time.Second
	maxRest   = 5 * time.Minute
	maxDelete = time.Hour
	maxRepeat = time.Minute
)

// tolerated is how often in a row the jobs of a batch may find what they share vanished
// before that counts as their failure.
const tolerated = 5

// tellAfter is how many refusals in a row people are told of.
const tellAfter = 3

// growing is a pause that doubles with each failure from the first on, up to a limit.
func growing(first time.Duration, failures int, limit time.Duration) time.Duration {
	return min(first<<min(max(failures-1, 0), 20), limit)
}

// pause is how long to leave a job alone after trouble that is not its own.
func pause(failures int) time.Duration { return growing(soon/2, failures, maxPause) }

// repeats counts what has to be done again because it came to nothing, by kind of task.
type repeats struct {
	total [taskKinds]int64 // since the process started
	row   [taskKinds]int   // of the tasks that are not for one job: in a row
	err   [taskKinds]error // the latest of these
	at    [taskKinds]time.Time
}

// repeat takes note of how a task ended that is not for one job, and returns when to make
// it again if it failed.
func (d *driver) repeat(kind taskKind, err error, now time.Time) (again time.Time) {
	r := &d.again
	if err == nil {
		r.row[kind], r.err[kind] = 0, nil
		return now
	}
	r.total[kind]++
	r.row[kind]++
	r.err[kind], r.at[kind] = err, now
	return now.Add(growing(soon, r.row[kind], maxRepeat))
}

// accountTasks are the tasks that are not for one job or encoding, in words.
var accountTasks = map[taskKind]string{
	taskCount: "count the platform's queue", taskList: "list what runs",
	taskSweep: "compare the platform with the job table", taskWalk: "list all encodings",
}

// problem is what keeps failing although the platform answers; nil if nothing does, or
// nothing has needed it for a while.
func (r *repeats) problem(now time.Time) error {
	for kind, n := range r.row {
		if n >= tellAfter && now.Sub(r.at[kind]) < 3*maxRepeat {
			return fmt.Errorf("cannot %s: %w", accountTasks[taskKind(kind)], r.err[kind])
		}
	}
	return nil
}

// totals are the repeated tasks since the process started, by kind.
func (r *repeats) totals() map[string]int64 {
	all := map[string]int64{}
	for kind := taskNone + 1; kind < taskKinds; kind++ {
		all[kind.String()] = r.total[kind]
	}
	return all
}

// met takes note of trouble with a job that is not its own.
func (e *entry) met(kind taskKind, err error, now time.Time) {
	if e.failures == 0 || e.failing != kind {
		e.failures, e.troubled = 0, now
	}
	e.failures++
	e.failing, e.err = kind, err
	e.notBefore = now.Add(pause(e.failures))
}

// settled forgets it: the same has worked, or something else has moved the job. A list
// that happens to show the encoding says nothing about the calls that are in trouble.
func (e *entry) settled(kind taskKind, moved bool) {
	if kind == e.failing || moved && kind != taskRecord {
		e.failures, e.failing, e.err = 0, taskNone, nil
		e.notBefore, e.troubled, e.left = time.Time{}, time.Time{}, false
	}
}

// unseen reports whether the platform gives no answer about the job's encoding. It goes at
// its own pace, and nobody waits for it.
func (e *entry) unseen() bool { return e.failures > 0 && e.failing == taskLook }

// unclear reports whether the encoding cannot be looked at, so that only the platform's
// queue as a whole can tell whether it holds a place there.
func (e *entry) unclear() bool {
	return e.unseen() || !e.goneSince.IsZero() || e.job.Step == job.StepStart && e.job.EncodingID == ""
}

// lookIfUnlisted has an encoding looked at because a list lacks it that should have it. A list
// that lacks it again and again is believed less and less.
func (e *entry) lookIfUnlisted(now time.Time) {
	if !e.look.After(now) || e.unseen() || e.unlisted > 0 && now.Sub(e.looked) < growing(soon, e.unlisted, maxRest) {
		return
	}
	e.look = now
	e.unlisted++
}

// stopAgain is how long after the latest stop to ask for one again.
func (e *entry) stopAgain() time.Duration { return growing(stopAgain, e.stops, 32*stopAgain) }

// nextLook is how soon to look again at something that is expected to change at once,
// the less so the longer it does not.
func (e *entry) nextLook() time.Duration { return growing(soon, e.waits-10, maxPause) }

// waitsOf tells people which jobs wait because the platform gives no answer about their
// encodings that could be believed.
func (d *driver) waitsOf() map[job.ID]job.Wait {
	var all map[job.ID]job.Wait
	for id, e := range d.live {
		w, ok := e.wait()
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

// wait is why the job waits, if it is for an answer about its encoding.
func (e *entry) wait() (w job.Wait, waits bool) {
	switch {
	case !e.job.State.OnPlatform():
		return w, false
	case e.failing == taskStop:
		w.Code, w.Since = job.WaitStop, e.troubled
	case e.job.Step == job.StepStart && (e.unseen() || e.job.EncodingID == ""):
		w.Code, w.Since = job.WaitUnknownStart, e.job.StepTime
	case e.unseen():
		w.Code, w.Since = job.WaitMissing, e.troubled
	case !e.goneSince.IsZero():
		w.Code, w.Since = job.WaitMissing, e.goneSince
	default:
		return w, false
	}
	w.Until = e.look
	if e.err != nil {
		w.Text = inShort(e.err)
	}
	return w, true
}

// unseenNow is what people are told of encodings without an answer, by batch.
func (d *driver) unseenNow() map[string]error {
	all := map[string]error{}
	ids := slices.SortedFunc(maps.Keys(d.live), func(a, b job.ID) int { return int(a.Number - b.Number) })
	for _, id := range ids {
		if e := d.live[id]; all[id.Batch] == nil && e.failures >= tellAfter && (e.unseen() || e.failing == taskStop) {
			all[id.Batch] = e.err
		}
	}
	return all
}
