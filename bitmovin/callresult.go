package bitmovin

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// CallResult is how one call ended, for metrics.
type CallResult struct {
	Class    Class
	Outcome  Outcome
	Duration time.Duration // without the wait for the [Governor]
}

// Outcome says in one word how a call ended. The words are a closed set, whatever the platform answers.
type Outcome string

// The outcomes of a call.
const (
	OutcomeOK           Outcome = "ok"
	OutcomeThrottled    Outcome = "throttled"    // a rate limit refused it; see [Throttled]
	OutcomeQueueFull    Outcome = "queue_full"   // see [QueueFull]
	OutcomeQuota        Outcome = "quota"        // see [QuotaExhausted]
	OutcomeUnauthorized Outcome = "unauthorized" // 401 or 403
	OutcomeNotFound     Outcome = "not_found"    // see [NotFound]
	OutcomeRefused      Outcome = "refused"      // any other 4xx
	OutcomeFailed       Outcome = "failed"       // 5xx, or 408
	OutcomeUnreadable   Outcome = "unreadable"   // an answer that is not the platform's, or cannot be used
	OutcomeNoAnswer     Outcome = "no_answer"    // cut, timed out, or given up at a shutdown
	OutcomeNotSent      Outcome = "not_sent"     // no connection
)

// Outcomes lists every outcome.
func Outcomes() []Outcome {
	return []Outcome{
		OutcomeOK, OutcomeThrottled, OutcomeQueueFull, OutcomeQuota, OutcomeUnauthorized, OutcomeNotFound, OutcomeRefused,
		OutcomeFailed, OutcomeUnreadable, OutcomeNoAnswer, OutcomeNotSent,
	}
}

// outcomeOf returns the outcome of a call that ended with err.
func outcomeOf(err error) Outcome {
	status := statusOf(err)
	lost, transport := errors.AsType[*TransportError](err)
	switch {
	case err == nil:
		return OutcomeOK
	case transport && !lost.Sent:
		return OutcomeNotSent
	case transport:
		return OutcomeNoAnswer
	case QueueFull(err):
		return OutcomeQueueFull
	case QuotaExhausted(err):
		return OutcomeQuota
	case Throttled(err):
		return OutcomeThrottled
	case Unauthorized(err):
		return OutcomeUnauthorized
	case NotFound(err):
		return OutcomeNotFound
	case status >= 500, status == http.StatusRequestTimeout:
		return OutcomeFailed
	}
	if _, ours := errors.AsType[*APIError](err); ours {
		return OutcomeRefused
	}
	return OutcomeUnreadable
}

// Classes lists every endpoint class.
func Classes() []Class {
	var all []Class
	for class := ClassEncodingCreate; class < classEnd; class++ {
		all = append(all, class)
	}
	return all
}

// headerRequestID is the header by which a call can be found again in the logs of gateways. The platform is
// not known to read it.
const headerRequestID = "X-Request-Id"

type requestIDKey struct{}

// WithRequestID returns a context whose calls send an id in the header X-Request-Id, and have it in the log.
// Nothing depends on it.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// requestID returns the id that calls of ctx send; empty if they send none.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}
