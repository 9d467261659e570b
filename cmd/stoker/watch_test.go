package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

// TestWatchStates checks that --state reaches the server, and that a job has one line for each time it
// enters a state.
func TestWatchStates(t *testing.T) {
	atWork := func(percent, attempt int32) *stokerv1.Job {
		return &stokerv1.Job{Id: "b/1", Key: "sintel", State: stokerv1.JobState_JOB_STATE_RUNNING, Progress: percent, Attempt: attempt}
	}
	gone := &stokerv1.Job{
		Id: "b/1", Key: "sintel", State: stokerv1.JobState_JOB_STATE_FAILED, Attempt: 2,
		Failure: &stokerv1.Failure{Category: "DECODING ERROR", Code: 10003, Text: "cannot be decoded"},
	}
	messages := sample.Watch(stokerv1.BatchState_BATCH_STATE_FAILED)
	messages[0].Jobs = nil
	last := messages[2]
	messages = append(messages[:2],
		&stokerv1.WatchBatchResponse{Cursor: "3", Jobs: []*stokerv1.Job{atWork(10, 1)}},
		&stokerv1.WatchBatchResponse{Cursor: "4", Jobs: []*stokerv1.Job{atWork(20, 1)}},
		&stokerv1.WatchBatchResponse{Cursor: "5", Jobs: []*stokerv1.Job{atWork(0, 2)}},
		&stokerv1.WatchBatchResponse{Cursor: "6", Jobs: []*stokerv1.Job{gone}},
		last)
	f := &fake{watch: messages}
	got := command{}.run(t.Context(), "watch", sample.BatchID, "--state", "running,failed", "--server", f.start(t))
	got.stdout = withoutStamps(got.stdout)
	want := result{exitFailed, strings.Join([]string{
		"TIME b/1 running: sintel",
		"TIME b/1 running: sintel",
		"TIME b/1 failed: cannot be decoded (10003)",
		"TIME " + sample.BatchID + " failed: 5 succeeded, 1 failed, in 2:59", "",
	}, "\n"), ""}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	request := &stokerv1.WatchBatchRequest{BatchId: sample.BatchID, IncludeJobs: true, States: []stokerv1.JobState{
		stokerv1.JobState_JOB_STATE_RUNNING, stokerv1.JobState_JOB_STATE_FAILED,
	}}
	if diff := cmp.Diff(request, f.last(t), protocmp.Transform()); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if got := (command{}).run(t.Context(), "watch", "b", "--state", "fialed"); got.code != exitUsage || !strings.Contains(got.stderr, `did you mean "failed"?`) {
		t.Errorf("an unknown state: %+v", got)
	}
}
