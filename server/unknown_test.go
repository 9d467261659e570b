package server_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// A status that nobody knows is shown with since when, to whoever reads the job and to those who
// watch, and goes when a known one is seen.
func TestJobShowsAnUnknownStatus(t *testing.T) {
	w := newWorld(t, nil)
	b := w.submit(1)
	w.start(b.GetId(), 1)
	s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true})
	s.next()                                    // the snapshot
	before := time.Now().Add(-time.Millisecond) // times are kept in milliseconds
	w.observe(b.GetId(), 1, job.Observation{Status: "PAUSED"})
	shows := func(word string) func(*stokerv1.WatchBatchResponse) bool {
		return func(m *stokerv1.WatchBatchResponse) bool {
			return len(m.GetJobs()) > 0 && m.GetJobs()[0].GetPlatformStatus() == word
		}
	}
	s.until(shows("PAUSED"))
	answer, err := w.batches.GetJob(t.Context(), &stokerv1.GetJobRequest{JobId: b.GetId() + "/1"})
	if err != nil {
		t.Fatal(err)
	}
	j := answer.GetJob()
	if j.GetState() != stokerv1.JobState_JOB_STATE_QUEUED || j.GetPlatformStatus() != "PAUSED" ||
		j.GetPlatformStatusTime().AsTime().Before(before) || j.GetWaitReason() != `the platform shows status "PAUSED", which is not known` {
		t.Errorf("the job is %v", j)
	}
	w.observe(b.GetId(), 1, running(5))
	last := s.until(shows("")).GetJobs()[0]
	if last.GetPlatformStatusTime() != nil || last.GetState() != stokerv1.JobState_JOB_STATE_RUNNING {
		t.Errorf("the job is %v", last)
	}
}

func TestAccountShowsUnknownValues(t *testing.T) {
	w := newWorld(t, nil)
	first := time.Unix(1_800_000_000, 0)
	if err := w.accounts.change("default", func(a *job.AccountStatus) {
		a.UnknownValues = []job.UnknownValue{{Kind: "event", Value: "TRANSFER_RESUMED", FirstTime: first, Count: 3}}
	}); err != nil {
		t.Fatal(err)
	}
	answer, err := w.account.GetAccount(t.Context(), &stokerv1.GetAccountRequest{AccountId: "default"})
	if err != nil {
		t.Fatal(err)
	}
	want := []*stokerv1.UnknownValue{{Kind: "event", Value: "TRANSFER_RESUMED", FirstTime: timestamppb.New(first), Count: 3}}
	if diff := cmp.Diff(want, answer.GetAccount().GetUnknownValues(), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
