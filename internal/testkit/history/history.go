// Package history checks the messages of a watch against what the API promises: every change comes in
// order, once, and without a gap, also if the watcher, the connection or the server dies in between. It
// uses nothing but the messages.
package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// onePage is less than the number of jobs in a page of a snapshot. A first page with fewer jobs is the
// whole snapshot.
const onePage = 500

// History is what one watcher has seen of a batch.
type History struct {
	// Last is the batch as it was in the latest message with a batch.
	Last *stokerv1.Batch
	// State is the state of each job, by key, as it was in the latest message about it.
	State map[string]stokerv1.JobState
	// Seen is every [Fingerprint] since the latest snapshot.
	Seen map[string]bool
	// Messages counts all messages. Snapshots counts those that began a snapshot.
	Messages, Snapshots int
	// Violations has a sentence for each broken promise, in the order of the messages.
	Violations []string

	states           []stokerv1.JobState  // the watched states; nil for all
	updated          map[string]time.Time // by job key, the update time in the latest message about the job
	snapshotComplete bool                 // the snapshot was one page and has been read
}

// New starts the history of a watch that asks for jobs in these states. Without states it asks for all
// jobs.
func New(states ...stokerv1.JobState) *History {
	return &History{
		State: map[string]stokerv1.JobState{}, Seen: map[string]bool{},
		states: states, updated: map[string]time.Time{},
	}
}

// AddViolation adds a sentence to Violations. The sentence begins with the number of the latest message,
// so format is a predicate, such as "repeats %s".
func (h *History) AddViolation(format string, args ...any) {
	h.Violations = append(h.Violations, fmt.Sprintf("message %d: ", h.Messages)+fmt.Sprintf(format, args...))
}

// Add checks the next message. No job may be as it was in an earlier message, or older, and the jobs so
// far have to agree with the counts of the batch.
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

// checkCounts checks by the counts of b that no message was left out. A watcher of all jobs knows as many
// jobs in each state as b counts. A watcher of some states is not told when a job leaves them, so it may
// know more jobs in a state than b counts, but never fewer. Neither is checked while the snapshot is
// incomplete.
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

// End checks the history against the ended batch and its jobs, as they were read after the watch.
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

// Fingerprint is a job's key, state, progress, attempt, encoding and update time as one text. A message
// about a job repeats an earlier one if the fingerprints are equal.
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
