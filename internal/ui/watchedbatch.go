package ui

import (
	"cmp"
	"slices"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// watchedBatch collects the messages of a watch.
type watchedBatch struct {
	batch       *stokerv1.Batch          // nil before the first message
	running     map[string]*stokerv1.Job // by id
	rate        finishRate
	lastMessage time.Time

	// failedAttempts holds, by id, the latest attempt of a job that is known to have failed.
	failedAttempts map[string]int32
	// failures are the jobs that failed last, the most recent at the end.
	failures []*stokerv1.Job

	// connectionProblem says why the server cannot be heard, if that is known.
	connectionProblem func() string
}

// maxFailures is how many failures are kept to be shown.
const maxFailures = 5

func newWatchedBatch() *watchedBatch {
	return &watchedBatch{
		running: map[string]*stokerv1.Job{}, failedAttempts: map[string]int32{},
		connectionProblem: func() string { return "" },
	}
}

// apply takes in a message. It returns the jobs of which it tells a failed attempt for the first time.
func (w *watchedBatch) apply(m *stokerv1.WatchBatchResponse, now time.Time) (failures []*stokerv1.Job) {
	w.lastMessage = now
	if m.GetSnapshot() {
		clear(w.running)
	}
	if m.GetBatch() != nil {
		w.batch = m.GetBatch()
		w.rate.add(now, endedJobs(w.batch))
	}
	for _, j := range m.GetJobs() {
		delete(w.running, j.GetId())
		switch j.GetState() {
		case stokerv1.JobState_JOB_STATE_RUNNING:
			w.running[j.GetId()] = j
		case stokerv1.JobState_JOB_STATE_FAILED, stokerv1.JobState_JOB_STATE_WAITING:
			if j.GetFailure() != nil && w.failedAttempts[j.GetId()] != j.GetAttempt() {
				w.failedAttempts[j.GetId()] = j.GetAttempt()
				failures = append(failures, j)
			}
		case stokerv1.JobState_JOB_STATE_SUCCEEDED:
			delete(w.failedAttempts, j.GetId())
			w.removeFailure(j.GetId())
		}
	}
	for _, j := range failures {
		w.removeFailure(j.GetId())
		w.failures = append(w.failures, j)
	}
	w.failures = w.failures[max(0, len(w.failures)-maxFailures):]
	return failures
}

func (w *watchedBatch) removeFailure(jobID string) {
	w.failures = slices.DeleteFunc(w.failures, func(j *stokerv1.Job) bool { return j.GetId() == jobID })
}

// runningJobs returns the running jobs, the one that has run longest first.
func (w *watchedBatch) runningJobs() []*stokerv1.Job {
	jobs := make([]*stokerv1.Job, 0, len(w.running))
	for _, j := range w.running {
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, func(a, b *stokerv1.Job) int {
		return cmp.Or(
			a.GetRunningTime().AsTime().Compare(b.GetRunningTime().AsTime()),
			cmp.Compare(len(a.GetId()), len(b.GetId())), // job 2 before job 10
			cmp.Compare(a.GetId(), b.GetId()),
		)
	})
	return jobs
}

// silence says that the server has sent nothing for a while; empty while messages come.
func (w *watchedBatch) silence(now time.Time) string {
	if passed := now.Sub(w.lastMessage); passed >= SilenceLimit && !BatchEnded(w.batch) {
		return "nothing heard from the server for " + FormatDuration(passed) + inBrackets(w.connectionProblem()) + "; the watch goes on when it is back"
	}
	return ""
}
