package server_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// Whoever asks for a batch, its jobs or its account, one by one or in a list, once or again and
// again, is told the same reason for waiting.
func TestWaitsEverywhere(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.accounts.change("default", func(a *job.AccountStatus) { a.InLineCount = 3 }); err != nil {
		t.Fatal(err)
	}
	id := w.submit(3).GetId()
	w.start(id, 1)
	waits := func(position int64) *stokerv1.Wait {
		return &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_QUEUE_FULL, Position: position, Count: 3, Limit: 3}
	}
	same := func(what string, got, want *stokerv1.Wait) {
		t.Helper()
		if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(&stokerv1.Wait{}, "since")); diff != "" {
			t.Errorf("%s waits for (-want +got):\n%s", what, diff)
		}
	}
	jobsAs := func(what string, jobs []*stokerv1.Job) {
		t.Helper()
		if len(jobs) != 3 {
			t.Fatalf("%s has %d jobs", what, len(jobs))
		}
		same(what+": a queued job", jobs[0].GetWait(), &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_ENCODER})
		same(what+": the first to wait", jobs[1].GetWait(), waits(1))
		same(what+": the second", jobs[2].GetWait(), waits(2))
		if got, want := jobs[2].GetWaitReason(), "waiting for a free place (3 of 3 queued); position 2"; got != want {
			t.Errorf("%s: in words %q, want %q", what, got, want)
		}
	}

	got, err := w.batches.GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: id})
	if err != nil {
		t.Fatal(err)
	}
	same("the batch", got.GetBatch().GetWait(), waits(1))
	batches, err := w.batches.ListBatches(t.Context(), &stokerv1.ListBatchesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	same("a batch in a list", batches.GetBatches()[0].GetWait(), waits(1))
	jobs, err := w.batches.ListJobs(t.Context(), &stokerv1.ListJobsRequest{BatchId: id})
	if err != nil {
		t.Fatal(err)
	}
	jobsAs("a list", jobs.GetJobs())
	alone, err := w.batches.GetJob(t.Context(), &stokerv1.GetJobRequest{JobId: id + "/3"})
	if err != nil {
		t.Fatal(err)
	}
	same("a job by itself", alone.GetJob().GetWait(), waits(2))
	watch, err := w.batches.WatchBatch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: id, IncludeJobs: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := watch.Recv()
	if err != nil {
		t.Fatal(err)
	}
	same("a watched batch", m.GetBatch().GetWait(), waits(1))
	jobsAs("a watch", m.GetJobs())
	accounts, err := w.account.ListAccounts(t.Context(), &stokerv1.ListAccountsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	same("the account", accounts.GetAccounts()[0].GetWait(), waits(0))
	same("an idle one", accounts.GetAccounts()[1].GetWait(), &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_IDLE})
}

// One whose back-off is not over is in nobody's way, and says until when; when it is over it is in
// its old place.
func TestWaitsInBackoff(t *testing.T) {
	// In a bubble no time passes, so that no line is kept.
	within(t, nil, waitsInBackoff)
}

func waitsInBackoff(t *testing.T, w *world) {
	t.Helper()
	id := w.submit(3).GetId()
	w.start(id, 1)
	w.update(id, 1, func(u *job.Update, now time.Time) error {
		o := job.Observation{EncodingID: "enc-1", Status: job.RemoteError, Failure: &job.Failure{Hint: job.HintRetry, Text: "lost"}}
		return u.Observe(o, job.Rules{Retry: job.RetryPolicy{MaxRetries: 2, InitialBackoff: time.Hour}}, now)
	})
	jobs, err := w.batches.ListJobs(t.Context(), &stokerv1.ListJobsRequest{BatchId: id})
	if err != nil {
		t.Fatal(err)
	}
	first := jobs.GetJobs()[0]
	if got := first.GetWait(); got.GetCode() != stokerv1.WaitCode_WAIT_CODE_BACKOFF || got.GetAttempt() != 2 ||
		!got.GetUntil().AsTime().Equal(first.GetNextAttemptTime().AsTime()) {
		t.Errorf("the failed one waits for %v, not before %v", got, first.GetNextAttemptTime())
	}
	if first.GetReason() == "" {
		t.Error("it does not say what failed")
	}
	if got := jobs.GetJobs()[1].GetWait(); got.GetPosition() != 1 {
		t.Errorf("the one behind it waits for %v", got)
	}
	// Once all of them pause, so does the batch.
	for n := range int64(2) {
		w.fail(id, n+2, job.Failure{Text: "for good"})
	}
	got, err := w.batches.GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: id})
	if err != nil {
		t.Fatal(err)
	}
	if b := got.GetBatch().GetWait(); b.GetCode() != stokerv1.WaitCode_WAIT_CODE_BACKOFF || b.GetAttempt() != 2 || b.GetUntil() == nil {
		t.Errorf("the batch waits for %v", b)
	}
}
