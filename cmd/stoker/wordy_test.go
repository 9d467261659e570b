package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// wordy is a text of n bytes with a beginning and an end.
func wordy(n int) string { return "BEGIN" + strings.Repeat(" wordy", n/6) + " END" }

// refusal is an answer of the platform with a text, and details, of any length.
func refusal(status, code int, text string) http.HandlerFunc {
	body, err := json.Marshal(map[string]any{
		"requestId": "r-17", "status": "ERROR", "data": map[string]any{"code": code, "message": text, "details": []any{map[string]string{"type": "ERROR", "text": text[:100]}}},
	})
	if err != nil {
		panic(err)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write(body) // the service may have left
	}
}

// foreign is a generated client with the defaults of most languages: it reads answers of up to 4 MiB.
type foreign struct {
	t        *testing.T
	web      string
	batches  stokerv1.BatchServiceClient
	accounts stokerv1.AccountServiceClient
}

func newForeign(t *testing.T, s serving) foreign {
	t.Helper()
	conn, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the test is over
	return foreign{t, s.admin, stokerv1.NewBatchServiceClient(conn), stokerv1.NewAccountServiceClient(conn)}
}

// await reads a batch and its account until ok is true of them.
func (f foreign) await(id string, ok func(*stokerv1.Batch, *stokerv1.Account) bool) (*stokerv1.Batch, *stokerv1.Account) {
	f.t.Helper()
	for deadline := time.Now().Add(longEnough); ; {
		b, err := f.batches.GetBatch(f.t.Context(), &stokerv1.GetBatchRequest{BatchId: id})
		if err != nil {
			f.t.Fatalf("GetBatch: %.300v", err)
		}
		a, err := f.accounts.GetAccount(f.t.Context(), &stokerv1.GetAccountRequest{AccountId: "default"})
		if err != nil {
			f.t.Fatalf("GetAccount: %.300v", err)
		}
		if ok(b.GetBatch(), a.GetAccount()) {
			return b.GetBatch(), a.GetAccount()
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("it did not come to it: %.2000v, %.2000v", b, a)
		}
	}
}

// reads makes every call that reads, and checks the size of the answers.
func (f foreign) reads(id string) {
	f.t.Helper()
	ctx := f.t.Context()
	small := func(what string, m proto.Message, err error) {
		f.t.Helper()
		if err != nil {
			f.t.Errorf("%s: %.300v", what, err)
		} else if n := proto.Size(m); n > 3<<20 {
			f.t.Errorf("%s: an answer of %d bytes", what, n)
		}
	}
	got, err := f.batches.GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: id})
	small("GetBatch", got, err)
	list, err := f.batches.ListBatches(ctx, &stokerv1.ListBatchesRequest{})
	small("ListBatches", list, err)
	jobs, err := f.batches.ListJobs(ctx, &stokerv1.ListJobsRequest{BatchId: id, PageSize: 1_000})
	small("ListJobs", jobs, err)
	one, err := f.batches.GetJob(ctx, &stokerv1.GetJobRequest{JobId: id + "/1"})
	small("GetJob", one, err)
	failures, err := f.batches.ListFailures(ctx, &stokerv1.ListFailuresRequest{BatchId: id})
	small("ListFailures", failures, err)
	accounts, err := f.accounts.ListAccounts(ctx, &stokerv1.ListAccountsRequest{})
	small("ListAccounts", accounts, err)
	watch, err := f.batches.WatchBatch(ctx, &stokerv1.WatchBatchRequest{BatchId: id, IncludeJobs: true})
	if err != nil {
		f.t.Fatal(err)
	}
	first, err := watch.Recv()
	small("WatchBatch", first, err)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.web+"/metrics", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || len(body) > 64<<10 || strings.Contains(string(body), "wordy") {
		f.t.Errorf("/metrics: %s, %v, %d bytes", response.Status, err, len(body))
	}
}

// TestWallOfLines repeats a mistake many times. Few lines tell of all calls.
func TestWallOfLines(t *testing.T) {
	s := startService(t, serviceEnv(t, &simulator.Simulator{}))
	f := newForeign(t, s)
	const calls = 200
	for n := range calls {
		_, err := f.batches.CancelJob(t.Context(), &stokerv1.CancelJobRequest{JobId: fmt.Sprintf("0192f0c1-4e3b-7c2a-9c0d-%012d/%d", n, n+1)})
		if status.Code(err) != codes.NotFound {
			t.Fatalf("cancelled what is not there: %v", err)
		}
	}
	if code := s.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	var told, lines int
	for d := json.NewDecoder(s.log); ; {
		var line struct {
			Msg          string
			Repeated     int
			Calls        int
			Since, Until time.Time
		}
		err := d.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line.Msg, "refused calls") {
			lines++
			told += line.Calls
		}
		if line.Msg == "call refused" {
			lines++
			told += max(line.Repeated, 1)
			if line.Repeated > 0 && !line.Until.After(line.Since) {
				t.Errorf("the span goes from %s to %s", line.Since, line.Until)
			}
		}
	}
	// A slow run goes on into the next minutes.
	if told != calls || lines > 8 {
		t.Errorf("%d lines tell of %d calls, want few of %d", lines, told, calls)
	}
}

