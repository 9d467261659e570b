package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// farEnough is how large an answer may be: clients read 4 MiB without being told to.
const farEnough = 3 << 20

// small fails the test unless m is what a client can read.
func small(t *testing.T, what string, m proto.Message, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %.300v", what, err)
	} else if n := proto.Size(m); n > farEnough {
		t.Errorf("%s: an answer of %d bytes", what, n)
	}
}

// askEverything makes each call that shows a batch, one of its jobs, or an account.
func (w *world) askEverything(batch string) {
	w.t.Helper()
	t, ctx, id := w.t, w.t.Context(), batch+"/1"
	got, err := w.batches.GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: batch})
	small(t, "GetBatch", got, err)
	list, err := w.batches.ListBatches(ctx, &stokerv1.ListBatchesRequest{})
	small(t, "ListBatches", list, err)
	one, err := w.batches.GetJob(ctx, &stokerv1.GetJobRequest{JobId: id})
	small(t, "GetJob", one, err)
	w.allJobs(batch)
	w.snapshot(batch)
	failures, err := w.batches.ListFailures(ctx, &stokerv1.ListFailuresRequest{BatchId: batch})
	small(t, "ListFailures", failures, err)
	retry, err := w.batches.RetryJobs(ctx, &stokerv1.RetryJobsRequest{BatchId: batch, ValidateOnly: true})
	small(t, "RetryJobs", retry, err)
	cancel, err := w.batches.CancelJobs(ctx, &stokerv1.CancelJobsRequest{BatchId: batch, ValidateOnly: true})
	small(t, "CancelJobs", cancel, err)
	accounts, err := w.account.ListAccounts(ctx, &stokerv1.ListAccountsRequest{})
	small(t, "ListAccounts", accounts, err)
	account, err := w.account.GetAccount(ctx, &stokerv1.GetAccountRequest{AccountId: "default"})
	small(t, "GetAccount", account, err)
}

// allJobs are the jobs of a batch, page by page. Each has to come once, in its turn.
func (w *world) allJobs(batch string) (jobs []*stokerv1.Job) {
	w.t.Helper()
	for req := (&stokerv1.ListJobsRequest{BatchId: batch, PageSize: 1_000}); ; {
		page, err := w.batches.ListJobs(w.t.Context(), req)
		small(w.t, "ListJobs", page, err)
		for _, j := range page.GetJobs() {
			if want := fmt.Sprintf("%s/%d", batch, len(jobs)+1); j.GetId() != want {
				w.t.Fatalf("the list goes on with %s, want %s", j.GetId(), want)
			}
			jobs = append(jobs, j)
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return jobs
		}
	}
}

// snapshot watches a batch until every job of it has been sent, once, and returns the last
// cursor.
func (w *world) snapshot(batch string) (cursor string) {
	w.t.Helper()
	ctx, cancel := context.WithCancelCause(w.t.Context())
	defer cancel(nil)
	stream, err := w.batches.WatchBatch(ctx, &stokerv1.WatchBatchRequest{BatchId: batch, IncludeJobs: true})
	if err != nil {
		w.t.Fatal(err)
	}
	seen := map[string]bool{}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			w.t.Fatalf("the watch has ended after %d jobs", len(seen))
		}
		small(w.t, "WatchBatch", m, err)
		if err != nil {
			return ""
		}
		for _, j := range m.GetJobs() {
			if seen[j.GetId()] {
				w.t.Errorf("job %s is sent twice", j.GetId())
			}
			seen[j.GetId()] = true
		}
		if len(seen) == int(m.GetBatch().GetJobCount()) {
			return m.GetCursor()
		}
	}
}

