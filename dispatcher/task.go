package dispatcher

import (
	"errors"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// taskKind is what a task does at the platform.
type taskKind int

const (
	taskNone taskKind = iota
	taskProbe
	taskStop
	taskStart
	taskPoll
	taskCount
	taskPrepare
	taskDelete
	taskReconcile
	taskSweep
	taskList
	taskRecord
	taskReprioritize
	taskDefinitions
	taskWalk
	taskConfirm
	taskListTaken
	taskListEnded
	taskKinds // how many there are
)

// String is the kind's name in the log and in the metrics.
func (k taskKind) String() string {
	return [taskKinds]string{
		"none", "probe", "stop", "start", "poll", "count", "prepare", "delete", "reconcile", "sweep", "list", "record",
		"reprioritize", "definitions", "walk", "confirm", "list-taken", "list-ended",
	}[k]
}

// TaskNames lists the kinds of tasks, as [job.AccountStatus.Repeats] names them.
func TaskNames() (names []string) {
	for kind := taskNone + 1; kind < taskKinds; kind++ {
		names = append(names, kind.String())
	}
	return names
}

// outcome is the result of a task for one job.
type outcome struct {
	// job is the job as the task left it. Its version is 0 if the task did not read it.
	job job.Job
	// called says that the task called the platform; callErr is the error of the call.
	called  bool
	callErr error
	// storeErr is set if the job table refused a change.
	storeErr error
	// sharedErr is an error with a resource that many jobs share, for example a storage.
	sharedErr error
	// inconclusive is the error after which the same call has to be repeated, because its answer
	// is missing or cannot be used, even if there is no outage.
	inconclusive error

	remaining  remaining
	finishTime time.Time // when the encoding ended, by the platform's clock; zero if that is not known
	// setupTime is how long the platform took to queue an encoding that was made from a
	// template; 0 if that is not known.
	setupTime time.Duration
	// missing says that the platform does not know the encoding's status.
	missing bool
	// fromEncoding says that the status was read from the encoding itself, because its status
	// resource had no answer.
	fromEncoding bool
	// confirmation is the answer to a task that asks whether a job has been started.
	confirmation confirmation
}

// retryReason is why the task has to be repeated without costing the job an attempt; nil if it
// need not be.
func (o outcome) retryReason() error {
	switch {
	case o.storeErr != nil && !errors.Is(o.storeErr, job.ErrConflict):
		return o.storeErr
	case o.callErr != nil && (bitmovin.Outage(o.callErr) || bitmovin.QueueFull(o.callErr)):
		return o.callErr
	case o.inconclusive != nil:
		return o.inconclusive
	}
	return o.sharedErr
}

// taskResult is the outcome of a task for one job, with what the loop knew of the job.
type taskResult struct {
	kind    taskKind
	tracked *trackedJob
	before  job.Job // as the loop knew it until now
	outcome outcome
	now     time.Time
}
