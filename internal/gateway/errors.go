package gateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/stokerd/stoker/job"
)

// writeError answers a request that is refused before it became a call, in the form of an error of a call:
// a code of gRPC in lower case, and a text.
func writeError(w http.ResponseWriter, status int, code connect.Code, text string) {
	writeConnectError(w, status, connect.NewError(code, errors.New(text)))
}

// writeConnectError is writeError for an error with details.
func writeConnectError(w http.ResponseWriter, status int, failure *connect.Error) {
	type detail struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	said := struct {
		Code    string   `json:"code"`
		Message string   `json:"message"`
		Details []detail `json:"details,omitempty"`
	}{Code: failure.Code().String(), Message: failure.Message()}
	for _, d := range failure.Details() {
		said.Details = append(said.Details, detail{d.Type(), base64.RawStdEncoding.EncodeToString(d.Bytes())})
	}
	body, err := json.Marshal(said)
	if err != nil {
		panic(err) // strings can be encoded
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller may have hung up
}

// newLimitError is the error of a request that a limit of this package refuses: as that of a call which a limit of the
// server refuses, it names the limit and says when to come back, unless the same request never passes.
func newLimitError(limit string, retry time.Duration, text string) *connect.Error {
	details := []proto.Message{&errdetails.ErrorInfo{Reason: "LIMIT_REACHED", Domain: job.ErrorDomain, Metadata: map[string]string{"limit": limit}}}
	if retry > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(retry)})
	}
	return withDetails(connect.NewError(connect.CodeResourceExhausted, errors.New(text)), details...)
}

// withDetails adds details to an error.
func withDetails(failure *connect.Error, details ...proto.Message) *connect.Error {
	for _, detail := range details {
		if d, err := connect.NewErrorDetail(detail); err == nil { // these can be encoded
			failure.AddDetail(d)
		}
	}
	return failure
}

// writeFailure answers a request whose body was refused before it became a call.
func writeFailure(w http.ResponseWriter, err error) {
	failure, ok := errors.AsType[*connect.Error](err)
	switch {
	case !ok:
		writeError(w, http.StatusBadRequest, connect.CodeInvalidArgument, "the request could not be read")
	case failure.Code() == connect.CodeResourceExhausted:
		writeConnectError(w, http.StatusRequestEntityTooLarge, failure)
	default:
		writeConnectError(w, httpStatus(failure.Code().String()), failure)
	}
}

// httpStatus is the HTTP status of an error of a call, by the name of its code. It is that of Connect.
func httpStatus(code string) int {
	switch code {
	case "canceled":
		return 499
	case "invalid_argument", "failed_precondition", "out_of_range":
		return http.StatusBadRequest
	case "deadline_exceeded":
		return http.StatusGatewayTimeout
	case "not_found":
		return http.StatusNotFound
	case "already_exists", "aborted":
		return http.StatusConflict
	case "permission_denied":
		return http.StatusForbidden
	case "resource_exhausted":
		return http.StatusTooManyRequests
	case "unimplemented":
		return http.StatusNotImplemented
	case "unavailable":
		return http.StatusServiceUnavailable
	case "unauthenticated":
		return http.StatusUnauthorized
	}
	return http.StatusInternalServerError
}
