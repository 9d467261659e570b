package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// view is what a watcher knows of a batch.
type view struct {
	batch   *stokerv1.Batch
	running map[string]*stokerv1.Job
	// failed holds, by job, the latest attempt that is known to have failed.
	failed map[string]int32
	// failures are the latest of them, the last one last.
	failures []*stokerv1.Job
	pace     pace
	heard    time.Time // when the latest message came
	// trouble is what stands between here and the server, empty if that is not known.
	trouble func() string
}

// maxFailures is how many failures a view shows.
const maxFailures = 5

func newView() *view {
	return &view{running: map[string]*stokerv1.Job{}, failed: map[string]int32{}, trouble: func() string { return "" }}
}

// apply takes in a message and returns the jobs of which an attempt failed that was
// not known to have: given up, or waiting for the next one.
func (v *view) apply(m *stokerv1.WatchBatchResponse, now time.Time) (failures []*stokerv1.Job) {
	v.heard = now
	if m.GetSnapshot() {
		clear(v.running)
	}
	if m.GetBatch() != nil {
		v.batch = m.GetBatch()
		v.pace.add(now, finished(v.batch))
	}
	for _, j := range m.GetJobs() {
		delete(v.running, j.GetId())
		switch j.GetState() {
		case stokerv1.JobState_JOB_STATE_RUNNING:
			v.running[j.GetId()] = j
		case stokerv1.JobState_JOB_STATE_FAILED, stokerv1.JobState_JOB_STATE_WAITING:
			if j.GetFailure() != nil && v.failed[j.GetId()] != j.GetAttempt() {
				v.failed[j.GetId()] = j.GetAttempt()
				failures = append(failures, j)
			}
		case stokerv1.JobState_JOB_STATE_SUCCEEDED:
			v.forgive(j.GetId())
		}
	}
	for _, j := range failures {
		v.failures = slices.DeleteFunc(v.failures, func(old *stokerv1.Job) bool { return old.GetId() == j.GetId() })
		v.failures = append(v.failures, j)
	}
	v.failures = v.failures[max(0, len(v.failures)-maxFailures):]
	return failures
}

// forgive forgets the failures of a job: it made it in the end.
func (v *view) forgive(id string) {
	if _, ok := v.failed[id]; ok {
		delete(v.failed, id)
		v.failures = slices.DeleteFunc(v.failures, func(j *stokerv1.Job) bool { return j.GetId() == id })
	}
}

// runningJobs returns the running jobs, the one that has run longest first.
func (v *view) runningJobs() []*stokerv1.Job {
	jobs := make([]*stokerv1.Job, 0, len(v.running))
	for _, j := range v.running {
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, func(a, b *stokerv1.Job) int {
		return cmp.Or(
			a.GetRunningTime().AsTime().Compare(b.GetRunningTime().AsTime()),
			cmp.Compare(len(a.GetId()), len(b.GetId())), // 2 before 10
			cmp.Compare(a.GetId(), b.GetId()),
		)
	})
	return jobs
}

// silence says that the server has not been heard of, if that is so: what is shown is old.
func (v *view) silence(now time.Time) string {
	if passed := now.Sub(v.heard); passed >= quiet && !ended(v.batch) {
		return "nothing heard from the server for " + rounded(passed) + inBrackets(v.trouble()) + "; the watch goes on when it is back"
	}
	return ""
}

// eta is how long the batch still takes, as a range if there is one; empty if that
// cannot be told, or is not worth telling.
func (v *view) eta(now time.Time) string {
	b := v.batch
	likely := b.GetEstimatedFinishTime()
	if likely == nil || ended(b) || likely.AsTime().Sub(now) < time.Second {
		return ""
	}
	left := func(t *timestamppb.Timestamp) string { return rounded(t.AsTime().Sub(now)) }
	if from, to := left(cmp.Or(b.GetEarliestFinishTime(), likely)), left(cmp.Or(b.GetLatestFinishTime(), likely)); from != to {
		return from + " to " + to
	}
	return left(likely)
}

func finished(b *stokerv1.Batch) int64 {
	n := b.GetCounts()
	return n.GetSucceeded() + n.GetFailed() + n.GetCancelled()
}

// pace measures how fast jobs finish.
type pace struct {
	points []point // oldest first
}

type point struct {
	time     time.Time
	finished int64
}

// window is how far back a pace looks, and least how long it must have looked.
const (
	window = time.Minute
	least  = 3 * time.Second
)

func (p *pace) add(now time.Time, finished int64) {
	if n := len(p.points); n > 0 && p.points[n-1].finished == finished {
		return // only changes say something
	}
	p.points = append(p.points, point{now, finished})
	// The point before the window stays: it is what the window began with.
	for len(p.points) > 1 && now.Sub(p.points[1].time) >= window {
		p.points = p.points[1:]
	}
}

// perMinute is how many jobs finish in a minute; false before that can be told.
func (p *pace) perMinute(now time.Time) (float64, bool) {
	if len(p.points) == 0 {
		return 0, false
	}
	first, last := p.points[0], p.points[len(p.points)-1]
	passed := now.Sub(first.time)
	if passed < least || last.finished <= first.finished {
		return 0, false
	}
	return float64(last.finished-first.finished) / passed.Minutes(), true
}

// title is how people recognise a job: its name, else its key, else its file.
func title(j *stokerv1.Job) string {
	path := j.GetInputPath()
	return printable(cmp.Or(j.GetName(), j.GetKey(), path[strings.LastIndexByte(path, '/')+1:], j.GetId()))
}

// failure is why a job failed, on one line.
func failure(j *stokerv1.Job) string {
	f := j.GetFailure()
	if f == nil {
		return printable(j.GetReason())
	}
	line := failureText(f)
	var head []string
	if f.GetCategory() != "" {
		head = append(head, printable(f.GetCategory()))
	} else {
		head = append(head, enumName(f.GetKind().String(), "FAILURE_KIND_"))
	}
	if f.GetCode() != 0 {
		head = append(head, itoa(f.GetCode()))
	}
	if line == "" {
		return strings.Join(head, " ")
	}
	return strings.Join(head, " ") + ": " + line
}

// failureText is what the platform said, each sentence once, on one line.
func failureText(f *stokerv1.Failure) string {
	var parts []string
	for _, text := range append([]string{f.GetText()}, f.GetMessages()...) {
		if text != "" && !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	return strings.Join(strings.Fields(printable(strings.Join(parts, "; "))), " ")
}

func batchState(s stokerv1.BatchState) string { return enumName(s.String(), "BATCH_STATE_") }

func jobState(s stokerv1.JobState) string { return enumName(s.String(), "JOB_STATE_") }

// enumName is the last part of a value's name in the contract.
func enumName(name, prefix string) string { return strings.TrimPrefix(name, prefix) }
