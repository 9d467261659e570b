package server_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// stored lists the jobs of a batch: "output: name=value ..." of each.
func (w *world) stored(batch string) string {
	w.t.Helper()
	jobs, err := w.store.Jobs(w.t.Context(), job.Filter{BatchID: batch, Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for _, j := range jobs {
		fmt.Fprintf(&b, "%s: %v\n", j.OutputPath, j.Variables)
	}
	return b.String()
}

// What a request has for all jobs, each job gets, unless it has its own.
func TestSharedValues(t *testing.T) {
	w := newWorld(t, basePaths)
	resp, err := w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{
		OutputFolder: "kids/2026/", KeepOpen: true,
		Jobs: []*stokerv1.JobSpec{{InputPath: "in/a.mov"}, {InputPath: "in/b.mov", OutputPath: "own/b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := resp.GetBatch().GetId()
	// Those of the submission do not hold for jobs that are added.
	if _, err := w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{BatchId: id, Jobs: []*stokerv1.JobSpec{{Key: "c", InputPath: "in/c.mov"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{
		BatchId: id, OutputFolder: "more", Jobs: []*stokerv1.JobSpec{{Key: "d", InputPath: "in/d.mov"}},
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("kids/2026/in/a: map[]\nkids/2026/own/b: map[]\nin/c: map[]\nmore/in/d: map[]\n", w.stored(id)); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}

	w = newWorld(t, nil)
	resp, err = w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{
		EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: "ladder"}, OutputFolder: "kids",
		Variables: map[string]string{"title": "all", "seconds": "10"},
		List:      textList("input_path,var:title\na.mov,\nb.mov,of b\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("kids/a: map[seconds:10 title:all]\nkids/b: map[seconds:10 title:of b]\n", w.stored(resp.GetBatch().GetId())); diff != "" {
		t.Errorf("jobs of the template (-want +got):\n%s", diff)
	}
}

// What is wrong with a value for all jobs is said once, at the value.
func TestSharedValuesAreRefused(t *testing.T) {
	w := newWorld(t, basePaths)
	two := []*stokerv1.JobSpec{{InputPath: "in/a.mov"}, {InputPath: "in/b.mov"}}
	ladder := &stokerv1.SubmitBatchRequest_Template{Template: "ladder"}
	for name, tt := range map[string]struct {
		req  *stokerv1.SubmitBatchRequest
		want string
	}{
		"a slash":      {&stokerv1.SubmitBatchRequest{OutputFolder: "/kids", Jobs: two}, "output_folder: \"/kids\": leave out the slash at the beginning; the path is relative to the storage's base path\n"},
		"upward":       {&stokerv1.SubmitBatchRequest{OutputFolder: "kids/../..", Jobs: two}, "output_folder: \"kids/../..\": leave out empty elements, . and ..\n"},
		"an address":   {&stokerv1.SubmitBatchRequest{OutputFolder: "s3://bucket/kids", Jobs: two}, "output_folder: is the address of a bucket: the storage \"default\" has the bucket; give the path below it: \"kids\"\n"},
		"too long":     {&stokerv1.SubmitBatchRequest{OutputFolder: strings.Repeat("k", 1025), Jobs: two}, "output_folder: must be at most 1024 bytes\n"},
		"no template":  {&stokerv1.SubmitBatchRequest{Variables: map[string]string{"brand": "x"}, Jobs: two}, "variables: are for templates; this batch has a recipe\n"},
		"a wrong type": {&stokerv1.SubmitBatchRequest{EncodeWith: ladder, Variables: map[string]string{"title": "x", "seconds": "ten"}, Jobs: two}, "variables.seconds: \"ten\": the template needs a number\n"},
		"unknown": {
			&stokerv1.SubmitBatchRequest{EncodeWith: ladder, Variables: map[string]string{"title": "x", "seconds": "10", "brand": "x"}, Jobs: two},
			"variables.brand: the template has no variable \"brand\"; it has: seconds, title\n",
		},
	} {
		if diff := cmp.Diff(tt.want, w.told(tt.req)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	long := strings.Repeat("k", 1000)
	if got := w.told(&stokerv1.SubmitBatchRequest{OutputFolder: long, Jobs: []*stokerv1.JobSpec{{InputPath: "in/" + long + ".mov"}}}); !strings.Contains(got, "the output folder and the longest directory") {
		t.Errorf("folder and path are too long together, and the answer is %q", got)
	}
	_, err := w.submissions.CheckList(t.Context(), &stokerv1.CheckListRequest{Submission: &stokerv1.SubmitBatchRequest{
		OutputFolder: "..", List: textList("input_path\na.mov\n"),
	}})
	wantCode(t, err, codes.InvalidArgument)
	if diff := cmp.Diff("submission.output_folder: \"..\": leave out empty elements, . and ..\n", violations(err)); diff != "" {
		t.Errorf("CheckList (-want +got):\n%s", diff)
	}
}

// A list that is checked shows its jobs as they would be stored, and which variables it has itself.
func TestCheckListWithSharedValues(t *testing.T) {
	w := newWorld(t, nil)
	resp, err := w.submissions.CheckList(t.Context(), &stokerv1.CheckListRequest{Submission: &stokerv1.SubmitBatchRequest{
		EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: "ladder"}, OutputFolder: "kids",
		Variables: map[string]string{"seconds": "10", "title": "all"}, List: textList("input_path,var:title\na.mov,of a\nb.mov,\n"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	var sample strings.Builder
	for _, j := range resp.GetSample() {
		fmt.Fprintf(&sample, "%s: %v\n", j.GetJob().GetOutputPath(), j.GetJob().GetVariables())
	}
	if diff := cmp.Diff("kids/a: map[seconds:10 title:of a]\nkids/b: map[seconds:10 title:all]\n", sample.String()); diff != "" {
		t.Errorf("sample (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int64{"title": 1}, resp.GetVariableCounts()); diff != "" {
		t.Errorf("variables of the list (-want +got):\n%s", diff)
	}
}

// More variables than a request may have are refused before each of its jobs has them: that would take gigabytes.
func TestTooManySharedVariables(t *testing.T) {
	w := newWorld(t, nil)
	req := &stokerv1.SubmitBatchRequest{
		ValidateOnly: true, EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: "ladder"}, Variables: map[string]string{},
	}
	for i := range 1_000 {
		req.Variables[fmt.Sprintf("v%d", i)] = "x"
	}
	for i := range 2_000 {
		req.Jobs = append(req.Jobs, &stokerv1.JobSpec{InputPath: fmt.Sprintf("%d.mov", i), Variables: map[string]string{"title": "x", "seconds": "1"}})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := w.batches.SubmitBatch(t.Context(), req)
	runtime.ReadMemStats(&after)
	wantCode(t, err, codes.InvalidArgument)
	if !strings.Contains(violations(err), "variables: map must be at most 50 entries") {
		t.Error(violations(err))
	}
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 50 {
		t.Errorf("the request took %d MiB of memory", took)
	}
}
