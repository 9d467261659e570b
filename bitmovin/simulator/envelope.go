package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// API error codes. Only the codes of limits, 8001 to 8007, are the platform's. The platform
// does not document the others, so they are inventions: clients should decide by HTTP status
// first. GET /general/error-definitions lists all codes.
const (
	CodeInternal     = 1    // 500, injected faults
	CodeInvalid      = 1001 // 400, the request cannot be understood or lacks something
	CodeReference    = 1002 // 400, a field of the body names something that does not exist
	CodeState        = 1003 // 400, not possible in the encoding's status
	CodeUnauthorized = 1004 // 401
	CodeNotFound     = 1005 // 404, the path names something that does not exist
	CodeMethod       = 1006 // 405
	CodeTooMany      = 1007 // 429
	CodeTooLarge     = 1008 // 413
	CodeUnavailable  = 1009 // 503, after Close
	CodeMinutes      = 8001 // a quota of the account, as 8002 and 8005 to 8007: only faults answer with it
	CodeBytes        = 8002
	CodeQueueFull    = 8004 // the limit of queued encodings
	CodeQuota5       = 8005
	CodeQuota6       = 8006
	CodeQuota7       = 8007
	CodeWebhooks     = 8100 // 403, too many webhooks with one trigger
)

// apiError is an answer in the error envelope.
type apiError struct {
	status  int
	code    int
	message string
	details []detail
}

func (e *apiError) Error() string { return e.message }

// detail is one thing that is wrong with a request.
type detail struct {
	ID    string `json:"id"`
	Date  string `json:"date"`
	Type  string `json:"type"`
	Text  string `json:"text"`
	Field string `json:"field,omitempty"`
}

func invalid(format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: CodeInvalid, message: fmt.Sprintf(format, args...)}
}

func notFound(what, id string) *apiError {
	return &apiError{status: http.StatusNotFound, code: CodeNotFound, message: what + " " + id + " does not exist"}
}

func wrongState(enc *encoding, action string) *apiError {
	return &apiError{
		status:  http.StatusBadRequest,
		code:    CodeState,
		message: fmt.Sprintf("encoding %s cannot be %s while it is %s", enc.id, action, enc.status),
	}
}

type successEnvelope struct {
	RequestID string      `json:"requestId"`
	Status    string      `json:"status"`
	Data      successData `json:"data"`
}

type successData struct {
	Result   any   `json:"result"`
	Messages []any `json:"messages"`
}

type errorEnvelope struct {
	RequestID string    `json:"requestId"`
	Status    string    `json:"status"`
	Data      errorData `json:"data"`
}

type errorData struct {
	Code             int      `json:"code"`
	Message          string   `json:"message"`
	DeveloperMessage string   `json:"developerMessage"`
	Links            []any    `json:"links"`
	Details          []detail `json:"details"`
}

func successBody(requestID string, result any) []byte {
	return mustMarshal(successEnvelope{requestID, "SUCCESS", successData{result, []any{}}})
}

func errorBody(requestID string, e *apiError, now time.Time) []byte {
	details := e.details
	if len(details) == 0 {
		details = []detail{{Text: e.message}}
	}
	for i := range details {
		details[i].ID = derivedID(requestID, "detail", itoa(i))
		details[i].Date = timestamp(now)
		details[i].Type = "ERROR"
	}
	return mustMarshal(errorEnvelope{requestID, "ERROR", errorData{
		Code:             e.code,
		Message:          e.message,
		DeveloperMessage: e.message,
		Links:            []any{},
		Details:          details,
	}})
}

func mustMarshal(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic("simulator: answer: " + err.Error())
	}
	return body
}

// timestamp formats a time in a way that all SDKs can read. A zero time becomes "".
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
