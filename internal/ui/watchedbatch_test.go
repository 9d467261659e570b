package ui

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

func message(b *stokerv1.Batch, jobs ...*stokerv1.Job) *stokerv1.WatchBatchResponse {
	return &stokerv1.WatchBatchResponse{Batch: b, Jobs: jobs}
}

func withCounts(state stokerv1.BatchState, n *stokerv1.JobCounts) *stokerv1.Batch {
	return &stokerv1.Batch{Id: sample.BatchID, Number: 9, State: state, JobCount: 9, Counts: n}
}

func TestWatchedBatchReportsEachFailedAttemptOnce(t *testing.T) {
	w, now := newWatchedBatch(), time.Now()
	failed, running, waiting, succeeded := sample.Jobs()[0], sample.Jobs()[1], sample.Jobs()[2], sample.Jobs()[3]
	first := &stokerv1.WatchBatchResponse{Snapshot: true, Batch: sample.Batch(), Jobs: sample.Jobs()}
	ids := func(jobs []*stokerv1.Job) (ids []string) {
		for _, j := range jobs {
			ids = append(ids, j.GetId())
		}
		return ids
	}
	want := []string{failed.GetId(), waiting.GetId()}
	if diff := cmp.Diff(want, ids(w.apply(first, now))); diff != "" {
		t.Errorf("failures of the snapshot (-want +got):\n%s", diff)
	}
	if got := w.apply(first, now); len(got) > 0 {
		t.Errorf("failures of the same snapshot again: %v, want none", ids(got))
	}
	if diff := cmp.Diff([]string{running.GetId()}, ids(w.runningJobs())); diff != "" {
		t.Errorf("running (-want +got):\n%s", diff)
	}
	waiting.Attempt = 2
	if diff := cmp.Diff([]string{waiting.GetId()}, ids(w.apply(message(nil, waiting), now))); diff != "" {
		t.Errorf("failures of the next attempt (-want +got):\n%s", diff)
	}
	succeeded.Id, running.State = waiting.GetId(), stokerv1.JobState_JOB_STATE_QUEUED
	w.apply(message(nil, succeeded, running), now)
	if diff := cmp.Diff([]string{failed.GetId()}, ids(w.failures)); diff != "" {
		t.Errorf("failures after one job made it (-want +got):\n%s", diff)
	}
	if got := w.runningJobs(); len(got) > 0 {
		t.Errorf("running: %v, want none", ids(got))
	}
}

// A row of the live view belongs to one job as long as it runs.
func TestRunningJobsKeepTheirPlaces(t *testing.T) {
	w, now := newWatchedBatch(), time.Now()
	run := func(state stokerv1.JobState, names ...string) {
		for i, name := range names {
			w.apply(message(nil, &stokerv1.Job{Id: name, State: state, RunningTime: sample.At(i)}), now)
		}
	}
	const running, done = stokerv1.JobState_JOB_STATE_RUNNING, stokerv1.JobState_JOB_STATE_SUCCEEDED
	check := func(room int, want ...string) {
		t.Helper()
		var got []string
		for _, j := range w.place(room) {
			got = append(got, j.GetId())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("places (-want +got):\n%s", diff)
		}
	}
	run(running, "a", "b", "c", "d")
	check(3, "a", "b", "c")
	run(done, "a")
	check(3, "d", "b", "c")
	run(done, "b")
	check(3, "d", "", "c")
	run(running, "e", "f")
	check(3, "d", "e", "c")
	check(2, "d", "e")
	check(5, "d", "e", "c", "f")
	run(done, "c", "d", "e", "f")
	check(3)
	check(0)
}