// TestWordyAccount has the platform refuse an account with a text of 6 MiB, and with others.
func TestWordyAccount(t *testing.T) {
	sizes := []int{5_000, 6 << 20}
	if testing.Short() {
		sizes = sizes[:1]
	}
	for _, n := range sizes {
		text := "HTTP 401: " + strings.Repeat("x", n) + " (request r-17)"
		for name, change := range map[string]func(*job.AccountStatus, string){
			"breaker": func(a *job.AccountStatus, _ string) { a.Breaker, a.BreakerReason = job.BreakerOpen, text },
			"paused":  func(a *job.AccountStatus, _ string) { a.Paused, a.PausedReason = true, text },
			"problem": func(a *job.AccountStatus, batch string) {
				a.Problem, a.Problems = text, map[string]job.Problem{batch: {Text: text, Until: time.Now().Add(time.Hour)}}
			},
			"webhooks": func(a *job.AccountStatus, _ string) { a.Webhooks = &job.Webhooks{Problem: text} },
		} {
			t.Run(fmt.Sprint(name, " ", n), func(t *testing.T) {
				w := newWorld(t, nil)
				b := w.submit(1_000)
				if err := w.accounts.change("default", func(a *job.AccountStatus) { change(a, b.GetId()) }); err != nil {
					t.Fatal(err)
				}
				w.askEverything(b.GetId())
				if jobs := w.allJobs(b.GetId()); len(jobs) != 1_000 {
					t.Errorf("there are %d jobs", len(jobs))
				}
				got, err := w.batches.GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: b.GetId()})
				if err != nil {
					t.Fatal(err)
				}
				why := got.GetBatch().GetWaitReason()
				if name != "webhooks" && (len(why) > job.MaxReason || !strings.Contains(why, "HTTP 401: x") || !strings.HasSuffix(why, "(request r-17)")) {
					t.Errorf("jobs wait for %.100q… of %d bytes, want its beginning and its end", why, len(why))
				}
			})
		}
	}
}

// TestWordyFailures lets a thousand jobs fail with all the text that is kept of a failure.
func TestWordyFailures(t *testing.T) {
	w := newWorld(t, nil)
	const jobs = 150
	b := w.submit(jobs)
	for n := range int64(jobs) {
		text := fmt.Sprint(n, strings.Repeat(" wordy", 10_000))
		w.fail(b.GetId(), n+1, job.Failure{Text: text, Category: text, Hint: job.RetryHint(text)})
	}
	w.askEverything(b.GetId())
	f := w.allJobs(b.GetId())[0].GetFailure()
	if n := proto.Size(f); n > job.MaxFailure || n < job.MaxFailure*9/10 {
		t.Errorf("a failure has %d bytes, want nearly all of %d", n, job.MaxFailure)
	}
}

// TestWordyChanges has a watcher come back to more changes than one message has room for.
func TestWordyChanges(t *testing.T) {
	w := newWorld(t, nil)
	const jobs = 300
	b := w.submit(jobs)
	cursor := w.snapshot(b.GetId())
	for n := range int64(jobs) {
		w.fail(b.GetId(), n+1, job.Failure{Text: strings.Repeat("wordy ", 10_000)})
	}
	stream, err := w.batches.WatchBatch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: b.GetId(), Cursor: cursor, IncludeJobs: true})
	if err != nil {
		t.Fatal(err)
	}
	messages, seen := 0, map[string]bool{}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		small(t, "WatchBatch", m, err)
		if err != nil {
			return
		}
		messages++
		for _, j := range m.GetJobs() {
			seen[j.GetId()] = true
		}
	}
	if len(seen) != jobs || messages < 3 {
		t.Errorf("%d jobs came in %d messages, want %d in several", len(seen), messages, jobs)
	}
}

