package server_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// encode runs jobs of a batch, so many at a time, each as long.
func (w *world) encode(batch string, jobs, parallel int64, length time.Duration) {
	for first := int64(1); first <= jobs; first += parallel {
		began := time.Now()
		for n := first; n < min(first+parallel, jobs+1); n++ {
			w.start(batch, n)
			w.observe(batch, n, job.Observation{Status: job.RemoteRunning, RunningAt: began})
		}
		time.Sleep(length)
		for n := first; n < min(first+parallel, jobs+1); n++ {
			w.observe(batch, n, job.Observation{Status: job.RemoteFinished, RunningAt: began, FinishedAt: time.Now()})
		}
	}
}

func (w *world) plan(req *stokerv1.PlanBatchRequest) *stokerv1.PlanBatchResponse {
	w.t.Helper()
	resp, err := w.submissions.PlanBatch(w.t.Context(), req)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp
}

// wantPlan checks that a forecast is a range around a time, in minutes, and not a wide one.
func (w *world) wantPlan(resp *stokerv1.PlanBatchResponse, minutes float64) {
	w.t.Helper()
	earliest, likely, latest := resp.GetEarliestDuration().AsDuration().Minutes(), resp.GetLikelyDuration().AsDuration().Minutes(), resp.GetLatestDuration().AsDuration().Minutes()
	if earliest > minutes || latest < minutes || likely < 0.9*minutes || likely > 1.1*minutes || latest > 1.3*minutes {
		w.t.Errorf("the forecast is %.1f to %.1f min, most likely %.1f min; want about %.1f min", earliest, latest, likely, minutes)
	}
}

func TestPlanBatch(t *testing.T) {
	within(t, nil, func(t *testing.T, w *world) {
		if resp := w.plan(&stokerv1.PlanBatchRequest{JobCount: 100}); resp.GetReason() == "" || resp.GetLikelyDuration() != nil {
			t.Errorf("without any encoding the forecast is %v, want none and a reason", resp)
		}
		// Ten at a time take four minutes each.
		b := w.submit(30)
		w.encode(b.GetId(), 30, 10, 4*time.Minute)
		resp := w.plan(&stokerv1.PlanBatchRequest{JobCount: 100})
		w.wantPlan(resp, 40)
		if resp.GetParallelCount() != 10 || resp.GetSampleCount() != 30 || resp.GetRunDuration().AsDuration() != 4*time.Minute || !resp.GetSameEncoding() {
			t.Errorf("learnt %v, want 10 at a time and 4 min from 30 encodings", resp)
		}

		// Other batches: all of a higher priority goes first, one of the same shares.
		for _, priority := range []int32{90, 50, 10} {
			req := submission(50)
			req.Priority, req.DisplayName = &priority, map[int32]string{90: "news"}[priority]
			if _, err := w.batches.SubmitBatch(t.Context(), req); err != nil {
				t.Fatal(err)
			}
		}
		resp = w.plan(&stokerv1.PlanBatchRequest{JobCount: 20})
		w.wantPlan(resp, 36) // 20 of its own, 50 before them, and 20 beside them
		if resp.GetAheadCount() != 70 {
			t.Errorf("%d jobs go before its last one, want 70", resp.GetAheadCount())
		}
		first, beside := &stokerv1.BatchAhead{BatchNumber: 2, Priority: 90, JobCount: 50, DisplayName: "news"}, &stokerv1.BatchAhead{BatchNumber: 3, Priority: 50, JobCount: 50}
		if !proto.Equal(resp.GetAhead()[0], first) || !proto.Equal(resp.GetSharing()[0], beside) || resp.GetAheadBatchCount() != 1 || resp.GetSharingBatchCount() != 1 {
			t.Errorf("it waits behind %v and beside %v, want %v and %v", resp.GetAhead(), resp.GetSharing(), first, beside)
		}
		resp = w.plan(&stokerv1.PlanBatchRequest{JobCount: 20, Priority: new(int32(100))})
		w.wantPlan(resp, 8)

		// Another profile takes as long as its own encodings do, once there are some.
		hevc := &stokerv1.PlanBatchRequest{JobCount: 20, Priority: new(int32(100)), EncodeWith: &stokerv1.PlanBatchRequest_Profile{Profile: "hevc"}}
		if resp := w.plan(hevc); resp.GetSameEncoding() || resp.GetRunDuration().AsDuration() != 4*time.Minute {
			t.Errorf("learnt %v, want 4 min from other encodings", resp)
		}
		req := submission(20)
		req.EncodeWith = &stokerv1.SubmitBatchRequest_Profile{Profile: "hevc"}
		submitted, err := w.batches.SubmitBatch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		w.encode(submitted.GetBatch().GetId(), 20, 10, 20*time.Minute)
		if resp := w.plan(hevc); !resp.GetSameEncoding() || resp.GetRunDuration().AsDuration() != 20*time.Minute || resp.GetSampleCount() != 20 {
			t.Errorf("learnt %v, want 20 min from 20 encodings of the profile", resp)
		}

		// Nothing of an account says anything about another.
		if resp := w.plan(&stokerv1.PlanBatchRequest{JobCount: 20, Account: "other"}); resp.GetReason() == "" {
			t.Errorf("an account without encodings has the forecast %v", resp)
		}
		_, err = w.submissions.PlanBatch(t.Context(), &stokerv1.PlanBatchRequest{JobCount: 20, Account: "nobody"})
		wantCode(t, err, codes.InvalidArgument)
		_, err = w.submissions.PlanBatch(t.Context(), &stokerv1.PlanBatchRequest{})
		wantCode(t, err, codes.InvalidArgument)
	})
}

