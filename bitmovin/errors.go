package bitmovin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ErrNoAPIKey says that there is no usable API key to call with. It arrives inside a
// [*TransportError], since nothing was sent.
var ErrNoAPIKey = errors.New("no API key")

// API error codes this package knows a meaning of. Most of the platform's codes are
// undocumented; decisions go by HTTP status first and by these only second.
const (
	codeMinutesExceeded = 8001
	codeBytesExceeded   = 8002
	codeQueueLimitAlt   = 8003 // documented by some as the limit of queued encodings
	codeQueueLimit      = 8004 // the limit of queued encodings in all official samples
	codeQuota5          = 8005 // 8005 to 8007: further quotas of the account, not named anywhere
	codeQuota6          = 8006
	codeQuota7          = 8007
)

// APIError is a refusal in the platform's own envelope, whatever the HTTP status.
type APIError struct {
	Method, Path     string // the call, without host and query
	Status           int    // HTTP status; may be 2xx when only the envelope says ERROR
	Code             int    // the platform's code; 0 when it sent none, or one that is no number
	OddCode          string // a code that is no number, up to 100 bytes
	Message          string // if the answer had none, what is known about the code
	DeveloperMessage string
	RequestID        string    // what Bitmovin's support asks for
	Details          []Message // often empty
}

// Error names the call, the status, the code, the message and the request id.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: HTTP %d", e.Method, e.Path, e.Status)
	if e.Code != 0 {
		fmt.Fprintf(&b, ", code %d", e.Code)
	} else if e.OddCode != "" {
		b.WriteString(", code " + e.OddCode)
	}
	if text := firstText(e.Message, e.DeveloperMessage); text != "" {
		b.WriteString(": " + text)
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

// firstText returns the first of texts that is not blank.
func firstText(texts ...string) string {
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			return t
		}
	}
	return ""
}

// GatewayError is an answer that is not the platform's envelope: HTML, an empty body,
// cut-off JSON, a redirect, or a success without its result. Status may be 2xx.
type GatewayError struct {
	Method, Path string
	Status       int
	Reason       string // what is wrong with the answer
	Snippet      string // the beginning of the body on one line, without secrets
}

// Error names the call, the status, what is wrong and how the body begins.
func (e *GatewayError) Error() string {
	s := fmt.Sprintf("%s %s: HTTP %d, %s", e.Method, e.Path, e.Status, e.Reason)
	if e.Snippet != "" {
		s += fmt.Sprintf(": %q", e.Snippet)
	}
	return s
}

// TransportError is a call without a complete answer.
type TransportError struct {
	Method, Path string
	// Sent is false only when the request demonstrably never left: no key, no
	// budget before the context ended, no permit, no connection. When in doubt it is true.
	Sent bool
	Err  error
}

// Error names the call and the cause.
func (e *TransportError) Error() string {
	return fmt.Sprintf("%s %s: %v", e.Method, e.Path, e.Err)
}

// Unwrap returns the cause, so that errors.Is finds [ErrNoAPIKey], a context's error
// or a network error in it.
func (e *TransportError) Unwrap() error { return e.Err }

// QueueFull reports whether the platform refused because its limit of queued encodings
// is reached. The official samples know this as 8004, another source as 8003; both
// are taken, since mistaking one for the other costs a short wait and nothing
// else. Its HTTP status is undocumented and not looked at, except that a 5xx is a
// malfunction whatever its body says. It costs a job no attempt.
func QueueFull(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.Status < 500 && (e.Code == codeQueueLimit || e.Code == codeQueueLimitAlt)
}

// QuotaExhausted reports whether the account has used up what its contract allows: code
// 8001, 8002, or 8005 to 8007, whatever the HTTP status below 500. A quota is a matter of the
// account and says nothing about the job: repeating the call does not help, waiting
// or a person does. Nothing was done.
func QuotaExhausted(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	if !ok || e.Status >= 500 {
		return false
	}
	switch e.Code {
	case codeMinutesExceeded, codeBytesExceeded, codeQuota5, codeQuota6, codeQuota7:
		return true
	}
	return false
}

// limited reports whether a limit of the account refused the call. The code says more
// than the HTTP status it comes with, which is documented nowhere.
func limited(err error) bool { return QueueFull(err) || QuotaExhausted(err) }

// Throttled reports whether a rate limit refused the call: status 429, in whichever
// format. A full queue or a quota that arrives as 429 is [QueueFull] or [QuotaExhausted]
// and not Throttled. The [Governor] has already paused the endpoint class.
func Throttled(err error) bool {
	return statusOf(err) == http.StatusTooManyRequests && !limited(err)
}

// Unauthorized reports whether the key or the organisation is the problem: no key, or a 401
// or 403 that is neither a full queue nor a used-up quota. A person has to act.
func Unauthorized(err error) bool {
	if errors.Is(err, ErrNoAPIKey) {
		return true
	}
	switch statusOf(err) {
	case http.StatusUnauthorized, http.StatusForbidden:
		return !limited(err)
	}
	return false
}

// Forbidden reports whether the platform itself answered 403, for whatever reason but a
// used-up quota.
func Forbidden(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.Status == http.StatusForbidden && !QuotaExhausted(err)
}

// NotFound reports whether the platform says that the resource does not exist, 404 or 410. A
// 404 page of some proxy says nothing about the resource and does not count, and neither does
// a limit of the account that arrives as 404.
func NotFound(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && (e.Status == http.StatusNotFound || e.Status == http.StatusGone) && !limited(err)
}

// Outage reports whether err says nothing about the job at hand: the platform or the
// way there has trouble, or the account is refused, throttled or out of quota. Every
// job would fail alike, so none of them may pay for it. It includes calls
// that ended because their own context did: check that context first.
func Outage(err error) bool {
	if _, ok := errors.AsType[*TransportError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*GatewayError](err); ok {
		return true
	}
	if status := statusOf(err); status >= 500 || status == http.StatusRequestTimeout && !limited(err) {
		return true
	}
	return Unauthorized(err) || Throttled(err) || QuotaExhausted(err)
}

// Ambiguous reports whether the call may have had its effect although it returned an
// error, so that it must be looked up before it is repeated: a request that was
// (or may have been) sent and got no readable answer, a 408, or any 5xx. The
// documentation warns of the 504 after which the encoding runs. A 429 in any format is
// not ambiguous, nor is a full queue or a quota, because limits are checked before anything
// is done.
func Ambiguous(err error) bool {
	if e, ok := errors.AsType[*TransportError](err); ok {
		return e.Sent
	}
	status := statusOf(err)
	if _, ok := errors.AsType[*GatewayError](err); ok {
		return status != http.StatusTooManyRequests
	}
	return status >= 500 || status == http.StatusRequestTimeout && !limited(err)
}

// statusOf returns the HTTP status of an answer that became an error, or 0.
func statusOf(err error) int {
	if e, ok := errors.AsType[*APIError](err); ok {
		return e.Status
	}
	if e, ok := errors.AsType[*GatewayError](err); ok {
		return e.Status
	}
	return 0
}
