package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// TestResubmit submits failed jobs of a batch again, with another profile and as they were.
func TestResubmit(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	priority := int32(70)
	first, err := w.batches.SubmitBatch(ctx, &stokerv1.SubmitBatchRequest{
		DisplayName: "night run", Labels: night, Priority: &priority, FailureLimit: &stokerv1.FailureLimit{Count: 9},
		EncodeWith: &stokerv1.SubmitBatchRequest_Recipe{Recipe: oddRecipe(true)}, Input: "archive",
		Jobs: []*stokerv1.JobSpec{
			{Key: "a", Name: "Title A", InputPath: "in/a.mov"}, {Key: "b", InputPath: "in/b.mov", OutputPath: "elsewhere/b"}, {InputPath: "in/c.mov"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := first.GetBatch().GetId()
	w.fail(id, 1, job.Failure{Text: "gone"})
	w.fail(id, 3, job.Failure{Text: "gone"})
	failed := []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED}

	looked, err := w.batches.ResubmitBatch(ctx, &stokerv1.ResubmitBatchRequest{BatchId: "1", States: failed, ValidateOnly: true})
	if err != nil || looked.GetBatch().GetId() != "" || looked.GetBatch().GetJobCount() != 2 {
		t.Errorf("looked at %v, %v", looked, err)
	}
	req := &stokerv1.ResubmitBatchRequest{RequestId: "again", BatchId: "1", States: failed}
	again, err := w.batches.ResubmitBatch(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	oldStored, err := w.store.Batch(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	newStored, err := w.store.Batch(ctx, again.GetBatch().GetId())
	if err != nil {
		t.Fatal(err)
	}
	content := func(b job.Batch) job.Batch {
		return job.Batch{
			DisplayName: b.DisplayName, AccountID: b.AccountID, Priority: b.Priority, Recipe: b.Recipe, Input: b.Input, Output: b.Output,
			Retry: b.Retry, FailureLimit: b.FailureLimit, Labels: b.Labels,
		}
	}
	if diff := cmp.Diff(content(oldStored), content(newStored)); diff != "" {
		t.Errorf("the new batch (-old +new):\n%s", diff)
	}
	if newStored.Seq != 2 || newStored.State != job.BatchActive || newStored.Counts != (job.Counts{Waiting: 2}) {
		t.Errorf("the new batch is %+v", newStored)
	}
	specs := func(batch string, numbers ...int64) (list []job.Spec) {
		for _, number := range numbers {
			j, err := w.store.Job(ctx, job.ID{Batch: batch, Number: number})
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, j.Spec)
		}
		return list
	}
	if diff := cmp.Diff(specs(id, 1, 3), specs(newStored.ID, 1, 2)); diff != "" {
		t.Errorf("the new jobs (-old +new):\n%s", diff)
	}
	repeated, err := w.batches.ResubmitBatch(ctx, &stokerv1.ResubmitBatchRequest{RequestId: "again", BatchId: id, States: failed})
	if diff := cmp.Diff(again.GetBatch().GetId(), repeated.GetBatch().GetId()); err != nil || diff != "" {
		t.Errorf("repeated: %v (-want +got):\n%s", err, diff)
	}
	_, err = w.batches.ResubmitBatch(ctx, &stokerv1.ResubmitBatchRequest{RequestId: "again", BatchId: "1"})
	wantCode(t, err, codes.AlreadyExists)

	low := int32(1)
	other, err := w.batches.ResubmitBatch(ctx, &stokerv1.ResubmitBatchRequest{
		BatchId: "1", KeyPrefix: "b", DisplayName: "HEVC", Account: "other", Priority: &low, SetLabels: map[string]string{"run": "day"},
		EncodeWith: &stokerv1.ResubmitBatchRequest_Profile{Profile: "hevc"},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := other.GetBatch()
	want := &stokerv1.Batch{DisplayName: "HEVC", Account: "other", Priority: 1, Profile: "hevc", JobCount: 1, Labels: map[string]string{"team": "vod", "run": "day"}}
	got := &stokerv1.Batch{DisplayName: b.GetDisplayName(), Account: b.GetAccount(), Priority: b.GetPriority(), Profile: b.GetProfile(), JobCount: b.GetJobCount(), Labels: b.GetLabels()}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("with another profile (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(specs(id, 2), specs(b.GetId(), 1)); diff != "" {
		t.Errorf("the job with another profile (-old +new):\n%s", diff)
	}
}

// TestResubmitTemplate submits the jobs of a batch with a template again.
func TestResubmitTemplate(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	if _, err := w.batches.SubmitBatch(ctx, &stokerv1.SubmitBatchRequest{
		EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: "ladder"},
		Jobs:       []*stokerv1.JobSpec{{Key: "a", InputPath: "in/a.mp4", OutputPath: "out", Variables: map[string]string{"title": "a", "seconds": "12.5"}}},
	}); err != nil {
		t.Fatal(err)
	}
	again, err := w.batches.ResubmitBatch(ctx, &stokerv1.ResubmitBatchRequest{BatchId: "1"})
	if err != nil || again.GetBatch().GetTemplate() != "ladder" || again.GetBatch().GetDisplayName() != again.GetBatch().GetId() {
		t.Errorf("resubmitted %v, %v", again, err)
	}
	plain, err := w.batches.ResubmitBatch(ctx, &stokerv1.ResubmitBatchRequest{
		BatchId: "1", EncodeWith: &stokerv1.ResubmitBatchRequest_Template{Template: "plain"},
	})
	wantStatus(t, err, codes.InvalidArgument, "jobs[0].variables.seconds: the template has no variable")
	if plain != nil {
		t.Errorf("resubmitted %v", plain)
	}
}

// TestResubmitRefuses resubmits what cannot be.
func TestResubmitRefuses(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Catalog.Storages["copies"] = server.Storage{Output: true} })
	ctx := t.Context()
	w.submit(1)
	for want, req := range map[string]*stokerv1.ResubmitBatchRequest{
		"batch_id: must be":                     {},
		"states: no job of batch 1 is selected": {KeyPrefix: "nobody's"},
		"profile: unknown profile \"x\"":        {EncodeWith: &stokerv1.ResubmitBatchRequest_Profile{Profile: "x"}},
		"template: unknown template \"x\"":      {EncodeWith: &stokerv1.ResubmitBatchRequest_Template{Template: "x"}},
		"account: unknown account \"x\"":        {Account: "x"},
		"output: storage \"archive\" cannot be": {Output: "archive"},
		"priority: must be":                     {Priority: new(int32(101))},
	} {
		if want != "batch_id: must be" {
			req.BatchId = "1"
		}
		_, err := w.batches.ResubmitBatch(ctx, req)
		wantStatus(t, err, codes.InvalidArgument, want)
	}
	_, err := w.batches.ResubmitBatch(ctx, &stokerv1.ResubmitBatchRequest{BatchId: "7"})
	wantStatus(t, err, codes.NotFound, `batch "7" was not found`)
	moved, err := w.batches.ResubmitBatch(ctx, &stokerv1.ResubmitBatchRequest{BatchId: "1", Output: "copies"})
	if err != nil || moved.GetBatch().GetOutput() != "copies" {
		t.Errorf("resubmitted %v, %v", moved, err)
	}
}
