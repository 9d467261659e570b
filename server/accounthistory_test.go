package server_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// TestAccountHistory reads what an account's queue was like, and what kept it from starting jobs.
func TestAccountHistory(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	b := w.submit(2)
	w.finish(b.GetId(), 1)
	w.fail(b.GetId(), 2, job.Failure{Text: "gone"})
	for _, breaker := range []job.BreakerState{job.BreakerOpen, job.BreakerClosed} {
		if err := w.accounts.change("default", func(a *job.AccountStatus) {
			a.Breaker, a.BreakerReason = breaker, "502 from the platform"
		}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := w.account.GetAccountHistory(ctx, &stokerv1.GetAccountHistoryRequest{AccountId: "default"})
	if err != nil {
		t.Fatal(err)
	}
	starts, ends := int32(0), int32(0)
	for _, s := range got.GetSamples() {
		starts, ends = starts+s.GetStartCount(), ends+s.GetEndCount()
	}
	if n := len(got.GetSamples()); n == 0 || starts != 2 || ends != 2 || got.GetRecordingSince() == nil || got.GetStep().AsDuration() != 10*time.Second {
		t.Fatalf("the history is %v", got)
	}
	if s := got.GetSamples()[len(got.GetSamples())-1]; s.GetQueueTarget() != 3 || s.GetPlatformQueuedCount() != 3 || s.GetMinPlatformQueuedCount() != 3 {
		t.Errorf("the latest sample is %v", s)
	}
	account, err := w.account.GetAccount(ctx, &stokerv1.GetAccountRequest{AccountId: "default"})
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string][]*stokerv1.AccountProblem{"history": got.GetProblems(), "account": account.GetAccount().GetProblems()} {
		if len(list) != 1 || list[0].GetKind() != stokerv1.AccountProblemKind_ACCOUNT_PROBLEM_KIND_BREAKER || list[0].GetText() != "502 from the platform" || list[0].GetFinishTime() == nil {
			t.Errorf("the problems of the %s are %v", name, list)
		}
	}
	if since := account.GetAccount().GetBreaker().GetSince(); !since.AsTime().Equal(got.GetProblems()[0].GetFinishTime().AsTime()) {
		t.Errorf("the breaker is closed since %v, want the end of its problem", since)
	}
	day, err := w.account.GetAccountHistory(ctx, &stokerv1.GetAccountHistoryRequest{AccountId: "default", Since: timestamppb.New(time.Unix(0, 0))})
	if err != nil || day.GetStep().AsDuration() != 4*time.Minute {
		t.Errorf("a day is cut into steps of %v, %v", day.GetStep().AsDuration(), err)
	}
	for want, req := range map[string]*stokerv1.GetAccountHistoryRequest{
		"since: has to be":           {AccountId: "default", Since: timestamppb.New(time.Now().Add(time.Hour))},
		"step: 15s: want a multiple": {AccountId: "default", Step: durationpb.New(15 * time.Second)},
	} {
		_, err := w.account.GetAccountHistory(ctx, req)
		wantStatus(t, err, codes.InvalidArgument, want)
	}
	_, err = w.account.GetAccountHistory(ctx, &stokerv1.GetAccountHistoryRequest{AccountId: "nobody's"})
	wantCode(t, err, codes.NotFound)
}
