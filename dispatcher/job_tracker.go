package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// jobTracker holds the jobs that the loop has something to do with, and the batches that it has
// read. Whoever changes a tracked job calls refresh.
type jobTracker struct {
	tracked map[job.ID]*trackedJob
	batches map[string]*batch
	index   *jobIndex // of the tracked jobs
}

// newJobTracker makes a tracker at the time now.
func newJobTracker(now time.Time) *jobTracker {
	return &jobTracker{tracked: map[job.ID]*trackedJob{}, batches: map[string]*batch{}, index: newJobIndex(now)}
}

// add begins to track a job, which is polled next at the time nextPoll.
func (k *jobTracker) add(j job.Job, nextPoll time.Time) *trackedJob {
	t := &trackedJob{job: j, nextPoll: nextPoll, platformPriority: unknownPriority}
	k.tracked[j.ID] = t
	k.index.add(t)
	k.refresh(t)
	return t
}

// remove forgets a job.
func (k *jobTracker) remove(t *trackedJob) {
	k.index.remove(t)
	delete(k.tracked, t.job.ID)
}

// refresh brings the index up to date with a job that has changed.
func (k *jobTracker) refresh(t *trackedJob) {
	k.index.set(t, k.index.describe(t, k.batchPriority(t.job.ID.Batch), k.hasWrongPriority(t)))
}

// track takes over a job from the job table, unless the tracked one is at least as new. A job whose
// state was changed otherwise than by a task of its own, such as by reconciling, is polled at once.
func (k *jobTracker) track(j job.Job, now time.Time) {
	t := k.tracked[j.ID]
	if t == nil {
		k.add(j, now)
		return
	}
	if j.Version <= t.job.Version {
		return
	}
	if j.State != t.job.State {
		t.nextPoll = now // the time was set for a job in another state
	}
	t.job = j
	k.refresh(t)
}

// readBatch reads a batch once and keeps it until it changes.
func (k *jobTracker) readBatch(ctx context.Context, from QueueStore, id string) (*batch, error) {
	if b := k.batches[id]; b != nil {
		return b, nil
	}
	read, err := from.Batch(ctx, id)
	if err != nil {
		return nil, err
	}
	b := &batch{read}
	k.setBatch(b)
	return b, nil
}

