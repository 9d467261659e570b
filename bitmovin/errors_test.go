package bitmovin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// meaning is everything the predicates say about an error.
type meaning struct {
	QueueFull, Throttled, Unauthorized, QuotaExhausted, NotFound, Outage, Ambiguous bool
}

func meaningOf(err error) meaning {
	return meaning{
		QueueFull(err), Throttled(err), Unauthorized(err), QuotaExhausted(err), NotFound(err), Outage(err), Ambiguous(err),
	}
}

func envelopeError(code int) string {
	return fmt.Sprintf(`{"requestId":"req-1","status":"ERROR","data":{"code":%d,"message":"no","developerMessage":"dev","details":[{"type":"ERROR","text":"why"}]}}`, code)
}

func TestErrorKinds(t *testing.T) {
	const html = "<html><body>Bad gateway</body></html>"
	tests := []struct {
		name    string
		status  int
		body    string
		gateway bool // a GatewayError rather than an APIError
		want    meaning
	}{
		{"bad request", 400, envelopeError(1000), false, meaning{}},
		{"conflict", 409, envelopeError(1000), false, meaning{}},
		{"error inside 200", 200, envelopeError(1000), false, meaning{}},
		{"error without data", 400, `{"status":"ERROR"}`, false, meaning{}},
		{"error with odd data", 400, `{"status":"ERROR","data":[1]}`, false, meaning{}},
		{"resource that is gone", 410, envelopeError(1001), false, meaning{NotFound: true}},
		{"missing resource", 404, envelopeError(1001), false, meaning{NotFound: true}},
		{"queue full 8004 as 403", 403, envelopeError(8004), false, meaning{QueueFull: true}},
		{"queue full 8004 as 429", 429, envelopeError(8004), false, meaning{QueueFull: true}},
		{"queue full 8003 as 409", 409, envelopeError(8003), false, meaning{QueueFull: true}},
		{"queue full inside 200", 200, envelopeError(8004), false, meaning{QueueFull: true}},
		{"queue full code as text", 403, `{"status":"ERROR","data":{"code":"8004"}}`, false, meaning{QueueFull: true}},
		{"queue full inside 500", 500, envelopeError(8004), false, meaning{Outage: true, Ambiguous: true}},
		{"minutes used up", 403, envelopeError(8001), false, meaning{QuotaExhausted: true, Outage: true}},
		{"bytes used up", 400, envelopeError(8002), false, meaning{QuotaExhausted: true, Outage: true}},
		{"quota 8005 as 403", 403, envelopeError(8005), false, meaning{QuotaExhausted: true, Outage: true}},
		{"quota 8006 as 429", 429, envelopeError(8006), false, meaning{QuotaExhausted: true, Outage: true}},
		{"quota 8007 as 400", 400, envelopeError(8007), false, meaning{QuotaExhausted: true, Outage: true}},
		{"quota 8007 as 404", 404, envelopeError(8007), false, meaning{QuotaExhausted: true, Outage: true}},
		{"quota 8001 as 429", 429, envelopeError(8001), false, meaning{QuotaExhausted: true, Outage: true}},
		{"quota 8002 as 401", 401, envelopeError(8002), false, meaning{QuotaExhausted: true, Outage: true}},
		{"quota 8005 as 408", 408, envelopeError(8005), false, meaning{QuotaExhausted: true, Outage: true}},
		{"quota 8005 as 402", 402, envelopeError(8005), false, meaning{QuotaExhausted: true, Outage: true}},
		{"quota 8005 inside 200", 200, envelopeError(8005), false, meaning{QuotaExhausted: true, Outage: true}},
		{"quota 8005 inside 500", 500, envelopeError(8005), false, meaning{Outage: true, Ambiguous: true}},
		{"queue full 8004 as 404", 404, envelopeError(8004), false, meaning{QueueFull: true}},
		{"queue full 8004 as 408", 408, envelopeError(8004), false, meaning{QueueFull: true}},
		{"bad key", 401, envelopeError(0), false, meaning{Unauthorized: true, Outage: true}},
		{"wrong organisation", 403, envelopeError(1000), false, meaning{Unauthorized: true, Outage: true}},
		{"throttled", 429, envelopeError(0), false, meaning{Throttled: true, Outage: true}},
		{"time-out of the platform", 408, envelopeError(0), false, meaning{Outage: true, Ambiguous: true}},
		{"server error", 500, envelopeError(0), false, meaning{Outage: true, Ambiguous: true}},
		{"gateway page", 502, html, true, meaning{Outage: true, Ambiguous: true}},
		{"gateway time-out", 504, "", true, meaning{Outage: true, Ambiguous: true}},
		{"page with 200", 200, html, true, meaning{Outage: true, Ambiguous: true}},
		{"empty 200", 200, "", true, meaning{Outage: true, Ambiguous: true}},
		{"blank 200", 200, " \n", true, meaning{Outage: true, Ambiguous: true}},
		{"truncated 201", 201, `{"requestId":"r","status":"SUCC`, true, meaning{Outage: true, Ambiguous: true}},
		{"success without result", 200, `{"status":"SUCCESS","data":{}}`, true, meaning{Outage: true, Ambiguous: true}},
		{"success without data", 200, `{"status":"SUCCESS"}`, true, meaning{Outage: true, Ambiguous: true}},
		{"null result", 200, `{"status":"SUCCESS","data":{"result":null}}`, true, meaning{Outage: true, Ambiguous: true}},
		{"list as result", 200, `{"status":"SUCCESS","data":{"result":[]}}`, true, meaning{Outage: true, Ambiguous: true}},
		{"result without id", 201, `{"status":"SUCCESS","data":{"result":{"name":"x"}}}`, true, meaning{Outage: true, Ambiguous: true}},
		{"success with 500", 500, `{"status":"SUCCESS","data":{"result":{"id":"1"}}}`, true, meaning{Outage: true, Ambiguous: true}},
		{"foreign JSON", 503, `{"message":"Service Unavailable"}`, true, meaning{Outage: true, Ambiguous: true}},
		{"foreign JSON list", 200, `[]`, true, meaning{Outage: true, Ambiguous: true}},
		{"throttled in plain text", 429, "slow down", true, meaning{Throttled: true, Outage: true}},
		{"page with 401", 401, html, true, meaning{Unauthorized: true, Outage: true, Ambiguous: true}},
		{"page with 404", 404, html, true, meaning{Outage: true, Ambiguous: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			_, err := c.CreateEncoding(t.Context(), Encoding{Name: "x"}, nil)
			if diff := cmp.Diff(tt.want, meaningOf(err)); diff != "" {
				t.Errorf("%v: meaning (-want +got)\n%s", err, diff)
			}
			if diff := cmp.Diff(tt.want, meaningOf(fmt.Errorf("start job: %w", err))); diff != "" {
				t.Errorf("wrapped: meaning (-want +got)\n%s", diff)
			}
			_, gateway := errors.AsType[*GatewayError](err)
			_, api := errors.AsType[*APIError](err)
			if gateway != tt.gateway || api == tt.gateway {
				t.Errorf("err is %T, want GatewayError: %v", err, tt.gateway)
			}
			if statusOf(err) != tt.status || !strings.Contains(err.Error(), fmt.Sprint(tt.status)) {
				t.Errorf("error %q does not carry status %d", err, tt.status)
			}
		})
	}
	if diff := cmp.Diff(meaning{}, meaningOf(nil)); diff != "" {
		t.Errorf("meaning on nil (-want +got)\n%s", diff)
	}
}

