package server_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// TestNumbers names batches and jobs by number in every call that takes their ids.
func TestNumbers(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	first, b := w.submit(1), w.submit(3)
	if first.GetNumber() != 1 || b.GetNumber() != 2 {
		t.Fatalf("the first batches have the numbers %d and %d", first.GetNumber(), b.GetNumber())
	}
	w.fail(b.GetId(), 3, job.Failure{Text: "gone"})
	for name, call := range map[string]func() (got string, err error){
		"GetBatch": func() (string, error) {
			r, err := w.batches.GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: "2"})
			return r.GetBatch().GetId(), err
		},
		"ListJobs": func() (string, error) {
			r, err := w.batches.ListJobs(ctx, &stokerv1.ListJobsRequest{BatchId: "2"})
			if err != nil || len(r.GetJobs()) != 3 {
				return "", err
			}
			j := r.GetJobs()[0]
			return fmt.Sprintf("%s %d/%d", j.GetId(), j.GetBatchNumber(), j.GetNumber()), err
		},
		"GetJob": func() (string, error) {
			r, err := w.batches.GetJob(ctx, &stokerv1.GetJobRequest{JobId: "2/2"})
			return r.GetJob().GetId() + " " + r.GetBatch().GetId(), err
		},
		"ListFailures": func() (string, error) {
			r, err := w.batches.ListFailures(ctx, &stokerv1.ListFailuresRequest{BatchId: "2"})
			return fmt.Sprint(r.GetFailedCount()), err
		},
		"RetryJobs": func() (string, error) {
			r, err := w.batches.RetryJobs(ctx, &stokerv1.RetryJobsRequest{BatchId: "2", JobIds: []string{"2/3", b.GetId() + "/3"}, ValidateOnly: true})
			return fmt.Sprint(r.GetCount()), err
		},
		"CancelJob": func() (string, error) {
			r, err := w.batches.CancelJob(ctx, &stokerv1.CancelJobRequest{JobId: "2/1"})
			return r.GetJob().GetId(), err
		},
		"UpdateBatch": func() (string, error) {
			r, err := w.batches.UpdateBatch(ctx, &stokerv1.UpdateBatchRequest{
				Batch: &stokerv1.Batch{Id: "2", Priority: 60}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"priority"}},
			})
			return r.GetBatch().GetId(), err
		},
		"WatchBatch": func() (string, error) {
			stream, err := w.batches.WatchBatch(ctx, &stokerv1.WatchBatchRequest{BatchId: "2"})
			if err != nil {
				return "", err
			}
			m, err := stream.Recv()
			return m.GetBatch().GetId(), err
		},
	} {
		got, err := call()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := b.GetId()
		switch name {
		case "ListJobs":
			want += "/1 2/1"
		case "GetJob":
			want += "/2 " + b.GetId()
		case "CancelJob":
			want += "/1"
		case "ListFailures", "RetryJobs":
			want = "1"
		}
		if got != want {
			t.Errorf("%s answers about %q, want %q", name, got, want)
		}
	}
}

// TestUnknownNumbers names batches that do not exist, and texts that are no numbers.
func TestUnknownNumbers(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	b := w.submit(1)
	for _, name := range []string{"2", "0", "-1", "01", "+1", "1 ", "99999999999999999999", "1/1", "x"} {
		_, err := w.batches.GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: name})
		wantStatus(t, err, codes.NotFound, `batch "`+name+`" was not found`)
	}
	for _, name := range []string{"2/1", "1/2"} {
		_, err := w.batches.GetJob(ctx, &stokerv1.GetJobRequest{JobId: name})
		wantStatus(t, err, codes.NotFound, `job "`+name+`" was not found`)
	}
	_, err := w.batches.GetJob(ctx, &stokerv1.GetJobRequest{JobId: "1"})
	wantCode(t, err, codes.InvalidArgument)
	_, err = w.batches.RetryJobs(ctx, &stokerv1.RetryJobsRequest{BatchId: "1", JobIds: []string{"1/1", "7/1"}})
	wantStatus(t, err, codes.InvalidArgument, "job_ids[1]: there is no batch 7")

	w.finish(b.GetId(), 1)
	if _, err := w.batches.DeleteBatch(ctx, &stokerv1.DeleteBatchRequest{BatchId: "1"}); err != nil {
		t.Fatal(err)
	}
	_, err = w.batches.GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: "1"})
	wantCode(t, err, codes.NotFound)
	if n := w.submit(1).GetNumber(); n != 2 {
		t.Errorf("after batch 1 was deleted the next one has the number %d, want 2", n)
	}
}

// TestErrorsSayNumbers looks for the numbers in the errors about states.
func TestErrorsSayNumbers(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	b := w.submit(2)
	_, err := w.batches.DeleteBatch(ctx, &stokerv1.DeleteBatchRequest{BatchId: b.GetId()})
	wantStatus(t, err, codes.FailedPrecondition, "batch 1 is ACTIVE: ")
	w.finish(b.GetId(), 2)
	_, err = w.batches.CancelJob(ctx, &stokerv1.CancelJobRequest{JobId: b.GetId() + "/2"})
	wantStatus(t, err, codes.FailedPrecondition, "job 1/2 is SUCCEEDED: ")
}

// wantStatus holds that an error has a code, and a text that begins with want.
func wantStatus(t *testing.T, err error, code codes.Code, want string) {
	t.Helper()
	wantCode(t, err, code)
	if got := status.Convert(err).Message(); !strings.HasPrefix(got, want) {
		t.Errorf("the error says %q, want %q", got, want)
	}
}
