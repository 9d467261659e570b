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

// maxResponse bounds the bytes read of one response. A page of 100 encodings has less than one
// MiB.
const maxResponse = 8 << 20

// maxSnippet bounds the bytes of a body that an error quotes.
const maxSnippet = 200

// response is a complete HTTP response before it is decoded.
type response struct {
	method, path string
	status       int
	header       http.Header
	body         []byte
	redact       redactor
}

// envelope is the format of every response of the platform.
type envelope struct {
	RequestID string          `json:"requestId"`
	Status    string          `json:"status"`
	Data      json.RawMessage `json:"data"`
}

// identified is implemented by results that are useless without a certain field. For example, the
// creation of a resource whose id is missing counts as unreadable and not as a success.
type identified interface {
	requiredField() (field, value string)
}

// decode reads the envelope and decodes data.result into out, a pointer to a struct. With a nil
// out it only checks that there is a result. Its errors are [*APIError] or [*GatewayError].
func (resp response) decode(out any) error {
	var env envelope
	if len(bytes.TrimSpace(resp.body)) == 0 {
		return resp.gatewayError("empty answer")
	}
	if err := ignoreTypeErrors(json.Unmarshal(resp.body, &env)); err != nil {
		return resp.gatewayError("answer is not JSON")
	}
	switch {
	case strings.EqualFold(env.Status, "ERROR"):
		return resp.apiError(env)
	case !strings.EqualFold(env.Status, "SUCCESS"):
		return resp.gatewayError("answer is not the API's envelope")
	case resp.status < 200 || resp.status > 299:
		return resp.gatewayError("status contradicts the answer's success")
	}
	var data struct {
		Result json.RawMessage `json:"result"`
	}
	if err := ignoreTypeErrors(json.Unmarshal(orNull(env.Data), &data)); err != nil || !isObject(data.Result) {
		return resp.gatewayError("answer without a result")
	}
	if out == nil {
		return nil
	}
	if err := ignoreTypeErrors(json.Unmarshal(data.Result, out)); err != nil {
		return resp.gatewayError("result is unreadable")
	}
	if b, ok := out.(bounded); ok {
		b.boundTexts()
	}
	if r, ok := out.(identified); ok {
		switch field, value := r.requiredField(); {
		case value == "":
			return resp.gatewayError("result without " + field)
		case len(value) > maxID:
			return resp.gatewayError("result with an overlong " + field)
		}
	}
	return nil
}

// result returns data.result of a response that has been decoded.
func (resp response) result() json.RawMessage {
	var env struct {
		Data struct {
			Result json.RawMessage `json:"result"`
		} `json:"data"`
	}
	_ = ignoreTypeErrors(json.Unmarshal(resp.body, &env)) // decode has succeeded
	return env.Data.Result
}

// ignoreTypeErrors drops an error about a value of an unexpected type: encoding/json skips the
// value and decodes the rest, which is right when the platform turns a number into a string.
// Required fields are checked by [identified].
func ignoreTypeErrors(err error) error {
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil
	}
	return err
}

// orNull returns raw, or null if raw is absent, which json.Unmarshal would refuse.
func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// isObject reports whether raw is a JSON object. It must be valid JSON or absent.
func isObject(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == '{'
}

// apiError reads an error from an envelope. Missing parts stay empty.
func (resp response) apiError(env envelope) error {
	var data struct {
		Code             errorCode `json:"code"`
		Message          string    `json:"message"`
		DeveloperMessage string    `json:"developerMessage"`
		Details          []Message `json:"details"`
	}
	// The envelope says that it is an error, even if this part of it is unreadable.
	_ = json.Unmarshal(orNull(env.Data), &data)
	for i := range data.Details {
		data.Details[i].Text = resp.redact.text(data.Details[i].Text)
	}
	details := excerpts(data.Details)
	return &APIError{
		Method: resp.method, Path: resp.path, Status: resp.status,
		Code:             data.Code.number,
		TextCode:         resp.redact.text(data.Code.text),
		Message:          excerpt(resp.redact.text(data.Message), maxText),
		DeveloperMessage: excerpt(resp.redact.text(data.DeveloperMessage), maxText),
		RequestID:        excerpt(env.RequestID, maxValue),
		Details:          details,
	}
}

// errorCode is the code of an error: a number, which may be quoted, or any other text.
type errorCode struct {
	number int
	text   string
}

// UnmarshalJSON accepts every JSON value; see [errorCode].
func (c *errorCode) UnmarshalJSON(b []byte) error {
	*c = errorCode{}
	word := unmarshalEnum(b)
	if n, err := strconv.Atoi(word); err == nil && n >= math.MinInt32 && n <= math.MaxInt32 {
		c.number = n
	} else {
		c.text = word
	}
	return nil
}

// gatewayError returns the [*GatewayError] of a response that cannot be used.
func (resp response) gatewayError(reason string) error {
	return &GatewayError{
		Method: resp.method, Path: resp.path, Status: resp.status,
		Reason:  reason,
		Snippet: resp.snippet(),
	}
}

// snippet returns the beginning of the body on one line. Secrets are removed before it is
// shortened, so that no half of one remains.
func (resp response) snippet() string {
	s := strings.Join(strings.Fields(resp.redact.text(string(resp.body))), " ")
	if len(s) > maxSnippet {
		s = s[:maxSnippet] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}

// retryAfter returns how long a response asks to wait: Retry-After in seconds or as a date,
// otherwise x-ratelimit-reset if no call is left, otherwise 0. The result is meant for a 429:
// every response has the rate-limit headers, and only in a 429 they ask to wait.
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
		return min(d, limitWindow)
	}
	return 0
}

// maxRetryAfter bounds retryAfter: a wrong header must not stop an account for days.
const maxRetryAfter = time.Hour

// seconds parses a non-negative number of seconds, which may have a fraction. A larger number than
// maxRetryAfter becomes maxRetryAfter.
func seconds(s string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(f >= 0) {
		return 0, false
	}
	return time.Duration(min(f, maxRetryAfter.Seconds()) * float64(time.Second)), true
}

// tooLarge returns the error of a body beyond [maxResponse].
func (resp response) tooLarge() error {
	return resp.gatewayError(fmt.Sprintf("answer larger than %d MiB", maxResponse>>20))
}