// Calls whose result nobody reads must have one all the same: an answer without it may come
// from anybody.
func TestStartNeedsAResult(t *testing.T) {
	for _, result := range []string{"null", "[]", `"ok"`, "true", ""} {
		body := `{"status":"SUCCESS","data":{"result":` + result + `}}`
		if result == "" {
			body = `{"status":"SUCCESS","data":{}}`
		}
		c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		err := c.StartEncoding(t.Context(), "e", nil, nil)
		if _, ok := errors.AsType[*GatewayError](err); !ok || !Ambiguous(err) {
			t.Errorf("%s: err = %v, want an ambiguous GatewayError", body, err)
		}
	}
}

func TestAPIErrorCarriesEverything(t *testing.T) {
	c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, envelopeError(8004))
	}))
	err := c.StartEncoding(t.Context(), "e", nil, nil)
	got, ok := errors.AsType[*APIError](err)
	if !ok {
		t.Fatalf("err = %v, want an APIError", err)
	}
	want := &APIError{
		Method: "POST", Path: "/encoding/encodings/e/start", Status: 403, Code: 8004,
		Message: "no", DeveloperMessage: "dev", RequestID: "req-1",
		Details: []Message{{Type: MessageError, Text: "why"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	const text = "POST /encoding/encodings/e/start: HTTP 403, code 8004: no (request req-1)"
	if err.Error() != text {
		t.Errorf("text = %q, want %q", err, text)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		name, retry, remaining, reset string
		want                          time.Duration
	}{
		{name: "nothing"},
		{name: "seconds", retry: "12", want: 12 * time.Second},
		{name: "date", retry: now.Add(90 * time.Second).Format(http.TimeFormat), want: 90 * time.Second},
		{name: "date in the past", retry: now.Add(-time.Hour).Format(http.TimeFormat)},
		{name: "absurd", retry: "99999999999999999999", want: maxRetryAfter},
		{name: "not a number", retry: "NaN"},
		{name: "negative", retry: "-5"},
		{name: "window used up", remaining: "0", reset: "33", want: 33 * time.Second},
		{name: "reset given as an epoch", remaining: "0", reset: "1767323045", want: limitWindow},
		{name: "window not used up", remaining: "4", reset: "33"},
		{name: "retry first", retry: "1", remaining: "0", reset: "33", want: time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			h.Set("Retry-After", tt.retry)
			h.Set(headerRemaining, tt.remaining)
			h.Set(headerReset, tt.reset)
			if got := retryAfter(h, now); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
