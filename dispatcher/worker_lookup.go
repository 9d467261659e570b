package dispatcher

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// findUnansweredStart looks for the encoding of a template's job whose start was not answered. If
// it finds the encoding, it polls it. The start was not made if, after the settle time, the list of
// all encodings created since lacks the encoding. A search by name that finds nothing, or has no
// answer, proves nothing.
func (w *worker) findUnansweredStart(ctx context.Context, t trackedJob) outcome {
	if w.now().Sub(t.job.StepTime) < settleOf(w, &t.job) { // search and start may both be under way still
		encoding, err := w.findByName(ctx, &t.job)
		if encoding == "" {
			return outcome{called: true, callErr: err, inconclusive: err}
		}
		return w.continueWithFound(ctx, t, encoding)
	}
	found, err := w.findAfterSettle(ctx, &t.job)
	switch {
	case err != nil:
		return outcome{called: true, callErr: err, inconclusive: err}
	case found.encoding == "":
		return w.recordNotStarted(ctx, t, found.asked)
	}
	return w.continueWithFound(ctx, t, found.encoding)
}

// continueWithFound goes on with the encoding that a template's unanswered start has made.
func (w *worker) continueWithFound(ctx context.Context, t trackedJob, encoding string) (o outcome) {
	o.called = true
	o.job, o.storeErr = w.updateJob(ctx, t.job.ID, func(u *job.Update) error {
		return u.TemplateFound(encoding, t.job.Attempt, w.now())
	})
	if o.storeErr != nil {
		return o
	}
	t.job = o.job
	if o = w.pollStatus(ctx, t); o.job.Version == 0 {
		o.job = t.job
	}
	return o
}

// correctEncodingID goes on with an encoding whose id is not the one with which the template's
// start was answered.
func (w *worker) correctEncodingID(ctx context.Context, t trackedJob, encoding string) (o outcome) {
	o.called = true
	o.job, o.storeErr = w.updateJob(ctx, t.job.ID, func(u *job.Update) error {
		return u.TemplateCorrected(encoding, t.job.Attempt, w.now())
	})
	if o.storeErr == nil {
		w.log.Info("an encoding has another id than its start was answered with", "job", t.job.ID.String(), "encoding", encoding, "answered", t.job.EncodingID)
	}
	return o
}

// recordNotStarted records that a template's start was not made, if its encoding was missing for
// the settle time. asked is when the list lacked the encoding; zero if no call was made.
func (w *worker) recordNotStarted(ctx context.Context, t trackedJob, asked time.Time) outcome {
	o := outcome{called: !asked.IsZero()}
	missing := asked.Sub(t.job.StepTime)
	if missing < settleOf(w, &t.job) {
		return o
	}
	if o.sharedErr = w.checkOrganisation(ctx, t, missing); o.sharedErr != nil {
		return o // the encoding may be in the organisation in which it was started
	}
	o.job, o.storeErr = w.updateJob(ctx, t.job.ID, func(u *job.Update) error {
		if u.Job.EncodingID != "" || u.Job.Attempt != t.job.Attempt {
			return job.ErrConflict
		}
		return u.StartNotMade("the start was not accepted", w.now())
	})
	return o
}

// startLookup finds the encodings of templates' starts that were not answered, where the platform
// does not find them by name. If such an encoding is wrongly believed to be absent, a second one
// is paid for. So only the list of all encodings that were created since the start was decided on
// proves its absence, with the names parsed here: neither a search that finds nothing nor a title
// that the platform spells differently can cause a second start. One list serves all starts that
// were not answered.
type startLookup struct {
	mu           sync.Mutex // held while the list is read
	beginTime    time.Time  // when reading began
	endTime      time.Time  // when reading ended
	createdAfter time.Time  // older encodings are not in the list
	found        map[templateAttempt]bitmovin.EncodingID
}

// lookupValid is how long a list serves other starts: the API key may become another
// organisation's.
const lookupValid = time.Minute

