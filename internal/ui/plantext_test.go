package ui

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

func TestPlanText(t *testing.T) {
	look := output.Look{Zone: time.UTC, Now: sample.At(0).AsTime()} // 20:00
	ahead := func(numbers ...int64) (list []*stokerv1.BatchAhead) {
		for _, n := range numbers {
			list = append(list, &stokerv1.BatchAhead{BatchNumber: n})
		}
		return list
	}
	hours := func(n int) *durationpb.Duration { return durationpb.New(time.Duration(n) * time.Hour) }
	paused := &stokerv1.Batch{Wait: &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED}, WaitReason: "account default is paused: audit"}
	for name, tt := range map[string]struct {
		batch *stokerv1.Batch
		plan  *stokerv1.PlanBatchResponse
		want  string
	}{
		"nothing known":     {nil, &stokerv1.PlanBatchResponse{Reason: "no encoding has ended"}, ""},
		"no plan":           {nil, nil, ""},
		"forecast":          {nil, &stokerv1.PlanBatchResponse{EarliestDuration: hours(1), LikelyDuration: hours(2), LatestDuration: hours(3)}, "Done 21:00–23:00"},
		"behind and beside": {nil, &stokerv1.PlanBatchResponse{EarliestDuration: hours(1), LikelyDuration: hours(2), LatestDuration: hours(3), Ahead: ahead(411), AheadBatchCount: 1, Sharing: ahead(412), SharingBatchCount: 1}, "Done 21:00–23:00: they wait behind 411 and share with 412"},
		"behind many":       {nil, &stokerv1.PlanBatchResponse{Ahead: ahead(411, 416, 417), AheadBatchCount: 5}, "They wait behind 411, 416, 417 and 2 others"},
		"behind four":       {nil, &stokerv1.PlanBatchResponse{Ahead: ahead(411, 416, 417), AheadBatchCount: 4}, "They wait behind 411, 416, 417 and 1 other"},
		"beside two":        {nil, &stokerv1.PlanBatchResponse{Sharing: ahead(412, 417), SharingBatchCount: 2}, "They share with 412 and 417"},
		"account paused":    {paused, &stokerv1.PlanBatchResponse{EarliestDuration: hours(1), LikelyDuration: hours(2), LatestDuration: hours(3)}, "Nothing is started: account default is paused: audit"},
	} {
		if got := PlanText(tt.batch, tt.plan, look); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
