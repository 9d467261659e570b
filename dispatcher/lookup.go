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

// startLookup finds the encodings of templates whose starts were not answered, where the platform
// does not find them by name. That one is absent means that it is paid for again. So what
// proves it is the list of all that was created since the start was decided on, whoever's it
// is, with names compared here: neither a search that finds nothing nor a name that is
// spelled in another way there can bring about a second start. One list serves all that
// were not answered.
type startLookup struct {
	mu           sync.Mutex // held while the list is read
	beginTime    time.Time  // when that began
	endTime      time.Time  // when that ended
	createdAfter time.Time  // what is older is not in it
	found        map[templateAttempt]bitmovin.EncodingID
}

// lookupValid is how long a list serves others: the key may become another organisation's.
const lookupValid = time.Minute

// templateAttempt is the start of a template that an encoding was named after.
type templateAttempt struct {
	job    job.ID
	number int
}

// findByName is the id of the encoding that a template's job was started as, as far as the
// platform finds it by its name; empty if it does not.
func (w *worker) findByName(ctx context.Context, j *job.Job) (encoding string, err error) {
	if !w.encodings.usable(bitmovin.ParamName) {
		return "", nil
	}
	_, err = w.listByName(ctx, provision.AttemptName(j), func(e bitmovin.Encoding) (enough bool, err error) {
		own, err := w.owns(ctx, e)
		if own {
			encoding = string(e.ID)
		}
		return own, err
	})
	return encoding, err
}

// findInFullList looks for the encoding that a template's job was started as among all that were
// created since. If it is not there, it was not there at the time that is returned; zero if
// that is not known yet, because another look is under way.
func (w *worker) findInFullList(ctx context.Context, j *job.Job) (encoding string, at time.Time, err error) {
	l := &w.startLookup
	if !l.mu.TryLock() {
		return "", time.Time{}, nil
	}
	defer l.mu.Unlock()
	began, err := w.attemptTime(ctx, j)
	if err != nil {
		return "", time.Time{}, err
	}
	after := began.Add(-reconcileMargin).Truncate(reconcileMargin)
	if l.beginTime.Before(j.StepTime.Add(w.settle)) || l.createdAfter.After(after) || w.now().Sub(l.endTime) > lookupValid {
		l.beginTime, l.createdAfter, l.found = w.now(), after, map[templateAttempt]bitmovin.EncodingID{}
		query := bitmovin.ListEncodings{CreatedAfter: after, SkipTotalCount: true, Overlap: listOverlap}
		_, err = w.listCreated(ctx, query, func(e bitmovin.Encoding) (bool, error) {
			if id, number, ok := provision.ParseName(e.Name); ok && number > 0 {
				l.found[templateAttempt{id, number}] = e.ID
			}
			return false, nil
		})
		l.endTime = w.now()
		if err != nil {
			l.beginTime = time.Time{}
			return "", time.Time{}, fmt.Errorf("look for the encoding of a start that was not answered: %w", err)
		}
	}
	return string(l.found[templateAttempt{j.ID, j.Attempt}]), l.beginTime, nil
}

// attemptTime is when a job's current attempt was decided on, before its call: the time of its step
// moves on with each process that picks it up.
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