// templateAttempt is the start of a template after which an encoding was named.
type templateAttempt struct {
	job    job.ID
	number int
}

func attemptOf(j *job.Job) templateAttempt { return templateAttempt{j.ID, j.Attempt} }

// findByName returns the id of the encoding that a template's job was started as, if the
// platform finds it by its name; empty if it does not.
func (w *worker) findByName(ctx context.Context, j *job.Job) (encoding string, err error) {
	if !w.encodings.usable(bitmovin.ParamName) {
		return "", nil
	}
	_, err = w.encodings.eachNamed(ctx, provision.AttemptName(j), func(e bitmovin.Encoding) (enough bool, err error) {
		own, err := w.encodings.owns(ctx, e)
		if own {
			encoding = string(e.ID)
		}
		return own, err
	})
	return encoding, err
}

// lookupResult is what a lookup knows of the encoding of a start that was not answered.
type lookupResult struct {
	encoding string    // empty if it was not found
	asked    time.Time // when reading began of the list that lacks it; zero if no list was read
}

// findAfterSettle looks for the encoding that a template's job was started as, among all encodings
// that were created since. A search by name comes first, because a long list takes many calls.
// While another task is reading the list, findAfterSettle makes no call: searches by name are more
// urgent than lists, and would keep that task from its share of the few list calls.
func (w *worker) findAfterSettle(ctx context.Context, j *job.Job) (r lookupResult, err error) {
	l := &w.startLookup
	if !l.mu.TryLock() {
		return r, nil
	}
	defer l.mu.Unlock()
	began, err := w.attemptTime(ctx, j)
	if err != nil {
		return r, err
	}
	after := began.Add(-reconcileMargin).Truncate(reconcileMargin)
	if !l.serves(j.StepTime.Add(settleOf(w, j)), after, w.now()) {
		byName, nameErr := w.findByName(ctx, j)
		if byName != "" {
			return lookupResult{encoding: byName}, nil
		}
		if err := w.readStartLookup(ctx, after); err != nil {
			return r, err
		}
		if l.found[attemptOf(j)] != "" && nameErr == nil && w.encodings.usable(bitmovin.ParamName) {
			w.encodings.noteFault(ctx, job.ParameterMisses, nil, bitmovin.ParamName)
		}
	}
	return lookupResult{string(l.found[attemptOf(j)]), l.beginTime}, nil
}

// serves reports whether the list was read since a time, recently, and has all encodings that were
// created after another time.
func (l *startLookup) serves(since, createdAfter, now time.Time) bool {
	return !l.beginTime.Before(since) && !l.createdAfter.After(createdAfter) && now.Sub(l.endTime) <= lookupValid
}

// readStartLookup reads the list of all encodings that were created after a time.
func (w *worker) readStartLookup(ctx context.Context, after time.Time) error {
	l := &w.startLookup
	l.beginTime, l.createdAfter, l.found = w.now(), after, map[templateAttempt]bitmovin.EncodingID{}
	query := bitmovin.EncodingQuery{CreatedAfter: after, SkipTotalCount: true, Overlap: listOverlap}
	_, err := w.encodings.eachCreated(ctx, query, func(e bitmovin.Encoding) (bool, error) {
		if id, number, ok := provision.ParseName(e.Name); ok && number > 0 {
			l.found[templateAttempt{id, number}] = e.ID
		}
		return false, nil
	})
	l.endTime = w.now()
	if err != nil {
		l.beginTime = time.Time{}
		return fmt.Errorf("look for the encoding of a start that was not answered: %w", err)
	}
	return nil
}

// attemptTime is when a job's current attempt was recorded, before its call. The job's StepTime
// is later if another process has picked the job up since.
func (w *worker) attemptTime(ctx context.Context, j *job.Job) (time.Time, error) {
	events, err := w.store.Events(ctx, j.ID)
	began := j.StepTime
	for _, e := range events {
		if e.To == job.Starting && e.Attempt == j.Attempt && e.Time.Before(began) {
			began = e.Time
		}
	}
	return began, err
}
