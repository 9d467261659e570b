package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// changed says what a call did to batches.
func changed(c *stokerv1.BatchChanges) string {
	var numbers []string
	for _, b := range c.GetBatches() {
		numbers = append(numbers, fmt.Sprint(b.GetNumber()))
	}
	return fmt.Sprintf("%d of %d: %s", c.GetCount(), c.GetCount()+c.GetUnchangedCount(), strings.Join(numbers, " "))
}

// TestManyBatches pauses, resumes, changes, cancels and deletes batches, after looking.
func TestManyBatches(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	day, nightly, news := w.labelled(2, vod), w.labelled(3, night), w.labelled(1, map[string]string{"team": "news"})
	all := &stokerv1.BatchSelection{All: true}
	want := func(what string, c *stokerv1.BatchChanges, err error, want string) {
		t.Helper()
		if got := changed(c); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", what, got, err, want)
		}
	}
	states := func(want ...job.BatchState) {
		t.Helper()
		var got []job.BatchState
		for _, id := range []string{day, nightly, news} {
			b, err := w.store.Batch(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, b.State)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	}
	paused, err := w.batches.PauseBatches(ctx, &stokerv1.PauseBatchesRequest{Selection: &stokerv1.BatchSelection{Labels: vod}, ValidateOnly: true})
	want("would pause", paused.GetChanges(), err, "2 of 2: 2 1")
	if n := paused.GetChanges().GetCounts().GetWaiting(); n != 5 {
		t.Errorf("%d jobs would wait, want 5", n)
	}
	states(job.BatchActive, job.BatchActive, job.BatchActive)
	paused, err = w.batches.PauseBatches(ctx, &stokerv1.PauseBatchesRequest{Selection: &stokerv1.BatchSelection{Labels: vod}, Reason: "late"})
	want("paused", paused.GetChanges(), err, "2 of 2: 2 1")
	paused, err = w.batches.PauseBatches(ctx, &stokerv1.PauseBatchesRequest{Selection: all})
	want("paused the rest", paused.GetChanges(), err, "1 of 3: 3")
	states(job.BatchPaused, job.BatchPaused, job.BatchPaused)
	resumed, err := w.batches.ResumeBatches(ctx, &stokerv1.ResumeBatchesRequest{Selection: &stokerv1.BatchSelection{BatchIds: []string{"3", day, "1"}}})
	want("resumed", resumed.GetChanges(), err, "2 of 2: 3 1")
	states(job.BatchActive, job.BatchPaused, job.BatchActive)

	updated, err := w.batches.UpdateBatches(ctx, &stokerv1.UpdateBatchesRequest{
		Selection: &stokerv1.BatchSelection{Labels: vod}, Batch: &stokerv1.Batch{Priority: 90}, UpdateMask: mask("priority"),
		SetLabels: map[string]string{"run": "day"}, RemoveLabels: []string{"team", "none"},
	})
	want("updated", updated.GetChanges(), err, "2 of 2: 2 1")
	for id, want := range map[string]job.Batch{
		day: {Priority: 90, Labels: map[string]string{"run": "day"}}, news: {Priority: 50, Labels: map[string]string{"team": "news"}},
	} {
		b, err := w.store.Batch(ctx, id)
		if diff := cmp.Diff(want, job.Batch{Priority: b.Priority, Labels: b.Labels}); err != nil || diff != "" {
			t.Errorf("updated, %v (-want +got):\n%s", err, diff)
		}
	}

	cancelled, err := w.batches.CancelBatches(ctx, &stokerv1.CancelBatchesRequest{
		Selection: &stokerv1.BatchSelection{States: []stokerv1.BatchState{stokerv1.BatchState_BATCH_STATE_ACTIVE}, Accounts: []string{"default"}},
	})
	want("cancelled", cancelled.GetChanges(), err, "2 of 2: 3 1")
	states(job.BatchCancelling, job.BatchPaused, job.BatchCancelling)
	for _, id := range []string{"1", "3"} { // as the dispatcher does
		if _, err := w.batches.CancelJobs(ctx, &stokerv1.CancelJobsRequest{BatchId: id}); err != nil {
			t.Fatal(err)
		}
	}
	deleted, err := w.batches.DeleteBatches(ctx, &stokerv1.DeleteBatchesRequest{Selection: all, ValidateOnly: true})
	want("would delete", deleted.GetChanges(), err, "2 of 3: 3 1")
	deleted, err = w.batches.DeleteBatches(ctx, &stokerv1.DeleteBatchesRequest{Selection: all})
	want("deleted", deleted.GetChanges(), err, "2 of 3: 3 1")
	list, err := w.batches.ListBatches(ctx, &stokerv1.ListBatchesRequest{})
	if err != nil || len(list.GetBatches()) != 1 || list.GetTotalCount() != 1 {
		t.Errorf("left are %v, %v", list, err)
	}
}

// TestManyBatchesRefuses sends selections that cannot be meant.
func TestManyBatchesRefuses(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	w.submit(1)
	for want, sel := range map[string]*stokerv1.BatchSelection{
		"selection: say which batches":        {},
		"selection.all: excludes":             {All: true, Labels: vod},
		"selection.batch_ids[1]: there is no": {BatchIds: []string{"1", "7"}},
		"selection.batch_ids[0]: there is no": {BatchIds: []string{"nobody's"}},
		"selection.text: ":                    {Text: "a\nb"},
		"selection: value is required":        nil,
	} {
		_, err := w.batches.CancelBatches(ctx, &stokerv1.CancelBatchesRequest{Selection: sel})
		wantStatus(t, err, codes.InvalidArgument, want)
		_, err = w.batches.DeleteBatches(ctx, &stokerv1.DeleteBatchesRequest{Selection: sel})
		wantStatus(t, err, codes.InvalidArgument, want)
	}
	all := &stokerv1.BatchSelection{All: true}
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint(i)] = ""
	}
	for want, req := range map[string]*stokerv1.UpdateBatchesRequest{
		"update_mask: name at least one":         {},
		"update_mask.paths[0]: \"display_name\"": {UpdateMask: mask("display_name"), Batch: &stokerv1.Batch{DisplayName: "all the same"}},
		"batch.priority: 101":                    {UpdateMask: mask("priority"), Batch: &stokerv1.Batch{Priority: 101}},
		"update_mask: labels replaces":           {UpdateMask: mask("labels"), SetLabels: vod},
		"set_labels[\"a\"]: ":                    {SetLabels: map[string]string{"a": strings.Repeat("x", 256)}},
		"set_labels: ":                           {SetLabels: many},
	} {
		req.Selection = all
		_, err := w.batches.UpdateBatches(ctx, req)
		wantStatus(t, err, codes.InvalidArgument, want)
	}
	full := map[string]string{}
	for i := range 50 {
		full[fmt.Sprint(i)] = ""
	}
	w.labelled(1, full)
	_, err := w.batches.UpdateBatch(ctx, &stokerv1.UpdateBatchRequest{Batch: &stokerv1.Batch{Id: "2"}, SetLabels: vod})
	wantStatus(t, err, codes.InvalidArgument, "set_labels: batch 2 would have 51 labels")
	resp, err := w.batches.UpdateBatch(ctx, &stokerv1.UpdateBatchRequest{Batch: &stokerv1.Batch{Id: "2"}, SetLabels: vod, RemoveLabels: []string{"0"}})
	if err != nil || len(resp.GetBatch().GetLabels()) != 50 || resp.GetBatch().GetLabels()["team"] != "vod" {
		t.Errorf("labels are %v, %v", resp.GetBatch().GetLabels(), err)
	}
}
