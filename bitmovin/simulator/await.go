package simulator

import (
	"context"
	"errors"
	"fmt"
)

// ErrUnknownEncoding is returned for an id that no encoding has ever had.
var ErrUnknownEncoding = errors.New("unknown encoding")

// waiter is somebody who waits for a condition that is checked, under the
// lock, at every transition, so that not even a status that lasts no time at
// all is missed.
type waiter struct {
	met  func() bool
	done chan struct{}
}

// wake checks all waiters. It is called after every transition.
func (s *Simulator) wake() {
	kept := s.waiters[:0]
	for _, w := range s.waiters {
		if w.met() {
			close(w.done)
			continue
		}
		kept = append(kept, w)
	}
	clear(s.waiters[len(kept):])
	s.waiters = kept
}

// wakeAll ends all waiting at Close.
func (s *Simulator) wakeAll() {
	for _, w := range s.waiters {
		close(w.done)
	}
	s.waiters = nil
}

// await returns nil once met returns true; met runs under the lock.
func (s *Simulator) await(ctx context.Context, met func() bool) error {
	s.mu.Lock()
	s.present()
	if met() {
		s.mu.Unlock()
		return nil
	}
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	w := &waiter{met, make(chan struct{})}
	s.waiters = append(s.waiters, w)
	s.mu.Unlock()
	select {
	case <-w.done:
		if s.ctx.Err() != nil {
			return errClosed
		}
		return nil
	case <-ctx.Done():
		s.forget(w)
		return context.Cause(ctx)
	}
}

func (s *Simulator) forget(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.waiters {
		if other == w {
			s.waiters[i] = s.waiters[len(s.waiters)-1]
			s.waiters = s.waiters[:len(s.waiters)-1]
			return
		}
	}
}

// AwaitStatus waits until the encoding is in the status, however briefly. It
// returns [ErrUnknownEncoding] for an id that does not exist and the
// context's cause when that ends first; ending in another status does not end
// the wait, since the encoding may be started again.
func (s *Simulator) AwaitStatus(ctx context.Context, encodingID string, status Status) error {
	s.init()
	s.mu.Lock()
	enc := s.encodings[encodingID]
	s.mu.Unlock()
	if enc == nil {
		return fmt.Errorf("await %s of %s: %w", status, encodingID, ErrUnknownEncoding)
	}
	err := s.await(ctx, func() bool { return enc.status == status })
	if err != nil {
		return fmt.Errorf("await %s of %s: %w", status, encodingID, err)
	}
	return nil
}

// AwaitIdle waits until nothing is queued or running, no template is being set
// up and no webhook is on its way.
func (s *Simulator) AwaitIdle(ctx context.Context) error {
	s.init()
	err := s.await(ctx, func() bool { return !s.busyNow() && s.stats.inFlight == 0 })
	if err != nil {
		return fmt.Errorf("await idle: %w", err)
	}
	return nil
}

// AwaitStats waits until cond holds, which is asked after every call and every
// transition. It is for conditions such as "three encodings are QUEUED"; cond
// gets a complete copy, so keep it out of large benchmarks.
func (s *Simulator) AwaitStats(ctx context.Context, cond func(Stats) bool) error {
	s.init()
	err := s.await(ctx, func() bool { return cond(s.statsLocked()) })
	if err != nil {
		return fmt.Errorf("await statistics: %w", err)
	}
	return nil
}
