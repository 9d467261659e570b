package server

import (
	"cmp"
	"slices"
	"time"

	"github.com/stokerd/stoker/internal/forecast"
	"github.com/stokerd/stoker/job"
)

const (
	// maxRunningRead is how many running jobs are read to render a batch. If more run, all
	// running jobs count as not begun: the percentage is then a little too low, never too high.
	maxRunningRead = 1_000
	// pageRuns is how many running jobs, and how many jobs that have succeeded, are read to
	// render all batches of one page.
	pageRuns = 2_000
	// minPageSample is how many running jobs, and how many that have succeeded, are read of a
	// batch at least, however many batches of the page run.
	minPageSample = 10
	// rampUp is how long after the first start of a batch its end is not estimated, unless a job
	// has succeeded: the batch may not have all of its encoders yet.
	rampUp = 30 * time.Second
	// minProgress is the least progress, in percent, from which the length of a run is
	// estimated. The platform reports whole percents, which are too coarse for less.
	minProgress = 3
)

// runSample bounds how many jobs of a batch are read to render it.
type runSample struct{ running, ended int }

// wholeSample is the sample for one batch.
var wholeSample = runSample{running: maxRunningRead, ended: forecast.SampleSize}

// pageSample is the sample for each batch of a page. The more batches of the page run, the fewer jobs
// are read of each, so that the cost of a page is bounded.
func pageSample(batches []job.Batch) runSample {
	sample, n, running := wholeSample, 0, int64(0)
	for _, b := range batches {
		if b.Counts.Running > 0 {
			n++
			running += min(b.Counts.Running, maxRunningRead)
		}
	}
	if running > pageRuns {
		sample.running = max(pageRuns/n, minPageSample)
	}
	if n > 0 {
		sample.ended = min(sample.ended, max(pageRuns/n, minPageSample))
	}
	return sample
}

// runningWork is the work that running jobs have done, as a number of jobs. runs has at most as
// many running jobs as the sample allows.
func runningWork(b job.Batch, runs []job.Run, sample runSample) (done float64) {
	if b.Counts.Running > int64(sample.running) {
		return 0
	}
	for _, r := range runs {
		if r.Ended.IsZero() {
			done += float64(r.Progress) / 100
		}
	}
	return done
}

// estimate is how long b will take from now, judged by how long its encodings take and how many run
// at a time. It returns false if b is not ACTIVE (paused, or open for more jobs), if no job runs, if
// no length is known yet, and during rampUp.
func estimate(b job.Batch, runs []job.Run, now time.Time) (forecast.Range, bool) {
	running := int(b.Counts.Running)
	if b.State != job.BatchActive || running == 0 || b.StartTime.IsZero() ||
		b.Counts.Succeeded == 0 && now.Sub(b.StartTime) < rampUp {
		return forecast.Range{}, false
	}
	// The sample is the jobs that began last, whether they have ended or not. Among the jobs that
	// ended last, short ones would be too frequent.
	slices.SortFunc(runs, func(a, b job.Run) int { return -cmp.Compare(a.Number, b.Number) })
	work := forecast.Work{Waiting: int(b.Counts.Waiting + b.Counts.Starting + b.Counts.Queued), Parallel: running}
	var sum time.Duration
	var unknown []time.Duration // how long the running jobs of unknown length have run
	for _, r := range runs {
		length, ok := runLength(r)
		if ok && len(work.Lengths) < forecast.SampleSize {
			work.Lengths, sum = append(work.Lengths, length), sum+length
		}
		if elapsed := now.Sub(r.Began); r.Ended.IsZero() && ok {
			work.Running = append(work.Running, max(length-elapsed, length/50))
		} else if r.Ended.IsZero() {
			unknown = append(unknown, elapsed)
		}
	}
	if len(work.Lengths) == 0 {
		return forecast.Range{}, false
	}
	mean := sum / time.Duration(len(work.Lengths))
	for _, elapsed := range unknown {
		work.Running = append(work.Running, max(mean-elapsed, mean/10))
	}
	return work.Estimate(job.MaxEstimate)
}

// runLength is how long a run took or, judged by its progress, will take; false if unknown.
func runLength(r job.Run) (time.Duration, bool) {
	switch {
	case r.Began.IsZero():
		return 0, false
	case !r.Ended.IsZero():
		return max(r.Ended.Sub(r.Began), 0), true
	case r.Progress < minProgress:
		return 0, false
	}
	passed := max(r.Seen.Sub(r.Began), 0)
	return time.Duration(float64(passed) * 100 / (float64(r.Progress) + 0.5)), true // progress is rounded down
}
