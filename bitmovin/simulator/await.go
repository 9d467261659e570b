package simulator

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ErrUnknownEncoding is returned for an id that no encoding has ever had.
var ErrUnknownEncoding = errors.New("unknown encoding")

// waiter is one call of an Await method. Its condition is checked under the lock at every
// transition, so that even a status of no duration is seen.
type waiter struct {
	met  func() bool
	done chan struct{}
}

// waiters are the calls of Await methods that have not returned.
type waiters struct{ list []*waiter }

func (w *waiters) add(met func() bool) *waiter {
	added := &waiter{met, make(chan struct{})}
	w.list = append(w.list, added)
	return added
}

func (w *waiters) remove(gone *waiter) {
	w.list = slices.DeleteFunc(w.list, func(other *waiter) bool { return other == gone })
}

// wake ends the waiters whose condition is met.
func (w *waiters) wake() {
	w.list = slices.DeleteFunc(w.list, func(waiting *waiter) bool {
		met := waiting.met()
		if met {
			close(waiting.done)
		}
		return met
	})
}

// wakeAll ends all waiters.
func (w *waiters) wakeAll() {
	for _, waiting := range w.list {
		close(waiting.done)
	}
	w.list = nil
}

// wake ends the waiters whose condition is met. It is called after every transition and every
// call. The caller holds s.mu.
func (s *Simulator) wake() { s.waiters.wake() }

// await waits until met returns true; met runs under the lock. If the simulator is closed
// first, await returns errClosed; if ctx ends first, the cause of ctx.
func (s *Simulator) await(ctx context.Context, met func() bool) error {
	s.mu.Lock()
	s.advanceToNow()
	if met() {
		s.mu.Unlock()
		return nil
	}
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	w := s.waiters.add(met)
	s.mu.Unlock()
	select {
	case <-w.done:
		if s.ctx.Err() != nil {
			return errClosed
		}
		return nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		s.waiters.remove(w)
		return context.Cause(ctx)
	}
}

// AwaitStatus waits until the encoding is in the status, however briefly. It returns
// [ErrUnknownEncoding] for an id that does not exist, and the context's cause if the context
// ends first. The end of a run in another status does not end the wait, because the encoding
// may be started again.
func (s *Simulator) AwaitStatus(ctx context.Context, encodingID string, status Status) error {
	s.init()
	s.mu.Lock()
	enc := s.encodings.byID[encodingID]
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

// AwaitIdle waits until nothing is queued or running, no template is being set up and no
// webhook delivery is on its way.
func (s *Simulator) AwaitIdle(ctx context.Context) error {
	s.init()
	err := s.await(ctx, func() bool { return s.schedule.idle() && s.stats.inFlight == 0 })
	if err != nil {
		return fmt.Errorf("await idle: %w", err)
	}
	return nil
}

// AwaitStats waits until cond holds, such as "three encodings are QUEUED". It checks cond
// after every call and every transition, each time with a complete copy of the statistics:
// do not use it in large benchmarks.
func (s *Simulator) AwaitStats(ctx context.Context, cond func(Stats) bool) error {
	s.init()
	err := s.await(ctx, func() bool { return cond(s.currentStats()) })
	if err != nil {
		return fmt.Errorf("await statistics: %w", err)
	}
	return nil
}