// readBatchesOf reads the batches of some jobs, each once.
func (k *jobTracker) readBatchesOf(ctx context.Context, from QueueStore, jobs []job.Job) ([]*batch, error) {
	var list []*batch
	seen := map[string]bool{}
	for _, j := range jobs {
		if seen[j.ID.Batch] {
			continue
		}
		seen[j.ID.Batch] = true
		b, err := k.readBatch(ctx, from, j.ID.Batch)
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}

// batchesOfStarts are the batches of the jobs whose start is under way, a batch for each.
func (k *jobTracker) batchesOfStarts() []*batch {
	var list []*batch
	for t := range k.index.working {
		if b := k.batches[t.job.ID.Batch]; b != nil && t.task == taskStart {
			list = append(list, b)
		}
	}
	return list
}

// setBatch takes over a batch from the job table.
func (k *jobTracker) setBatch(b *batch) {
	k.batches[b.ID] = b
	for t := range k.index.byBatch[b.ID] {
		k.refresh(t) // its priority may have changed
	}
}

// untrackIfDone forgets a job without task, encoding and pause.
func (k *jobTracker) untrackIfDone(id job.ID, now time.Time) {
	t := k.tracked[id]
	j := &t.job
	if t.task != taskNone || j.State.OnPlatform() || j.Prepared() || t.notBefore.After(now) {
		return
	}
	k.remove(t)
}

// hasJobsOf reports whether any job of a batch is tracked.
func (k *jobTracker) hasJobsOf(batchID string) bool { return len(k.index.byBatch[batchID]) > 0 }

// hasPrepared reports whether a job of a batch is configured and can be started.
func (k *jobTracker) hasPrepared(batchID string) bool {
	for t := range k.index.byBatch[batchID] {
		if t.job.Prepared() {
			return true
		}
	}
	return false
}

// removeBatch forgets the jobs of a batch that has been deleted, apart from those with a task or a
// pause.
func (k *jobTracker) removeBatch(id string, now time.Time) {
	for t := range k.index.byBatch[id] {
		if t.task == taskNone && !t.notBefore.After(now) {
			k.remove(t)
		}
	}
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

// makeInFlight describes a job in flight for a decision, but for when it is polled.
func (k *jobTracker) makeInFlight(t *trackedJob, now time.Time) inFlightJob {
	f := inFlightJob{
		id:            t.job.ID,
		state:         t.job.State,
		starting:      t.isStarting(),
		lacksStatus:   t.lacksStatus(),
		stopRequested: t.stopDue().After(now),
		wrongPriority: k.hasWrongPriority(t) && !t.notBefore.After(now),
		task:          t.task,
	}
	if t.task == taskStart && t.sent != nil {
		f.unsent, f.startBegan, f.priority, f.template = !t.sent.Load(), t.taskSince, t.batch.Priority, t.batch.Template != nil
	}
	return f
}

// queueHead is the queued job of ours that the platform takes next; nil if there is none. A job
// with a task under way does not count, nor does an unpredictable one.
func (k *jobTracker) queueHead() (head *trackedJob) {
	k.index.queued.Ascend(func(q queuedJob) bool {
		if q.t.task == taskNone {
			head = q.t
		}
		return head == nil
	})
	return head
}

// nextQueued returns up to n queued jobs of ours in the order in which the platform takes them, without
// unpredictable ones.
func (k *jobTracker) nextQueued(n int) (next []*trackedJob) {
	k.index.queued.Ascend(func(q queuedJob) bool {
		if len(next) < n {
			next = append(next, q.t)
		}
		return len(next) < n
	})
	return next
}

// isQueueHead reports whether none of our queued jobs precedes t.
func (k *jobTracker) isQueueHead(t *trackedJob) bool {
	own := queuedJob{k.batchPriority(t.job.ID.Batch), t.job.StartTime, t}
	first, ok := k.index.queued.Min()
	return !ok || !first.before(own)
}

// countRunning counts our running encodings whose status is known, without those that have ended as it
// seems.
func (k *jobTracker) countRunning() int { return k.index.counts.observedRunning }

// countBackedOff counts the jobs that wait for the end of a pause after a failure of their
// own.
func (k *jobTracker) countBackedOff(now time.Time) (n int) {
	for t := range k.index.unusual {
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
	for t := range k.index.unusual {
		w, waits := t.waitReason()
		if !waits {
			continue
		}
		if all == nil {
			all = map[job.ID]job.Wait{}
		}
		all[t.job.ID] = w
	}
	return all
}

// describe adds to the account's status the tracked jobs' counts by state, and a note of each job
// that needs one.
func (k *jobTracker) describe(s *job.AccountStatus, now time.Time) {
	c := &k.index.counts
	s.QueuedCount, s.RunningCount, s.StartingCount = c.queued, c.running, c.starting
	s.CancellingCount, s.PreparedCount = c.cancelling, c.prepared
	for _, set := range []map[*trackedJob]bool{k.index.working, k.index.unusual} {
		for t := range set {
			if n := t.statusNote(now); n != (job.Note{}) {
				if s.Notes == nil {
					s.Notes = map[job.ID]job.Note{}
				}
				s.Notes[t.job.ID] = n
			}
		}
	}
}

// noStatusErrors are the errors of encodings that again and again could not be polled or
// stopped, one for each batch: that of the job with the lowest number.
func (k *jobTracker) noStatusErrors() map[string]error {
	first := map[string]*trackedJob{}
	for t := range k.index.unusual {
		if t.failures < failuresToReport || !t.lacksStatus() && t.failingTask != taskStop || job.TableTrouble(t.lastErr) {
			continue
		}
		if known := first[t.job.ID.Batch]; known == nil || t.job.ID.Number < known.job.ID.Number {
			first[t.job.ID.Batch] = t
		}
	}
	all := make(map[string]error, len(first))
	for batch, t := range first {
		all[batch] = t.lastErr
	}
	return all
}
