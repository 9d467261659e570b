package history

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

const (
	waiting = stokerv1.JobState_JOB_STATE_WAITING
	running = stokerv1.JobState_JOB_STATE_RUNNING
	failed  = stokerv1.JobState_JOB_STATE_FAILED
)

func at(second int64) *timestamppb.Timestamp { return timestamppb.New(time.Unix(second, 0)) }

func job(key string, s stokerv1.JobState, second int64) *stokerv1.Job {
	return &stokerv1.Job{Key: key, State: s, UpdateTime: at(second)}
}

// message is a message about a batch of two jobs, one of them waiting and the other one
// running or failed.
func message(second int64, other stokerv1.JobState, jobs ...*stokerv1.Job) *stokerv1.WatchBatchResponse {
	c := &stokerv1.JobCounts{Waiting: 1, Running: 1}
	if other == failed {
		c = &stokerv1.JobCounts{Waiting: 1, Failed: 1}
	}
	return &stokerv1.WatchBatchResponse{
		Cursor: "c", Jobs: jobs,
		Batch: &stokerv1.Batch{JobCount: 2, Counts: c, UpdateTime: at(second), FinishTime: at(9)},
	}
}

// TestHistory breaks each promise once, after a beginning without fault.
func TestHistory(t *testing.T) {
	for _, tt := range []struct {
		name   string
		states []stokerv1.JobState
		then   []*stokerv1.WatchBatchResponse
		want   string // what is wrong; empty: nothing
	}{
		{name: "no fault", then: []*stokerv1.WatchBatchResponse{message(3, failed, job("b", failed, 3))}},
		{name: "a heartbeat", then: []*stokerv1.WatchBatchResponse{{Cursor: "c", Heartbeat: true}, message(3, failed, job("b", failed, 3))}},
		{name: "no fault in a part", states: []stokerv1.JobState{running, failed}, then: []*stokerv1.WatchBatchResponse{message(3, failed, job("b", failed, 3))}},
		{name: "gone on to another state", states: []stokerv1.JobState{running}, then: []*stokerv1.WatchBatchResponse{message(3, failed)}},

		{name: "told twice", then: []*stokerv1.WatchBatchResponse{message(3, running, job("b", running, 2))}, want: "repeats"},
		{name: "out of order", then: []*stokerv1.WatchBatchResponse{message(3, running, job("b", waiting, 1))}, want: "back in time"},
		{name: "an older batch", then: []*stokerv1.WatchBatchResponse{message(1, running)}, want: "before the message before"},
		{name: "a gap", then: []*stokerv1.WatchBatchResponse{message(3, failed)}, want: "leaves a gap"},
		{name: "a gap in a part", states: []stokerv1.JobState{failed, running}, then: []*stokerv1.WatchBatchResponse{message(3, failed)}, want: "leaves a gap"},
		{name: "what nobody asked for", states: []stokerv1.JobState{running}, then: []*stokerv1.WatchBatchResponse{message(3, failed, job("b", failed, 3))}, want: "nobody asked for"},
		{name: "no cursor", then: []*stokerv1.WatchBatchResponse{{Heartbeat: true}}, want: "is incomplete"},
		{name: "nothing", then: []*stokerv1.WatchBatchResponse{{Cursor: "c"}}, want: "is incomplete"},
		{name: "a second snapshot", then: []*stokerv1.WatchBatchResponse{
			{Cursor: "c", Snapshot: true, Batch: message(3, failed).GetBatch(), Jobs: []*stokerv1.Job{job("a", waiting, 1), job("b", failed, 3)}},
		}, want: "2 snapshots"},
		{name: "the end is missing", want: "shows the end as"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := New(tt.states...)
			first := message(2, running, job("b", running, 2))
			first.Snapshot = true
			if tt.states == nil {
				first.Jobs = append(first.Jobs, job("a", waiting, 1))
			}
			h.Add(first)
			for _, m := range tt.then {
				h.Add(m)
			}
			h.End(message(9, failed).GetBatch(), []*stokerv1.Job{job("a", waiting, 1), job("b", failed, 3)})
			switch got := strings.Join(h.Violations, "\n"); {
			case tt.want == "" && got != "":
				t.Errorf("complains of %s", got)
			case tt.want != "" && !strings.Contains(got, tt.want):
				t.Errorf("complains of %q, want %q", got, tt.want)
			}
		})
	}
}
