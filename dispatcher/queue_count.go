package dispatcher

import (
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// How often the platform's queue is counted. A count costs at least one of the 60 list calls a
// minute that all users of the API key share.
const (
	minCountInterval  = 3 * time.Second // also the interval while other people use the queue
	idleCountInterval = time.Minute     // while there is nothing to start
)

// queueCount is the platform's queue as last counted.
type queueCount struct {
	total    int // QUEUED encodings, everybody's
	foreign  int // other people's among them
	time     time.Time
	nextTime time.Time // no count before
	// contradictions is how many counts in a row lacked encodings that polls showed as queued.
	contradictions int
}

// isFresh reports whether the queue has been counted recently enough to start anything. However
// short the interval between counts is, a count may be 18 s old, since it may have waited for its budget.
func (q *queueCount) isFresh(now time.Time, interval time.Duration) bool {
	return !q.time.IsZero() && now.Sub(q.time) <= 3*max(interval, 2*minCountInterval)
}

// countShare and listShare are the times for each account of an API key between two counts of the queue,
// and between two lists of the running encodings, so that the accounts of the key together use at most
// its list calls.
const (
	countShare = 1500 * time.Millisecond
	listShare  = 6 * time.Second
)

// sharedInterval is the poll interval, or longer if many accounts share the API key.
func sharedInterval(pollInterval time.Duration, c *bitmovin.Client, share time.Duration) time.Duration {
	return max(pollInterval, time.Duration(c.RateGovernor().CountClients()-1)*share)
}

// mayContain reports whether the platform may count an encoding with an unknown status as queued:
// the last count has it, or there was no count since the encoding first showed that status.
func (q *queueCount) mayContain(t *trackedJob) bool {
	return t.inLastCount || !q.time.After(t.job.PlatformStatusTime)
}

// holdsPlace reports whether a job holds a place in the platform's queue, or may hold one. If its
// status is unknown, the count decides.
func (q *queueCount) holdsPlace(t *trackedJob) bool {
	left := t.leftQueue && t.cannotBePolled() && t.task != taskStart
	if t.hasUnknownStatus() {
		return q.mayContain(t) && !left
	}
	return !left && t.holdsPlace()
}

// countOwnPlaces counts the places in the queue that are ours, or may be. Every job that may hold a
// place counts as holding one, so that no start makes the queue exceed the target.
func (q *queueCount) countOwnPlaces(jobs *jobIndex) int {
	held := jobs.counts.places
	for t := range jobs.unusual {
		if q.holdsPlace(t) {
			held++
		}
	}
	return held
}

// onlyCountTells reports whether an encoding may hold a place although it cannot be polled or
// shows an unknown status. Only a count shows when such a place is free.
func (q *queueCount) onlyCountTells(jobs *jobIndex) bool {
	for t := range jobs.unusual {
		if t.cannotBePolled() && q.holdsPlace(t) {
			return true
		}
		if t.hasUnknownStatus() && q.mayContain(t) {
			return true
		}
	}
	return false
}

// startedBeforeCount reports whether an encoding that lacks a status counts as holding a place
// only because it was started too short a time before the count.
func (q *queueCount) startedBeforeCount(jobs *jobIndex) bool {
	for t := range jobs.unusual {
		if t.lacksStatus() && !t.inLastCount && t.job.Step != job.StepStart && q.holdsPlace(t) {
			return true
		}
	}
	return false
}
