package ui

import (
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

func TestAccountDetail(t *testing.T) {
	now := sample.At(0).AsTime()
	waits := func(code stokerv1.WaitCode, words string, until *timestamppb.Timestamp) *stokerv1.Account {
		return &stokerv1.Account{Wait: &stokerv1.Wait{Code: code, Until: until}, WaitReason: words}
	}
	for _, tt := range []struct {
		account *stokerv1.Account
		want    string
	}{
		{&stokerv1.Account{}, ""},
		{waits(stokerv1.WaitCode_WAIT_CODE_QUEUE_FULL, "3 of 3", nil), ""},
		{waits(stokerv1.WaitCode_WAIT_CODE_IDLE, "nothing to do", nil), ""},
		{waits(stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED, "account default is paused", nil), "account default is paused"},
		{waits(stokerv1.WaitCode_WAIT_CODE_BREAKER, "no API key", sample.At(12)), "no API key, next try 20:00:12"},
		{waits(stokerv1.WaitCode_WAIT_CODE_BREAKER, "no API key", sample.At(-1)), "no API key"},
		{waits(stokerv1.WaitCode_WAIT_CODE_PLATFORM_FULL, "the queue is full", sample.At(1)), "the queue is full, next try 20:00:01"},
		{waits(stokerv1.WaitCode_WAIT_CODE_STORAGE, "no such bucket", nil), "no such bucket"},
		{&stokerv1.Account{Webhooks: &stokerv1.Webhooks{UsedCount: 7}}, ""},
		{&stokerv1.Account{Webhooks: &stokerv1.Webhooks{Problem: "muted"}}, "without webhooks: muted"},
		{&stokerv1.Account{Problem: "no such bucket"}, "no such bucket"},
		{&stokerv1.Account{Listing: &stokerv1.Listing{Way: stokerv1.ListingWay_LISTING_WAY_SEARCH, ComparingSince: sample.At(-5)}}, ""},
		{&stokerv1.Account{Listing: &stokerv1.Listing{ComparingSince: sample.At(-120)}}, "comparing the platform with the job table for 2:00"},
		{
			&stokerv1.Account{Listing: &stokerv1.Listing{ComparingSince: sample.At(-5), ComparingProblem: "HTTP 400"}},
			"the platform cannot be compared with the job table; jobs from before the restart wait: HTTP 400",
		},
		{
			&stokerv1.Account{Listing: &stokerv1.Listing{
				Way: stokerv1.ListingWay_LISTING_WAY_WALK,
				FaultyParameters: []*stokerv1.ListParameter{
					{Name: "createdAtNewerThan", Fault: stokerv1.ParameterFault_PARAMETER_FAULT_IGNORED},
					{Name: "search", Fault: stokerv1.ParameterFault_PARAMETER_FAULT_REFUSED},
				},
			}},
			"listing encodings without any filter, which is slower, because createdAtNewerThan is ignored and search is refused",
		},
		{
			&stokerv1.Account{OtherInstances: []*stokerv1.OtherInstance{{Id: "abcdefghij234567", LastSeenTime: sample.At(-60)}}},
			"another Stoker uses the key: abcdefgh, seen 19:59:00",
		},
	} {
		if got := accountDetail(tt.account, now, output.Look{Now: now}); got != tt.want {
			t.Errorf("accountDetail(%v) = %q, want %q", tt.account, got, tt.want)
		}
	}
}
