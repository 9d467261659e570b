package server_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

var golden = flag.Bool("golden", false, "rewrite the golden files")

func TestSubmit(t *testing.T) {
	w := newWorld(t, nil)
	resp, err := w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{
		Labels: map[string]string{"team": "vod"}, Jobs: specs(1, 3),
	})
	if err != nil {
		t.Fatal(err)
	}
	b := resp.GetBatch()
	want := &stokerv1.Batch{
		Id: b.GetId(), Number: 1, CreatedBy: "local", DisplayName: b.GetId(), Account: "default", State: stokerv1.BatchState_BATCH_STATE_ACTIVE,
		Priority: 50, Profile: "default", Input: "default", Output: "default",
		RetryPolicy: &stokerv1.RetryPolicy{
			MaxRetries:     new(int32(job.DefaultMaxRetries)),
			InitialBackoff: durationpb.New(job.DefaultInitialBackoff), MaxBackoff: durationpb.New(job.DefaultMaxBackoff),
		},
		Labels: map[string]string{"team": "vod"}, JobCount: 3, Counts: &stokerv1.JobCounts{Waiting: 3},
		Wait:       &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_QUEUE_FULL, Position: 1, Count: 3, Limit: 3},
		WaitReason: "waiting for a free place (3 of 3 queued)",
	}
	if diff := cmp.Diff(want, b, protocmp.Transform(), protocmp.IgnoreFields(want, "create_time", "update_time")); diff != "" {
		t.Errorf("submitted batch (-want +got):\n%s", diff)
	}
	if b.GetCreateTime() == nil {
		t.Error("create_time is not set")
	}
	got, err := w.batches.GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: b.GetId()})
	if err != nil {
		t.Fatal(err)
	}
	b.Encodes = "H.264 480p, 720p, 1080p; AAC; fMP4"
	if diff := cmp.Diff(b, got.GetBatch(), protocmp.Transform()); diff != "" {
		t.Errorf("GetBatch after SubmitBatch (-want +got):\n%s", diff)
	}
}

func TestSubmitTakesTheRetriesAsked(t *testing.T) {
	w := newWorld(t, nil)
	for name, tt := range map[string]struct {
		change func(*stokerv1.SubmitBatchRequest)
		want   int32
	}{
		"none":             {func(r *stokerv1.SubmitBatchRequest) { r.MaxRetries = new(int32(0)) }, 0},
		"a number":         {func(r *stokerv1.SubmitBatchRequest) { r.MaxRetries = new(int32(7)) }, 7},
		"policy":           {func(r *stokerv1.SubmitBatchRequest) { r.RetryPolicy = &stokerv1.RetryPolicy{MaxRetries: new(int32(0))} }, 0},
		"policy, no count": {func(r *stokerv1.SubmitBatchRequest) { r.RetryPolicy = &stokerv1.RetryPolicy{} }, 2},
	} {
		req := submission(1)
		tt.change(req)
		resp, err := w.batches.SubmitBatch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.GetBatch().GetRetryPolicy().GetMaxRetries(); got != tt.want {
			t.Errorf("%s: max_retries is %d, want %d", name, got, tt.want)
		}
	}
}

func TestSubmitIsIdempotent(t *testing.T) {
	w := newWorld(t, nil)
	req := submission(2)
	req.RequestId = "night-1"
	first, err := w.batches.SubmitBatch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.batches.SubmitBatch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := again.GetBatch().GetId(), first.GetBatch().GetId(); got != want {
		t.Errorf("a repeat made batch %s, want the first, %s", got, want)
	}
	req.Priority = new(int32(99))
	_, err = w.batches.SubmitBatch(t.Context(), req)
	wantCode(t, err, codes.AlreadyExists)
	wantReason(t, err, "REQUEST_ID_REUSED")
	list, err := w.batches.ListBatches(t.Context(), &stokerv1.ListBatchesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(list.GetBatches()); n != 1 {
		t.Errorf("there are %d batches, want 1", n)
	}
}

func TestSubmitValidateOnly(t *testing.T) {
	w := newWorld(t, nil)
	req := submission(5)
	req.ValidateOnly = true
	resp, err := w.batches.SubmitBatch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if b := resp.GetBatch(); b.GetId() != "" || b.GetJobCount() != 5 || b.GetCreateTime() != nil {
		t.Errorf("got %v, want a batch of 5 jobs without id and time", b)
	}
	list, err := w.batches.ListBatches(t.Context(), &stokerv1.ListBatchesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(list.GetBatches()); n != 0 {
		t.Errorf("validate_only stored %d batches", n)
	}
}

// TestViolations submits everything that is in testdata/invalid and compares what
// is found wrong with the golden file beside it. Nothing may be stored.
func TestViolations(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no files in testdata/invalid")
	}
	w := newWorld(t, nil)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			req := &stokerv1.SubmitBatchRequest{}
			if err := protojson.Unmarshal(text, req); err != nil {
				t.Fatal(err)
			}
			_, err = w.batches.SubmitBatch(t.Context(), req)
			wantCode(t, err, codes.InvalidArgument)
			wantReason(t, err, "INVALID")
			compareGolden(t, strings.TrimSuffix(file, ".json")+".golden", violations(err))
		})
	}
	list, err := w.batches.ListBatches(t.Context(), &stokerv1.ListBatchesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(list.GetBatches()); n != 0 {
		t.Errorf("%d invalid batches were stored", n)
	}
}

