package server_test

import (
	"fmt"
	"maps"
	"time"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// history is what a watcher saw, and what of it must not have happened.
type history struct {
	last      *stokerv1.Batch
	version   map[string]time.Time // update time of each job as last seen
	state     map[string]stokerv1.JobState
	sent      map[string]bool // every job message there was
	messages  int
	snapshots int
	wrong     []string
}

func newHistory() *history {
	return &history{version: map[string]time.Time{}, state: map[string]stokerv1.JobState{}, sent: map[string]bool{}}
}

func (h *history) complain(format string, args ...any) {
	h.wrong = append(h.wrong, fmt.Sprintf("message %d: ", h.messages)+fmt.Sprintf(format, args...))
}

// add takes note of a message: what it tells has to be new, true, and in order.
func (h *history) add(m *stokerv1.WatchBatchResponse) {
	h.messages++
	if m.GetSnapshot() {
		h.snapshots++
		clear(h.version)
		clear(h.state)
		clear(h.sent)
	}
	if m.GetHeartbeat() != (m.GetBatch() == nil) || m.GetCursor() == "" {
		h.complain("is incomplete: %v", m)
	}
	for _, j := range m.GetJobs() {
		told := look(j)
		at := j.GetUpdateTime().AsTime()
		switch {
		case h.sent[told]:
			h.complain("repeats %s", told)
		case at.Before(h.version[j.GetKey()]):
			h.complain("goes back in time to %s", told)
		}
		h.sent[told] = true
		h.version[j.GetKey()], h.state[j.GetKey()] = at, j.GetState()
	}
	if b := m.GetBatch(); b != nil {
		if h.last != nil && b.GetUpdateTime().AsTime().Before(h.last.GetUpdateTime().AsTime()) {
			h.complain("shows the batch as it was before the message before")
		}
		h.last = b
		h.complete(b)
	}
}

// complete holds that nothing was left out: the jobs, as far as they were told up to
// now, are in the states that the batch's counts say. While jobs are missing, in the
// midst of a snapshot or because they changed during it, that cannot be said.
func (h *history) complete(b *stokerv1.Batch) {
	if len(h.state) == 0 || int64(len(h.state)) < b.GetJobCount() {
		return
	}
	if got := count(h.state); !proto.Equal(got, b.GetCounts()) {
		h.complain("leaves a gap: the jobs told add up to %v, the batch has %v", got, b.GetCounts())
	}
}

// look is all that a message tells about a job that can change.
func look(j *stokerv1.Job) string {
	return fmt.Sprintf("%s %v %d%% attempt %d %s %v", j.GetKey(), j.GetState(), j.GetProgress(), j.GetAttempt(), j.GetEncodingId(), j.GetUpdateTime().AsTime())
}

// count is how many jobs are in each state.
func count(states map[string]stokerv1.JobState) *stokerv1.JobCounts {
	n := map[stokerv1.JobState]int64{}
	for s := range maps.Values(states) {
		n[s]++
	}
	return &stokerv1.JobCounts{
		Waiting: n[stokerv1.JobState_JOB_STATE_WAITING], Starting: n[stokerv1.JobState_JOB_STATE_STARTING],
		Queued: n[stokerv1.JobState_JOB_STATE_QUEUED], Running: n[stokerv1.JobState_JOB_STATE_RUNNING],
		Succeeded: n[stokerv1.JobState_JOB_STATE_SUCCEEDED], Failed: n[stokerv1.JobState_JOB_STATE_FAILED],
		Cancelling: n[stokerv1.JobState_JOB_STATE_CANCELLING], Cancelled: n[stokerv1.JobState_JOB_STATE_CANCELLED],
	}
}
