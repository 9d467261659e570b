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

// LostAnswerError is the error of a call that changes something and whose answer did not come: the
// connection broke, a proxy answered in place of the server, or the caller's context ended first. It is
// also that of a change which the server's database has not confirmed ([Reason] OUTCOME_UNKNOWN). The
// server may have carried out the call, or not, or may still do so.
type LostAnswerError struct {
	// Method is the name of the method, for example "RetryJobs".
	Method string
	// Repeatable says that the caller can send the same request again: if the first was carried
	// out, the second changes nothing. If Repeatable is false, the caller should look up the
	// result before another try.
	Repeatable bool
	// Err is the error that came instead of the answer. It has a gRPC status.
	Err error
}

func (e *LostAnswerError) Error() string {
	advice := "look up its result before you make the call again"
	if e.Repeatable {
		advice = "the same request can be sent again"
	}
	return fmt.Sprintf("no answer to %s, which the server may have carried out or not; %s: %v", e.Method, advice, e.Err)
}

// Unwrap returns the error that came instead of the answer.
func (e *LostAnswerError) Unwrap() error { return e.Err }

// callFailure classifies the error of a call by whether a repeat can help.
type callFailure int

const (
	// failedRefused: the server has answered, or the client itself cannot make the call. A repeat
	// would fail in the same way.
	failedRefused callFailure = iota
	// failedUnreachable: nothing accepts connections at the address. Nothing was sent.
	failedUnreachable
	// failedUnavailable: the server has answered that it cannot carry out the call now.
	failedUnavailable
	// failedLost: the server's answer did not come. The call may have been carried out.
	failedLost
)

// classify classifies an error of a call on the client's connection.
func (c *Client) classify(err error) callFailure {
	t := classifyError(err)
	if t == failedUnreachable && c.conn.GetState() == connectivity.Ready {
		return failedLost // a proxy accepted the connection and cannot reach the server
	}
	return t
}

// classifyError classifies an error by its content. Every error of a Stoker server has details. An
// error without details is from a proxy, whatever its code: a proxy that lost the server answers
// UNAVAILABLE, INTERNAL, CANCELLED, UNIMPLEMENTED (for a page with 404) or UNKNOWN.
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
		return failedLost // a proxy cancelled the call, not this client
	case reason != "" && code == codes.Unavailable, reason == "LIMIT_REACHED" && comesBack(err):
		return failedUnavailable
	case reason != "", len(answer.GRPCStatus().Proto().GetDetails()) > 0, slices.ContainsFunc(ownErrors, begins):
		return failedRefused
	case code == codes.Unavailable && !begins("unexpected HTTP status code") && slices.ContainsFunc(dialErrors, has):
		return failedUnreachable
	}
	return failedLost
}

// comesBack reports whether the server says when the same call may pass.
func comesBack(err error) bool {
	_, ok := RetryDelay(err)
	return ok
}

// ownErrors has the beginnings of errors by which gRPC, here or at the server, refuses a request or
// an answer for its size or because it cannot be encoded, or a method that an older server does not have.
// These errors have no details.
var ownErrors = []string{
	"grpc: received message larger than max", "grpc: received message after decompression larger than max",
	"grpc: message after decompression larger than max", "trying to send message larger than max",
	"unknown service ", "unknown method ", "grpc: error while marshaling", "grpc: the client connection is closing", tokenPrefix,
}

// dialErrors has parts of errors by which gRPC says that it could not connect.
var dialErrors = []string{
	"Error while dialing", "name resolver error", "authentication handshake failed", "error reading server preface: remote error: tls",
}

// Unanswered reports whether a call that failed with err got no answer from a Stoker server: the
// server was not reached, its answer did not come, or a proxy answered in its place. Unanswered is
// false if the client itself refused to send the request or to take the answer.
func Unanswered(err error) bool {
	t := classifyError(err)
	return t == failedUnreachable || t == failedLost
}