// TestWordyPlatform has the platform put very long texts into all of its answers.
func TestWordyPlatform(t *testing.T) {
	mib, messages := 1<<20, 20_000
	if testing.Short() {
		mib, messages = 32<<10, 1_000 // under the race detector
	}
	failing := func(o simulator.Outcome) func(simulator.Encoding, int) simulator.Outcome {
		o.Status = simulator.Error
		return func(simulator.Encoding, int) simulator.Outcome { return o }
	}
	many := make([]simulator.Message, messages)
	for i := range many {
		many[i] = simulator.Message{Type: "ERROR", Text: wordy(100)}
	}
	waits := func(why string) func(*stokerv1.Batch, *stokerv1.Account) bool {
		return func(b *stokerv1.Batch, _ *stokerv1.Account) bool {
			return strings.Contains(b.GetWaitReason(), why+": BEGIN") && len(b.GetWaitReason()) <= 1<<10
		}
	}
	failed := func(b *stokerv1.Batch, _ *stokerv1.Account) bool { return b.GetCounts().GetFailed() == b.GetJobCount() }
	for _, tt := range []struct {
		name string
		jobs int // default 12
		// says answers the calls of a method to a path with this ending; empty for all calls.
		method, path string
		says         http.HandlerFunc
		outcome      func(simulator.Encoding, int) simulator.Outcome
		until        func(*stokerv1.Batch, *stokerv1.Account) bool
	}{
		{name: "refuses the key", says: refusal(401, 1001, wordy(6*mib)), until: waits("HTTP 401, code 1001")},
		{name: "refuses the storage", method: "POST", path: "/outputs/s3", says: refusal(400, 1000, wordy(6*mib)), until: func(b *stokerv1.Batch, a *stokerv1.Account) bool {
			return strings.Contains(b.GetWaitReason(), "BEGIN") && strings.Contains(a.GetProblem(), "BEGIN") && len(a.GetProblem()) <= 1<<10
		}},
		{name: "refuses the encoding", jobs: 2, method: "POST", path: "/encoding/encodings", says: refusal(400, 1000, wordy(6*mib)), until: failed},
		{name: "refuses the start", method: "POST", path: "/start", says: refusal(400, 1000, wordy(6*mib)), until: failed},
		{name: "is full", method: "POST", path: "/start", says: refusal(403, 8004, wordy(6*mib)), until: func(_ *stokerv1.Batch, a *stokerv1.Account) bool {
			return a.GetQueueFullUntil() != nil
		}},
		{name: "refuses webhooks", method: "POST", path: "/encoding/encodings/finished", says: refusal(400, 1000, wordy(6*mib)), until: func(_ *stokerv1.Batch, a *stokerv1.Account) bool {
			return strings.Contains(a.GetWebhooks().GetProblem(), "BEGIN") && len(a.GetWebhooks().GetProblem()) <= 1<<10
		}},
		{name: "fails with a long message", outcome: failing(simulator.Outcome{Messages: []simulator.Message{{Type: "ERROR", Text: wordy(4 * mib)}}}), until: failed},
		{name: "fails with many messages", outcome: failing(simulator.Outcome{Messages: many}), until: failed},
		{name: "fails with a long text", outcome: failing(simulator.Outcome{Error: &simulator.TaskError{Code: 1, Text: wordy(6 * mib)}}), until: failed},
		{name: "fails with a long category", outcome: failing(simulator.Outcome{Error: &simulator.TaskError{Code: 1, Category: wordy(6 * mib)}}), until: failed},
		{name: "fails with a long hint", outcome: failing(simulator.Outcome{Error: &simulator.TaskError{Code: 1, RetryHint: simulator.RetryHint(wordy(6 * mib))}}), until: failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sim := &simulator.Simulator{Encoders: 12, Duration: 50 * time.Millisecond, Unlimited: true, Outcome: tt.outcome}
			env := serviceEnv(t, sim)
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tt.says != nil && (tt.method == "" || tt.method == r.Method) && strings.HasSuffix(r.URL.Path, tt.path) {
					_, _ = io.Copy(io.Discard, r.Body)
					tt.says(w, r)
					return
				}
				sim.ServeHTTP(w, r)
			}))
			t.Cleanup(web.Close)
			env["STOKER_BITMOVIN_URL"], env["STOKER_POLL_INTERVAL"], env["STOKER_MAX_RETRIES"] = web.URL+"/v1", "200ms", "0"
			env["STOKER_QUEUE_TARGET"] = "12"
			env["STOKER_WEBHOOK_URL"], env["STOKER_WEBHOOK_KEY"] = "https://stoker.example.com", strings.Repeat("k9", 20)
			s := startService(t, env)
			f := newForeign(t, s)
			request := &stokerv1.SubmitBatchRequest{}
			for n := range cmp.Or(tt.jobs, 12) {
				request.Jobs = append(request.Jobs, &stokerv1.JobSpec{InputPath: fmt.Sprintf("in/%d", n), OutputPath: fmt.Sprintf("out/%d", n)})
			}
			submitted, err := f.batches.SubmitBatch(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			id := submitted.GetBatch().GetId()
			f.await(id, tt.until)
			f.reads(id)
			s.stop()
			if n := s.log.Len(); n > 256<<10 {
				t.Errorf("%d bytes were logged: %.3000s", n, s.log)
			}
		})
	}
}
