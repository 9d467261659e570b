package bitmovin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// ErrNoAPIKey says that there is no usable API key. It is wrapped in a [*TransportError], since
// nothing was sent.
var ErrNoAPIKey = errors.New("no API key")

// The API error codes on which decisions depend. Most of the codes of the platform are not
// documented, so decisions depend on the HTTP status first and on these codes second.
const (
	codeMinutesExceeded = 8001
	codeBytesExceeded   = 8002
	codeQueueLimitAlt   = 8003 // the limit of queued encodings, by one source
	codeQueueLimit      = 8004 // the limit of queued encodings, by all official samples
	codeQuota5          = 8005 // 8005 to 8007 are quotas of the account whose names are not documented
	codeQuota6          = 8006
	codeQuota7          = 8007
)

// APIError is an error in the envelope of the platform, whatever the HTTP status.
type APIError struct {
	Method, Path     string // the call, without host and query
	Status           int    // HTTP status; 2xx if only the envelope says ERROR
	Code             int    // 0 if the platform sent none, or one that is no number
	TextCode         string // a code that is no number, at most 100 bytes
	Message          string // if the platform sent none, the definition of the code
	DeveloperMessage string
	RequestID        string    // the support of Bitmovin asks for it
	Details          []Message // often empty
}

// Error names the call, the status, the code, the message and the request id.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: HTTP %d", e.Method, e.Path, e.Status)
	if e.Code != 0 {
		fmt.Fprintf(&b, ", code %d", e.Code)
	} else if e.TextCode != "" {
		b.WriteString(", code " + e.TextCode)
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

// GatewayError is an answer that is not in the envelope of the platform: HTML, an empty body,
// truncated JSON, a redirect, or a success without its result. Status may be 2xx.
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
	// Sent is false only if the request certainly was not sent: there was no key, no permit
	// or no connection, or the context ended before the rate limit allowed the call.
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

// QueueFull reports whether the platform refused a start because the account's limit of queued
// encodings is reached. Nothing was started, and the job loses no attempt. The official samples
// use code 8004, another source 8003. Both codes count, because a wrong guess only costs a short
// wait. The HTTP status is not documented and does not matter, except that a 5xx is a
// malfunction whatever its body says.
func QueueFull(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.Status < 500 && (e.Code == codeQueueLimit || e.Code == codeQueueLimitAlt)
}

// QuotaExhausted reports whether the account has used up a quota of its contract: code 8001,
// 8002, or 8005 to 8007, with any HTTP status below 500. The call had no effect, and the error
// says nothing about the job. The call can succeed only after the quota is renewed or raised.
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

// accountLimit reports whether a limit of the account refused the call. The code decides, because
// the HTTP status is not documented.
func accountLimit(err error) bool { return QueueFull(err) || QuotaExhausted(err) }

// Throttled reports whether a rate limit refused the call: status 429 in any format, unless the
// error is [QueueFull] or [QuotaExhausted]. The [Governor] has already paused the endpoint class.
func Throttled(err error) bool {
	return statusOf(err) == http.StatusTooManyRequests && !accountLimit(err)
}

// Unauthorized reports whether the key or the organisation is the problem: no key, or a 401
// or 403 that is neither a full queue nor a used-up quota. A person has to act.
func Unauthorized(err error) bool {
	if errors.Is(err, ErrNoAPIKey) {
		return true
	}
	switch statusOf(err) {
	case http.StatusUnauthorized, http.StatusForbidden:
		return !accountLimit(err)
	}
	return false
}

// Forbidden reports whether the platform itself, and no gateway, answered 403, unless the error is
// [QuotaExhausted].
func Forbidden(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.Status == http.StatusForbidden && !QuotaExhausted(err)
}

// NotFound reports whether the platform says that the resource does not exist: 404 or 410. The
// 404 page of a proxy does not count, because it says nothing about the resource. Neither does a
// limit of the account that is answered with 404.
func NotFound(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && (e.Status == http.StatusNotFound || e.Status == http.StatusGone) && !accountLimit(err)
}

// NotImplemented reports whether the platform or a gateway answered 501: there is no such call.
func NotImplemented(err error) bool { return statusOf(err) == http.StatusNotImplemented }

// Outage reports whether err says nothing about the job: the platform or the network fails, or
// the account is refused, throttled or out of quota. The same call would fail for any job, so no
// job may lose an attempt by it. Outage is also true of a call whose own context has ended: check
// that context first.
func Outage(err error) bool {
	if _, ok := errors.AsType[*TransportError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*GatewayError](err); ok {
		return true
	}
	if status := statusOf(err); status >= 500 || status == http.StatusRequestTimeout && !accountLimit(err) {
		return true
	}
	return Unauthorized(err) || Throttled(err) || QuotaExhausted(err)
}

// Ambiguous reports whether the call may have taken effect although it returned an error. Then
// look for the effect before repeating the call. A call is ambiguous if it may have been sent
// and got no readable answer, or was answered with 408 or any 5xx; the documentation warns of a
// 504 after which the encoding runs. A 429 in any format, a full queue and a quota are not
// ambiguous, because the platform checks limits before anything else.
func Ambiguous(err error) bool {
	if e, ok := errors.AsType[*TransportError](err); ok {
		return e.Sent
	}
	status := statusOf(err)
	if _, ok := errors.AsType[*GatewayError](err); ok {
		return status != http.StatusTooManyRequests
	}
	return status >= 500 || status == http.StatusRequestTimeout && !accountLimit(err)
}

// unsupportedStatuses are the statuses that refuse a request as such. The platform does not
// document which of them answers an unsupported query, and a gateway may choose another.
var unsupportedStatuses = []int{
	http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable,
	http.StatusGone, http.StatusRequestURITooLong, http.StatusUnprocessableEntity, http.StatusNotImplemented,
}

// Unsupported reports whether the platform may have refused a list because of the query, so that
// another query may succeed. The same statuses have other meanings as well, so Unsupported must
// not be used for calls that change something.
func Unsupported(err error) bool {
	return !QueueFull(err) && !QuotaExhausted(err) && slices.Contains(unsupportedStatuses, statusOf(err))
}

// statusOf returns the HTTP status of an [*APIError] or [*GatewayError], otherwise 0.
func statusOf(err error) int {
	if e, ok := errors.AsType[*APIError](err); ok {
		return e.Status
	}
	if e, ok := errors.AsType[*GatewayError](err); ok {
		return e.Status
	}
	return 0
}
