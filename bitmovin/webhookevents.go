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

// SignatureHeader is the header with the signature of a webhook delivery.
const SignatureHeader = "Bitmovin-Signature"

// ErrSignature says that a delivery is not signed with the expected key.
var ErrSignature = errors.New("webhook signature does not match")

// WebhookEventType says what happened. A value that is not documented is kept as the platform sent
// it.
type WebhookEventType string

// The documented events of an encoding.
const (
	EventEncodingFinished      WebhookEventType = "ENCODING_FINISHED"
	EventEncodingError         WebhookEventType = "ENCODING_ERROR"
	EventEncodingTransferError WebhookEventType = "ENCODING_TRANSFER_ERROR"
	EventEncodingStatusChanged WebhookEventType = "ENCODING_STATUS_CHANGED"
)

// UnmarshalJSON accepts every JSON value. It keeps a value that is no string as JSON text.
func (t *WebhookEventType) UnmarshalJSON(b []byte) error {
	*t = WebhookEventType(unmarshalEnum(b))
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

// WebhookEvent is the content of a webhook delivery. It does not say why an encoding failed; see
// [Client.ReadStatus]. Deliveries may be repeated, out of order, or missing.
type WebhookEvent struct {
	EventID   string // the same in a repeated delivery
	EventType WebhookEventType
	WebhookID WebhookID
	// EncodingID is empty if the event is not about an encoding. If EventType is unknown,
	// EncodingID may be the id of something else.
	EncodingID  EncodingID
	TriggeredAt Time
}

// VerifyWebhookSignature checks whether header, the value of [SignatureHeader], is the HMAC-SHA512
// of the raw body with the key of the webhook, in hexadecimal digits of either case. Otherwise, and
// always with an empty key, it returns [ErrSignature]. It compares signatures in constant time. The
// signature says nothing about when a delivery was sent, so a repeated delivery passes: the caller
// must ignore event ids that it has seen.
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

// ParseWebhook decodes the body of a delivery. It fails if the body is not a JSON object or the
// encoding id is longer than 256 bytes. The type of the event may be missing or unknown; then
// EncodingID is whatever id the event names.
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
	if err := ignoreTypeErrors(json.Unmarshal(body, &raw)); err != nil {
		return WebhookEvent{}, fmt.Errorf("parse webhook: %w", err)
	}
	e := WebhookEvent{
		EventID:     raw.EventID,
		EventType:   raw.EventType,
		WebhookID:   cmp.Or(raw.WebhookID, raw.Notification),
		TriggeredAt: raw.TriggeredAt,
		EncodingID:  raw.Encoding.ID,
	}
	// In deliveries of a webhook for all encodings resourceId may be empty. Then
	// triggeredForResourceId is the id of the encoding.
	if strings.HasPrefix(string(e.EventType), "ENCODING_") || !e.EventType.Known() {
		e.EncodingID = cmp.Or(e.EncodingID, raw.TriggeredFor, raw.Resource)
	}
	if len(e.EncodingID) > maxID {
		return WebhookEvent{}, errors.New("parse webhook: overlong encoding id")
	}
	return e, nil
}
