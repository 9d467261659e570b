package bitmovin

import (
	"errors"
	"testing"
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
		if err == nil && event.EventType == "" {
			t.Errorf("%q is an event of no type", body)
		}
	})
}
