package store

import (
	"context"
	"time"

	"github.com/stokerd/stoker/internal/clock"
)

const (
	// restFactor times as long as a write in the background took, other writes have the table for themselves.
	restFactor = 150
	// calm is for how long nobody else must have written before writes in the background follow each other without a
	// rest.
	calm = 500 * time.Millisecond
)

// repeat calls step, which makes a write in the background, until there is nothing more to do. Between two of them
// others have the table.
func repeat(ctx context.Context, s *Store, step func(context.Context) (more bool, err error)) error {
	p := newPacer(s)
	for {
		began := time.Now()
		more, err := step(ctx)
		if err != nil || !more {
			return err
		}
		if err := p.rest(ctx, time.Since(began)); err != nil {
			return err
		}
	}
}

// pacer has writes in the background leave the table to others.
type pacer struct {
	s         *Store
	seen      int64 // writes of others
	lastWrite time.Time
}

// newPacer returns a pacer that takes the table to be in use.
func newPacer(s *Store) *pacer {
	return &pacer{s: s, seen: s.writer.others.Load(), lastWrite: time.Now()}
}

// rest lets others have the table after a write that took a time, unless nobody wants it. What other processes want is
// not known.
func (p *pacer) rest(ctx context.Context, took time.Duration) error {
	if n := p.s.writer.others.Load(); n != p.seen {
		p.seen, p.lastWrite = n, time.Now()
	}
	if p.s.shared == nil && time.Since(p.lastWrite) >= calm {
		return context.Cause(ctx)
	}
	return clock.Real{}.Sleep(ctx, restFactor*took)
}
