// Package clock tells the time and waits: in the world's time, or in simulated time.
//
// Whatever takes a [Clock] uses the world's unless told otherwise, and tests need no
// other either, for testing/synctest simulates the world's. This package is there for
// what a test cannot do: a program that has to know now how the coming day will go, and
// runs the very code that will work through that day ahead of time.
package clock

import (
	"context"
	"time"
)

// Clock tells the time and waits.
type Clock interface {
	Now() time.Time
	// Sleep waits for d. If ctx ends first it returns the context's cause.
	Sleep(ctx context.Context, d time.Duration) error
	// NewEvent returns a closed gate.
	NewEvent() Event
}

// Event is where one waits for another.
type Event interface {
	// Wait waits until the gate is open. If ctx ends first it returns the context's cause.
	Wait(ctx context.Context) error
	// Set opens the gate for good. It is called once.
	Set()
}

// Real is the world's clock.
type Real struct{}

// Now is the present.
func (Real) Now() time.Time { return time.Now() }

// Sleep waits for d, or returns ctx's cause if that ends first.
func (Real) Sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// NewEvent returns a closed gate.
func (Real) NewEvent() Event { return event(make(chan struct{})) }

// event is open when it is closed, as channels go.
type event chan struct{}

func (g event) Set() { close(g) }

func (g event) Wait(ctx context.Context) error {
	select {
	case <-g:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Or returns c, or the world's clock if there is none.
func Or(c Clock) Clock {
	if c == nil {
		return Real{}
	}
	return c
}
