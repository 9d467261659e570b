package ui

import (
	"cmp"
	"slices"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// watchedBatch is what the messages of a watch have told of a batch.
type watchedBatch struct {
	batch       *stokerv1.Batch          // nil before the first message
	running     map[string]*stokerv1.Job // by id
	places      []string                 // ids of the jobs that are shown, each in its place
	rate        finishRate
	lastMessage time.Time

	// failedAttempts has, by job id, the number of the latest failed attempt that apply has returned.
	failedAttempts map[string]int32
	// failures are the jobs that failed last, the most recent at the end.
	failures []*stokerv1.Job

	// connectionProblem says why no messages come from the server; empty if that is not known.
	connectionProblem func() string
}

// maxFailures is how many failed jobs are kept to be shown.
const maxFailures = 5

func newWatchedBatch() *watchedBatch {
	return &watchedBatch{
		running: map[string]*stokerv1.Job{}, failedAttempts: map[string]int32{},
		connectionProblem: func() string { return "" },
	}
}

// apply takes in a message. It returns the jobs with a failed attempt that no earlier message reported.
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

// place puts running jobs into at most n places. A job keeps its place as long as it runs; then the one that has
// run longest of the others takes it. A place is nil if there is none.
func (w *watchedBatch) place(n int) []*stokerv1.Job {
	w.places = slices.Grow(w.places, max(0, n-len(w.places)))[:max(0, n)]
	shown := map[string]bool{}
	for i, id := range w.places {
		if w.running[id] == nil || shown[id] {
			w.places[i] = ""
		} else {
			shown[id] = true
		}
	}
	jobs := make([]*stokerv1.Job, n)
	others := w.runningJobs()
	last := 0
	for i := range w.places {
		for w.places[i] == "" && len(others) > 0 {
			if id := others[0].GetId(); !shown[id] {
				w.places[i], shown[id] = id, true
			}
			others = others[1:]
		}
		if jobs[i] = w.running[w.places[i]]; jobs[i] != nil {
			last = i + 1
		}
	}
	return jobs[:last]
}

// silence says that no message has come from the server for [SilenceLimit] or longer; else it is empty.
func (w *watchedBatch) silence(now time.Time) string {
	if passed := now.Sub(w.lastMessage); passed >= SilenceLimit && !BatchEnded(w.batch) {
		return "nothing heard from the server for " + output.Duration(passed) + inBrackets(w.connectionProblem()) + "; the watch goes on when it is back"
	}
	return ""
}
