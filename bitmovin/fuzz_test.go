package bitmovin

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/clock"
)

// FuzzWebhook: no delivery, signed or not, does more than be refused; and one that is
// understood has a type.
func FuzzWebhook(f *testing.F) {
	for _, body := range []string{
		``, `null`, `[]`, `{"eventType":7}`, `{"eventType":"ENCODING_ERROR"}`,
		`{"eventId":"e","eventType":"ENCODING_FINISHED","webhookId":"w","triggeredAt":"2026-01-02T03:04:05Z","encoding":{"id":"x"}}`,
		`{"eventType":"ENCODING_ERROR","triggeredForResourceId":{},"resourceId":"y","encoding":[]}`,
		`{"eventType":"LIVE","resourceId":"z"}`,
	} {
		f.Add([]byte(body), "")
		f.Add([]byte(body), "00ff")
	}
	f.Fuzz(func(t *testing.T, body []byte, signature string) {
		if err := VerifyWebhookSignature("a key nobody can guess", body, signature); !errors.Is(err, ErrSignature) {
			t.Errorf("the signature %q of %q was accepted: %v", signature, body, err)
		}
		event, err := ParseWebhook(body)
		if err != nil && event != (WebhookEvent{}) {
			t.Errorf("%q: %+v beside %v", body, event, err)
		}
		if err == nil && !isObject(body) {
			t.Errorf("%q is an event", body)
		}
	})
}

// Whatever the headers say, a class is never stopped for more than an hour.
func FuzzRateHeaders(f *testing.F) {
	for _, h := range [][3]string{{"0", "60", ""}, {"-1", "-1", "-1"}, {"9e9", "1e300", "NaN"}, {"", "+Inf", "Mon, 01 Jan 2035 00:00:00 GMT"}} {
		f.Add(h[0], h[1], h[2], true)
		f.Add(h[0], h[1], h[2], false)
	}
	f.Fuzz(func(t *testing.T, remaining, reset, retry string, throttled bool) {
		s := clock.NewSimulation(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		g := NewGovernorWithClock(s, nil)
		if err := acquire(t.Context(), g, ClassStart); err != nil {
			t.Fatal(err)
		}
		g.observe(ClassStart, 1, http.Header{headerRemaining: {remaining}, headerReset: {reset}, "Retry-After": {retry}}, throttled)
		if throttled && available(g, ClassStart, 1) {
			t.Error("a throttled class is ready")
		}
		s.Step(s.Now().Add(maxRetryAfter))
		if !available(g, ClassStart, 1) {
			t.Error("still stopped after an hour")
		}
	})
}
