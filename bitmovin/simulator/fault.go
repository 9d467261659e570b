package simulator

import (
	"cmp"
	"net/http"
	"time"
)

// Call is what a fault decision knows about a request.
type Call struct {
	Method string
	Route  string // pattern, such as "POST /encoding/encodings/{id}/start"
	Path   string // without /v1
	Query  string
	Key    string
	Body   []byte // not to be changed

	// EncodingID is the encoding that the path names, or empty, and Name its
	// name.
	EncodingID string
	Name       string
	// Nth counts the calls on this route that have passed authentication and
	// rate limits, from 1; NthOfEncoding counts those for this encoding.
	Nth           int
	NthOfEncoding int
}

// arrival is what NthOfEncoding is counted by; without an id, what Nth is.
type arrival struct {
	route, encodingID string
}

// FaultKind is a way to go wrong.
type FaultKind int

// The kinds of fault.
const (
	NoFault        FaultKind = iota
	JSONFault                // an error envelope with Fault.Status (503) and Fault.Code (1)
	HTMLFault                // a gateway's page with Fault.Status (502)
	RateLimitFault           // 429 as if the budget of the key were used up
	HangFault                // no answer for Fault.Delay, then a cut connection
	ResetFault               // a connection cut before the answer
	TruncateFault            // half of an answer, then a cut connection
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

// Fault is what goes wrong with one call. The zero value is nothing.
type Fault struct {
	Kind FaultKind

	// After lets the call take effect before it goes wrong: a 504 that has
	// started the encoding nevertheless.
	After bool

	// Status is the HTTP status of JSONFault (default 503) and HTMLFault
	// (default 502); Code the API error code of JSONFault (default 1).
	Status int
	Code   int

	// Delay is how long HangFault hangs. Zero means until the client leaves.
	Delay time.Duration
}

// name is how the fault appears in the ledger.
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

// spoil turns the answer the client would have got into the one it gets.
func (f Fault) spoil(a answer, requestID string, now time.Time) answer {
	a.status = f.status()
	switch f.Kind {
	case JSONFault:
		a.body = errorBody(requestID, &apiError{
			code:    cmp.Or(f.Code, CodeInternal),
			message: "injected fault: " + http.StatusText(a.status),
		}, now)
	case HTMLFault:
		a.contentType = "text/html"
		a.body = gatewayPage(a.status)
	case RateLimitFault:
		if a.header.Get("X-Ratelimit-Limit") == "" {
			a.header.Set("X-Ratelimit-Limit", "1")
			a.header.Set("X-Ratelimit-Reset", "1")
		}
		a.header.Set("X-Ratelimit-Remaining", "0")
		a.body = errorBody(requestID, tooMany(), now)
	case HangFault:
		a.cut, a.hang, a.hangFor = true, true, f.Delay
	case ResetFault:
		a.cut = true
	case TruncateFault:
		a.cut, a.status = true, cmp.Or(a.intended, http.StatusOK)
		if a.body == nil {
			a.body = successBody(requestID, map[string]string{"id": requestID})
		}
	case EmptyFault:
		a.body = nil
	}
	return a
}

func gatewayPage(status int) []byte {
	title := itoa(status) + " " + http.StatusText(status)
	return []byte("<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" +
		title + "</h1></center>\r\n</body>\r\n</html>\r\n")
}
