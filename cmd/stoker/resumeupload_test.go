package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/joblist"
)

// closedUpload is a server with one batch, which is closed.
type closedUpload struct {
	*fake
	keys []string
}

func (u closedUpload) batch() *stokerv1.Batch {
	return &stokerv1.Batch{Id: "b", Number: 4, DisplayName: "films", State: stokerv1.BatchState_BATCH_STATE_ACTIVE, JobCount: int64(len(u.keys))}
}

func (u closedUpload) ListBatches(context.Context, *stokerv1.ListBatchesRequest) (*stokerv1.ListBatchesResponse, error) {
	return &stokerv1.ListBatchesResponse{Batches: []*stokerv1.Batch{u.batch()}, TotalCount: 1}, nil
}

func (u closedUpload) GetBatch(context.Context, *stokerv1.GetBatchRequest) (*stokerv1.GetBatchResponse, error) {
	return &stokerv1.GetBatchResponse{Batch: u.batch()}, nil
}

func (u closedUpload) GetJob(context.Context, *stokerv1.GetJobRequest) (*stokerv1.GetJobResponse, error) {
	return &stokerv1.GetJobResponse{Job: &stokerv1.Job{Key: u.keys[len(u.keys)-1]}}, nil
}

func (u closedUpload) ListJobs(_ context.Context, r *stokerv1.ListJobsRequest) (*stokerv1.ListJobsResponse, error) {
	response := &stokerv1.ListJobsResponse{}
	for _, key := range r.GetKeys() {
		if slices.Contains(u.keys, key) {
			response.Jobs = append(response.Jobs, &stokerv1.Job{Key: key})
		}
	}
	return response, nil
}

// A closed batch may have as many jobs as a list, and not be the whole of it: somebody else has added others. What
// --resume says of it is what it has.
func TestResumeOfAClosedUpload(t *testing.T) {
	list := &joblist.List{Lines: []int{2, 3, 4}}
	for _, tt := range []struct {
		keys []string
		want string
	}{
		{[]string{"a", "b", "c"}, "4 films had the whole list already, and is active; without --resume it is submitted anew"},
		{[]string{"a", "other", "b", "c"}, "4 films had the whole list already, and is active"},
		{[]string{"a", "other", "another"}, "4 films has 1 of 3 jobs and takes no more: it is active; without --resume the whole list is submitted anew"},
		{[]string{"a", "b", "other", "another"}, "4 films has 2 of 3 jobs and takes no more"},
		{[]string{"a", "b"}, "4 films has 2 of 3 jobs and takes no more"},
	} {
		conn, err := client.Dial(serve(t, closedUpload{&fake{}, tt.keys}), client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() }) // the calls are over
		s := &submission{resume: true}
		for _, key := range []string{"a", "b", "c"} {
			s.request.Jobs = append(s.request.Jobs, &stokerv1.JobSpec{Key: key, InputPath: key + ".mov", OutputPath: key})
		}
		var stderr strings.Builder
		c := &cli{stderr: &stderr, getenv: os.Getenv}
		batch, err := c.sendParts(t.Context(), conn, s)
		if err == nil {
			c.noteSubmitted(s, list, batch)
		} else {
			c.note("%s", err.Error())
		}
		if !strings.HasPrefix(stderr.String(), tt.want) {
			t.Errorf("with %q: %q, want %q", fmt.Sprint(tt.keys), stderr.String(), tt.want)
		}
	}
}
