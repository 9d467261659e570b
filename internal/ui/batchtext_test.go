package ui

import (
	"testing"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

func TestForecast(t *testing.T) {
	look := output.Look{Zone: time.UTC, Now: sample.At(0).AsTime()}
	for name, tt := range map[string]struct {
		batch *stokerv1.Batch
		want  string
	}{
		"unknown":    {&stokerv1.Batch{}, ""},
		"no range":   {&stokerv1.Batch{EstimatedFinishTime: sample.At(90)}, "20:01"},
		"a range":    {&stokerv1.Batch{EarliestFinishTime: sample.At(70), EstimatedFinishTime: sample.At(90), LatestFinishTime: sample.At(120)}, "20:01–20:02"},
		"no doubt":   {&stokerv1.Batch{EarliestFinishTime: sample.At(90), EstimatedFinishTime: sample.At(90), LatestFinishTime: sample.At(90)}, "20:01"},
		"it is over": {&stokerv1.Batch{State: stokerv1.BatchState_BATCH_STATE_FAILED, EstimatedFinishTime: sample.At(90)}, ""},
	} {
		if got := Forecast(tt.batch, look); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
