package server_test

import (
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
	for name, tt := range map[string]struct {
		req  *stokerv1.RetryJobsRequest
		want string
	}{
		"neither": {
			&stokerv1.RetryJobsRequest{},
			"batch_id: is required, unless labels are given\nlabels: are required, unless batch_id is given\n",
		},
		"both": {
			&stokerv1.RetryJobsRequest{BatchId: id, Labels: vod},
			"batch_id: batch_id and labels exclude each other\nlabels: batch_id and labels exclude each other\n",
		},
		"ids": {
			&stokerv1.RetryJobsRequest{Labels: vod, JobIds: []string{id + "/1"}},
			"job_ids: need a batch_id: all jobs have to be of one batch\n",
		},
	} {
		_, err := w.batches.RetryJobs(t.Context(), tt.req)
		wantCode(t, err, codes.InvalidArgument)
		if got := violations(err); got != tt.want {
			t.Errorf("%s: violations are %q, want %q", name, got, tt.want)
		}
		if len(tt.req.GetJobIds()) > 0 {
			continue
		}
		_, err = w.batches.CancelJobs(t.Context(), &stokerv1.CancelJobsRequest{BatchId: tt.req.GetBatchId(), Labels: tt.req.GetLabels()})
		if got := violations(err); got != tt.want {
			t.Errorf("%s: violations of CancelJobs are %q, want %q", name, got, tt.want)
		}
	}
}
