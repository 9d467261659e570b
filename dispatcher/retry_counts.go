package dispatcher

import (
	"fmt"
	"time"
)

// failuresToReport is how many failures in a row the account's status shows.
const failuresToReport = 3

// retryCounts counts the tasks that have to be repeated, by kind.
type retryCounts struct {
	total [taskKinds]int64 // since the process started

	// Of tasks for the account as a whole:
	consecutive [taskKinds]int
	lastErr     [taskKinds]error
	lastTime    [taskKinds]time.Time
}

// note records how a task for the account as a whole ended, and returns when to begin it again if
// it failed.
func (r *retryCounts) note(kind taskKind, err error, now time.Time) (again time.Time) {
	if err == nil {
		r.consecutive[kind], r.lastErr[kind] = 0, nil
		return now
	}
	r.total[kind]++
	r.consecutive[kind]++
	r.lastErr[kind], r.lastTime[kind] = err, now
	return now.Add(growingPause(firstTaskPause, r.consecutive[kind], maxTaskPause))
}

// accountTasks describes, for the status, the tasks for the account as a whole.
var accountTasks = map[taskKind]string{
	taskCount: "count the platform's queue", taskList: "list the running encodings",
	taskReconcile: "compare the platform with the job table", taskSweep: "look for encodings that belong to no job",
	taskListTaken: "list the encodings that run now", taskListEnded: "list the encodings that have ended",
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
