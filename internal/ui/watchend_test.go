package ui

import (
	"strings"
	"testing"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/testkit/golden"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

func TestEndSheet(t *testing.T) {
	b := &stokerv1.Batch{
		Number: 411, DisplayName: "night run 411", State: stokerv1.BatchState_BATCH_STATE_FAILED,
		Counts:    &stokerv1.JobCounts{Succeeded: 519443, Failed: 437, Cancelled: 120},
		StartTime: sample.At(0), FinishTime: sample.At((18*60 + 41) * 60),
	}
	failures := &stokerv1.ListFailuresResponse{FailedCount: 437}
	for _, f := range []struct {
		cause, text string
		count       int64
		code        int32
		permanent   bool
	}{
		{"5f1d3a09c2e4", "Input not found", 396, 404, true},
		{"92955d8ca7ae", "Video could not be decoded", 29, 10003, true},
		{"c41b07de5590", "Output refused: AccessDenied", 9, 403, true},
		{"0e77a2b1d834", "Encoder instance lost", 3, 60001, false},
	} {
		failures.Causes = append(failures.Causes, &stokerv1.FailureCause{
			Cause: f.cause, Count: f.count, BatchNumber: 411, JobId: "b/17", Failure: &stokerv1.Failure{Text: f.text, Code: f.code, Permanent: f.permanent},
		})
	}
	var drawn strings.Builder
	for _, width := range []int{80, 40} {
		drawn.WriteString(EndSheet(b, failures, output.Look{Width: width, Now: sample.At(0).AsTime()}) + "\n")
	}
	b.State, b.Counts = stokerv1.BatchState_BATCH_STATE_SUCCEEDED, &stokerv1.JobCounts{Succeeded: 520000}
	drawn.WriteString(EndSheet(b, nil, output.Look{Width: 80, Now: sample.At(0).AsTime()}))
	golden.Check(t, "end", drawn.String())
}
