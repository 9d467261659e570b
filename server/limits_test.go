package server_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// TestErrorsFitTheirHeaders makes mistakes by the thousand, and of any length, over a
// connection that takes as many headers as many clients do: 8 KiB. The error that does
// not fit is one that its caller never sees.
func TestErrorsFitTheirHeaders(t *testing.T) {
	w := newWorld(t, nil)
	conn := w.dial(grpc.WithMaxHeaderListSize(8 << 10))
	batches, accounts := stokerv1.NewBatchServiceClient(conn), stokerv1.NewAccountServiceClient(conn)
	ctx := t.Context()
	control, film := strings.Repeat("\x01", 1<<20), strings.Repeat("映画", 500_000)
	submit := func(req *stokerv1.SubmitBatchRequest) error {
		_, err := batches.SubmitBatch(ctx, req)
		return err
	}
	same := func(n int, j *stokerv1.JobSpec) (list []*stokerv1.JobSpec) {
		for range n {
			list = append(list, j)
		}
		return list
	}
	open, err := w.batches.SubmitBatch(ctx, &stokerv1.SubmitBatchRequest{KeepOpen: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"ten thousand empty jobs": func() error { return submit(&stokerv1.SubmitBatchRequest{Jobs: same(10_000, &stokerv1.JobSpec{})}) },
		"long keys": func() error {
			return submit(&stokerv1.SubmitBatchRequest{Jobs: same(1_000, &stokerv1.JobSpec{Key: strings.Repeat("映", 201), Name: control[:501]})})
		},
		"paths with control characters": func() error {
			return submit(&stokerv1.SubmitBatchRequest{Jobs: same(1_000, &stokerv1.JobSpec{InputPath: control[:1024], OutputPath: control[:1024]})})
		},
		"long paths": func() error {
			return submit(&stokerv1.SubmitBatchRequest{Jobs: same(2, &stokerv1.JobSpec{InputPath: control, OutputPath: "/" + film})})
		},
		"long names": func() error {
			return submit(&stokerv1.SubmitBatchRequest{
				Account: film, Input: control, OutputId: film + "/", EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: film},
			})
		},
		"long label": func() error { return submit(&stokerv1.SubmitBatchRequest{Labels: map[string]string{film: film}}) },
		"added jobs": func() error {
			_, err := batches.AddJobs(ctx, &stokerv1.AddJobsRequest{BatchId: open.GetBatch().GetId(), Jobs: same(1_000, &stokerv1.JobSpec{OutputPath: "/" + film[:300]})})
			return err
		},
		"long mask": func() error {
			_, err := batches.UpdateBatch(ctx, &stokerv1.UpdateBatchRequest{Batch: &stokerv1.Batch{Id: "b"}, UpdateMask: mask(film, control)})
			return err
		},
		"long ids": func() error {
			_, err := batches.RetryJobs(ctx, &stokerv1.RetryJobsRequest{BatchId: film, JobIds: []string{film, control}})
			return err
		},
		"a long batch id": func() error {
			_, err := batches.GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: film})
			return err
		},
		"a long job id": func() error {
			_, err := batches.GetJob(ctx, &stokerv1.GetJobRequest{JobId: control})
			return err
		},
		"a long cause": func() error {
			_, err := batches.CancelJobs(ctx, &stokerv1.CancelJobsRequest{BatchId: open.GetBatch().GetId(), Causes: []string{film}})
			return err
		},
		"a long account": func() error {
			_, err := accounts.PauseAccount(ctx, &stokerv1.PauseAccountRequest{AccountId: film})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := call()
			if info := detail[*errdetails.ErrorInfo](err); info.GetReason() != "INVALID" && info.GetReason() != "NOT_FOUND" {
				t.Errorf("the caller is told %.300v", err)
			}
		})
	}
}

