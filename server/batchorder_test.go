package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/job"
)

// listNumbers lists batches page by page and returns their numbers.
func listNumbers(ctx context.Context, t *testing.T, batches stokerv1.BatchServiceClient, req *stokerv1.ListBatchesRequest) (numbers string, total int64) {
	t.Helper()
	var list []string
	for req.PageToken = ""; ; {
		page, err := batches.ListBatches(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		if req.GetPageToken() == "" {
			total = page.GetTotalCount()
		}
		for _, b := range page.GetBatches() {
			list = append(list, fmt.Sprint(b.GetNumber()))
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return strings.Join(list, " "), total
		}
	}
}

// TestBatchesByAttention lists first what needs somebody, in pages of every size.
func TestBatchesByAttention(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	add := func(account string) string {
		req := submission(1)
		req.Account = account
		resp, err := w.batches.SubmitBatch(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetBatch().GetId()
	}
	failed, succeeded := add(""), add("") // 1 and 2
	add("")                               // 3
	add("other")                          // 4
	w.fail(failed, 1, job.Failure{Text: "gone"})
	w.finish(succeeded, 1)
	paused, late := add(""), add("") // 5 and 6
	add("")                          // 7
	w.fail(late, 1, job.Failure{Text: "gone"})
	if _, err := w.batches.PauseBatch(ctx, &stokerv1.PauseBatchRequest{BatchId: paused}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.account.PauseAccount(ctx, &stokerv1.PauseAccountRequest{AccountId: "other"}); err != nil {
		t.Fatal(err)
	}
	w.finish(add(""), 1) // 8
	for size := range int32(10) {
		req := &stokerv1.ListBatchesRequest{Order: stokerv1.BatchOrder_BATCH_ORDER_ATTENTION, PageSize: size}
		if got, total := listNumbers(ctx, t, w.batches, req); got != "6 5 4 1 7 3 8 2" || total != 8 {
			t.Errorf("in pages of %d: %s of %d", size, got, total)
		}
		req.States = []stokerv1.BatchState{stokerv1.BatchState_BATCH_STATE_ACTIVE, stokerv1.BatchState_BATCH_STATE_SUCCEEDED}
		if got, total := listNumbers(ctx, t, w.batches, req); got != "4 7 3 8 2" || total != 5 {
			t.Errorf("active and succeeded, in pages of %d: %s of %d", size, got, total)
		}
	}
	req := &stokerv1.ListBatchesRequest{Order: stokerv1.BatchOrder_BATCH_ORDER_ATTENTION, Account: "other"}
	if got, _ := listNumbers(ctx, t, w.batches, req); got != "4" {
		t.Errorf("of account other: %s", got)
	}
	first, err := w.batches.ListBatches(ctx, &stokerv1.ListBatchesRequest{Order: stokerv1.BatchOrder_BATCH_ORDER_ATTENTION, PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.batches.ListBatches(ctx, &stokerv1.ListBatchesRequest{PageSize: 1, PageToken: first.GetNextPageToken()})
	wantCode(t, err, codes.InvalidArgument)
}

// TestBatchesOfCreator lists the batches of a principal, and for those bound to accounts no others.
func TestBatchesOfCreator(t *testing.T) {
	g := newGuarded(t, nil)
	ci, ann, bound := g.token("ci", access.Submitter), g.token("ann", access.Operator), g.token("bound", access.Viewer, "other")
	for _, tt := range []struct {
		ctx     context.Context
		account string
		label   string
	}{{ci, "default", "a"}, {ann, "default", "a"}, {ci, "other", "b"}, {ann, "default", "b"}} { // 1 to 4
		req := submission(1)
		req.Account, req.Labels = tt.account, map[string]string{"run": tt.label}
		if _, err := g.batches.SubmitBatch(tt.ctx, req); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		who  context.Context
		req  *stokerv1.ListBatchesRequest
		want string
	}{
		{ci, &stokerv1.ListBatchesRequest{CreatedBy: "@me"}, "3 1"},
		{ann, &stokerv1.ListBatchesRequest{CreatedBy: "@me", PageSize: 1}, "4 2"},
		{ann, &stokerv1.ListBatchesRequest{CreatedBy: "token:ci"}, "3 1"},
		{ann, &stokerv1.ListBatchesRequest{CreatedBy: "token:ci", Labels: map[string]string{"run": "b"}}, "3"},
		{ann, &stokerv1.ListBatchesRequest{CreatedBy: "token:ci", States: []stokerv1.BatchState{stokerv1.BatchState_BATCH_STATE_FAILED}}, ""},
		{ann, &stokerv1.ListBatchesRequest{CreatedBy: "token:nobody"}, ""},
		{bound, &stokerv1.ListBatchesRequest{CreatedBy: "token:ci"}, "3"},
		{bound, &stokerv1.ListBatchesRequest{CreatedBy: "@me"}, ""},
		{ann, &stokerv1.ListBatchesRequest{CreatedBy: "@me", Order: stokerv1.BatchOrder_BATCH_ORDER_ATTENTION}, "4 2"},
	} {
		got, total := listNumbers(tt.who, t, g.batches, tt.req)
		if got != tt.want || total != int64(len(strings.Fields(tt.want))) {
			t.Errorf("%v: %s of %d, want %s", tt.req, got, total, tt.want)
		}
	}
	stream, err := g.batches.WatchBatches(ci, &stokerv1.WatchBatchesRequest{CreatedBy: "@me"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := g.batches.WatchBatches(ann, &stokerv1.WatchBatchesRequest{CreatedBy: "@me"})
	if err != nil {
		t.Fatal(err)
	}
	for want, stream := range map[int64]interface {
		Recv() (*stokerv1.WatchBatchesResponse, error)
	}{3: stream, 4: other} {
		m, err := stream.Recv()
		if err != nil || len(m.GetBatches()) != 2 || m.GetBatches()[0].GetNumber() != want {
			t.Errorf("watches %v, %v; want two batches, the first of them %d", m, err, want)
		}
	}
	// Who steers its own batches alone steers no others, however they are selected.
	resp, err := g.batches.UpdateBatches(ci, &stokerv1.UpdateBatchesRequest{
		Selection: &stokerv1.BatchSelection{Labels: map[string]string{"run": "a"}}, Batch: &stokerv1.Batch{Priority: 7}, UpdateMask: mask("priority"),
	})
	if err != nil || resp.GetChanges().GetCount() != 1 || resp.GetChanges().GetBatches()[0].GetNumber() != 1 {
		t.Errorf("changed %v, %v; want batch 1", resp, err)
	}
}

// TestEverybodyIsTheCaller holds that @me selects all where nobody is asked who calls.
func TestEverybodyIsTheCaller(t *testing.T) {
	w := newWorld(t, nil)
	w.submit(1)
	if _, _, err := w.store.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default", CreatedBy: "token:ci"}, Jobs: make([]job.Spec, 1)}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got, total := listNumbers(t.Context(), t, w.batches, &stokerv1.ListBatchesRequest{CreatedBy: "@me"}); got != "2 1" || total != 2 {
		t.Errorf("listed %s of %d", got, total)
	}
}
