package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// interrupted is why a context ended: the user, or the system, asked for it.
type interrupted struct {
	signal syscall.Signal
}

func (i *interrupted) Error() string { return i.signal.String() }

// code is what shells expect of a program that a signal ended: 130 for SIGINT,
// 143 for SIGTERM.
func (i *interrupted) code() int { return 128 + int(i.signal) }

// interruptible returns a context that ends with the first SIGINT or SIGTERM. The
// second one, while parent lasts, ends the process on the spot; nothing is lost by that,
// only not tidied up.
func interruptible(parent context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer signal.Stop(signals)
		cancel(received(<-signals))
		if second := <-signals; parent.Err() == nil {
			os.Exit(received(second).code())
		}
	}()
	return ctx
}

func received(s os.Signal) *interrupted {
	number, _ := s.(syscall.Signal) // every signal of this system is one
	return &interrupted{signal: number}
}