// violations are the violations in an error, one a line.
func violations(err error) string {
	var b strings.Builder
	for _, v := range detail[*errdetails.BadRequest](err).GetFieldViolations() {
		fmt.Fprintf(&b, "%s: %s\n", v.GetField(), v.GetDescription())
	}
	return b.String()
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *golden {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestViolationsAreBounded(t *testing.T) {
	w := newWorld(t, nil)
	req := &stokerv1.SubmitBatchRequest{}
	for range 250 {
		req.Jobs = append(req.Jobs, &stokerv1.JobSpec{OutputPath: "/out"})
	}
	_, err := w.batches.SubmitBatch(t.Context(), req)
	if shown := strings.Count(violations(err), "\n"); shown < 25 || shown > 100 {
		t.Errorf("%d violations are listed, want 25 to 100", shown)
	}
	if got := detail[*errdetails.ErrorInfo](err).GetMetadata()["violations"]; got != "500" {
		t.Errorf("%s violations are counted, want 500", got)
	}
	if got, want := status.Convert(err).Message(), "jobs[0].input_path: is required: the path of the asset on the input storage (and 499 more)"; got != want {
		t.Errorf("the text is %q, want %q", got, want)
	}
}

func TestAddJobs(t *testing.T) {
	w := newWorld(t, nil)
	open, err := w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{KeepOpen: true})
	if err != nil {
		t.Fatal(err)
	}
	id := open.GetBatch().GetId()
	if got := open.GetBatch().GetState(); got != stokerv1.BatchState_BATCH_STATE_OPEN {
		t.Errorf("state is %v, want OPEN", got)
	}
	add := func(jobs []*stokerv1.JobSpec) (*stokerv1.AddJobsResponse, error) {
		return w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{BatchId: id, Jobs: jobs})
	}
	if _, err := add(specs(1, 3)); err != nil {
		t.Fatal(err)
	}
	resp, err := add(specs(2, 4))
	if err != nil {
		t.Fatal(err)
	}
	if resp.GetAddedCount() != 2 || resp.GetDuplicateCount() != 2 || resp.GetBatch().GetJobCount() != 5 {
		t.Errorf("got %v, want 2 jobs added, 2 skipped, 5 in all", resp)
	}
	_, err = add([]*stokerv1.JobSpec{{InputPath: "in", OutputPath: "out"}})
	if got, want := violations(err), "jobs[0].key: is required: a job that is added to a batch is recognised by its key\n"; got != want {
		t.Errorf("violations are %q, want %q", got, want)
	}
	closed, err := w.batches.CloseBatch(t.Context(), &stokerv1.CloseBatchRequest{BatchId: id})
	if err != nil {
		t.Fatal(err)
	}
	if got := closed.GetBatch().GetState(); got != stokerv1.BatchState_BATCH_STATE_ACTIVE {
		t.Errorf("state is %v, want ACTIVE", got)
	}
	_, err = add(specs(9, 1))
	wantCode(t, err, codes.FailedPrecondition)
	wantReason(t, err, "WRONG_STATE")
}

func TestUpdateBatch(t *testing.T) {
	w := newWorld(t, nil)
	b := w.submit(1)
	update := func(change *stokerv1.Batch, paths ...string) (*stokerv1.UpdateBatchResponse, error) {
		change.Id = b.GetId()
		return w.batches.UpdateBatch(t.Context(), &stokerv1.UpdateBatchRequest{Batch: change, UpdateMask: mask(paths...)})
	}
	resp, err := update(&stokerv1.Batch{Priority: 80, DisplayName: "not in the mask", Labels: map[string]string{"a": "b"}}, "priority", "labels")
	if err != nil {
		t.Fatal(err)
	}
	want := proto.CloneOf(b)
	want.Priority, want.Labels = 80, map[string]string{"a": "b"}
	if diff := cmp.Diff(want, resp.GetBatch(), protocmp.Transform(), protocmp.IgnoreFields(want, "update_time")); diff != "" {
		t.Errorf("updated batch (-want +got):\n%s", diff)
	}
	_, err = update(&stokerv1.Batch{Priority: 101, Labels: map[string]string{"": "x"}}, "priority", "labels", "state")
	wantCode(t, err, codes.InvalidArgument)
	compareGolden(t, "testdata/update_batch.golden", violations(err))
}
