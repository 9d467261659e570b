package client

import (
	"context"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"google.golang.org/grpc"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/clock"
)

const (
	// dialTries is how many times a call is tried while nothing accepts connections at the
	// address. The tries take about a second.
	dialTries = 4
	// uploadDialTries is dialTries for the calls of an upload once a part of the list is stored.
	// The tries take about half a minute, enough for a restart of the server.
	uploadDialTries = 20
	// longestWait is the longest wait before a repeat, unless the server advises a longer one.
	longestWait = 2 * time.Second
)

// Repeat describes a call or a watch that is about to be repeated.
type Repeat struct {
	Method string        // name of the method, for example "SubmitBatch"
	Err    error         // of the latest try
	Wait   time.Duration // until the next try
	Lost   bool          // the server may have carried out the call already
}

// outcomeUnknown is the reason of a server whose database has not confirmed a change.
const outcomeUnknown = "OUTCOME_UNKNOWN"

// uploadCall is the call option by which the calls of an upload are tried uploadDialTries times.
type uploadCall struct{ grpc.EmptyCallOption }

// retriedCall is a unary call with its repeats.
type retriedCall struct {
	method string // full name
	effect callEffect
	lost   bool // the answer to an earlier try was lost
}

// repeatCalls is an interceptor that repeats unary calls as the package comment says.
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
		failure := c.classify(err)
		if !k.mayRepeat(ctx, failure, err) {
			return k.finalError(failure, err)
		}
		wait, ok := t.next(ctx, failure, err)
		if !ok {
			return k.finalError(failure, err)
		}
		c.notifyRepeat(Repeat{Method: methodName(method), Err: err, Wait: wait, Lost: k.lost})
		if cause := (clock.Real{}).Sleep(ctx, wait); cause != nil {
			return k.finalError(failure, fmt.Errorf("%w: %w", cause, err))
		}
	}
}

// notifyRepeat calls OnRepeat.
func (c *Client) notifyRepeat(r Repeat) {
	if c.onRepeat != nil {
		c.onRepeat(r)
	}
}

// alreadyDone reports whether an error shows that an earlier try was carried out.
func (k *retriedCall) alreadyDone(err error) bool {
	return k.lost && k.method == stokerv1.BatchService_DeleteBatch_FullMethodName && Reason(err) == "NOT_FOUND"
}

// mayRepeat notes how a try failed, and reports whether the call may be repeated. A server whose database has not
// confirmed a change knows as little of its outcome as one whose answer was lost.
func (k *retriedCall) mayRepeat(ctx context.Context, failure callFailure, err error) bool {
	k.lost = k.lost || failure == failedLost || Reason(err) == outcomeUnknown
	if ctx.Err() != nil {
		return false
	}
	switch failure {
	case failedUnreachable:
		return true
	case failedUnavailable, failedLost:
		return k.effect != notRepeatable
	}
	return false
}

// finalError is the error of a call that is not repeated any more.
func (k *retriedCall) finalError(failure callFailure, err error) error {
	if !k.lost || k.effect == readOnly || failure == failedRefused {
		return err
	}
	return &LostAnswerError{Method: methodName(k.method), Repeatable: k.effect == idempotent, Err: err}
}

// retryState decides how long to wait before the next try, and when to give up.
type retryState struct {
	maxDials int           // tries while nothing accepts connections; 0: any number
	longest  time.Duration // the longest wait, unless the server advises a longer one
	timeout  time.Duration // from the first failure on; 0: none

	waits        *backoff.ExponentialBackOff
	until        time.Time // no try after that; zero: any time
	dialFailures int       // tries since anything accepted a connection
}

// next returns how long to wait before the next try, after a try that failed with err. It returns
// false if there is no next try. A deadline of ctx replaces the timeout.
func (t *retryState) next(ctx context.Context, failure callFailure, err error) (time.Duration, bool) {
	if t.waits == nil {
		t.waits = newBackOff(t.longest)
		if t.timeout > 0 {
			t.until = time.Now().Add(t.timeout)
		}
		if deadline, ok := ctx.Deadline(); ok {
			t.until = deadline
		}
	}
	if t.dialFailures++; failure != failedUnreachable {
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

// newBackOff makes a back-off that begins with 0.1 s and doubles up to longest. Each wait varies at
// random by up to a half.
func newBackOff(longest time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.Multiplier, b.MaxInterval = 100*time.Millisecond, 2, longest
	b.Reset()
	return b
}
