// Package clock tells the time and waits, in real time ([Real]) or in simulated time
// ([Simulation]).
//
// Code that takes a [Clock] uses real time by default. Tests need no other clock, because
// testing/synctest simulates real time. Simulated time is for a program that runs the code of
// a whole day within seconds, in order to predict that day.
package clock

import (
	"context"
	"time"
)

// Clock tells the time and waits.
type Clock interface {
	Now() time.Time
	// Sleep waits for d. If ctx ends first it returns the cause of ctx.
	Sleep(ctx context.Context, d time.Duration) error
	// NewEvent returns an event that has not happened.
	NewEvent() Event
	// Go calls f beside the caller, who waits for it by an event.
	Go(f func())
}

// Event happens once. With an Event a goroutine or routine waits for another.
type Event interface {
	// Wait waits until the event has happened. If ctx ends first it returns the cause of
	// ctx.
	Wait(ctx context.Context) error
	// Set makes the event happen. It must be called at most once.
	Set()
}

// Real is the clock of real time.
type Real struct{}

// Now returns the present.
func (Real) Now() time.Time { return time.Now() }

// Sleep waits for d. If ctx ends first it returns the cause of ctx.
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

// Go calls f in a goroutine of its own.
func (Real) Go(f func()) { go f() }

// NewEvent returns an event that has not happened.
func (Real) NewEvent() Event { return realEvent(make(chan struct{})) }

// realEvent is a channel that is closed when the event happens.
type realEvent chan struct{}

func (e realEvent) Set() { close(e) }

func (e realEvent) Wait(ctx context.Context) error {
	select {
	case <-e:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Or returns c, or [Real] if c is nil.
func Or(c Clock) Clock {
	if c == nil {
		return Real{}
	}
	return c
}
