package bitmovin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAnswer bounds the bytes read of one answer. A page of 100 encodings takes well
// under one MiB.
const maxAnswer = 8 << 20

// maxSnippet bounds the bytes of a foreign body that an error quotes.
const maxSnippet = 200

// answer is a complete HTTP answer, before anybody has looked into it.
type answer struct {
	method, path string
	status       int
	header       http.Header
	body         []byte
	redact       redactor
}

// envelope is what the platform wraps every answer in.
type envelope struct {
	RequestID string          `json:"requestId"`
	Status    string          `json:"status"`
	Data      json.RawMessage `json:"data"`
}

// required is implemented by results that are of no use without a certain field: a
// created resource without id is an unreadable answer and not a success.
type required interface {
	required() (field, value string)
}

// decode reads the envelope and puts data.result into out, a pointer to a struct; a nil
// out checks that there is a result and drops it. Each error is an [*APIError]
// or a [*GatewayError].
func (a answer) decode(out any) error {
	var env envelope
	if len(bytes.TrimSpace(a.body)) == 0 {
		return a.gatewayError("empty answer")
	}
	if err := tolerant(json.Unmarshal(a.body, &env)); err != nil {
		return a.gatewayError("answer is not JSON")
	}
	switch {
	case strings.EqualFold(env.Status, "ERROR"):
		return a.apiError(env)
	case !strings.EqualFold(env.Status, "SUCCESS"):
		return a.gatewayError("answer is not the API's envelope")
	case a.status < 200 || a.status > 299:
		return a.gatewayError("status contradicts the answer's success")
	}
	var data struct {
		Result json.RawMessage `json:"result"`
	}
	if err := tolerant(json.Unmarshal(orNull(env.Data), &data)); err != nil || !isObject(data.Result) {
		return a.gatewayError("answer without a result")
	}
	if out == nil {
		return nil
	}
	if err := tolerant(json.Unmarshal(data.Result, out)); err != nil {
		return a.gatewayError("result is unreadable")
	}
	if b, ok := out.(bounded); ok {
		b.bound()
	}
	if r, ok := out.(required); ok {
		switch field, value := r.required(); {
		case value == "":
			return a.gatewayError("result without " + field)
		case len(value) > maxID:
			return a.gatewayError("result with an overlong " + field)
		}
	}
	return nil
}

// result is data.result of an answer that has been decoded.
func (a answer) result() json.RawMessage {
	var env struct {
		Data struct {
			Result json.RawMessage `json:"result"`
		} `json:"data"`
	}
	_ = tolerant(json.Unmarshal(a.body, &env)) // it has been decoded before
	return env.Data.Result
}

// tolerant forgives values of an unexpected type: encoding/json skips them and decodes the
// rest, which is what should happen when the platform turns a number into a string.
// Fields that must not be missing are checked by [required].
func tolerant(err error) error {
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil
	}
	return err
}

// orNull returns raw, or null when it is absent and json.Unmarshal would refuse it.
func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// isObject reports whether raw, valid JSON or absent, is an object.
func isObject(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == '{'
}

// apiError reads the error part of env. Parts that are missing stay empty.
func (a answer) apiError(env envelope) error {
	var data struct {
		Code             errorCode `json:"code"`
		Message          string    `json:"message"`
		DeveloperMessage string    `json:"developerMessage"`
		Details          []Message `json:"details"`
	}
	// Whatever is unreadable in here, the envelope's verdict stands.
	_ = json.Unmarshal(orNull(env.Data), &data)
	for i := range data.Details {
		data.Details[i].Text = a.redact.text(data.Details[i].Text)
	}
	details := excerpts(data.Details)
	return &APIError{
		Method: a.method, Path: a.path, Status: a.status,
		Code:             data.Code.number,
		OddCode:          a.redact.text(data.Code.odd),
		Message:          excerpt(a.redact.text(data.Message), maxText),
		DeveloperMessage: excerpt(a.redact.text(data.DeveloperMessage), maxText),
		RequestID:        excerpt(env.RequestID, maxWord),
		Details:          details,
	}
}

// errorCode is a code of an error: a number, also a quoted one. Anything else is odd.
type errorCode struct {
	number int
	odd    string
}

// UnmarshalJSON accepts everything; see [errorCode].
func (c *errorCode) UnmarshalJSON(b []byte) error {
	*c = errorCode{}
	word := unmarshalWord(b)
	if n, err := strconv.Atoi(word); err == nil && n >= math.MinInt32 && n <= math.MaxInt32 {
		c.number = n
	} else {
		c.odd = word
	}
	return nil
}

// gatewayError describes an answer that cannot be used for reason.
func (a answer) gatewayError(reason string) error {
	return &GatewayError{
		Method: a.method, Path: a.path, Status: a.status,
		Reason:  reason,
		Snippet: a.snippet(),
	}
}

// snippet returns how the body begins, on one line. Secrets are removed before it is
// cut, lest half of one remain at the end.
func (a answer) snippet() string {
	s := strings.Join(strings.Fields(a.redact.text(string(a.body))), " ")
	if len(s) > maxSnippet {
		s = s[:maxSnippet] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}

// retryAfter returns how long an answer asks to wait: Retry-After in seconds or as a date,
// otherwise x-ratelimit-reset, otherwise 0. Only refusals carry a Retry-After, but
// the rate-limit headers come with any answer and mean a wait only on a 429.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if d, ok := seconds(v); ok {
		return min(d, maxRetryAfter)
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, min(at.Sub(now), maxRetryAfter))
	}
	if h.Get(headerRemaining) == "0" {
		d, _ := seconds(h.Get(headerReset))
		return min(d, window)
	}
	return 0
}

// maxRetryAfter bounds what an answer may ask for: a mistaken header must not stop an
// account for days.
const maxRetryAfter = time.Hour

// seconds parses a non-negative number of seconds, with or without a fraction.
func seconds(s string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(f >= 0) {
		return 0, false
	}
	return time.Duration(min(f, maxRetryAfter.Seconds()) * float64(time.Second)), true
}

// tooLarge is the error for a body beyond [maxAnswer].
func (a answer) tooLarge() error {
	return a.gatewayError(fmt.Sprintf("answer larger than %d MiB", maxAnswer>>20))
}
