package server_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// labelled stores a batch of n jobs with labels.
func (w *world) labelled(n int, labels map[string]string) string {
	w.t.Helper()
	req := submission(n)
	req.Labels = labels
	resp, err := w.batches.SubmitBatch(w.t.Context(), req)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.GetBatch().GetId()
}

var (
	vod   = map[string]string{"team": "vod"}
	night = map[string]string{"team": "vod", "run": "night"}
)

func TestCancelJobsByLabel(t *testing.T) {
	w := newWorld(t, nil)
	day, nightly, news := w.labelled(3, vod), w.labelled(4, night), w.labelled(5, map[string]string{"team": "news"})
	w.start(day, 1)
	count := func(jobs, batches int64, req *stokerv1.CancelJobsRequest) {
		t.Helper()
		resp, err := w.batches.CancelJobs(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.GetCount() != jobs || resp.GetBatchCount() != batches || resp.GetBatch() != nil {
			t.Errorf("%v: %v, want %d jobs of %d batches, and no batch", req, resp, jobs, batches)
		}
	}
	waiting := []stokerv1.JobState{stokerv1.JobState_JOB_STATE_WAITING}
	count(7, 2, &stokerv1.CancelJobsRequest{Labels: vod, ValidateOnly: true})
	count(6, 2, &stokerv1.CancelJobsRequest{Labels: vod, States: waiting, ValidateOnly: true})
	count(4, 1, &stokerv1.CancelJobsRequest{Labels: night, Reason: "late"})
	count(2, 1, &stokerv1.CancelJobsRequest{Labels: vod, States: waiting})
	count(0, 0, &stokerv1.CancelJobsRequest{Labels: map[string]string{"team": "nobody's"}})
	for id, want := range map[string]job.Counts{
		day: {Queued: 1, Cancelled: 2}, nightly: {Cancelled: 4}, news: {Waiting: 5},
	} {
		if b, err := w.store.Batch(t.Context(), id); err != nil || b.Counts != want {
			t.Errorf("counts are %+v (%v), want %+v", b.Counts, err, want)
		}
	}
}

// TestCancelJobsOfManyBatches has more batches than one page of them holds.
func TestCancelJobsOfManyBatches(t *testing.T) {
	batches := 1_234
	if testing.Short() {
		batches = 34 // one page of them, under the race detector
	}
	w := newWorld(t, nil)
	var group errgroup.Group
	group.SetLimit(64) // so that they share commits
	for i := range batches {
		group.Go(func() error {
			b := job.Batch{AccountID: "default", Labels: map[string]string{"team": "vod", "half": strconv.Itoa(i % 2)}}
			_, _, err := w.store.Submit(t.Context(), job.Submission{Batch: b, Jobs: []job.Spec{{Key: "k"}}}, time.Now())
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		labels map[string]string
		want   int64
	}{{map[string]string{"half": "1"}, int64(batches / 2)}, {vod, int64(batches / 2)}, {vod, 0}} {
		resp, err := w.batches.CancelJobs(t.Context(), &stokerv1.CancelJobsRequest{Labels: tt.labels})
		if err != nil || resp.GetCount() != tt.want || resp.GetBatchCount() != tt.want {
			t.Errorf("%v: %v, %v; want %d jobs of as many batches", tt.labels, resp, err, tt.want)
		}
	}
}

func TestRetryJobsByLabel(t *testing.T) {
	w := newWorld(t, nil)
	day, nightly := w.labelled(2, vod), w.labelled(3, night)
	other := w.labelled(1, nil)
	forbidden := job.Failure{Code: 1008, Text: "input answered 403", Hint: job.HintNoRetry}
	broken := job.Failure{Code: 10006, Text: "not a media file", Hint: job.HintNoRetry}
	w.fail(day, 1, forbidden)
	w.fail(nightly, 1, forbidden)
	w.fail(nightly, 2, broken)
	w.fail(other, 1, forbidden)
	failures, err := w.batches.ListFailures(t.Context(), &stokerv1.ListFailuresRequest{BatchId: day})
	if err != nil {
		t.Fatal(err)
	}
	cause := failures.GetCauses()[0].GetCause()
	count := func(jobs, batches int64, req *stokerv1.RetryJobsRequest) {
		t.Helper()
		resp, err := w.batches.RetryJobs(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.GetCount() != jobs || resp.GetBatchCount() != batches || resp.GetBatch() != nil {
			t.Errorf("%v: %v, want %d jobs of %d batches, and no batch", req, resp, jobs, batches)
		}
	}
	count(3, 2, &stokerv1.RetryJobsRequest{Labels: vod, ValidateOnly: true})
	// A cause is called the same in every batch.
	count(2, 2, &stokerv1.RetryJobsRequest{Labels: vod, Causes: []string{cause}})
	_, err = w.batches.RetryJobs(t.Context(), &stokerv1.RetryJobsRequest{Labels: vod, Causes: []string{cause}})
	wantCode(t, err, codes.InvalidArgument)

	// One that is being cancelled is none of those that can be retried.
	w.start(nightly, 3)
	if _, err := w.batches.CancelBatch(t.Context(), &stokerv1.CancelBatchRequest{BatchId: nightly}); err != nil {
		t.Fatal(err)
	}
	count(0, 0, &stokerv1.RetryJobsRequest{Labels: vod})
	_, err = w.batches.RetryJobs(t.Context(), &stokerv1.RetryJobsRequest{BatchId: nightly})
	wantCode(t, err, codes.FailedPrecondition)
	if b, err := w.store.Batch(t.Context(), other); err != nil || b.Counts.Failed != 1 {
		t.Errorf("a batch without the label: %+v, %v", b.Counts, err)
	}
}

func TestBulkScope(t *testing.T) {
	w := newWorld(t, nil)
	id := w.labelled(1, vod)
	const ways = "batch_id: give exactly one of batch_id, job_ids, all, and labels or accounts\n"
	for name, tt := range map[string]struct {
		req  *stokerv1.RetryJobsRequest
		want string
	}{
		"nothing": {
			&stokerv1.RetryJobsRequest{},
			"batch_id: say which jobs: those of a batch by batch_id, some by job_ids, those of many batches by labels or accounts; or set all to mean those of every batch\n",
		},
		"filters alone":    {&stokerv1.RetryJobsRequest{KeyPrefix: "k"}, "batch_id: say which jobs: those of a batch by batch_id, some by job_ids, those of many batches by labels or accounts; or set all to mean those of every batch\n"},
		"batch and labels": {&stokerv1.RetryJobsRequest{BatchId: id, Labels: vod}, ways},
		"labels and ids":   {&stokerv1.RetryJobsRequest{Labels: vod, JobIds: []string{id + "/1"}}, ways},
		"all and account":  {&stokerv1.RetryJobsRequest{All: true, Accounts: []string{"default"}}, ways},
		"ids and filters":  {&stokerv1.RetryJobsRequest{JobIds: []string{id + "/1"}, Text: "k"}, "job_ids: exclude states, failure_kinds, categories, key_prefix, causes and text\n"},
		"hidden text":      {&stokerv1.RetryJobsRequest{All: true, Text: "a\u200bb"}, "text: U+200B ZERO WIDTH SPACE at character 2 of \"a\\u200bb\": leave it out\n"},
	} {
		_, err := w.batches.RetryJobs(t.Context(), tt.req)
		wantCode(t, err, codes.InvalidArgument)
		if got := violations(err); got != tt.want {
			t.Errorf("%s: violations are %q, want %q", name, got, tt.want)
		}
		_, err = w.batches.CancelJobs(t.Context(), &stokerv1.CancelJobsRequest{
			BatchId: tt.req.GetBatchId(), Labels: tt.req.GetLabels(), JobIds: tt.req.GetJobIds(), All: tt.req.GetAll(),
			Accounts: tt.req.GetAccounts(), KeyPrefix: tt.req.GetKeyPrefix(), Text: tt.req.GetText(),
		})
		if got := violations(err); got != tt.want {
			t.Errorf("%s: violations of CancelJobs are %q, want %q", name, got, tt.want)
		}
	}
}

// TestCancelMany cancels jobs by id, by account and everywhere, after looking.
func TestCancelMany(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	one := w.labelled(4, nil)
	two := w.labelled(3, nil)
	w.start(one, 1)
	w.finish(one, 2)
	w.fail(two, 1, job.Failure{Text: "gone"})
	cancel := func(req *stokerv1.CancelJobsRequest, want string) {
		t.Helper()
		resp, err := w.batches.CancelJobs(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		c := resp.GetCounts()
		got := fmt.Sprintf("%d of %d", resp.GetCount(), resp.GetBatchCount())
		if c != nil {
			got += fmt.Sprintf(": %d waiting, %d at the platform, %d ended", c.GetWaiting(), c.GetStarting()+c.GetQueued()+c.GetRunning(), c.GetSucceeded()+c.GetFailed()+c.GetCancelled()+c.GetCancelling())
		}
		if got != want {
			t.Errorf("%v: %s, want %s", req, got, want)
		}
	}
	cancel(&stokerv1.CancelJobsRequest{All: true, ValidateOnly: true}, "5 of 2: 4 waiting, 1 at the platform, 2 ended")
	cancel(&stokerv1.CancelJobsRequest{Accounts: []string{"other"}, ValidateOnly: true}, "0 of 0: 0 waiting, 0 at the platform, 0 ended")
	cancel(&stokerv1.CancelJobsRequest{BatchId: "1", Text: "IN/3", ValidateOnly: true}, "1 of 1: 1 waiting, 0 at the platform, 0 ended")
	cancel(&stokerv1.CancelJobsRequest{All: true, Text: "IN/3"}, "2 of 2")
	ids := []string{"1/1", "1/2", "1/3", "2/2", "2/2"}
	cancel(&stokerv1.CancelJobsRequest{JobIds: ids, ValidateOnly: true}, "2 of 2: 1 waiting, 1 at the platform, 2 ended")
	cancel(&stokerv1.CancelJobsRequest{JobIds: ids}, "2 of 2")
	cancel(&stokerv1.CancelJobsRequest{Accounts: []string{"default"}}, "1 of 1")
	for id, want := range map[string]job.Counts{one: {Cancelling: 1, Succeeded: 1, Cancelled: 2}, two: {Failed: 1, Cancelled: 2}} {
		if b, err := w.store.Batch(ctx, id); err != nil || b.Counts != want {
			t.Errorf("counts are %+v (%v), want %+v", b.Counts, err, want)
		}
	}
	_, err := w.batches.CancelJobs(ctx, &stokerv1.CancelJobsRequest{JobIds: []string{"1/1", "1/9"}})
	wantCode(t, err, codes.InvalidArgument)

	retried, err := w.batches.RetryJobs(ctx, &stokerv1.RetryJobsRequest{JobIds: []string{"1/3", "2/1", "2/2"}, ValidateOnly: true})
	if err != nil || retried.GetCount() != 3 || retried.GetBatchCount() != 2 || retried.GetCounts().GetFailed() != 1 || retried.GetCounts().GetCancelled() != 2 {
		t.Errorf("would retry %v, %v", retried, err)
	}
	retried, err = w.batches.RetryJobs(ctx, &stokerv1.RetryJobsRequest{All: true})
	if err != nil || retried.GetCount() != 1 || retried.GetBatchCount() != 1 {
		t.Errorf("retried %v, %v", retried, err)
	}
}
