package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// interrupted is the [context.Cause] of a context that a signal has ended.
type interrupted struct {
	signal syscall.Signal
}

func (i *interrupted) Error() string { return i.signal.String() }

// code is the exit code that shells expect of a program that a signal ended: 130 for SIGINT, 143 for
// SIGTERM.
func (i *interrupted) code() int { return 128 + int(i.signal) }

// interruptible returns a context that ends with the first SIGINT or SIGTERM. A second one, while parent
// lasts, ends the process at once. Then nothing stored is lost, but temporary files may stay.
func interruptible(parent context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer signal.Stop(signals)
		cancel(interruptedBy(<-signals))
		if second := <-signals; parent.Err() == nil {
			os.Exit(interruptedBy(second).code())
		}
	}()
	return ctx
}

func interruptedBy(s os.Signal) *interrupted {
	number, _ := s.(syscall.Signal) // always succeeds on Unix
	return &interrupted{signal: number}
}

// hangups returns a channel that has a value after each SIGHUP, until ctx ends. Later ones do nothing: they do not end a
// process that is about to stop.
func hangups(ctx context.Context) <-chan struct{} {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	values := make(chan struct{}, 1)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			select {
			case values <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	return values
}
