package server_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// TestListNextJobs lists what goes next, in order, and what follows.
func TestListNextJobs(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	submit := func(n int, priority int32) {
		req := submission(n)
		req.Priority, req.DisplayName = &priority, map[int32]string{80: "news"}[priority]
		if _, err := w.batches.SubmitBatch(ctx, req); err != nil {
			t.Fatal(err)
		}
	}
	submit(4, 50)
	submit(2, 80)
	submit(3, 50)
	submit(1, 10)
	for _, tt := range []struct {
		limit      int32
		want, rest string
		more       int64
	}{
		{0, "2/1 2/2 1/1 3/1 1/2 3/2 1/3 3/3 1/4 4/1", "", 0},
		{3, "2/1 2/2 1/1", "3:3 1:3 4:1", 7},
		{1, "2/1", "2:1 1:4 3:3 4:1", 9},
	} {
		resp, err := w.account.ListNextJobs(ctx, &stokerv1.ListNextJobsRequest{AccountId: "default", Limit: tt.limit})
		if err != nil {
			t.Fatal(err)
		}
		var got, rest []string
		for i, next := range resp.GetJobs() {
			got = append(got, fmt.Sprintf("%d/%d", next.GetJob().GetBatchNumber(), next.GetJob().GetNumber()))
			if next.GetPosition() != int64(i+1) || next.GetJob().GetWait().GetPosition() != int64(i+1) {
				t.Errorf("job %s has position %d, and %d in its wait, want %d", got[i], next.GetPosition(), next.GetJob().GetWait().GetPosition(), i+1)
			}
		}
		for _, b := range resp.GetBatches() {
			rest = append(rest, fmt.Sprintf("%d:%d", b.GetBatch().GetNumber(), b.GetDueCount()))
		}
		if strings.Join(got, " ") != tt.want || strings.Join(rest, " ") != tt.rest || resp.GetMoreCount() != tt.more {
			t.Errorf("with limit %d: %q, then %q, %d more; want %q, %q, %d", tt.limit, got, rest, resp.GetMoreCount(), tt.want, tt.rest, tt.more)
		}
	}
	none, err := w.account.ListNextJobs(ctx, &stokerv1.ListNextJobsRequest{AccountId: "other"})
	if err != nil || len(none.GetJobs())+len(none.GetBatches()) != 0 {
		t.Errorf("an account without jobs starts %v next, %v", none, err)
	}
	_, err = w.account.ListNextJobs(ctx, &stokerv1.ListNextJobsRequest{AccountId: "nobody's"})
	wantCode(t, err, codes.NotFound)

	// Both jobs and batches say which batches go before them.
	for name, wait := range map[string]func() (*stokerv1.Wait, error){
		"batch": func() (*stokerv1.Wait, error) {
			r, err := w.batches.GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: "4"})
			return r.GetBatch().GetWait(), err
		},
		"job": func() (*stokerv1.Wait, error) {
			r, err := w.batches.GetJob(ctx, &stokerv1.GetJobRequest{JobId: "4/1"})
			return r.GetJob().GetWait(), err
		},
	} {
		got, err := wait()
		if err != nil {
			t.Fatal(err)
		}
		var ahead []string
		for _, a := range got.GetAhead() {
			ahead = append(ahead, fmt.Sprintf("%d:%d at %d%s", a.GetBatchNumber(), a.GetJobCount(), a.GetPriority(), a.GetDisplayName()))
		}
		if text := strings.Join(ahead, ", "); text != "1:4 at 50, 3:3 at 50, 2:2 at 80news" || got.GetCode() != stokerv1.WaitCode_WAIT_CODE_PRIORITY {
			t.Errorf("the %s waits for %s: %q", name, got.GetCode(), text)
		}
	}
}
