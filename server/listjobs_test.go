package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// TestFindJobs looks for jobs in all batches and in one.
func TestFindJobs(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	submit := func(account, name string, keys ...string) *stokerv1.Batch {
		req := &stokerv1.SubmitBatchRequest{Account: account, DisplayName: name, Labels: map[string]string{"name": name}}
		for _, key := range keys {
			req.Jobs = append(req.Jobs, &stokerv1.JobSpec{Key: key, InputPath: "in/" + key + ".mov", OutputPath: "out/" + key})
		}
		resp, err := w.batches.SubmitBatch(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetBatch()
	}
	films := submit("default", "films", "sintel-2010", "agent-327", "spring")
	submit("other", "news", "sintel-premiere", "weather")
	w.fail(films.GetId(), 1, job.Failure{Text: "no such file"})
	w.fail(films.GetId(), 3, job.Failure{Text: "no such file"})
	failed, err := w.batches.GetJob(ctx, &stokerv1.GetJobRequest{JobId: "1/1"})
	if err != nil {
		t.Fatal(err)
	}
	cause := failed.GetJob().GetFailure().GetCause()
	if failed.GetAlikeCount() != 1 || cause == "" {
		t.Errorf("%d jobs are like the failed one, of cause %q, want 1", failed.GetAlikeCount(), cause)
	}
	later := timestamppb.New(time.Now().Add(time.Hour))
	for name, tt := range map[string]struct {
		req         *stokerv1.ListJobsRequest
		want, total string
	}{
		"all":                        {&stokerv1.ListJobsRequest{}, "2/2 2/1 1/3 1/2 1/1", ""},
		"text":                       {&stokerv1.ListJobsRequest{Text: "SINTEL"}, "2/1 1/1", ""},
		"text in a batch":            {&stokerv1.ListJobsRequest{BatchId: "1", Text: "s"}, "1/1 1/3", ""},
		"text in a batch, newest":    {&stokerv1.ListJobsRequest{BatchId: "1", Text: "s", Order: stokerv1.JobOrder_JOB_ORDER_NEWEST_FIRST}, "1/3 1/1", ""},
		"key prefix":                 {&stokerv1.ListJobsRequest{KeyPrefix: "sintel-p"}, "2/1", ""},
		"account":                    {&stokerv1.ListJobsRequest{Accounts: []string{"default"}, KeyPrefix: "s"}, "1/3 1/1", ""},
		"label":                      {&stokerv1.ListJobsRequest{Labels: map[string]string{"name": "news"}}, "2/2 2/1", ""},
		"encoding":                   {&stokerv1.ListJobsRequest{EncodingId: "enc-3"}, "1/3", ""},
		"failed":                     {&stokerv1.ListJobsRequest{States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED}}, "1/3 1/1", ""},
		"failed in a batch":          {&stokerv1.ListJobsRequest{BatchId: "1", States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED}}, "1/1 1/3", "2"},
		"cause":                      {&stokerv1.ListJobsRequest{Causes: []string{cause}}, "1/3 1/1", ""},
		"cause in a batch":           {&stokerv1.ListJobsRequest{BatchId: "1", Causes: []string{cause}}, "1/1 1/3", ""},
		"cause of failed in a batch": {&stokerv1.ListJobsRequest{BatchId: "1", Causes: []string{cause}, States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED}}, "1/1 1/3", "2"},
		"finished later":             {&stokerv1.ListJobsRequest{Finished: &stokerv1.TimeRange{Since: later}}, "", ""},
		"finished before":            {&stokerv1.ListJobsRequest{Finished: &stokerv1.TimeRange{Until: later}}, "1/3 1/1", ""},
		"a batch, newest":            {&stokerv1.ListJobsRequest{BatchId: "1", Order: stokerv1.JobOrder_JOB_ORDER_NEWEST_FIRST}, "1/3 1/2 1/1", "3"},
		"a batch":                    {&stokerv1.ListJobsRequest{BatchId: "1"}, "1/1 1/2 1/3", "3"},
		"after a number":             {&stokerv1.ListJobsRequest{BatchId: "1", AfterNumber: 1}, "1/2 1/3", "3"},
		"after a number, newest":     {&stokerv1.ListJobsRequest{BatchId: "1", AfterNumber: 3, Order: stokerv1.JobOrder_JOB_ORDER_NEWEST_FIRST}, "1/2 1/1", "3"},
		"after a number, text":       {&stokerv1.ListJobsRequest{BatchId: "1", AfterNumber: 1, Text: "s"}, "1/3", ""},
		"after a number, newest text": {
			&stokerv1.ListJobsRequest{BatchId: "1", AfterNumber: 2, Text: "s", Order: stokerv1.JobOrder_JOB_ORDER_NEWEST_FIRST}, "1/1", "",
		},
		"after a number that does not match": {
			&stokerv1.ListJobsRequest{BatchId: "1", AfterNumber: 2, States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED}}, "1/3", "2",
		},
		"after the last number": {&stokerv1.ListJobsRequest{BatchId: "1", AfterNumber: 3}, "", "3"},
	} {
		var got, batches []string
		total := ""
		for tt.req.PageSize = 1; ; {
			resp, err := w.batches.ListJobs(ctx, tt.req)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, j := range resp.GetJobs() {
				got = append(got, fmt.Sprintf("%d/%d", j.GetBatchNumber(), j.GetNumber()))
				batches = append(batches, fmt.Sprint(resp.GetBatches()[0].GetNumber()))
				if (j.GetState() == stokerv1.JobState_JOB_STATE_WAITING) != (j.GetWait() != nil) {
					t.Errorf("%s: job %s is %s, with the wait %v", name, j.GetId(), j.GetState(), j.GetWait())
				}
			}
			if resp.TotalCount != nil {
				total = fmt.Sprint(resp.GetTotalCount())
			}
			if tt.req.PageToken = resp.GetNextPageToken(); tt.req.PageToken == "" {
				break
			}
		}
		if strings.Join(got, " ") != tt.want || total != tt.total {
			t.Errorf("%s: found %q, %q in all, want %q and %q", name, got, total, tt.want, tt.total)
		}
		for i, id := range got {
			if !strings.HasPrefix(id, batches[i]+"/") {
				t.Errorf("%s: job %s comes with batch %s", name, id, batches[i])
			}
		}
	}
}