// TestClippedTextsSayWhatIsRight holds that of what is too long the caller's own words are
// left out, and not what is wrong with them.
func TestClippedTextsSayWhatIsRight(t *testing.T) {
	w := newWorld(t, nil)
	_, err := w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{
		Jobs: []*stokerv1.JobSpec{{InputPath: "in", OutputPath: "/out/" + strings.Repeat("long/", 200)}},
	})
	wantCode(t, err, codes.InvalidArgument)
	got := violations(err)
	if !strings.HasPrefix(got, `jobs[0].output_path: "/out/long`) || !strings.Contains(got, "leave out the slash at the beginning") {
		t.Errorf("violations are %q, want the beginning of the path and the remedy", got)
	}
}

// TestLongListsAreRefusedAtOnce holds that nobody looks at the entries of a list that has
// too many of them: each can be wrong, and a message has room for 30 million.
func TestLongListsAreRefusedAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	states := make([]stokerv1.JobState, 1_001)
	many := map[string]string{}
	for n := range 1_001 {
		many[fmt.Sprint(n)] = ""
	}
	submit := func(req *stokerv1.SubmitBatchRequest) error {
		_, err := w.batches.SubmitBatch(ctx, req)
		return err
	}
	for field, call := range map[string]func() error{
		"jobs":   func() error { return submit(&stokerv1.SubmitBatchRequest{Jobs: make([]*stokerv1.JobSpec, 100_001)}) },
		"labels": func() error { return submit(&stokerv1.SubmitBatchRequest{Labels: many}) },
		"recipe.muxings": func() error {
			return submit(&stokerv1.SubmitBatchRequest{EncodeWith: &stokerv1.SubmitBatchRequest_Recipe{Recipe: &stokerv1.Recipe{Muxings: make([]*stokerv1.Muxing, 1_001)}}})
		},
		"states": func() error {
			_, err := w.batches.ListJobs(ctx, &stokerv1.ListJobsRequest{BatchId: "b", States: states})
			return err
		},
		"batch.labels": func() error {
			_, err := w.batches.UpdateBatch(ctx, &stokerv1.UpdateBatchRequest{Batch: &stokerv1.Batch{Labels: many}})
			return err
		},
		"update_mask.paths": func() error {
			_, err := w.account.UpdateAccount(ctx, &stokerv1.UpdateAccountRequest{UpdateMask: mask(make([]string, 1_001)...)})
			return err
		},
		"watched states": func() error {
			stream, err := w.batches.WatchBatch(ctx, &stokerv1.WatchBatchRequest{BatchId: "b", IncludeJobs: true, States: states})
			if err != nil {
				return err
			}
			_, err = stream.Recv()
			return err
		},
	} {
		err := call()
		wantCode(t, err, codes.InvalidArgument)
		want := strings.TrimPrefix(field, "watched ") + ": 100"
		if got := violations(err); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: violations are %q, want one, on the number of entries", field, got)
		}
	}
}

// TestEnumsAreToldByName holds that the numbers of the contract's rules reach nobody.
func TestEnumsAreToldByName(t *testing.T) {
	w := newWorld(t, nil)
	_, err := w.batches.CancelJobs(t.Context(), &stokerv1.CancelJobsRequest{
		BatchId: "b", States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_SUCCEEDED},
	})
	if got, want := violations(err), "states[0]: want JOB_STATE_WAITING, JOB_STATE_STARTING, JOB_STATE_QUEUED, JOB_STATE_RUNNING\n"; got != want {
		t.Errorf("violations are %q, want %q", got, want)
	}
	for _, state := range []stokerv1.BatchState{0, 99} {
		_, err = w.batches.ListBatches(t.Context(), &stokerv1.ListBatchesRequest{States: []stokerv1.BatchState{state}})
		if got, want := violations(err), "states[0]: want BATCH_STATE_OPEN, BATCH_STATE_ACTIVE, "; !strings.HasPrefix(got, want) || strings.Contains(got, "UNSPECIFIED") {
			t.Errorf("violations are %q, want %q and so on", got, want)
		}
	}
}
