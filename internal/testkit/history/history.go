// Package history judges watches by what the watcher saw. It knows the promises of the
// contract and nothing of how they are kept: what is told is told in order, once, and
// without a gap, however often the watcher, the connection or the server has died.
package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// onePage is fewer jobs than a page of a snapshot can have: there is no further one.
const onePage = 500

// History is what one watcher saw of a batch, and what of it must not have happened.
type History struct {
	// Last is the batch as last told.
	Last *stokerv1.Batch
	// State is the state of each job, by key, as last told.
	State map[string]stokerv1.JobState
	// Told is every [Look] that there was, since the latest snapshot.
	Told map[string]bool
	// Messages and Snapshots are how many there were.
	Messages, Snapshots int
	// Wrong says what broke a promise, a sentence each.
	Wrong []string

	states   []stokerv1.JobState  // all that may be told of; nil: every one
	version  map[string]time.Time // update time of each job as last told
	complete bool                 // the snapshot has certainly been told to its end
}

// New begins the history of a watcher of jobs in some states; without any, in all.
func New(states ...stokerv1.JobState) *History {
	return &History{
		State: map[string]stokerv1.JobState{}, Told: map[string]bool{},
		states: states, version: map[string]time.Time{},
	}
}

// Complain adds to Wrong.
func (h *History) Complain(format string, args ...any) {
	h.Wrong = append(h.Wrong, fmt.Sprintf("message %d: ", h.Messages)+fmt.Sprintf(format, args...))
}

// Add takes note of a message: what it tells has to be new, true, and in order.
func (h *History) Add(m *stokerv1.WatchBatchResponse) {
	h.Messages++
	if m.GetSnapshot() {
		h.Snapshots++
		clear(h.version)
		clear(h.State)
		clear(h.Told)
	}
	if m.GetHeartbeat() != (m.GetBatch() == nil) || m.GetCursor() == "" {
		h.Complain("is incomplete: %v", m)
	}
	for _, j := range m.GetJobs() {
		h.add(j)
	}
	if b := m.GetBatch(); b != nil {
		if h.Last != nil && b.GetUpdateTime().AsTime().Before(h.Last.GetUpdateTime().AsTime()) {
			h.Complain("shows the batch as it was before the message before")
		}
		h.Last = b
		h.gaps(b)
	}
	if m.GetSnapshot() {
		h.complete = len(m.GetJobs()) < onePage // from the next message on
	}
}

func (h *History) add(j *stokerv1.Job) {
	told := Look(j)
	at := j.GetUpdateTime().AsTime()
	switch {
	case h.Told[told]:
		h.Complain("repeats %s", told)
	case at.Before(h.version[j.GetKey()]):
		h.Complain("goes back in time to %s", told)
	case h.states != nil && !slices.Contains(h.states, j.GetState()):
		h.Complain("tells of a state that nobody asked for: %s", told)
	}
	h.Told[told] = true
	h.version[j.GetKey()], h.State[j.GetKey()] = at, j.GetState()
}

// gaps holds that nothing was left out. Who is told of every job knows as many of them
// in each state as the batch counts. Who is told of some states may know jobs in them
// that have gone on since, and never fewer than the batch counts. While jobs are missing,
// in the midst of a snapshot or because they changed during it, neither can be said.
func (h *History) gaps(b *stokerv1.Batch) {
	known := map[stokerv1.JobState]int64{}
	for _, s := range h.State {
		known[s]++
	}
	if h.states == nil {
		if len(h.State) == 0 || int64(len(h.State)) < b.GetJobCount() {
			return
		}
		for s, n := range counts(b.GetCounts()) {
			if known[s] != n {
				h.Complain("leaves a gap: told were %d jobs that are %v, the batch has %d", known[s], s, n)
			}
		}
		return
	}
	for s, n := range counts(b.GetCounts()) {
		if h.complete && slices.Contains(h.states, s) && known[s] < n {
			h.Complain("leaves a gap: told were %d jobs that are %v, the batch has %d", known[s], s, n)
		}
	}
}

// End holds the history against how the batch and its jobs, as far as the watcher asked
// for them, have ended.
func (h *History) End(batch *stokerv1.Batch, jobs []*stokerv1.Job) {
	if h.Snapshots != 1 {
		h.Complain("was the end, and there were %d snapshots, want 1", h.Snapshots)
	}
	if got, want := h.Last, batch; !got.GetFinishTime().AsTime().Equal(want.GetFinishTime().AsTime()) || got.GetState() != want.GetState() ||
		!maps.Equal(counts(got.GetCounts()), counts(want.GetCounts())) {
		h.Complain("shows the end as %v, want %v", got, want)
	}
	for _, j := range jobs {
		if h.states != nil && !slices.Contains(h.states, j.GetState()) {
			continue
		}
		if want := Look(j); !h.Told[want] {
			h.Complain("was the end, and %s was never told; last was %v", want, h.State[j.GetKey()])
		}
	}
}

// Look is all that a message tells about a job that can change.
func Look(j *stokerv1.Job) string {
	return strings.Join([]string{
		j.GetKey(), j.GetState().String(), fmt.Sprintf("%d%% attempt %d", j.GetProgress(), j.GetAttempt()),
		j.GetEncodingId(), j.GetUpdateTime().AsTime().String(),
	}, " ")
}

func counts(c *stokerv1.JobCounts) map[stokerv1.JobState]int64 {
	return map[stokerv1.JobState]int64{
		stokerv1.JobState_JOB_STATE_WAITING: c.GetWaiting(), stokerv1.JobState_JOB_STATE_STARTING: c.GetStarting(),
		stokerv1.JobState_JOB_STATE_QUEUED: c.GetQueued(), stokerv1.JobState_JOB_STATE_RUNNING: c.GetRunning(),
		stokerv1.JobState_JOB_STATE_SUCCEEDED: c.GetSucceeded(), stokerv1.JobState_JOB_STATE_FAILED: c.GetFailed(),
		stokerv1.JobState_JOB_STATE_CANCELLING: c.GetCancelling(), stokerv1.JobState_JOB_STATE_CANCELLED: c.GetCancelled(),
	}
}
