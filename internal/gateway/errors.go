package gateway

import (
	"encoding/json"
	"errors"
	"net/http"

	"connectrpc.com/connect"
)

// writeError answers a request that is refused before it became a call, in the form of an error of a call:
// a code of gRPC in lower case, and a text.
func writeError(w http.ResponseWriter, status int, code connect.Code, text string) {
	body, err := json.Marshal(map[string]string{"code": code.String(), "message": text})
	if err != nil {
		panic(err) // two strings can be encoded
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller may have hung up
}

// writeFailure answers a request whose body was refused before it became a call.
func writeFailure(w http.ResponseWriter, err error) {
	failure, ok := errors.AsType[*connect.Error](err)
	switch {
	case !ok:
		writeError(w, http.StatusBadRequest, connect.CodeInvalidArgument, "the request could not be read")
	case failure.Code() == connect.CodeResourceExhausted:
		writeError(w, http.StatusRequestEntityTooLarge, failure.Code(), failure.Message())
	default:
		writeError(w, httpStatus(failure.Code().String()), failure.Code(), failure.Message())
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
