package dispatcher

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/job"
)

// indexContent is all that an index has, with jobs by id.
type indexContent struct {
	Counts                      jobCounts
	Unusual, Working, Preparing []string
	ByEncoding                  map[string]string
	ByBatch                     map[string][]string
	Due                         [dueKinds][]string
	Queued                      []string
}

func (x *jobIndex) content() indexContent {
	ids := func(set map[*trackedJob]bool) (list []string) {
		for t := range set {
			list = append(list, t.job.ID.String())
		}
		slices.Sort(list)
		return list
	}
	c := indexContent{
		Counts: x.counts, Unusual: ids(x.unusual), Working: ids(x.working), Preparing: ids(x.preparing),
		ByEncoding: map[string]string{}, ByBatch: map[string][]string{},
	}
	for encoding, t := range x.byEncoding {
		c.ByEncoding[encoding] = t.job.ID.String()
	}
	for batch, set := range x.byBatch {
		c.ByBatch[batch] = ids(set)
	}
	for kind, tree := range x.due {
		tree.Ascend(func(d dueJob) bool {
			c.Due[kind] = append(c.Due[kind], d.at.String()+" "+d.t.job.ID.String())
			return true
		})
	}
	x.queued.Ascend(func(q queuedJob) bool {
		c.Queued = append(c.Queued, q.t.job.ID.String())
		return true
	})
	return c
}

// indexErrors is how the index differs from one that is made anew of the tracked jobs.
func (k *jobTracker) indexErrors() (diff string) {
	fresh := newJobTracker(k.index.epoch)
	fresh.batches = k.batches
	for id, t := range k.tracked {
		again := *t
		fresh.tracked[id] = &again
		fresh.index.add(&again)
		fresh.refresh(&again)
	}
	want, got := fresh.index.content(), k.index.content()
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got, cmp.AllowUnexported(jobCounts{}))
}

// indexCheckLimit is up to how many tracked jobs the index is compared after each decision, and not
// only after every hundredth.
const indexCheckLimit = 100

// checkIndexes compares the index of each loop with one that is made anew, after each decision.
func (w *world) checkIndexes() {
	for _, l := range w.disp.loops {
		decisions := 0
		l.decided = func() {
			if decisions++; len(l.jobs.tracked) > indexCheckLimit && decisions%100 != 0 {
				return
			}
			if diff := l.jobs.indexErrors(); diff != "" {
				w.t.Errorf("the index differs from the tracked jobs (-want +got):\n%s", diff)
			}
		}
	}
}

// A change of a tracked job, of whatever kind, changes the index as if it were made anew.
func TestIndexFollowsJobs(t *testing.T) {
	jobs := newJobTracker(now)
	jobs.setBatch(&batch{job.Batch{ID: "b", Priority: 50}})
	first := jobs.add(job.Job{ID: id(1), State: job.Queued, EncodingID: "e1", StartTime: now, Version: 1}, now)
	second := jobs.add(job.Job{ID: id(2), State: job.Queued, EncodingID: "e2", StartTime: now.Add(time.Second), Version: 1}, now.Add(time.Minute))
	first.platformPriority, second.platformPriority = 50, 50
	for _, step := range []struct {
		name   string
		change func()
		head   *trackedJob
		due    [dueKinds]int
	}{
		{"both queued", func() {}, first, [dueKinds]int{dueQueuedPoll: 2}},
		{"the first one polled", func() { first.task = taskPoll }, second, [dueKinds]int{dueQueuedPoll: 1}},
		{"without an answer", func() { first.task = taskNone; first.noteFailure(taskPoll, errNoStatus, now) }, second, [dueKinds]int{dueQueuedPoll: 1, dueNoStatusPoll: 1}},
		{"and then with one", func() { first.clearFailure(taskPoll, true) }, first, [dueKinds]int{dueQueuedPoll: 2}},
		{"another priority", func() { jobs.setBatch(&batch{job.Batch{ID: "b", Priority: 80}}) }, first, [dueKinds]int{dueQueuedPoll: 2, dueReprioritize: 2}},
		{"one being cancelled", func() { first.job.State = job.Cancelling }, second, [dueKinds]int{dueQueuedPoll: 1, dueStop: 1, dueReprioritize: 1}},
		{"and stopped", func() { first.job.Step, first.job.StepTime = job.StepStop, now }, second, [dueKinds]int{duePoll: 1, dueQueuedPoll: 1, dueStop: 1, dueReprioritize: 1}},
		{"another encoding", func() { second.job.EncodingID, second.job.State = "e3", job.Running }, nil, [dueKinds]int{duePoll: 1, dueRunningPoll: 1, dueStop: 1}},
		{"one forgotten", func() { jobs.remove(second) }, nil, [dueKinds]int{duePoll: 1, dueStop: 1}},
	} {
		step.change()
		for _, t := range jobs.tracked {
			jobs.refresh(t)
		}
		if diff := jobs.indexErrors(); diff != "" {
			t.Errorf("%s: the index differs from the tracked jobs (-want +got):\n%s", step.name, diff)
		}
		if got := jobs.queueHead(); got != step.head {
			t.Errorf("%s: the head of the queue is %v, want %v", step.name, got, step.head)
		}
		var due [dueKinds]int
		for kind, tree := range jobs.index.due {
			due[kind] = tree.Len()
		}
		if due != step.due {
			t.Errorf("%s: due for polls (of one alone, queued, running, without an answer), stops and priorities are %v, want %v", step.name, due, step.due)
		}
	}
	if got := slices.Collect(maps.Keys(jobs.index.byEncoding)); !slices.Equal(got, []string{"e1"}) {
		t.Errorf("finds encodings %v, want e1", got)
	}
}

