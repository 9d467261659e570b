package client

import (
	"context"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"google.golang.org/grpc"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

const (
	// dialTries is how often a call is made while nothing takes connections at the address:
	// about a second in all.
	dialTries = 4
	// uploadDialTries is the same once a part of a list is stored: about half a minute,
	// which is enough for a server that starts anew.
	uploadDialTries = 20
	// longestWait is the longest wait before a call is made again, unless the server
	// advises a longer one.
	longestWait = 2 * time.Second
)

// Repeat is a call, or a watch, that is about to be made again.
type Repeat struct {
	Method string        // its name, for example "SubmitBatch"
	Err    error         // how it ended this time
	Wait   time.Duration // until it is made again
	Lost   bool          // the server may have carried it out already
}

// uploadCall is the option of a call for which a server that cannot be reached is tried longer.
type uploadCall struct{ grpc.EmptyCallOption }

// retriedCall is one unary call, made as often as it takes.
type retriedCall struct {
	method string // full name
	effect callEffect
	lost   bool // an answer to it was lost
}

// repeatCalls makes unary calls again where that can help and does no harm.
func (c *Client) repeatCalls(
	ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	k := retriedCall{method: method, effect: effectOf(method, req)}
	t := &retryState{maxDials: dialTries, longest: longestWait, timeout: c.retryTimeout}
	for _, o := range options {
		if _, ok := o.(uploadCall); ok {
			t.maxDials = uploadDialTries
		}
	}
	for {
		err := invoke(ctx, method, req, reply, conn, options...)
		if err == nil || k.alreadyDone(err) {
			return nil
		}
		what := c.classify(err)
		if !k.mayRepeat(ctx, what) {
			return k.finalError(what, err)
		}
		wait, ok := t.next(ctx, what, err)
		if !ok {
			return k.finalError(what, err)
		}
		c.notifyRepeat(Repeat{Method: methodName(method), Err: err, Wait: wait, Lost: k.lost})
		if cause := sleepUnlessDone(ctx, wait); cause != nil {
			return k.finalError(what, fmt.Errorf("%w: %w", cause, err))
		}
	}
}

// notifyRepeat tells the caller of a repeat.
func (c *Client) notifyRepeat(r Repeat) {
	if c.onRepeat != nil {
		c.onRepeat(r)
	}
}

// alreadyDone reports whether an error says that an earlier try has done what was asked.
func (k *retriedCall) alreadyDone(err error) bool {
	return k.lost && k.method == stokerv1.BatchService_DeleteBatch_FullMethodName && Reason(err) == "NOT_FOUND"
}

// mayRepeat takes note of how a call ended, and reports whether it is to be made again.
func (k *retriedCall) mayRepeat(ctx context.Context, what callFailure) bool {
	k.lost = k.lost || what == failedLost
	if ctx.Err() != nil {
		return false
	}
	switch what {
	case failedUnreachable:
		return true
	case failedUnavailable, failedLost:
		return k.effect != notRepeatable
	}
	return false
}

// finalError is the error of a call that is not made again.
func (k *retriedCall) finalError(what callFailure, err error) error {
	if !k.lost || k.effect == readOnly || what == failedRefused {
		return err
	}
	return &LostAnswerError{Method: methodName(k.method), Repeatable: k.effect == idempotent, Err: err}
}

// retryState counts how often something was tried.
type retryState struct {
	maxDials int           // how often, while nothing takes connections; 0: as often as it takes
	longest  time.Duration // the longest wait that the server does not advise
	timeout  time.Duration // from the first failure on; 0: without end

	waits        *backoff.ExponentialBackOff
	until        time.Time // no try after; zero: without end
	dialFailures int       // since anything took a connection
}

// next is how long to wait before the next try after one that ended with err, and whether
// there is one. A deadline of the caller goes before the timeout.
func (t *retryState) next(ctx context.Context, what callFailure, err error) (time.Duration, bool) {
	if t.waits == nil {
		t.waits = newBackOff(t.longest)
		if t.timeout > 0 {
			t.until = time.Now().Add(t.timeout)
		}
		if deadline, ok := ctx.Deadline(); ok {
			t.until = deadline
		}
	}
	if t.dialFailures++; what != failedUnreachable {
		t.dialFailures = 0
	}
	advised, _ := RetryDelay(err)
	wait := max(t.waits.NextBackOff(), advised)
	switch {
	case t.maxDials > 0 && t.dialFailures >= t.maxDials:
		return 0, false
	case !t.until.IsZero() && time.Now().Add(wait).After(t.until):
		return 0, false
	}
	return wait, true
}

// newBackOff waits 0.1 s, then twice as long each time, up to longest, each with a half
// more or less by chance.
func newBackOff(longest time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.Multiplier, b.MaxInterval = 100*time.Millisecond, 2, longest
	b.Reset()
	return b
}

// sleepUnlessDone waits, or returns why ctx ended.
func sleepUnlessDone(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
