package ui

import "time"

// finishRate measures how many jobs of a batch end per minute.
type finishRate struct {
	samples []rateSample // oldest first
}

// rateSample is the number of jobs that had ended at a time.
type rateSample struct {
	time  time.Time
	ended int64
}

const (
	// rateWindow is the period over which the rate is measured.
	rateWindow = time.Minute
	// shortestMeasurement is the period that a rate needs at least.
	shortestMeasurement = 3 * time.Second
)

// add records how many jobs have ended by now.
func (r *finishRate) add(now time.Time, ended int64) {
	if n := len(r.samples); n > 0 && r.samples[n-1].ended == ended {
		return
	}
	r.samples = append(r.samples, rateSample{now, ended})
	// The latest sample before the window stays: it has the count at the start of the window.
	for len(r.samples) > 1 && now.Sub(r.samples[1].time) >= rateWindow {
		r.samples = r.samples[1:]
	}
}

// perMinute returns the rate. It returns false before shortestMeasurement has passed, and if no job has
// ended in the window.
func (r *finishRate) perMinute(now time.Time) (float64, bool) {
	if len(r.samples) == 0 {
		return 0, false
	}
	first, last := r.samples[0], r.samples[len(r.samples)-1]
	passed := now.Sub(first.time)
	if passed < shortestMeasurement || last.ended <= first.ended {
		return 0, false
	}
	return float64(last.ended-first.ended) / passed.Minutes(), true
}