// TestListFailuresOfMany counts the failures of a batch, of an account and since a time.
func TestListFailuresOfMany(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	first, second := w.submit(4), w.submit(2)
	w.fail(first.GetId(), 1, job.Failure{Text: "no such file"})
	w.fail(first.GetId(), 2, job.Failure{Text: "no such file"})
	w.fail(first.GetId(), 3, job.Failure{Text: "no picture"})
	w.fail(second.GetId(), 2, job.Failure{Text: "no such file"})
	hour := func(n time.Duration) *timestamppb.Timestamp { return timestamppb.New(time.Now().Add(n * time.Hour)) }
	for name, tt := range map[string]struct {
		req  *stokerv1.ListFailuresRequest
		want string
	}{
		"a batch":             {&stokerv1.ListFailuresRequest{BatchId: "1"}, "3: 2 no such file in 1 like 1 k-1, 1 no picture in 1 like 1 k-3"},
		"part of a batch":     {&stokerv1.ListFailuresRequest{BatchId: "1", KeyPrefix: "k-2"}, "1: 1 no such file in 1 like 1 k-2"},
		"an account":          {&stokerv1.ListFailuresRequest{Accounts: []string{"default"}}, "4: 3 no such file in 2 like 2 k-2, 1 no picture in 1 like 1 k-3"},
		"another account":     {&stokerv1.ListFailuresRequest{Accounts: []string{"other"}}, "0: "},
		"the last hour":       {&stokerv1.ListFailuresRequest{Finished: &stokerv1.TimeRange{Since: hour(-1)}}, "4: 3 no such file in 2 like 2 k-2, 1 no picture in 1 like 1 k-3"},
		"before the last":     {&stokerv1.ListFailuresRequest{Finished: &stokerv1.TimeRange{Until: hour(-1)}}, "0: "},
		"keys in all batches": {&stokerv1.ListFailuresRequest{KeyPrefix: "k-3"}, "1: 1 no picture in 1 like 1 k-3"},
	} {
		resp, err := w.batches.ListFailures(ctx, tt.req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var causes []string
		for _, c := range resp.GetCauses() {
			causes = append(causes, fmt.Sprintf("%d %s in %d like %d %s", c.GetCount(), c.GetFailure().GetText(), c.GetBatchCount(), c.GetBatchNumber(), c.GetKey()))
		}
		if got := fmt.Sprintf("%d: %s", resp.GetFailedCount(), strings.Join(causes, ", ")); got != tt.want {
			t.Errorf("%s: failures %q, want %q", name, got, tt.want)
		}
	}
	for want, req := range map[string]*stokerv1.ListFailuresRequest{
		"batch_id: name a batch":                 {},
		"batch_id: excludes accounts and labels": {BatchId: "1", Labels: map[string]string{"a": "b"}},
	} {
		_, err := w.batches.ListFailures(ctx, req)
		wantStatus(t, err, codes.InvalidArgument, want)
	}
}

// TestFindJobsRefuses sends filters that cannot be meant.
func TestFindJobsRefuses(t *testing.T) {
	w := newWorld(t, nil)
	w.submit(1)
	now := timestamppb.Now()
	for want, req := range map[string]*stokerv1.ListJobsRequest{
		"order: JOB_ORDER_SUBMISSION needs a batch_id": {Order: stokerv1.JobOrder_JOB_ORDER_SUBMISSION},
		"encoding_id: text and encoding_id exclude":    {Text: "a", EncodingId: "b"},
		"after_number: needs a batch_id":               {AfterNumber: 1},
		"batch_id: excludes accounts and labels":       {BatchId: "1", Accounts: []string{"default"}},
		"finished.until: has to be later than since":   {Finished: &stokerv1.TimeRange{Since: now, Until: now}},
		"created.since: is no time between the years":  {Created: &stokerv1.TimeRange{Since: &timestamppb.Timestamp{Seconds: -1 << 60}}},
		"text: ":                              {Text: "a\tb"},
		"page_token: is not a page token":     {PageToken: "x"},
		"page_token: belongs to another list": {PageToken: "AXMAAAAAAAAAAAEB"},
		"order: want JOB_ORDER_SUBMISSION":    {Order: 9},
	} {
		_, err := w.batches.ListJobs(t.Context(), req)
		wantStatus(t, err, codes.InvalidArgument, want)
	}
}

// TestListBatchesByName lists batches by their names and ids.
func TestListBatchesByName(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	var ids []string
	for _, name := range []string{"Night run", "night run 2", "archive"} {
		req := submission(1)
		req.DisplayName = name
		resp, err := w.batches.SubmitBatch(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, resp.GetBatch().GetId())
	}
	for name, tt := range map[string]struct {
		req   *stokerv1.ListBatchesRequest
		want  string
		total int64
	}{
		"all":            {&stokerv1.ListBatchesRequest{}, "3 2 1", 3},
		"a page":         {&stokerv1.ListBatchesRequest{PageSize: 2}, "3 2", 3},
		"text":           {&stokerv1.ListBatchesRequest{Text: "NIGHT"}, "2 1", 2},
		"name":           {&stokerv1.ListBatchesRequest{DisplayName: "Night run"}, "1", 1},
		"id":             {&stokerv1.ListBatchesRequest{IdPrefix: strings.ToUpper(ids[1][:35])}, "2", 1},
		"text and state": {&stokerv1.ListBatchesRequest{Text: "run", States: []stokerv1.BatchState{stokerv1.BatchState_BATCH_STATE_FAILED}}, "", 0},
		"account":        {&stokerv1.ListBatchesRequest{Account: "other"}, "", 0},
	} {
		resp, err := w.batches.ListBatches(ctx, tt.req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, b := range resp.GetBatches() {
			got = append(got, fmt.Sprint(b.GetNumber()))
		}
		if strings.Join(got, " ") != tt.want || resp.GetTotalCount() != tt.total {
			t.Errorf("%s: batches %q, %d in all, want %q and %d", name, got, resp.GetTotalCount(), tt.want, tt.total)
		}
	}
	_, err := w.batches.ListBatches(ctx, &stokerv1.ListBatchesRequest{IdPrefix: "0192"})
	wantCode(t, err, codes.InvalidArgument)
}
