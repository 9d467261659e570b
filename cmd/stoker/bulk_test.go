package main

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/golden"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

func (f *fake) CancelJobs(_ context.Context, r *stokerv1.CancelJobsRequest) (*stokerv1.CancelJobsResponse, error) {
	f.ask(r)
	return &stokerv1.CancelJobsResponse{Count: 412}, nil
}

func (f *fake) ListFailures(_ context.Context, r *stokerv1.ListFailuresRequest) (*stokerv1.ListFailuresResponse, error) {
	f.ask(r)
	forbidden := &stokerv1.Failure{
		Kind: stokerv1.FailureKind_FAILURE_KIND_ENCODING, Code: 1008, Category: "DOWNLOAD ERROR", Text: "input answered 403",
	}
	return &stokerv1.ListFailuresResponse{FailedCount: 415, Causes: []*stokerv1.FailureCause{
		{Cause: "5f1d3a09c2e4", Count: 412, JobId: sample.BatchID + "/7", Failure: forbidden},
		{Cause: "0b77e1d2aa31", Count: 1, JobId: sample.BatchID + "/1", Failure: sample.Jobs()[0].GetFailure()},
	}}, nil
}

func TestFailuresOutput(t *testing.T) {
	f := &fake{}
	got := command{}.run(t.Context(), "failures", sample.BatchID, "--server", f.start(t))
	golden.Check(t, "failures", got.stdout+section("stderr", got.stderr))
	if got.code != exitOK {
		t.Errorf("exit code %d", got.code)
	}
}

func TestBulkRequests(t *testing.T) {
	for _, tt := range []struct {
		args   string
		want   proto.Message
		stdout string
	}{
		{
			"cancel b --state waiting,running --key-prefix trailer- --reason late",
			&stokerv1.CancelJobsRequest{
				BatchId: "b", KeyPrefix: "trailer-", Reason: "late",
				States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_WAITING, stokerv1.JobState_JOB_STATE_RUNNING},
			},
			"412\n",
		},
		{"cancel b --dry-run", &stokerv1.CancelJobsRequest{BatchId: "b", ValidateOnly: true}, "412\n"},
		{"cancel b --cause x --category y", &stokerv1.CancelJobsRequest{BatchId: "b", Causes: []string{"x"}, Categories: []string{"y"}}, "412\n"},
		{
			"cancel --label team=vod --label run=night --state waiting",
			&stokerv1.CancelJobsRequest{
				Labels: map[string]string{"team": "vod", "run": "night"}, States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_WAITING},
			},
			"412\n",
		},
		{"cancel -l team=vod --dry-run", &stokerv1.CancelJobsRequest{Labels: map[string]string{"team": "vod"}, ValidateOnly: true}, "412\n"},
		{"retry --label team=vod --cause x", &stokerv1.RetryJobsRequest{Labels: map[string]string{"team": "vod"}, Causes: []string{"x"}}, "7\n"},
		{"retry b --cause x --key-prefix k", &stokerv1.RetryJobsRequest{BatchId: "b", Causes: []string{"x"}, KeyPrefix: "k"}, "7\n"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			f := &fake{}
			got := command{}.run(t.Context(), append(strings.Fields(tt.args), "--server", f.start(t))...)
			if got.code != exitOK || got.stdout != tt.stdout {
				t.Fatalf("%+v, want %q", got, tt.stdout)
			}
			if diff := cmp.Diff(tt.want, f.last(t), protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
	for _, args := range []string{
		"cancel", "cancel b --label a=b", "retry", "retry b --label a=b", "retry --label a=b --watch", "retry --label a",
		"cancel b/1 --state waiting", "cancel b/1 --dry-run", "retry b/1 --cause x", "cancel b --state failed",
	} {
		if got := (command{}).run(t.Context(), strings.Fields(args)...); got.code != exitUsage {
			t.Errorf("%s: exit code %d, want %d", args, got.code, exitUsage)
		}
	}
}
