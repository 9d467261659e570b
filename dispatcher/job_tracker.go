package dispatcher

import (
	"maps"
	"slices"
	"time"

	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// jobTracker holds the jobs that the loop has something to do with, and the batches that it has
// read.
type jobTracker struct {
	tracked map[job.ID]*trackedJob
	batches map[string]*batch
}

func newJobTracker() *jobTracker {
	return &jobTracker{tracked: map[job.ID]*trackedJob{}, batches: map[string]*batch{}}
}

// track takes over a job from the job table, unless the tracked one is at least as new.
func (k *jobTracker) track(j job.Job, now time.Time) {
	t := k.tracked[j.ID]
	if t == nil {
		k.tracked[j.ID] = &trackedJob{job: j, nextPoll: now, platformPriority: unknownPriority}
		return
	}
	if j.Version > t.job.Version {
		t.job = j
	}
}

// untrackIfDone forgets a job without task, encoding and pause.
func (k *jobTracker) untrackIfDone(id job.ID, now time.Time) {
	t := k.tracked[id]
	j := &t.job
	if t.task != taskNone || j.State.OnPlatform() || j.Prepared() || t.notBefore.After(now) {
		return
	}
	delete(k.tracked, id)
}

// batchPriority is the priority of a batch that has been read; 0 for any other.
func (k *jobTracker) batchPriority(id string) int {
	if b := k.batches[id]; b != nil {
		return b.Priority
	}
	return 0
}

// hasTemplate reports whether a batch has been read and has a template.
func (k *jobTracker) hasTemplate(batchID string) bool {
	b := k.batches[batchID]
	return b != nil && b.Template != nil
}

// hasWrongPriority reports whether the platform's queue has the job under another priority than
// its batch's.
func (k *jobTracker) hasWrongPriority(t *trackedJob) bool {
	b := k.batches[t.job.ID.Batch]
	return t.job.State == job.Queued && b != nil && t.platformPriority != b.Priority
}

// precedes reports whether the platform takes a before b: the higher priority, then the
// earlier start.
func (k *jobTracker) precedes(a, b *job.Job) bool {
	if pa, pb := k.batchPriority(a.ID.Batch), k.batchPriority(b.ID.Batch); pa != pb {
		return pa > pb
	}
	if !a.StartTime.Equal(b.StartTime) {
		return a.StartTime.Before(b.StartTime)
	}
	return a.ID.Number < b.ID.Number
}

// queueHead is the queued job of ours that the platform takes next; nil if there is none. A job
// with a task under way does not count, nor does an unpredictable one.
func (k *jobTracker) queueHead() *trackedJob {
	var head *trackedJob
	for _, t := range k.tracked {
		if t.job.State == job.Queued && t.task == taskNone && t.isPredictable() && (head == nil || k.precedes(&t.job, &head.job)) {
			head = t
		}
	}
	return head
}

// nextQueued returns up to n queued jobs of ours in the order in which the platform takes them, without
// unpredictable ones.
func (k *jobTracker) nextQueued(n int) (next []*trackedJob) {
	for _, t := range k.tracked {
		if t.job.State == job.Queued && t.isPredictable() {
			next = append(next, t)
		}
	}
	slices.SortFunc(next, func(a, b *trackedJob) int {
		if k.precedes(&a.job, &b.job) {
			return -1
		}
		return 1
	})
	return next[:min(n, len(next))]
}

// isQueueHead reports whether none of our queued jobs precedes t.
func (k *jobTracker) isQueueHead(t *trackedJob) bool {
	for _, other := range k.tracked {
		if other != t && other.job.State == job.Queued && other.isPredictable() && k.precedes(&other.job, &t.job) {
			return false
		}
	}
	return true
}

// countRunning counts our running encodings whose status is known, without those that have ended as it
// seems.
func (k *jobTracker) countRunning() (n int) {
	for _, t := range k.tracked {
		if t.job.State == job.Running && !t.hasUnknownStatus() && !t.replaced {
			n++
		}
	}
	return n
}

// countBackedOff counts the jobs that wait for the end of a pause after a failure of their
// own.
func (k *jobTracker) countBackedOff(now time.Time) (n int) {
	for _, t := range k.tracked {
		if t.job.State == job.Waiting && t.notBefore.After(now) {
			n++
		}
	}
	return n
}

// countUnansweredStarts counts the queued encodings of templates whose starts have not been
// answered: their names show that they are ours before their ids do. queued has names by id.
func (k *jobTracker) countUnansweredStarts(queued map[string]string) (n int) {
	for _, name := range queued {
		id, attempt, _ := provision.ParseName(name)
		t := k.tracked[id]
		if attempt > 0 && t != nil && t.job.EncodingID == "" && (t.task == taskStart || t.job.Step == job.StepStart) {
			n++
		}
	}
	return n
}

// preparedEncodings are the jobs, by encoding, of the encodings that are configured and, as far as
// the job table knows, not started.
func (k *jobTracker) preparedEncodings() map[string]job.ID {
	prepared := map[string]job.ID{}
	for id, t := range k.tracked {
		if t.job.Prepared() {
			prepared[t.job.EncodingID] = id
		}
	}
	return prepared
}

// nextEncodingName is the name of the encoding that the next start of a job would start or
// create.
func (k *jobTracker) nextEncodingName(j *job.Job) string {
	if !k.hasTemplate(j.ID.Batch) {
		return provision.EncodingName(j)
	}
	next := *j
	next.Attempt++
	return provision.AttemptName(&next)
}

// referenceEncoding is an encoding that was made from a template and is known to be at the
// platform. If the platform finds it by its name, its answers to searches by name can be trusted.
type referenceEncoding struct{ name, encoding string }

// findReference returns one of the tracked encodings of templates; false if there is none.
func (k *jobTracker) findReference() (r referenceEncoding, ok bool) {
	for _, t := range k.tracked {
		if t.job.EncodingID != "" && t.job.State.OnPlatform() && !t.cannotBePolled() && k.hasTemplate(t.job.ID.Batch) {
			return referenceEncoding{provision.AttemptName(&t.job), t.job.EncodingID}, true
		}
	}
	return referenceEncoding{}, false
}

// waitReasons are the reasons of the jobs that wait because the platform gives no credible
// answer about their encodings.
func (k *jobTracker) waitReasons() map[job.ID]job.Wait {
	var all map[job.ID]job.Wait
	for id, t := range k.tracked {
		w, waits := t.waitReason()
		if !waits {
			continue
		}
		if all == nil {
			all = map[job.ID]job.Wait{}
		}
		all[id] = w
	}
	return all
}

// describe adds to the account's status the tracked jobs' counts by state, and a note of each job
// that needs one.
func (k *jobTracker) describe(s *job.AccountStatus, now time.Time) {
	for id, t := range k.tracked {
		switch {
		case t.task == taskStart: // its state is known when the call has been answered
			s.StartingCount++
		case t.job.State == job.Queued:
			s.QueuedCount++
		case t.job.State == job.Running:
			s.RunningCount++
		case t.job.State == job.Starting:
			s.StartingCount++
		case t.job.State == job.Cancelling:
			s.CancellingCount++
		case t.job.Prepared():
			s.PreparedCount++
		}
		if n := t.statusNote(now); n != (job.Note{}) {
			if s.Notes == nil {
				s.Notes = map[job.ID]job.Note{}
			}
			s.Notes[id] = n
		}
	}
}

// noStatusErrors are the errors of encodings that again and again could not be polled or
// stopped, one for each batch.
func (k *jobTracker) noStatusErrors() map[string]error {
	all := map[string]error{}
	ids := slices.SortedFunc(maps.Keys(k.tracked), func(a, b job.ID) int { return int(a.Number - b.Number) })
	for _, id := range ids {
		if t := k.tracked[id]; all[id.Batch] == nil && t.failures >= failuresToReport && (t.lacksStatus() || t.failingTask == taskStop) {
			all[id.Batch] = t.lastErr
		}
	}
	return all
}
