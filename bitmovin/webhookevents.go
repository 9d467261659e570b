package bitmovin

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// SignatureHeader is the header that carries the signature of a webhook delivery.
const SignatureHeader = "Bitmovin-Signature"

// ErrSignature says that a delivery was not signed with the expected key.
var ErrSignature = errors.New("webhook signature does not match")

// WebhookEventType says what happened. Others than the documented ones are kept as they came.
type WebhookEventType string

// The events that end an encoding.
const (
	EventEncodingFinished      WebhookEventType = "ENCODING_FINISHED"
	EventEncodingError         WebhookEventType = "ENCODING_ERROR"
	EventEncodingTransferError WebhookEventType = "ENCODING_TRANSFER_ERROR"
	EventEncodingStatusChanged WebhookEventType = "ENCODING_STATUS_CHANGED"
)

// UnmarshalJSON accepts everything; what is no text is kept as JSON.
func (t *WebhookEventType) UnmarshalJSON(b []byte) error {
	*t = WebhookEventType(unmarshalWord(b))
	return nil
}

// Known reports whether t is documented.
func (t WebhookEventType) Known() bool {
	switch t {
	case EventEncodingFinished, EventEncodingError, EventEncodingTransferError, EventEncodingStatusChanged,
		"MANIFEST_FINISHED", "MANIFEST_ERROR", "USAGE_REPORT":
		return true
	}
	return strings.HasPrefix(string(t), "LIVE_") || strings.HasPrefix(string(t), "PRODUCT_USAGE_")
}

// WebhookEvent is one delivery. It carries no reason of an error: that takes
// [Client.Status]. Deliveries may come twice, out of order, or not at all.
type WebhookEvent struct {
	EventID   string // the same in a repeated delivery
	EventType WebhookEventType
	WebhookID WebhookID
	// EncodingID is empty when the event is not about an encoding. When its type is not known
	// it may be the id of something else.
	EncodingID  EncodingID
	TriggeredAt Time
}

// VerifyWebhookSignature checks the value of [SignatureHeader] against the raw body: the
// HMAC-SHA512 with the webhook's key, in hexadecimal of either case. It takes the same
// time for every wrong signature and returns [ErrSignature] for all of them. An empty
// key verifies nothing. The signature holds no time: whoever replays a
// delivery passes, so drop event ids already seen.
func VerifyWebhookSignature(key Secret, body []byte, header string) error {
	if key == "" {
		return fmt.Errorf("%w: no key to verify with", ErrSignature)
	}
	mac := hmac.New(sha512.New, []byte(key))
	mac.Write(body)
	got, err := hex.DecodeString(strings.TrimSpace(header))
	if err != nil || !hmac.Equal(got, mac.Sum(nil)) {
		return ErrSignature
	}
	return nil
}

// ParseWebhook reads the body of a delivery. It fails on what is not a JSON object. An event
// whose type is missing or not known is one nevertheless: whatever it names may be an encoding.
func ParseWebhook(body []byte) (WebhookEvent, error) {
	var raw struct {
		EventID      string           `json:"eventId"`
		EventType    WebhookEventType `json:"eventType"`
		WebhookID    WebhookID        `json:"webhookId"`
		Notification WebhookID        `json:"notificationId"`
		TriggeredAt  Time             `json:"triggeredAt"`
		TriggeredFor EncodingID       `json:"triggeredForResourceId"`
		Resource     EncodingID       `json:"resourceId"`
		Encoding     struct {
			ID EncodingID `json:"id"`
		} `json:"encoding"`
	}
	if !isObject(body) {
		return WebhookEvent{}, errors.New("parse webhook: not a JSON object")
	}
	if err := tolerant(json.Unmarshal(body, &raw)); err != nil {
		return WebhookEvent{}, fmt.Errorf("parse webhook: %w", err)
	}
	e := WebhookEvent{
		EventID:     raw.EventID,
		EventType:   raw.EventType,
		WebhookID:   cmp.Or(raw.WebhookID, raw.Notification),
		TriggeredAt: raw.TriggeredAt,
		EncodingID:  raw.Encoding.ID,
	}
	// Webhooks for all encodings may leave the resource id empty and name the
	// encoding only as what the event was triggered for.
	if strings.HasPrefix(string(e.EventType), "ENCODING_") || !e.EventType.Known() {
		e.EncodingID = cmp.Or(e.EncodingID, raw.TriggeredFor, raw.Resource)
	}
	if len(e.EncodingID) > maxID {
		return WebhookEvent{}, errors.New("parse webhook: overlong encoding id")
	}
	return e, nil
}
