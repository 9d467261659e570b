package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

func TestListBatches(t *testing.T) {
	w := newWorld(t, nil)
	var want []string
	for i := range 5 {
		req := submission(1)
		if i%2 == 0 {
			req.Labels = map[string]string{"team": "vod"}
		}
		resp, err := w.batches.SubmitBatch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			want = append(want, resp.GetBatch().GetId())
		}
	}
	slices.Reverse(want)
	var got []string
	req := &stokerv1.ListBatchesRequest{Labels: map[string]string{"team": "vod"}, PageSize: 2}
	pages := 0
	for {
		resp, err := w.batches.ListBatches(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, b := range resp.GetBatches() {
			got = append(got, b.GetId())
		}
		if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 2 {
		t.Errorf("listed in %d pages (-want +got):\n%s", pages, diff)
	}
}

// TestListBatchesFitsAMessage lists batches that are too much for one message.
func TestListBatchesFitsAMessage(t *testing.T) {
	w := newWorld(t, nil)
	labels := map[string]string{}
	for n := range 50 {
		labels[fmt.Sprintf("%063d", n)] = strings.Repeat("映", 255)
	}
	const batches = 100
	for range batches {
		if _, err := w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{KeepOpen: true, Labels: labels}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	req := &stokerv1.ListBatchesRequest{PageSize: 1_000}
	for {
		resp, err := w.batches.ListBatches(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range resp.GetBatches() {
			seen[b.GetId()] = true
		}
		if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if len(seen) != batches {
		t.Errorf("listed %d batches, want %d", len(seen), batches)
	}
}

func TestListJobs(t *testing.T) {
	w := newWorld(t, nil)
	b := w.submit(7)
	w.finish(b.GetId(), 3)
	req := &stokerv1.ListJobsRequest{
		BatchId: b.GetId(), States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_WAITING}, PageSize: 4,
	}
	first, err := w.batches.ListJobs(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	req.PageToken = first.GetNextPageToken()
	second, err := w.batches.ListJobs(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range append(first.GetJobs(), second.GetJobs()...) {
		got = append(got, j.GetKey())
	}
	if diff := cmp.Diff([]string{"k-1", "k-2", "k-4", "k-5", "k-6", "k-7"}, got); diff != "" {
		t.Errorf("jobs over two pages (-want +got):\n%s", diff)
	}
	if second.GetNextPageToken() != "" {
		t.Error("the last page has a next_page_token")
	}
	if got, want := first.GetJobs()[0].GetWaitReason(), "waiting for a free place (3 of 3 queued)"; got != want {
		t.Errorf("a waiting job's reason is %q, want %q", got, want)
	}

	t.Run("refuses a token of another list", func(t *testing.T) {
		_, err := w.batches.ListJobs(t.Context(), &stokerv1.ListJobsRequest{BatchId: b.GetId(), PageToken: first.GetNextPageToken()})
		if got, want := violations(err), "page_token: belongs to another list; repeat the filters of the request that it came from\n"; got != want {
			t.Errorf("violations are %q, want %q", got, want)
		}
	})
	t.Run("refuses what is no token", func(t *testing.T) {
		_, err := w.batches.ListJobs(t.Context(), &stokerv1.ListJobsRequest{BatchId: b.GetId(), PageToken: "7"})
		wantCode(t, err, codes.InvalidArgument)
	})
	t.Run("finds keys", func(t *testing.T) {
		resp, err := w.batches.ListJobs(t.Context(), &stokerv1.ListJobsRequest{BatchId: b.GetId(), Keys: []string{"k-6", "nobody"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(resp.GetJobs()) != 1 || resp.GetJobs()[0].GetKey() != "k-6" {
			t.Errorf("got %v, want k-6 alone", resp.GetJobs())
		}
	})
}

func TestGetJob(t *testing.T) {
	w := newWorld(t, nil)
	b := w.submit(1)
	w.fail(b.GetId(), 1, job.Failure{Code: 1001, Category: "DECODING ERROR", Text: "broken", Hint: job.HintNoRetry})
	if _, err := w.batches.RetryJobs(t.Context(), &stokerv1.RetryJobsRequest{BatchId: b.GetId()}); err != nil {
		t.Fatal(err)
	}
	w.update(b.GetId(), 1, func(u *job.Update, now time.Time) error { return u.BeginStart(now) })
	resp, err := w.batches.GetJob(t.Context(), &stokerv1.GetJobRequest{JobId: b.GetId() + "/1"})
	if err != nil {
		t.Fatal(err)
	}
	var attempts, events []string
	for _, a := range resp.GetAttempts() {
		attempts = append(attempts, fmt.Sprintf("%d %v %s", a.GetNumber(), a.GetState(), a.GetFailure().GetCategory()))
	}
	for _, e := range resp.GetEvents() {
		events = append(events, fmt.Sprintf("%v to %v", e.GetFrom(), e.GetTo()))
	}
	if diff := cmp.Diff([]string{"1 JOB_STATE_FAILED DECODING ERROR", "2 JOB_STATE_STARTING "}, attempts); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	want := []string{
		"JOB_STATE_UNSPECIFIED to JOB_STATE_WAITING",
		"JOB_STATE_WAITING to JOB_STATE_STARTING",
		"JOB_STATE_STARTING to JOB_STATE_QUEUED",
		"JOB_STATE_QUEUED to JOB_STATE_FAILED",
		"JOB_STATE_FAILED to JOB_STATE_WAITING",
		"JOB_STATE_WAITING to JOB_STATE_STARTING",
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestPercentAndEstimate(t *testing.T) {
	within(t, nil, func(t *testing.T, w *world) {
		b := w.submit(4)
		w.start(b.GetId(), 1)
		w.start(b.GetId(), 2)
		began := time.Now()
		time.Sleep(time.Minute)
		w.observe(b.GetId(), 1, job.Observation{Status: job.RemoteFinished, RunningAt: began})
		w.observe(b.GetId(), 2, job.Observation{Status: job.RemoteRunning, Progress: 60, RunningAt: began})
		resp, err := w.batches.GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: b.GetId()})
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.GetBatch().GetPercent(); got != 40 {
			t.Errorf("one of four done and one at 60 %% is %v %%, want 40", got)
		}
		// One took a minute, the other one, the only one that runs, will take a minute and
		// forty seconds, of which forty are left; two like these are to come.
		b = resp.GetBatch()
		if got := time.Until(b.GetEstimatedFinishTime().AsTime()); got < 100*time.Second || got > 5*time.Minute {
			t.Errorf("the rest is estimated to take %s, want some 200 s", got)
		}
		if e, l, f := b.GetEarliestFinishTime().AsTime(), b.GetEstimatedFinishTime().AsTime(), b.GetLatestFinishTime().AsTime(); !e.Before(l) || !l.Before(f) {
			t.Errorf("the end is between %v and %v, and %v is likely", e, f, l)
		}
	})
}

func TestSteerBatch(t *testing.T) {
	w := newWorld(t, nil)
	b := w.submit(2)
	id := b.GetId()
	paused, err := w.batches.PauseBatch(t.Context(), &stokerv1.PauseBatchRequest{BatchId: id, Reason: "lunch"})
	if err != nil {
		t.Fatal(err)
	}
	if got := paused.GetBatch(); got.GetState() != stokerv1.BatchState_BATCH_STATE_PAUSED || got.GetWaitReason() != "the batch is paused: lunch" {
		t.Errorf("got %v, want PAUSED for lunch", got)
	}
	resumed, err := w.batches.ResumeBatch(t.Context(), &stokerv1.ResumeBatchRequest{BatchId: id})
	if err != nil {
		t.Fatal(err)
	}
	if got := resumed.GetBatch().GetState(); got != stokerv1.BatchState_BATCH_STATE_ACTIVE {
		t.Errorf("state is %v, want ACTIVE", got)
	}
	_, err = w.batches.DeleteBatch(t.Context(), &stokerv1.DeleteBatchRequest{BatchId: id})
	wantCode(t, err, codes.FailedPrecondition)
	cancelled, err := w.batches.CancelBatch(t.Context(), &stokerv1.CancelBatchRequest{BatchId: id, Reason: "wrong list"})
	if err != nil {
		t.Fatal(err)
	}
	if got := cancelled.GetBatch(); got.GetState() != stokerv1.BatchState_BATCH_STATE_CANCELLING || got.GetStateReason() != "wrong list" {
		t.Errorf("got %v, want CANCELLING with the reason", got)
	}
	_, err = w.batches.RetryJobs(t.Context(), &stokerv1.RetryJobsRequest{BatchId: id})
	wantCode(t, err, codes.FailedPrecondition)
	for n := range 2 {
		if _, err := w.batches.CancelJob(t.Context(), &stokerv1.CancelJobRequest{JobId: fmt.Sprintf("%s/%d", id, n+1)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.batches.DeleteBatch(t.Context(), &stokerv1.DeleteBatchRequest{BatchId: id}); err != nil {
		t.Fatal(err)
	}
	_, err = w.batches.GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: id})
	wantCode(t, err, codes.NotFound)
	wantReason(t, err, "NOT_FOUND")
}

func TestCancelJob(t *testing.T) {
	w := newWorld(t, nil)
	b := w.submit(2)
	w.start(b.GetId(), 1)
	for range 2 { // the second changes nothing
		resp, err := w.batches.CancelJob(t.Context(), &stokerv1.CancelJobRequest{JobId: b.GetId() + "/1", Reason: "no rights"})
		if err != nil {
			t.Fatal(err)
		}
		if j := resp.GetJob(); j.GetState() != stokerv1.JobState_JOB_STATE_CANCELLING || j.GetReason() != "no rights" {
			t.Errorf("got %v, want CANCELLING with the reason", j)
		}
	}
	w.finish(b.GetId(), 2)
	_, err := w.batches.CancelJob(t.Context(), &stokerv1.CancelJobRequest{JobId: b.GetId() + "/2"})
	wantCode(t, err, codes.FailedPrecondition)
	failed := detail[*errdetails.PreconditionFailure](err)
	want := &errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{{
		Type: "STATE", Subject: "job/" + b.GetId() + "/2", Description: "it has ended and cannot be cancelled",
	}}}
	if diff := cmp.Diff(want, failed, protocmp.Transform()); diff != "" {
		t.Errorf("PreconditionFailure (-want +got):\n%s", diff)
	}
	_, err = w.batches.CancelJob(t.Context(), &stokerv1.CancelJobRequest{JobId: b.GetId() + "/99"})
	wantCode(t, err, codes.NotFound)
	_, err = w.batches.CancelJob(t.Context(), &stokerv1.CancelJobRequest{JobId: "first"})
	wantCode(t, err, codes.InvalidArgument)
}

func TestRetryJobs(t *testing.T) {
	w := newWorld(t, nil)
	b := w.submit(4)
	id := b.GetId()
	w.fail(id, 1, job.Failure{Category: "DECODING ERROR", Hint: job.HintNoRetry})
	w.fail(id, 2, job.Failure{Category: "SYSTEM ERROR", Hint: job.HintNoRetry})
	w.fail(id, 3, job.Failure{Category: "DECODING ERROR", Hint: job.HintNoRetry})
	retry := func(req *stokerv1.RetryJobsRequest) (*stokerv1.RetryJobsResponse, error) {
		req.BatchId = id
		return w.batches.RetryJobs(t.Context(), req)
	}
	count := func(req *stokerv1.RetryJobsRequest, want int64) {
		t.Helper()
		resp, err := retry(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.GetCount() != want {
			t.Errorf("count is %d, want %d", resp.GetCount(), want)
		}
	}
	count(&stokerv1.RetryJobsRequest{ValidateOnly: true}, 3)
	count(&stokerv1.RetryJobsRequest{ValidateOnly: true, JobIds: []string{id + "/1", id + "/1", id + "/2"}}, 2)

	_, err := retry(&stokerv1.RetryJobsRequest{JobIds: []string{id + "/1", id + "/4"}})
	wantCode(t, err, codes.FailedPrecondition)
	_, err = retry(&stokerv1.RetryJobsRequest{JobIds: []string{id + "/9"}})
	wantCode(t, err, codes.InvalidArgument)
	_, err = retry(&stokerv1.RetryJobsRequest{JobIds: []string{"elsewhere/1", "x"}, Categories: []string{"y"}})
	if n := len(detail[*errdetails.BadRequest](err).GetFieldViolations()); n != 3 {
		t.Errorf("%v has %d violations, want 3", err, n)
	}
	count(&stokerv1.RetryJobsRequest{ValidateOnly: true}, 3) // nothing was retried up to here

	count(&stokerv1.RetryJobsRequest{Categories: []string{"DECODING ERROR"}}, 2)
	count(&stokerv1.RetryJobsRequest{JobIds: []string{id + "/2"}}, 1)
	count(&stokerv1.RetryJobsRequest{}, 0)
	resp, err := w.batches.GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: id})
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.GetBatch().GetCounts(); got.GetWaiting() != 4 {
		t.Errorf("counts are %v, want 4 waiting", got)
	}
}
