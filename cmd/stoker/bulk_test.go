package main

import (
	"context"
	"testing"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/golden"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

func (f *fake) CancelJobs(_ context.Context, r *stokerv1.CancelJobsRequest) (*stokerv1.CancelJobsResponse, error) {
	f.ask(r)
	return &stokerv1.CancelJobsResponse{Count: 412}, nil
}

func (f *fake) PauseBatch(_ context.Context, r *stokerv1.PauseBatchRequest) (*stokerv1.PauseBatchResponse, error) {
	f.ask(r)
	return &stokerv1.PauseBatchResponse{Batch: sample.Batch()}, nil
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
