package dispatcher

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/btree"

	"github.com/stokerd/stoker/job"
)

// jobIndex answers what every decision asks about the tracked jobs without going through all of
// them. It is brought up to date for one job whenever that job changes (jobTracker.refresh), and
// then takes part in no more decisions than concern it.
//
// Of a usual job nothing changes as time passes but which of its tasks is due. Everything else that
// depends on the time, on the last count of the queue or on a failure concerns the unusual jobs.
// They are few, and are gone through one by one.
type jobIndex struct {
	epoch time.Time // due times are kept as durations since then: they have one order, whatever the system's clock does

	counts     jobCounts
	unusual    map[*trackedJob]bool            // failing, missing, or with an unknown status
	working    map[*trackedJob]bool            // being started or polled
	preparing  map[*trackedJob]bool            // being configured
	byEncoding map[string]*trackedJob          // by the encoding's id
	byBatch    map[string]map[*trackedJob]bool // by the batch's id
	due        [dueKinds]*btree.BTreeG[dueJob] // the jobs in flight without a task, the one that is due first first
	queued     *btree.BTreeG[queuedJob]        // in the order in which encoders take them; only predictable ones
}

// jobCounts counts jobs.
type jobCounts struct {
	// By state, as the status of the account shows them: a job whose start is under way counts as
	// starting.
	queued, running, starting, cancelling, prepared int
	observedRunning                                 int // running, with a known status
	places                                          int // usual jobs that hold a place in the platform's queue
}

// add adds times the counts of other.
func (c *jobCounts) add(other jobCounts, times int) {
	c.queued += times * other.queued
	c.running += times * other.running
	c.starting += times * other.starting
	c.cancelling += times * other.cancelling
	c.prepared += times * other.prepared
	c.observedRunning += times * other.observedRunning
	c.places += times * other.places
}

// dueKind is what a job in flight is due for. A job may be due for several things; the decision
// chooses.
type dueKind int

const (
	duePoll         dueKind = iota
	dueQueuedPoll           // of a queued encoding; a list may show that it was taken
	dueRunningPoll          // of a running encoding; a list may show that it has ended
	dueNoStatusPoll         // probably without an answer
	dueStop
	dueReprioritize
	dueKinds // how many there are
)

// dueJob is a job that is due for something at a time.
type dueJob struct {
	at time.Duration // since the index's epoch
	t  *trackedJob
}

func (d dueJob) before(other dueJob) bool {
	return cmp.Or(cmp.Compare(d.at, other.at), compareIDs(d.t.job.ID, other.t.job.ID)) < 0
}

// queuedJob is a queued job as the platform orders it: the higher priority first, then the earlier
// start.
type queuedJob struct {
	priority int
	start    time.Time
	t        *trackedJob
}

func (q queuedJob) before(other queuedJob) bool {
	return cmp.Or(
		cmp.Compare(other.priority, q.priority), q.start.Compare(other.start),
		cmp.Compare(q.t.job.ID.Number, other.t.job.ID.Number), cmp.Compare(q.t.job.ID.Batch, other.t.job.ID.Batch),
	) < 0
}

// indexed is what the index has of a job.
type indexed struct {
	counts    jobCounts
	unusual   bool
	working   bool
	preparing bool
	encoding  string
	due       [dueKinds]time.Duration // never: not due for that
	queued    bool
	priority  int // if queued
	start     time.Time
}

// never is when a job is due that is not.
const never = time.Duration(1<<63 - 1)

// notIndexed is what the index has of a job that it does not know.
var notIndexed = indexed{due: [dueKinds]time.Duration{never, never, never, never, never, never}}

// treeDegree is a size of nodes with which small and large trees are fast.
const treeDegree = 16

func newJobIndex(epoch time.Time) *jobIndex {
	x := &jobIndex{
		epoch: epoch, unusual: map[*trackedJob]bool{}, working: map[*trackedJob]bool{}, preparing: map[*trackedJob]bool{},
		byEncoding: map[string]*trackedJob{}, byBatch: map[string]map[*trackedJob]bool{},
		queued: btree.NewG(treeDegree, queuedJob.before),
	}
	for kind := range x.due {
		x.due[kind] = btree.NewG(treeDegree, dueJob.before)
	}
	return x
}

