// Package history checks the messages of a watch against the promises of the contract: every
// change comes in order, once, and without a gap, however often the watcher, the connection or
// the server has died. It knows nothing of the server's inner workings.
package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// onePage is fewer jobs than a page of a snapshot holds: a snapshot with fewer has one page.
const onePage = 500

// History is what one watcher has seen of a batch.
type History struct {
	// Last is the batch as it was in the latest message.
	Last *stokerv1.Batch
	// State is the state of each job, by key, as it was in the latest message about it.
	State map[string]stokerv1.JobState
	// Seen is every [Fingerprint] since the latest snapshot.
	Seen map[string]bool
	// Messages and Snapshots count messages, and those that began a snapshot.
	Messages, Snapshots int
	// Violations has a sentence for each broken promise.
	Violations []string

	states           []stokerv1.JobState  // that were asked for; nil for all
	updated          map[string]time.Time // update time of each job in the latest message about it
	snapshotComplete bool                 // the snapshot has certainly ended
}

// New starts the history of a watch of jobs in some states; without states, of all jobs.
func New(states ...stokerv1.JobState) *History {
	return &History{
		State: map[string]stokerv1.JobState{}, Seen: map[string]bool{},
		states: states, updated: map[string]time.Time{},
	}
}

// AddViolation adds a sentence to Violations.
func (h *History) AddViolation(format string, args ...any) {
	h.Violations = append(h.Violations, fmt.Sprintf("message %d: ", h.Messages)+fmt.Sprintf(format, args...))
}

// Add checks a message: its jobs have to be new and in order, and agree with its batch.
func (h *History) Add(m *stokerv1.WatchBatchResponse) {
	h.Messages++
	if m.GetSnapshot() {
		h.Snapshots++
		clear(h.updated)
		clear(h.State)
		clear(h.Seen)
	}
	if m.GetHeartbeat() != (m.GetBatch() == nil) || m.GetCursor() == "" {
		h.AddViolation("is incomplete: %v", m)
	}
	for _, j := range m.GetJobs() {
		h.add(j)
	}
	if b := m.GetBatch(); b != nil {
		if h.Last != nil && b.GetUpdateTime().AsTime().Before(h.Last.GetUpdateTime().AsTime()) {
			h.AddViolation("shows the batch as it was before the message before")
		}
		h.Last = b
		h.checkCounts(b)
	}
	if m.GetSnapshot() {
		h.snapshotComplete = len(m.GetJobs()) < onePage // from the next message on
	}
}

func (h *History) add(j *stokerv1.Job) {
	seen := Fingerprint(j)
	at := j.GetUpdateTime().AsTime()
	switch {
	case h.Seen[seen]:
		h.AddViolation("repeats %s", seen)
	case at.Before(h.updated[j.GetKey()]):
		h.AddViolation("goes back in time to %s", seen)
	case h.states != nil && !slices.Contains(h.states, j.GetState()):
		h.AddViolation("tells of a state that nobody asked for: %s", seen)
	}
	h.Seen[seen] = true
	h.updated[j.GetKey()], h.State[j.GetKey()] = at, j.GetState()
}

// checkCounts checks that no message was left out. A watcher of all jobs knows as many jobs in
// each state as the batch counts. A watcher of some states may know jobs that have left them
// since, but never fewer than the batch counts. Neither holds while jobs are missing because
// the snapshot has not ended.
func (h *History) checkCounts(b *stokerv1.Batch) {
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
				h.AddViolation("leaves a gap: there were %d jobs that are %v, the batch has %d", known[s], s, n)
			}
		}
		return
	}
	for s, n := range counts(b.GetCounts()) {
		if h.snapshotComplete && slices.Contains(h.states, s) && known[s] < n {
			h.AddViolation("leaves a gap: there were %d jobs that are %v, the batch has %d", known[s], s, n)
		}
	}
}

// End checks the history against the batch and its jobs as they have ended.
func (h *History) End(batch *stokerv1.Batch, jobs []*stokerv1.Job) {
	if h.Snapshots != 1 {
		h.AddViolation("was the end, and there were %d snapshots, want 1", h.Snapshots)
	}
	if got, want := h.Last, batch; !got.GetFinishTime().AsTime().Equal(want.GetFinishTime().AsTime()) || got.GetState() != want.GetState() ||
		!maps.Equal(counts(got.GetCounts()), counts(want.GetCounts())) {
		h.AddViolation("shows the end as %v, want %v", got, want)
	}
	for _, j := range jobs {
		if h.states != nil && !slices.Contains(h.states, j.GetState()) {
			continue
		}
		if want := Fingerprint(j); !h.Seen[want] {
			h.AddViolation("was the end, and %s never came; last was %v", want, h.State[j.GetKey()])
		}
	}
}

// Fingerprint is everything about a job that can change.
func Fingerprint(j *stokerv1.Job) string {
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
