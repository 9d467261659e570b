package dispatcher

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// A job from a template is created and started by one call, and the platform refuses no second one. A process that
// stands still between its last look at its term and the call may so start an attempt that the next driver has started
// as well. Nothing can prevent that; it is noticed afterwards, by the name of the encoding, which has the attempt.

// duplicateAttempts remembers which encodings were told of, so that each is told of once by a process.
type duplicateAttempts struct {
	tell func(accountID string) // may be nil
	mu   sync.Mutex
	told map[bitmovin.EncodingID]bool
}

// maxToldDuplicates is how many encodings are remembered.
const maxToldDuplicates = 10_000

func newDuplicateAttempts(tell func(accountID string)) *duplicateAttempts {
	return &duplicateAttempts{tell: tell, told: map[bitmovin.EncodingID]bool{}}
}

// note tells of an encoding, and reports whether it is the first time.
func (d *duplicateAttempts) note(accountID string, encoding bitmovin.EncodingID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.told[encoding] {
		return false
	}
	if len(d.told) >= maxToldDuplicates {
		clear(d.told)
	}
	d.told[encoding] = true
	if d.tell != nil {
		d.tell(accountID)
	}
	return true
}

// duplicateSearch looks for attempts with two encodings.
type duplicateSearch struct{ w *worker }

// sweep looks at the encodings from templates that were created after a time, for those of an
// attempt that has another encoding.
func (s duplicateSearch) sweep(ctx context.Context, from time.Time) error {
	var list []bitmovin.Encoding
	err := s.w.encodings.eachOwnSince(ctx, from, func(e bitmovin.Encoding) (enough bool, err error) {
		if _, attempt, ok := provision.ParseName(e.Name); ok && attempt > 0 {
			list = append(list, e)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	unknown, err := s.w.selectUnknown(ctx, list)
	if err != nil {
		return err
	}
	for _, e := range unknown {
		id, attempt, _ := provision.ParseName(e.Name)
		other, err := s.w.ownedElsewhere(ctx, id)
		if err == nil && !other {
			_, err = s.stop(ctx, e, id, attempt)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stop has an encoding of ours that belongs to no job be stopped, if the attempt after which it was named has
// another encoding at the platform. It reports whether that is so.
func (s duplicateSearch) stop(ctx context.Context, e bitmovin.Encoding, id job.ID, attempt int) (is bool, err error) {
	known, err := s.encodingOf(ctx, id, attempt)
	if err != nil || known == "" || known == e.ID {
		return false, err
	}
	if _, err := s.w.account.Client.ReadStatus(ctx, known); err != nil {
		if bitmovin.NotFound(err) { // the start was answered with an id that the encoding does not have
			return false, nil
		}
		return false, err
	}
	if s.w.duplicates.note(s.w.account.ID, e.ID) {
		s.w.log.Error("an attempt has a second encoding, which is paid for and stopped", "job", id.String(), "attempt", attempt, "encoding", string(e.ID), "status", string(e.Status))
	}
	if e.Status.Terminal() {
		return true, nil
	}
	return true, s.w.store.AddOrphan(ctx, job.Orphan{AccountID: s.w.account.ID, EncodingID: string(e.ID), CreateTime: s.w.now()})
}

// encodingOf is the encoding that a job knows of one of its attempts; empty if it knows none.
func (s duplicateSearch) encodingOf(ctx context.Context, id job.ID, attempt int) (bitmovin.EncodingID, error) {
	j, err := s.w.store.Job(ctx, id)
	if errors.Is(err, job.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if j.Attempt == attempt && j.EncodingID != "" {
		return bitmovin.EncodingID(j.EncodingID), nil
	}
	ended, err := s.w.store.Attempts(ctx, id)
	for _, a := range ended {
		if a.Number == attempt {
			return bitmovin.EncodingID(a.EncodingID), err
		}
	}
	return "", err
}