// describe is what the index has to have of a job whose batch has a given priority. hasWrongPriority says
// that the platform has the encoding under another one.
func (x *jobIndex) describe(t *trackedJob, priority int, hasWrongPriority bool) indexed {
	e := notIndexed
	e.counts, e.unusual, e.encoding = t.count(), t.isUnusual(), t.job.EncodingID
	e.working, e.preparing = t.task == taskStart || t.task == taskPoll, t.task == taskPrepare
	if t.job.State == job.Queued && t.isPredictable() {
		e.queued, e.priority, e.start = true, priority, t.job.StartTime
	}
	if !t.job.State.OnPlatform() || t.task != taskNone {
		return e
	}
	if t.job.State == job.Cancelling && !t.isStarting() {
		e.due[dueStop] = x.sinceEpoch(t.stopDue())
	}
	if hasWrongPriority {
		e.due[dueReprioritize] = x.sinceEpoch(t.notBefore)
	}
	switch {
	case e.due[dueStop] != never && t.job.Step != job.StepStop && t.notBefore.IsZero():
		// It is polled once it has been stopped.
	default:
		e.due[t.pollKind()] = x.sinceEpoch(t.nextPoll)
	}
	return e
}

func (x *jobIndex) sinceEpoch(t time.Time) time.Duration { return min(t.Sub(x.epoch), never-1) }

// set replaces what the index has of a job.
func (x *jobIndex) set(t *trackedJob, e indexed) {
	old := t.indexed
	if e == old {
		return
	}
	x.counts.add(old.counts, -1)
	x.counts.add(e.counts, 1)
	setMember(x.unusual, t, e.unusual)
	setMember(x.working, t, e.working)
	setMember(x.preparing, t, e.preparing)
	if e.encoding != old.encoding {
		if x.byEncoding[old.encoding] == t {
			delete(x.byEncoding, old.encoding)
		}
		if e.encoding != "" {
			x.byEncoding[e.encoding] = t
		}
	}
	for kind, tree := range x.due {
		if e.due[kind] == old.due[kind] {
			continue
		}
		if old.due[kind] != never {
			tree.Delete(dueJob{old.due[kind], t})
		}
		if e.due[kind] != never {
			tree.ReplaceOrInsert(dueJob{e.due[kind], t})
		}
	}
	was, is := queuedJob{old.priority, old.start, t}, queuedJob{e.priority, e.start, t}
	if old.queued && (!e.queued || was != is) {
		x.queued.Delete(was)
	}
	if e.queued {
		x.queued.ReplaceOrInsert(is)
	}
	t.indexed = e
}

// add takes a job into the index.
func (x *jobIndex) add(t *trackedJob) {
	id := t.job.ID.Batch
	if x.byBatch[id] == nil {
		x.byBatch[id] = map[*trackedJob]bool{}
	}
	x.byBatch[id][t] = true
	t.indexed = notIndexed
}

// remove takes a job out of the index.
func (x *jobIndex) remove(t *trackedJob) {
	x.set(t, notIndexed)
	id := t.job.ID.Batch
	delete(x.byBatch[id], t)
	if len(x.byBatch[id]) == 0 {
		delete(x.byBatch, id)
	}
}

func setMember(set map[*trackedJob]bool, t *trackedJob, member bool) {
	if member {
		set[t] = true
	} else {
		delete(set, t)
	}
}

// concerned returns the jobs in flight that a decision may have to do with, ordered by id: those that are
// being started or polled and, of each kind, those that are due, as far as there is room for their
// tasks, and the one that is due next. Jobs of a kind with a delay are due so much later.
func (x *jobIndex) concerned(room [dueKinds]int, delays [dueKinds]time.Duration, now time.Time) []*trackedJob {
	list := make([]*trackedJob, 0, len(x.working)+int(dueKinds))
	for t := range x.working {
		list = append(list, t)
	}
	present := x.sinceEpoch(now)
	for kind, tree := range x.due {
		left := room[kind]
		tree.Ascend(func(d dueJob) bool {
			if left <= 0 {
				return false
			}
			left--
			list = append(list, d.t)
			return d.at <= present-delays[kind]
		})
	}
	slices.SortFunc(list, func(a, b *trackedJob) int { return compareIDs(a.job.ID, b.job.ID) })
	return slices.Compact(list)
}

// ending returns the jobs whose encodings are expected to have ended by now; see [trackedJob.isEnding].
func (x *jobIndex) ending(now time.Time) (list []*trackedJob) {
	present := x.sinceEpoch(now)
	for _, kind := range []dueKind{duePoll, dueRunningPoll} {
		x.due[kind].Ascend(func(d dueJob) bool {
			if d.at <= present && d.t.isEnding(now) {
				list = append(list, d.t)
			}
			return d.at <= present
		})
	}
	for t := range x.working {
		if t.isEnding(now) {
			list = append(list, t)
		}
	}
	return list
}
