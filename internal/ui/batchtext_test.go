package ui

import (
	"testing"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

func TestTimeLeft(t *testing.T) {
	now := sample.At(0).AsTime()
	for name, tt := range map[string]struct {
		batch *stokerv1.Batch
		want  string
	}{
		"unknown":     {&stokerv1.Batch{}, ""},
		"any moment":  {&stokerv1.Batch{EstimatedFinishTime: sample.At(0)}, ""},
		"no range":    {&stokerv1.Batch{EstimatedFinishTime: sample.At(90)}, "1:30"},
		"a range":     {&stokerv1.Batch{EarliestFinishTime: sample.At(70), EstimatedFinishTime: sample.At(90), LatestFinishTime: sample.At(120)}, "1:10 to 2:00"},
		"no doubt":    {&stokerv1.Batch{EarliestFinishTime: sample.At(90), EstimatedFinishTime: sample.At(90), LatestFinishTime: sample.At(90)}, "1:30"},
		"it is over":  {&stokerv1.Batch{State: stokerv1.BatchState_BATCH_STATE_FAILED, EstimatedFinishTime: sample.At(90)}, ""},
		"about to be": {&stokerv1.Batch{EarliestFinishTime: sample.At(-5), EstimatedFinishTime: sample.At(5), LatestFinishTime: sample.At(9)}, "0 s to 9 s"},
	} {
		if got := timeLeft(tt.batch, now); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
