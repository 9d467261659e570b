package simulator

import (
	"cmp"
	"net/http"
	"time"
)

// Call describes a request for which [Simulator.Fault] chooses a fault.
type Call struct {
	Method string
	Route  string // pattern, such as "POST /encoding/encodings/{id}/start"
	Path   string // without /v1
	Query  string
	Key    string
	Body   []byte // not to be changed

	// EncodingID is the encoding that the path names, and Name its name. Both are empty if
	// the path names none.
	EncodingID string
	Name       string
	// Nth counts the calls of this route that have passed authentication and rate limits,
	// from 1. NthOfEncoding counts only the calls that name EncodingID.
	Nth           int
	NthOfEncoding int
}

// callKey names a count of calls: [Call.Nth] if encodingID is empty, otherwise
// [Call.NthOfEncoding].
type callKey struct {
	route, encodingID string
}

// FaultKind is a way in which a call goes wrong.
type FaultKind int

// The kinds of fault.
const (
	NoFault        FaultKind = iota
	JSONFault                // an error in the API's envelope with Fault.Status and Fault.Code
	HTMLFault                // an HTML page of a gateway with Fault.Status
	RateLimitFault           // 429, as if the rate limit of the key were used up
	HangFault                // no answer for Fault.Delay, then the connection is cut
	ResetFault               // the connection is cut before the answer
	TruncateFault            // half of an answer, then the connection is cut
	EmptyFault               // 200 without a body
	maxFaultKind   = EmptyFault
)

func (k FaultKind) String() string {
	names := [...]string{"none", "json", "html", "429", "hang", "reset", "truncate", "empty"}
	if k < 0 || k > maxFaultKind {
		return "FaultKind(" + itoa(int(k)) + ")"
	}
	return names[k]
}

// Fault says how one call goes wrong. The zero value is no fault.
type Fault struct {
	Kind FaultKind

	// After lets the call take effect before it goes wrong. For example, a start that is
	// answered with 504 starts the encoding all the same.
	After bool

	// Status is the HTTP status of JSONFault (default 503) and HTMLFault (default 502).
	// Code is the API error code of JSONFault (default 1), and Message its text. By default it
	// says that the fault is injected.
	Status  int
	Code    int
	Message string

	// Delay is how long HangFault waits. Zero means until the client leaves or the
	// simulator is closed.
	Delay time.Duration
}

// name returns the name of the fault in the ledger, "" for no fault.
func (f Fault) name() string {
	name := f.Kind.String()
	switch f.Kind {
	case NoFault:
		return ""
	case JSONFault, HTMLFault:
		name += itoa(f.status())
	}
	if f.After {
		name += " after the effect"
	}
	return name
}

// status returns the HTTP status that the fault sends, 0 if the fault itself has none.
func (f Fault) status() int {
	switch f.Kind {
	case JSONFault:
		return cmp.Or(f.Status, http.StatusServiceUnavailable)
	case HTMLFault:
		return cmp.Or(f.Status, http.StatusBadGateway)
	case RateLimitFault:
		return http.StatusTooManyRequests
	case EmptyFault:
		return http.StatusOK
	}
	return 0
}

// applyTo turns the response without the fault into the response that the client gets.
func (f Fault) applyTo(resp response, requestID string, now time.Time) response {
	resp.status = f.status()
	switch f.Kind {
	case JSONFault:
		resp.body = errorBody(requestID, &apiError{
			code:    cmp.Or(f.Code, CodeInternal),
			message: cmp.Or(f.Message, "injected fault: "+http.StatusText(resp.status)),
		}, now)
	case HTMLFault:
		resp.contentType = "text/html"
		resp.body = gatewayPage(resp.status)
	case RateLimitFault:
		if resp.header.Get("X-Ratelimit-Limit") == "" {
			resp.header.Set("X-Ratelimit-Limit", "1")
			resp.header.Set("X-Ratelimit-Reset", "1")
		}
		resp.header.Set("X-Ratelimit-Remaining", "0")
		resp.body = errorBody(requestID, tooMany(), now)
	case HangFault:
		resp.cut, resp.hang, resp.hangFor = true, true, f.Delay
	case ResetFault:
		resp.cut = true
	case TruncateFault:
		resp.cut, resp.status = true, cmp.Or(resp.intended, http.StatusOK)
		if resp.body == nil {
			resp.body = successBody(requestID, map[string]string{"id": requestID})
		}
	case EmptyFault:
		resp.body = nil
	}
	return resp
}

func gatewayPage(status int) []byte {
	title := itoa(status) + " " + http.StatusText(status)
	return []byte("<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" +
		title + "</h1></center>\r\n</body>\r\n</html>\r\n")
}
