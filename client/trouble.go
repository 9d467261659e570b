package client

import (
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
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

// trouble is what an error of a call means for whether it is made again.
type trouble int

const (
	// refused: the server has answered, or the client itself cannot make the call. A repeat
	// would end in the same way.
	refused trouble = iota
	// unreachable: nothing takes connections at the address. Nothing was sent.
	unreachable
	// away: the server has answered that it cannot do it now.
	away
	// lost: the server's answer did not come. It may have done what was asked.
	lost
)

// troubleOf judges an error of a call whose caller still waits. Every error of a Stoker
// server says so in a detail. What does not comes from in between, whatever its code:
// a proxy that lost the server answers UNAVAILABLE as well as INTERNAL, CANCELLED,
// UNIMPLEMENTED (for a page with 404) or UNKNOWN.
func troubleOf(err error) trouble {
	code, text := status.Code(err), status.Convert(err).Message()
	switch reason := Reason(err); {
	case reason == "CANCELLED", reason == "DEADLINE_EXCEEDED":
		return lost // not by this client: something in between has given up
	case reason != "" && code == codes.Unavailable:
		return away
	case reason != "":
		return refused
	case contains(text, own):
		return refused
	case contains(text, dialing):
		return unreachable
	}
	return lost
}

// own is how gRPC, here or at the server, says that it does not take a request or answer as
// it is: with its size or its content. It puts no details to that.
var own = []string{
	"message larger than max", "decompression larger than max", "error while marshaling", "error unmarshalling request",
	"the client connection is closing",
}

// dialing is how gRPC says that no connection came about.
var dialing = []string{"Error while dialing", "name resolver error"}

func contains(text string, any []string) bool {
	for _, s := range any {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}
