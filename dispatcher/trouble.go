package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// errNotStarted is why a batch is passed over whose job was not started, though nobody
// refused it: there are jobs that the platform breaks on. As it may be an accident as
// well, that is only if there are others to start.
var errNotStarted = errors.New("the platform gave no answer to a start, and did not make it")

// errNotConfigured is the same of configuring: there are recipes that the platform breaks on.
var errNotConfigured = errors.New("the platform gives no answer when jobs are configured")

// errSharedMissing is why a batch is passed over whose jobs share something that is made, and is
// not there when it is used.
var errSharedMissing = errors.New("what the jobs of the batch share is not there when it is used")

// unansweredToSkip is how often in a row that must happen to jobs of a batch. Configuring takes
// ten calls: where every tenth has no answer, two of three jobs meet that.
const unansweredToSkip = 20

// errNoAnswer is what people are told of encodings that cannot be followed. Those go at
// their own pace; all others go on.
var errNoAnswer = errors.New("the platform gives no answer about an encoding")

// failureBackoff is why nothing can be configured although the platform answers: of an
// account, or of a batch, whose storage for example is refused. Who is in trouble
// must not be in the way of others.
type failureBackoff struct {
	err        error     // nil: there is no trouble yet
	since      time.Time // when it was met first
	until      time.Time // nothing is tried before
	failures   int
	unanswered int // prepares in a row that were not answered
}

// noteFailure takes note of trouble. What has gone wrong side by side has gone wrong once.
func (t *failureBackoff) noteFailure(err error, now time.Time) {
	if !t.until.After(now) {
		t.failures++
		limit := maxJobPause
		switch { // each try makes and deletes something
		case errors.Is(err, errSharedMissing):
			limit = maxSharedPause
		case errors.Is(err, errNotConfigured):
			limit = 4 * maxJobPause // on a platform that loses calls, the next try may well succeed
		}
		t.until = now.Add(growingPause(4*changePoll, t.failures, limit))
	}
	if t.err == nil {
		t.since = now
	}
	t.err = err
}

// skipBatch passes over a batch for a while.
func (d *accountLoop) skipBatch(batchID string, err error, now time.Time) {
	d.backoffOf(batchID).noteFailure(err, now)
	d.outdated.nextJobs = true
}

// noteUnansweredConfigure takes note that the platform did not answer when a job was configured.
func (d *accountLoop) noteUnansweredConfigure(batchID string, now time.Time) {
	t := d.backoffOf(batchID)
	if t.unanswered++; t.unanswered >= unansweredToSkip {
		d.skipBatch(batchID, errNotConfigured, now)
	}
}

func (d *accountLoop) backoffOf(batchID string) *failureBackoff {
	t := d.batchBackoffs[batchID]
	if t == nil {
		t = &failureBackoff{}
		d.batchBackoffs[batchID] = t
	}
	return t
}

// skippedBatches are the batches that are passed over for a while, by sequence number.
type skippedBatches struct {
	refused    []int64   // whatever is tried will be refused again
	unanswered []int64   // calls for them were lost; if there are no others, they go on
	until      time.Time // when the first of them is due again; zero if there are none
}

// collectSkipped are the batches that are passed over now. Of batches that have ended or are
// paused nothing is remembered.
func (d *accountLoop) collectSkipped(ctx context.Context, now time.Time) (a skippedBatches, err error) {
	for _, id := range slices.Sorted(maps.Keys(d.batchBackoffs)) {
		b, err := d.readBatch(ctx, id)
		switch {
		case errors.Is(err, job.ErrNotFound), err == nil && !b.State.Dispatches():
			delete(d.batchBackoffs, id)
			continue
		case err != nil:
			return skippedBatches{}, err
		}
		t := d.batchBackoffs[id]
		switch {
		case !t.until.After(now):
			continue
		case errors.Is(t.err, errNotStarted):
			a.unanswered = append(a.unanswered, b.Seq)
		default:
			a.refused = append(a.refused, b.Seq)
		}
		a.until = earlier(a.until, t.until)
	}
	return a, nil
}

// countBackedOff is how many jobs that wait were met by trouble of their own a moment ago.
func (d *accountLoop) countBackedOff(now time.Time) (n int) {
	for _, e := range d.tracked {
		if e.job.State == job.Waiting && e.notBefore.After(now) {
			n++
		}
	}
	return n
}

// collectProblems tells people what keeps jobs from being configured, by batch and in all.
func (d *accountLoop) collectProblems() (all string, batches map[string]job.Problem) {
	for _, id := range slices.Sorted(maps.Keys(d.batchBackoffs)) {
		if d.batchBackoffs[id].err == nil {
			continue
		}
		if batches == nil {
			batches = map[string]job.Problem{}
		}
		batches[id] = d.batchBackoffs[id].problem()
		if b := d.batches[id]; b != nil {
			told := batches[id]
			told.Seq = b.Seq
			batches[id] = told
		}
		all = cmp.Or(all, batches[id].Text)
	}
	for id, err := range d.noStatusErrors() {
		if batches == nil {
			batches = map[string]job.Problem{}
		}
		batches[id] = cmp.Or(batches[id], job.Problem{Text: shortText(fmt.Errorf("%w: %w", errNoAnswer, err))})
		all = cmp.Or(all, errNoAnswer.Error())
	}
	if err := d.retries.problem(d.now()); err != nil {
		all = shortText(err)
	}
	if d.accountBackoff.err != nil {
		all = shortText(d.accountBackoff.err)
	}
	return all, batches
}

// later is the second of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// earlier is the first of two times, either of which may be zero: there is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
