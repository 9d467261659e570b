package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// planner is a server that knows how long a batch takes.
type planner struct {
	*fake
	stokerv1.UnimplementedSubmissionServiceServer

	asked *stokerv1.PlanBatchRequest
	plan  *stokerv1.PlanBatchResponse // nil: it refuses
}

func (p *planner) PlanBatch(_ context.Context, r *stokerv1.PlanBatchRequest) (*stokerv1.PlanBatchResponse, error) {
	p.asked = r
	if p.plan == nil {
		return nil, status.Error(codes.Unavailable, "another time")
	}
	return p.plan, nil
}

func (p *planner) GetBatch(context.Context, *stokerv1.GetBatchRequest) (*stokerv1.GetBatchResponse, error) {
	return &stokerv1.GetBatchResponse{Batch: &stokerv1.Batch{Number: 411}}, nil // nothing of it runs yet
}

// Whoever submits on a terminal is told when the batch will be done, and what it waits for.
func TestSubmitForecast(t *testing.T) {
	hours := func(n int) *durationpb.Duration { return durationpb.New(time.Duration(n) * time.Hour) }
	p := &planner{fake: &fake{}, plan: &stokerv1.PlanBatchResponse{
		EarliestDuration: hours(1), LikelyDuration: hours(2), LatestDuration: hours(3),
		Ahead: []*stokerv1.BatchAhead{{BatchNumber: 411}}, AheadBatchCount: 1,
		Sharing: []*stokerv1.BatchAhead{{BatchNumber: 412}}, SharingBatchCount: 1,
	}}
	address := serve(t, p)
	submit := func(width int) result {
		return command{width: width, stdin: "input_path\na.mov\nb.mov\n"}.run(t.Context(), "submit", "-", "--template", "per-title", "--account", "archive", "--priority", "7", "--server", address)
	}
	got := submit(80)
	if want := ": they wait behind 411 and share with 412\n"; got.code != exitOK || !strings.Contains(got.stderr, "Done ") || !strings.Contains(got.stderr, want) {
		t.Errorf("%+v\nwant a forecast and %q", got, want)
	}
	want := &stokerv1.PlanBatchRequest{Account: "archive", JobCount: 2, Priority: new(int32(7)), EncodeWith: &stokerv1.PlanBatchRequest_Template{Template: "per-title"}}
	if diff := cmp.Diff(want, p.asked, protocmp.Transform()); diff != "" {
		t.Errorf("the plan that was asked for (-want +got):\n%s", diff)
	}
	p.plan = nil
	if got := submit(80); got.code != exitOK || strings.Contains(got.stderr, "Done") {
		t.Errorf("without a plan: %+v", got)
	}
	p.asked = nil
	if got := submit(0); got.code != exitOK || p.asked != nil {
		t.Errorf("in a pipe: %+v, and asked for %v", got, p.asked)
	}
}

// Variables of the command line are sent once, and those of the list with its jobs.
func TestSubmitVariables(t *testing.T) {
	f := &fake{}
	got := command{stdin: "key,var:title\na,Sintel\nb,\n"}.run(t.Context(), "submit", "-", "--template", "per-title", "--var", "brand=junior", "--var", "title=untitled", "--server", f.start(t))
	request, ok := f.last(t).(*stokerv1.SubmitBatchRequest)
	if !ok || got.code != exitOK {
		t.Fatalf("%+v, %v", got, f.last(t))
	}
	if diff := cmp.Diff(map[string]string{"title": "untitled", "brand": "junior"}, request.GetVariables()); diff != "" {
		t.Errorf("variables of the request (-want +got):\n%s", diff)
	}
	for i, want := range []map[string]string{{"title": "Sintel"}, nil} {
		if diff := cmp.Diff(want, request.GetJobs()[i].GetVariables()); diff != "" {
			t.Errorf("variables of job %d (-want +got):\n%s", i+1, diff)
		}
	}
	for args, want := range map[string]string{
		"--template t --var brand":          "--var brand: want NAME=VALUE",
		"--template t --var =x":             "--var =x: want NAME=VALUE",
		"--template t --var a=1 --var a=2":  "--var a=2: a has two values",
		"--profile hevc --var brand=junior": "--var is for --template or --template-file: profiles have no variables",
		"--var brand=junior --sample":       "--sample and --var cannot be used together",
	} {
		got := command{stdin: "key\na\n"}.run(t.Context(), append(strings.Fields("submit "+strings.Repeat("- ", 1-strings.Count(args, "--sample"))), append(strings.Fields(args), "--server", "127.0.0.1:1")...)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %+v, want %q", args, got, want)
		}
	}
}