// Of the jobs that are due, a decision sees as many as there is room for, the ones that are due
// first, and of those that are not due the next one.
func TestConcernedJobs(t *testing.T) {
	jobs := newJobTracker(now)
	for n := range int64(1000) {
		jobs.add(job.Job{ID: id(n + 1), State: job.Running}, now.Add(time.Duration(n-500)*time.Second))
	}
	var delays [dueKinds]time.Duration
	concerned := func(room int) (list []int64) {
		for _, t := range jobs.index.concerned([dueKinds]int{dueRunningPoll: room}, delays, now) {
			list = append(list, t.job.ID.Number)
		}
		return list
	}
	if got := concerned(3); !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("with room for 3: %v", got)
	}
	if got := concerned(0); got != nil {
		t.Errorf("without room: %v", got)
	}
	if got := concerned(2000); len(got) != 502 || got[501] != 502 {
		t.Errorf("%d jobs, the last one %d; want all that are due and the next", len(got), got[len(got)-1])
	}
	delays[dueRunningPoll] = 100 * time.Second
	if got := concerned(2000); len(got) != 402 {
		t.Errorf("%d jobs, want all that are due in spite of their delay and the next", len(got))
	}
	jobs.tracked[id(900)].task = taskPoll
	jobs.refresh(jobs.tracked[id(900)])
	if got := concerned(0); !slices.Equal(got, []int64{900}) {
		t.Errorf("beside a poll: %v", got)
	}
}

// Every job that may hold a place in the queue counts as holding one.
func TestCountOwnPlaces(t *testing.T) {
	failing := func(t *trackedJob) { t.noteFailure(taskPoll, errNoStatus, now) }
	for _, tt := range []struct {
		name  string
		job   job.Job
		edit  func(*trackedJob)
		holds bool
	}{
		{"queued", job.Job{State: job.Queued}, nil, true},
		{"a start without an answer", job.Job{State: job.Starting, Step: job.StepStart}, nil, true},
		{"a start under way", job.Job{State: job.Waiting}, func(t *trackedJob) { t.task = taskStart }, true},
		{"being cancelled, and not taken by an encoder", job.Job{State: job.Cancelling}, nil, true},
		{"being cancelled, and running", job.Job{State: job.Cancelling, RunningTime: now}, nil, false},
		{"being stopped in vain", job.Job{State: job.Cancelling}, func(t *trackedJob) { t.noteFailure(taskStop, errNoStatus, now) }, true},
		{"running", job.Job{State: job.Running}, nil, false},
		{"prepared", job.Job{State: job.Waiting, EncodingID: "e"}, nil, false},
		{"not to be polled", job.Job{State: job.Queued}, failing, true},
		{"not to be polled, and not in the queue", job.Job{State: job.Queued}, func(t *trackedJob) { failing(t); t.leftQueue = true }, false},
		{"an unknown status", job.Job{State: job.Queued, PlatformStatus: "HELD", PlatformStatusTime: now}, nil, false},
		{"an unknown status, counted as queued", job.Job{State: job.Running, PlatformStatus: "HELD", PlatformStatusTime: now}, func(t *trackedJob) { t.inLastCount = true }, true},
		{"an unknown status since the count", job.Job{State: job.Running, PlatformStatus: "HELD", PlatformStatusTime: now.Add(2 * time.Second)}, nil, true},
	} {
		jobs, queue := newJobTracker(now), queueCount{time: now.Add(time.Second)}
		tt.job.ID = id(1)
		tracked := jobs.add(tt.job, now)
		if tt.edit != nil {
			tt.edit(tracked)
			jobs.refresh(tracked)
		}
		if got := queue.countOwnPlaces(jobs.index) == 1; got != tt.holds {
			t.Errorf("%s: holds a place is %v, want %v", tt.name, got, tt.holds)
		}
	}
}
