package server_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

func TestCancelJobs(t *testing.T) {
	w := newWorld(t, nil)
	id := w.submit(14).GetId() // k-1 to k-14
	w.start(id, 1)
	w.start(id, 2)
	w.observe(id, 2, running(10))
	w.finish(id, 10)
	count := func(want int64, req *stokerv1.CancelJobsRequest) *stokerv1.Batch {
		t.Helper()
		req.BatchId = id
		resp, err := w.batches.CancelJobs(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.GetCount() != want {
			t.Errorf("%v: count is %d, want %d", req, resp.GetCount(), want)
		}
		return resp.GetBatch()
	}
	waiting := []stokerv1.JobState{stokerv1.JobState_JOB_STATE_WAITING}
	count(13, &stokerv1.CancelJobsRequest{ValidateOnly: true})
	count(5, &stokerv1.CancelJobsRequest{ValidateOnly: true, KeyPrefix: "k-1"}) // k-10 has succeeded
	b := count(4, &stokerv1.CancelJobsRequest{States: waiting, KeyPrefix: "k-1", Reason: "wrong list"})
	if got := b.GetCounts(); got.GetCancelled() != 4 || got.GetQueued() != 1 || got.GetRunning() != 1 {
		t.Errorf("counts are %v, want 4 cancelled, the queued and the running one untouched", got)
	}
	if j, err := w.store.Job(t.Context(), job.ID{Batch: id, Number: 13}); err != nil || j.State != job.Cancelled || j.Reason != "wrong list" {
		t.Errorf("job 13 is %s because of %q (%v), want CANCELLED with the reason", j.State, j.Reason, err)
	}
	count(0, &stokerv1.CancelJobsRequest{States: waiting, KeyPrefix: "k-1"})
	b = count(9, &stokerv1.CancelJobsRequest{})
	if got := b.GetCounts(); got.GetCancelling() != 2 || got.GetCancelled() != 11 || got.GetSucceeded() != 1 {
		t.Errorf("counts are %v, want 2 cancelling, 11 cancelled, 1 succeeded", got)
	}
	_, err := w.batches.CancelJobs(t.Context(), &stokerv1.CancelJobsRequest{BatchId: "nobody's"})
	wantCode(t, err, codes.NotFound)
	_, err = w.batches.CancelJobs(t.Context(), &stokerv1.CancelJobsRequest{BatchId: id, States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED}})
	wantCode(t, err, codes.InvalidArgument)
}

// TestBulkChunks cancels, and retries, more jobs than one transaction takes.
func TestBulkChunks(t *testing.T) {
	const jobs = 2_345
	w := newWorld(t, nil)
	id := w.submit(jobs).GetId()
	cancelled, err := w.batches.CancelJobs(t.Context(), &stokerv1.CancelJobsRequest{BatchId: id})
	if err != nil || cancelled.GetCount() != jobs || cancelled.GetBatch().GetState() != stokerv1.BatchState_BATCH_STATE_CANCELLED {
		t.Errorf("cancelled %v, %v; want all", cancelled, err)
	}
	retried, err := w.batches.RetryJobs(t.Context(), &stokerv1.RetryJobsRequest{
		BatchId: id, States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_CANCELLED},
	})
	if err != nil || retried.GetCount() != jobs || retried.GetBatch().GetCounts().GetWaiting() != jobs {
		t.Errorf("retried %v, %v; want all", retried, err)
	}
}

func TestListFailures(t *testing.T) {
	w := newWorld(t, nil)
	id := w.submit(9).GetId()
	for n := range int64(9) {
		f := job.Failure{Code: 10006, Category: "DECODING ERROR", Text: "not a media file", Hint: job.HintNoRetry}
		if n < 5 {
			f = job.Failure{
				Code: 1008, Category: "DOWNLOAD ERROR", Hint: job.HintNoRetry,
				Text: "input", Messages: []string{fmt.Sprintf("in/%d.mp4 of enc-%d answered 403", n+1, n+1)},
			}
		}
		if n == 8 {
			f.Code = 10007
		}
		w.fail(id, n+1, f)
	}
	list := func() *stokerv1.ListFailuresResponse {
		t.Helper()
		resp, err := w.batches.ListFailures(t.Context(), &stokerv1.ListFailuresRequest{BatchId: id})
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	got := list()
	var shape strings.Builder
	for _, c := range got.GetCauses() {
		fmt.Fprintf(&shape, "%d jobs from %s: %d; ", c.GetCount(), c.GetJobId()[len(id):], c.GetFailure().GetCode())
	}
	if want := "5 jobs from /1: 1008; 3 jobs from /6: 10006; 1 jobs from /9: 10007; "; shape.String() != want || got.GetFailedCount() != 9 {
		t.Fatalf("failures are %s(%d in all), want %s", shape.String(), got.GetFailedCount(), want)
	}
	forbidden := got.GetCauses()[0].GetCause()
	retried, err := w.batches.RetryJobs(t.Context(), &stokerv1.RetryJobsRequest{BatchId: id, Causes: []string{forbidden}, KeyPrefix: "k-"})
	if err != nil || retried.GetCount() != 5 {
		t.Errorf("retried %v, %v; want the five", retried, err)
	}
	if again := list(); len(again.GetCauses()) != 2 || again.GetFailedCount() != 4 {
		t.Errorf("afterwards failures are %v, want the two other causes", again)
	}
	_, err = w.batches.RetryJobs(t.Context(), &stokerv1.RetryJobsRequest{BatchId: id, Causes: []string{forbidden}})
	if bad := detail[*errdetails.BadRequest](err).GetFieldViolations(); len(bad) != 1 || bad[0].GetField() != "causes[0]" {
		t.Errorf("a cause that is no more: %v", err)
	}
}

// A dry run of jobs that are named by id counts the batches in which something would change, and no others.
func TestCancelJobsByIDCountsBatches(t *testing.T) {
	w := newWorld(t, nil)
	running, over := w.submit(1).GetId(), w.submit(1).GetId()
	w.finish(over, 1)
	for _, validateOnly := range []bool{true, false} {
		resp, err := w.batches.CancelJobs(t.Context(), &stokerv1.CancelJobsRequest{JobIds: []string{running + "/1", over + "/1"}, ValidateOnly: validateOnly})
		if err != nil || resp.GetCount() != 1 || resp.GetBatchCount() != 1 {
			t.Errorf("validate_only %t: %d jobs of %d batches, want 1 of 1: %v", validateOnly, resp.GetCount(), resp.GetBatchCount(), err)
		}
	}
}
