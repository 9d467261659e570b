package server

import (
	"cmp"
	"slices"
	"time"

	"github.com/stokerd/stoker/internal/forecast"
	"github.com/stokerd/stoker/job"
)

const (
	// maxRunning is how many running jobs are looked at when a batch is shown. In a
	// batch with more, running jobs count as not begun: the percentage is then a
	// little less than the truth, and never more.
	maxRunning = 1_000
	// settled is how long after its first start a batch is taken to run on all the
	// encoders it gets, if nothing has succeeded before that.
	settled = 30 * time.Second
	// telling is the least progress, in percent, that tells how long a run will take:
	// whole percents of less than that are too coarse.
	telling = 3
)

// progressOf is the progress of what runs, in jobs' worth of work.
func progressOf(b job.Batch, runs []job.Run) (done float64) {
	if b.Counts.Running > maxRunning {
		return 0
	}
	for _, r := range runs {
		if r.Ended.IsZero() {
			done += float64(r.Progress) / 100
		}
	}
	return done
}

// outlook is when b will be done, from how long its encodings take and how many run side
// by side. It is false while that cannot be told: nothing is known of how long they take,
// encoders are still being filled, or more jobs may be added.
func outlook(b job.Batch, runs []job.Run, now time.Time) (forecast.Range, bool) {
	running := int(b.Counts.Running)
	if b.State != job.BatchActive || running == 0 || b.StartTime.IsZero() ||
		b.Counts.Succeeded == 0 && now.Sub(b.StartTime) < settled {
		return forecast.Range{}, false
	}
	// Those that began last, whether they have ended or not: long ones and short ones
	// are as frequent among them as they are.
	slices.SortFunc(runs, func(a, b job.Run) int { return -cmp.Compare(a.Number, b.Number) })
	work := forecast.Work{Waiting: int(b.Counts.Waiting + b.Counts.Starting + b.Counts.Queued), Lanes: running}
	var sum time.Duration
	var unknown []time.Duration // how long those run that tell nothing of their end
	for _, r := range runs {
		length, ok := lengthOf(r)
		if ok && len(work.Lengths) < forecast.Sample {
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
	return work.Rest()
}

// lengthOf is how long a run took, or will have taken by its progress.
func lengthOf(r job.Run) (time.Duration, bool) {
	switch {
	case r.Began.IsZero():
		return 0, false
	case !r.Ended.IsZero():
		return max(r.Ended.Sub(r.Began), 0), true
	case r.Progress < telling:
		return 0, false
	}
	passed := max(r.Seen.Sub(r.Began), 0)
	return time.Duration(float64(passed) * 100 / (float64(r.Progress) + 0.5)), true // it is rounded down
}
