package dispatcher

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// errNotStarted is why a batch is skipped after the start of one of its jobs had no answer and
// was not made. The platform may break on that job. As the lost start may also have been an
// accident, the batch is skipped only while other batches have jobs to start.
var errNotStarted = errors.New("the platform gave no answer to a start, and did not make it")

// errNotConfigured is why a batch is skipped whose jobs again and again cannot be configured
// because calls have no answer. The platform may break on its recipe.
var errNotConfigured = errors.New("the platform gives no answer when jobs are configured")

// errSharedMissing is why a batch is skipped after the platform refused a call because a resource
// that its jobs share, and that was found or created just before, is missing.
var errSharedMissing = errors.New("a storage or codec configuration of the batch is missing at the platform when it is used")

// unansweredToSkip is how often in a row configuring a batch's jobs must have had no answer
// before the batch is skipped. Configuring takes ten calls: on a platform that loses every
// tenth call, two of three jobs meet a lost one.
const unansweredToSkip = 20

// sharedFailuresTolerated is how often in a row the jobs of a batch may find a shared resource
// missing before it counts as the failure of the next one.
const sharedFailuresTolerated = 5

// After a failure a batch, or a whole account, is skipped for a pause that doubles from
// firstSkipPause up to a limit: maxJobPause, or one of the longer limits below.
const (
	firstSkipPause = 4 * time.Second
	// maxUnansweredSkipPause is the limit after errNotConfigured. It is short: on a platform
	// that loses calls the next try may succeed.
	maxUnansweredSkipPause = 4 * maxJobPause
	// maxMissingSkipPause is the limit after errSharedMissing. It is long: each try creates and
	// deletes an encoding.
	maxMissingSkipPause = maxSharedPause
)

// failureBackoff is the pause after failures that concern more than one job.
type failureBackoff struct {
	err      error     // of the latest failure; nil: there was none
	since    time.Time // of the first failure
	noted    time.Time // of the latest failure
	until    time.Time // nothing is tried before
	failures int       // in a row; failures side by side count once
}

// noteFailure records a failure and makes the pause longer.
func (b *failureBackoff) noteFailure(err error, now time.Time) {
	if !b.until.After(now) {
		b.failures++
		b.until = now.Add(b.pauseAfter(err))
	}
	b.record(err, now)
}

// pauseAfter is the pause after the latest failure.
func (b *failureBackoff) pauseAfter(err error) time.Duration {
	if _, denied := errors.AsType[provision.PermissionError](err); denied {
		return provision.PermissionRecheck // only a person can give the right
	}
	limit := maxJobPause
	switch {
	case errors.Is(err, errSharedMissing):
		limit = maxMissingSkipPause
	case errors.Is(err, errNotConfigured):
		limit = maxUnansweredSkipPause
	}
	return growingPause(firstSkipPause, b.failures, limit)
}

// record keeps a failure, whatever the pause after it.
func (b *failureBackoff) record(err error, now time.Time) {
	if b.err == nil {
		b.since = now
	}
	b.err, b.noted = err, now
}

// describeProblem is the failure as the account's status shows it.
func (b *failureBackoff) describeProblem() job.Problem {
	if b.err == nil {
		return job.Problem{}
	}
	unanswered := errors.Is(b.err, errNotStarted) || errors.Is(b.err, errNotConfigured)
	return job.Problem{Text: shortText(b.err), Since: b.since, Until: b.until, Refused: !unanswered}
}

// batchBackoff is the pause of one batch.
type batchBackoff struct {
	failureBackoff
	unansweredConfigures int // in a row
	refusals             int // in a row; see errRefused
}

// batchBackoffs are the pauses of batches by id.
type batchBackoffs map[string]*batchBackoff

// of returns the backoff of a batch and creates it if need be.
func (bs batchBackoffs) of(batchID string) *batchBackoff {
	b := bs[batchID]
	if b == nil {
		b = &batchBackoff{}
		bs[batchID] = b
	}
	return b
}

// skip makes a batch be skipped for a while.
func (bs batchBackoffs) skip(batchID string, err error, now time.Time) {
	bs.of(batchID).noteFailure(err, now)
}

// noteUnansweredConfigure records that configuring a job of the batch had no answer, and reports
// whether the batch is skipped for that.
func (bs batchBackoffs) noteUnansweredConfigure(batchID string, now time.Time) (skipped bool) {
	b := bs.of(batchID)
	if b.unansweredConfigures++; b.unansweredConfigures >= unansweredToSkip {
		b.noteFailure(errNotConfigured, now)
		return true
	}
	return false
}

// failures is how often in a row a batch has failed.
func (bs batchBackoffs) failures(batchID string) int {
	if b := bs[batchID]; b != nil {
		return b.failures
	}
	return 0
}

// onTrial reports whether a batch goes on with one job at a time: it has failed, or is not proven. A
// call without an answer says nothing of its recipe, and ends the trial of a batch that is not proven:
// one lost answer after the other would make it long.
func (bs batchBackoffs) onTrial(batchID string, proven bool) bool {
	b := bs[batchID]
	if b == nil {
		return !proven
	}
	failed := b.err != nil && !errors.Is(b.err, errNotConfigured)
	return failed || !proven && b.unansweredConfigures == 0
}

// skippedBatches are the sequence numbers of the batches that are skipped for a while.
type skippedBatches struct {
	always      []int64   // skipped even if no other batch has jobs to start
	whileOthers []int64   // skipped only while another batch has jobs to start; see errNotStarted
	until       time.Time // when the first of these batches goes on; zero if there are none
}

// skipped collects the batches that are skipped now. read reads a batch; batches that do
// not dispatch any more are forgotten.
func (bs batchBackoffs) skipped(read func(id string) (*batch, error), now time.Time) (s skippedBatches, err error) {
	for _, id := range slices.Sorted(maps.Keys(bs)) {
		b, err := read(id)
		switch {
		case errors.Is(err, job.ErrNotFound), err == nil && !b.State.Dispatches():
			delete(bs, id)
			continue
		case err != nil:
			return skippedBatches{}, err
		}
		t := bs[id]
		switch {
		case t.err != nil && b.StateTime.After(t.noted): // somebody has resumed it
			delete(bs, id)
		case !t.until.After(now):
			continue
		case errors.Is(t.err, errNotStarted):
			s.whileOthers = append(s.whileOthers, b.Seq)
		default:
			s.always = append(s.always, b.Seq)
		}
		s.until = earlier(s.until, t.until)
	}
	return s, nil
}

// problems are the failures of all batches, by id.
func (bs batchBackoffs) problems(batches map[string]*batch) map[string]job.Problem {
	var all map[string]job.Problem
	for id, t := range bs {
		if t.err == nil {
			continue
		}
		if all == nil {
			all = map[string]job.Problem{}
		}
		p := t.describeProblem()
		if b := batches[id]; b != nil {
			p.Seq = b.Seq
		}
		all[id] = p
	}
	return all
}
