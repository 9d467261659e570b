package bitmovin

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestVerifyWebhookSignature(t *testing.T) {
	body := []byte(`{"eventId":"1"}`)
	mac := hmac.New(sha512.New, []byte("key"))
	mac.Write(body)
	good := hex.EncodeToString(mac.Sum(nil))
	for _, tt := range []struct {
		name   string
		key    Secret
		body   string
		header string
		ok     bool
	}{
		{"lower case", "key", string(body), good, true},
		{"upper case", "key", string(body), strings.ToUpper(good), true},
		{"with white space", "key", string(body), " " + good + "\n", true},
		{"other key", "yek", string(body), good, false},
		{"other body", "key", `{"eventId":"2"}`, good, false},
		{"no key", "", string(body), good, false},
		{"no header", "key", string(body), "", false},
		{"half a header", "key", string(body), good[:64], false},
		{"not hexadecimal", "key", string(body), strings.Repeat("z", 128), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := VerifyWebhookSignature(tt.key, []byte(tt.body), tt.header)
			if (err == nil) != tt.ok || (err != nil && !errors.Is(err, ErrSignature)) {
				t.Errorf("err = %v, want ok: %v", err, tt.ok)
			}
		})
	}
	// An unsigned delivery must not pass by signing with the empty key.
	empty := hmac.New(sha512.New, nil)
	empty.Write(body)
	if err := VerifyWebhookSignature("", body, hex.EncodeToString(empty.Sum(nil))); err == nil {
		t.Error("the empty key verifies")
	}
}

func TestParseWebhook(t *testing.T) {
	at := Time{time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)}
	for _, tt := range []struct {
		name, body string
		want       WebhookEvent
	}{
		{
			"complete",
			`{"eventId":"ev","notificationId":"n","webhookId":"w","resourceId":"e","resourceType":"ENCODING","eventType":"ENCODING_FINISHED",
			  "triggeredAt":"2026-01-02T03:04:05.123456789Z","triggeredForResourceId":"e","internal":false,"encoding":{"id":"e","name":"x"}}`,
			WebhookEvent{EventID: "ev", EventType: EventEncodingFinished, WebhookID: "w", EncodingID: "e", TriggeredAt: at},
		},
		{
			"for all encodings",
			`{"eventId":"ev","notificationId":"n","resourceId":null,"eventType":"ENCODING_ERROR","triggeredForResourceId":"e"}`,
			WebhookEvent{EventID: "ev", EventType: EventEncodingError, WebhookID: "n", EncodingID: "e"},
		},
		{
			"only a resource",
			`{"eventType":"ENCODING_TRANSFER_ERROR","resourceId":"e"}`,
			WebhookEvent{EventType: EventEncodingTransferError, EncodingID: "e"},
		},
		{
			"about a manifest",
			`{"eventType":"MANIFEST_FINISHED","resourceId":"m","triggeredForResourceId":"m"}`,
			WebhookEvent{EventType: "MANIFEST_FINISHED"},
		},
		{
			"of a type that nobody knows",
			`{"eventType":"TRANSFER_RESUMED","resourceId":"e"}`,
			WebhookEvent{EventType: "TRANSFER_RESUMED", EncodingID: "e"},
		},
		{
			"of a type that is no text",
			`{"eventType":5,"triggeredForResourceId":"e"}`,
			WebhookEvent{EventType: "5", EncodingID: "e"},
		},
		{
			"of no type",
			`{"encoding":{"id":"e"}}`,
			WebhookEvent{EncodingID: "e"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseWebhook([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	for _, bad := range []string{"", "{", "[]", "null", "5", "<html>"} {
		if got, err := ParseWebhook([]byte(bad)); err == nil {
			t.Errorf("ParseWebhook(%q) = %+v, want an error", bad, got)
		}
	}
}