// A plan says why its account would start nothing; how long the batch takes counts from the end of that.
func TestPlanBatchOfAnAccountThatStartsNothing(t *testing.T) {
	within(t, nil, func(t *testing.T, w *world) {
		b := w.submit(10)
		w.encode(b.GetId(), 10, 10, 4*time.Minute)
		req := &stokerv1.PlanBatchRequest{JobCount: 10}
		free := w.plan(req)
		if free.GetWait() != nil || free.GetWaitReason() != "" {
			t.Errorf("an account with nothing to do waits in a plan: %v", free.GetWait())
		}
		now := time.Now()
		for _, tt := range []struct {
			name   string
			change func(*job.AccountStatus)
			want   *stokerv1.Wait
			reason string
		}{
			{
				"paused", func(a *job.AccountStatus) { a.Paused, a.PausedReason, a.PausedSince = true, "new contract", now },
				&stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED, Subject: "default", Text: "new contract", Since: timestamppb.New(now)},
				"account default is paused: new contract",
			},
			{
				"breaker", func(a *job.AccountStatus) {
					a.Paused, a.Breaker, a.BreakerReason, a.BreakerSince, a.NextProbeTime = false, job.BreakerOpen, "the key was refused (401)", now, now.Add(time.Minute)
				},
				&stokerv1.Wait{
					Code: stokerv1.WaitCode_WAIT_CODE_BREAKER, Text: "the key was refused (401)", Since: timestamppb.New(now), Until: timestamppb.New(now.Add(time.Minute)),
				},
				"the platform cannot be used since " + now.UTC().Format(time.RFC3339) + ": the key was refused (401)",
			},
		} {
			if err := w.accounts.change("default", tt.change); err != nil {
				t.Fatal(err)
			}
			resp := w.plan(req)
			if diff := cmp.Diff(tt.want, resp.GetWait(), protocmp.Transform()); diff != "" {
				t.Errorf("%s: wait (-want +got):\n%s", tt.name, diff)
			}
			if resp.GetWaitReason() != tt.reason {
				t.Errorf("%s: %q, want %q", tt.name, resp.GetWaitReason(), tt.reason)
			}
			if diff := cmp.Diff(free.GetLikelyDuration(), resp.GetLikelyDuration(), protocmp.Transform()); diff != "" {
				t.Errorf("%s: the batch takes another time (-free +held):\n%s", tt.name, diff)
			}
		}
	})
}
