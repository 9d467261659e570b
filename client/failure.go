package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
)

// LostAnswerError is how a call ends that was to change something and whose answer did
// not come: the connection broke, something between the client and the server
// answered in its place, or the caller's context ended first. The server may have done
// what was asked, or not, or may do it yet.
type LostAnswerError struct {
	// Method is the method's name, for example "RetryJobs".
	Method string
	// Repeatable tells that the same request can be sent again: if it was carried out, it
	// changes nothing the second time. The client has done so, and in vain. Whoever
	// makes a call that is not repeatable again should look first what became of it.
	Repeatable bool
	// Err is what came instead of the answer. It is a status of gRPC.
	Err error
}

func (e *LostAnswerError) Error() string {
	advice := "look before you make the call again"
	if e.Repeatable {
		advice = "the same request can be sent again"
	}
	return fmt.Sprintf("no answer to %s, which the server may have carried out or not; %s: %v", e.Method, advice, e.Err)
}

// Unwrap is what came instead of the answer.
func (e *LostAnswerError) Unwrap() error { return e.Err }

// callFailure is what an error of a call means for whether it is made again.
type callFailure int

const (
	// refused: the server has answered, or the client itself cannot make the call. A repeat
	// would end in the same way.
	failedRefused callFailure = iota
	// unreachable: nothing takes connections at the address. Nothing was sent.
	failedUnreachable
	// away: the server has answered that it cannot do it now.
	failedUnavailable
	// lost: the server's answer did not come. It may have done what was asked.
	failedLost
)

// classify judges an error of a call whose caller still waits.
func (c *Client) classify(err error) callFailure {
	t := classifyError(err)
	if t == failedUnreachable && c.conn.GetState() == connectivity.Ready {
		return failedLost // what the address has reached tells of its own attempts
	}
	return t
}

// classifyError judges an error by what it says. Every error of a Stoker server says in a detail
// that it comes from there. One without details comes from in between, whatever its code:
// a proxy that lost the server answers UNAVAILABLE as well as INTERNAL, CANCELLED,
// UNIMPLEMENTED (for a page with 404) or UNKNOWN.
func classifyError(err error) callFailure {
	answer, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err)
	if !ok {
		return failedRefused
	}
	code, text := answer.GRPCStatus().Code(), answer.GRPCStatus().Message()
	begins := func(s string) bool { return strings.HasPrefix(text, s) }
	has := func(s string) bool { return strings.Contains(text, s) }
	switch reason := Reason(err); {
	case reason == "CANCELLED", reason == "DEADLINE_EXCEEDED":
		return failedLost // not by this client: something in between has given up
	case reason != "" && code == codes.Unavailable:
		return failedUnavailable
	case reason != "", len(answer.GRPCStatus().Proto().GetDetails()) > 0, slices.ContainsFunc(ownErrors, begins):
		return failedRefused
	case code == codes.Unavailable && !begins("unexpected HTTP status code") && slices.ContainsFunc(dialErrors, has):
		return failedUnreachable
	}
	return failedLost
}

// ownErrors is how gRPC, here or at the server, begins to say that it does not take a request or
// answer as it is: for its size, or because it cannot be encoded. It adds no details to that.
var ownErrors = []string{
	"grpc: received message larger than max", "grpc: received message after decompression larger than max",
	"grpc: message after decompression larger than max", "trying to send message larger than max",
	"grpc: error while marshaling", "grpc: the client connection is closing",
}

// dialErrors is how gRPC says that no connection came about.
var dialErrors = []string{"Error while dialing", "name resolver error"}

// Unanswered reports whether a call that ended with err has no answer of a Stoker server: it
// was not reached, or its answer did not come, or something in between has answered in its
// place. What the client itself refuses to send or to take is not meant.
func Unanswered(err error) bool {
	t := classifyError(err)
	return t == failedUnreachable || t == failedLost
}