// TestOlderTable reads what a version wrote that kept every text in full.
func TestOlderTable(t *testing.T) {
	w := newWorld(t, nil)
	size := 4_500_000
	if testing.Short() {
		size /= 3
	}
	long := "BEGIN" + strings.Repeat("x", size) + "END"
	word := long[:100_000]
	failure := &job.Failure{Kind: job.FailedEncoding, Text: long, Category: word, Messages: []string{long}, RequestID: word, Hint: job.RetryHint(word)}
	b := w.submit(4)
	for n := range int64(2) {
		w.start(b.GetId(), n+1)
		w.update(b.GetId(), n+1, func(u *job.Update, now time.Time) error {
			err := u.Observe(job.Observation{EncodingID: u.Job.EncodingID, Status: job.RemoteError}, job.Rules{}, now)
			u.Job.Failure, u.Ended.Failure, u.Reason, u.Job.Reason, u.Job.EncodingID = failure, failure, long, long, word
			failure.Cause = u.Job.CauseOf(failure) // the upgrade has done this
			return err
		})
	}
	if _, err := w.store.UpdateBatch(t.Context(), b.GetId(), time.Now(), func(b *job.Batch) error {
		b.State, b.StateReason, b.DisplayName, b.Labels = job.BatchPaused, long, long, map[string]string{"l": long}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w.askEverything(b.GetId())
	got, err := w.batches.GetJob(t.Context(), &stokerv1.GetJobRequest{JobId: b.GetId() + "/1"})
	if err != nil {
		t.Fatal(err)
	}
	if text := got.GetJob().GetFailure().GetText(); !strings.HasPrefix(text, "BEGIN") || !strings.HasSuffix(text, "END") {
		t.Errorf("the failure's text is %.100q…, want its beginning and its end", text)
	}
	causes, err := w.batches.ListFailures(t.Context(), &stokerv1.ListFailuresRequest{BatchId: b.GetId()})
	if err != nil || len(causes.GetCauses()) != 1 || causes.GetCauses()[0].GetCount() != 2 {
		t.Fatalf("causes are %.300v, %v; want one of two jobs", causes, err)
	}
	retried, err := w.batches.RetryJobs(t.Context(), &stokerv1.RetryJobsRequest{BatchId: b.GetId(), Causes: []string{causes.GetCauses()[0].GetCause()}})
	if err != nil || retried.GetCount() != 2 {
		t.Errorf("%d jobs were retried by their cause, %v; want 2", retried.GetCount(), err)
	}
}

// TestLongHistory shows a job that has been retried again and again.
func TestLongHistory(t *testing.T) {
	w := newWorld(t, nil)
	b := w.submit(1)
	attempts := 500
	if testing.Short() {
		attempts = 150 // under the race detector
	}
	for n := range attempts {
		w.update(b.GetId(), 1, func(u *job.Update, now time.Time) error {
			if u.Job.EncodingID == "" {
				return u.Configured("enc-1", nil, now)
			}
			return nil
		})
		w.update(b.GetId(), 1, func(u *job.Update, now time.Time) error { return u.BeginStart(now) })
		w.update(b.GetId(), 1, func(u *job.Update, now time.Time) error {
			return u.StartRefused(job.Failure{Text: fmt.Sprint(n, strings.Repeat(" wordy", 6_000))}, job.Rules{}, now)
		})
		w.update(b.GetId(), 1, func(u *job.Update, now time.Time) error { return u.Retry(now) })
	}
	w.askEverything(b.GetId())
	got, err := w.batches.GetJob(t.Context(), &stokerv1.GetJobRequest{JobId: b.GetId() + "/1"})
	if err != nil {
		t.Fatal(err)
	}
	shown, events := got.GetAttempts(), got.GetEvents()
	if n := len(shown); n < 100 || n+int(got.GetOmittedAttemptCount()) != attempts || shown[n-1].GetNumber() != int32(attempts) {
		t.Errorf("%d attempts are shown up to number %d and %d are left out, want %d in all", n, shown[n-1].GetNumber(), got.GetOmittedAttemptCount(), attempts)
	}
	if n := len(events) + int(got.GetOmittedEventCount()); len(events) < 100 || n != 3*attempts+1 {
		t.Errorf("%d events are shown and %d left out, want %d in all", len(events), got.GetOmittedEventCount(), 3*attempts+1)
	}
}

// TestAccountPages lists more accounts than one message has room for.
func TestAccountPages(t *testing.T) {
	w := newWorld(t, nil)
	const accounts = 1_500
	for n := range accounts {
		id := fmt.Sprintf("extra-%04d", n)
		w.store.PublishAccountStatus(job.AccountStatus{
			ID: id, Breaker: job.BreakerOpen, BreakerReason: strings.Repeat("b", 5_000), Problem: strings.Repeat("p", 5_000), PausedReason: strings.Repeat("q", 5_000),
		})
	}
	var ids []string
	pages := 0
	for req := (&stokerv1.ListAccountsRequest{}); ; pages++ {
		page, err := w.account.ListAccounts(t.Context(), req)
		small(t, "ListAccounts", page, err)
		for _, a := range page.GetAccounts() {
			ids = append(ids, a.GetId())
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if len(ids) != accounts+2 || pages < 2 || ids[0] != "default" || ids[1] != "extra-0000" || ids[accounts+1] != "other" {
		t.Errorf("%d accounts came on %d pages, want %d on several", len(ids), pages+1, accounts+2)
	}
	page, err := w.account.ListAccounts(t.Context(), &stokerv1.ListAccountsRequest{PageSize: 1})
	if err != nil || len(page.GetAccounts()) != 1 || page.GetNextPageToken() == "" {
		t.Errorf("a page of one account is %.100v, %v", page, err)
	}
}

// TestEnormousVariables shows jobs from before there was a limit to what they bring.
func TestEnormousVariables(t *testing.T) {
	value, name := 20<<20, 9<<20
	if testing.Short() {
		value, name = 5<<20, 5<<20 // larger than an answer, under the race detector
	}
	w := newWorld(t, nil)
	b, _, err := w.store.Submit(t.Context(), job.Submission{
		Batch: job.Batch{ID: "older", AccountID: "default", State: job.BatchActive, Priority: 50, CreateTime: time.Now(), UpdateTime: time.Now(), Template: &job.Template{Text: plainTemplate}},
		Jobs: []job.Spec{
			{Key: "a", InputPath: "in/a", OutputPath: "a", Variables: map[string]string{"title": strings.Repeat("t", value), "seconds": "1"}},
			{Key: "b", InputPath: "in/b", OutputPath: "b", Variables: map[string]string{strings.Repeat("n", name): "1"}},
			{Key: "c", InputPath: "in/c", OutputPath: "c"},
		},
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w.askEverything(b.ID)
	if jobs := w.allJobs(b.ID); len(jobs) != 3 || jobs[0].GetVariables()["seconds"] != "1" {
		t.Errorf("there are %d jobs, of which the first has %d variables", len(jobs), len(jobs[0].GetVariables()))
	}
}

// TestCallersAreRefusedAndNotCut holds that nothing is left out of what callers say: what is
// too long for an answer is refused when it is said.
func TestCallersAreRefusedAndNotCut(t *testing.T) {
	w := newWorld(t, nil)
	b := w.submit(1)
	long := strings.Repeat("映", 500)
	_, err := w.batches.PauseBatch(t.Context(), &stokerv1.PauseBatchRequest{BatchId: b.GetId(), Reason: long})
	wantCode(t, err, codes.InvalidArgument)
	_, err = w.batches.PauseBatch(t.Context(), &stokerv1.PauseBatchRequest{BatchId: b.GetId(), Reason: long[:1023]})
	if err != nil {
		t.Error(err)
	}
	got, err := w.batches.GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: b.GetId()})
	if err != nil || got.GetBatch().GetStateReason() != long[:1023] {
		t.Errorf("the reason has become %q, %v", got.GetBatch().GetStateReason(), err)
	}
	for field, variables := range map[string]map[string]string{
		"variables": {"title": strings.Repeat("t", 4_097), "seconds": "1"},
		"a name":    {strings.Repeat("n", 101): "1"},
	} {
		_, err = w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{
			EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: "ladder"},
			Jobs:       []*stokerv1.JobSpec{{Key: "a", InputPath: "in/a.mp4", OutputPath: "out", Variables: variables}},
		})
		wantCode(t, err, codes.InvalidArgument)
		if got := violations(err); !strings.Contains(got, "variables") {
			t.Errorf("%s: violations are %q", field, got)
		}
	}
}
