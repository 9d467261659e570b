package dispatcher

import (
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// Nothing that fails is repeated without a pause, however often and for whatever reason it
// fails. The pauses double up to a bound:
//
//	what fails                                    pause          then
//	a call for one job, without an answer         0.5 to 30 s    goes on; the breaker opens in an outage
//	a poll or a stop, refused                     0.5 to 30 s    goes on: the encoding may be running
//	a stop that changes nothing                   30 s to 16 min goes on
//	configuring, because a resource that the
//	batch's jobs share is missing again           4 s to 5 min   after five times each uses an attempt
//	configuring, without an answer                4 s to 2 min   goes on
//	a storage, refused                            4 to 30 s      goes on, for all batches together
//	deleting an orphan, refused                   4 s to 1 h     goes on: an orphan costs nothing
//	counting, listing, reconciling, sweeping      1 s to 1 min   goes on
//	walking the whole list                        10 s, or as
//	                                              long as it took goes on while something is missing
const (
	maxJobPause    = 30 * time.Second
	maxSharedPause = 5 * time.Minute
	maxDeletePause = time.Hour
	maxTaskPause   = time.Minute
)

// growingPause is a pause that doubles with each failure after the first, up to a limit.
func growingPause(first time.Duration, failures int, limit time.Duration) time.Duration {
	return min(first<<min(max(failures-1, 0), 20), limit)
}

// jobPause is how long a job waits after failures that are not its own.
func jobPause(failures int) time.Duration { return growingPause(changePoll/2, failures, maxJobPause) }

// failuresToReport is how many failures in a row the account's status shows.
const failuresToReport = 3

// retryCounts counts the tasks that have to be repeated, by kind.
type retryCounts struct {
	total [taskKinds]int64 // since the process started

	// Of the tasks that are not for one job:
	consecutive [taskKinds]int
	lastErr     [taskKinds]error
	lastTime    [taskKinds]time.Time
}

// note records how a task ended that is not for one job, and returns when to begin it again if it
// failed.
func (r *retryCounts) note(kind taskKind, err error, now time.Time) (again time.Time) {
	if err == nil {
		r.consecutive[kind], r.lastErr[kind] = 0, nil
		return now
	}
	r.total[kind]++
	r.consecutive[kind]++
	r.lastErr[kind], r.lastTime[kind] = err, now
	return now.Add(growingPause(changePoll, r.consecutive[kind], maxTaskPause))
}

// accountTasks describes the tasks that are not for one job or encoding.
var accountTasks = map[taskKind]string{
	taskCount: "count the platform's queue", taskList: "list what runs",
	taskReconcile: "compare the platform with the job table", taskSweep: "look for encodings that belong to no job",
	taskWalk: "list all encodings",
}

// lastingError is the error of a task that keeps failing although the platform answers; nil if
// there is none, or if the task has not been needed for a while.
func (r *retryCounts) lastingError(now time.Time) error {
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

// shortText is the text of an error at a length that a status can show: the platform's part
// of it may be long.
func shortText(err error) string { return job.Shorten(err.Error(), job.MaxReason) }
