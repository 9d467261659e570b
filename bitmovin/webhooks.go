package bitmovin

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
)

// WebhookTrigger is the event at which the platform calls a webhook. There is no trigger for the
// start of an encoding or for its cancellation.
type WebhookTrigger string

// The triggers, as they appear in a path.
const (
	OnFinished      WebhookTrigger = "finished"
	OnError         WebhookTrigger = "error"
	OnTransferError WebhookTrigger = "transfer-error"
)

// path returns the path of the webhooks of a trigger for all encodings.
func (t WebhookTrigger) path() (string, error) {
	switch t {
	case OnFinished, OnError, OnTransferError:
		return "/notifications/webhooks/encoding/encodings/" + string(t), nil
	}
	return "", fmt.Errorf("unknown webhook trigger %q", t)
}

// Webhook is a URL that the platform calls for all encodings of the organisation.
type Webhook struct {
	ID           WebhookID // set by the platform
	Name         string
	Description  string
	URL          string
	Method       string // POST or PUT; default POST
	SignatureKey Secret // never returned by the platform; if empty, deliveries are not signed
}

// String returns only the id and the name, none of the other fields.
func (w Webhook) String() string { return fmt.Sprintf("webhook %s %q", w.ID, w.Name) }

// webhookBody is a webhook on the wire.
type webhookBody struct {
	ID          WebhookID         `json:"id,omitempty"`
	Name        string            `json:"name,omitempty"`
	Description string            `json:"description,omitempty"`
	URL         string            `json:"url"`
	Method      string            `json:"method"`
	InsecureSSL bool              `json:"insecureSsl"` // always false: the receiver needs a valid certificate
	Signature   *webhookSignature `json:"signature,omitempty"`
}

type webhookSignature struct {
	Type string `json:"type"`
	Key  string `json:"key"`
}

func (w webhookBody) requiredField() (field, value string) { return "id", string(w.ID) }

func (w webhookBody) toWebhook() Webhook {
	return Webhook{
		ID: w.ID, Name: w.Name, Description: w.Description,
		URL: w.URL, Method: w.Method,
	}
}

// CreateWebhook registers a webhook. The platform allows five per trigger.
func (c *Client) CreateWebhook(ctx context.Context, t WebhookTrigger, w Webhook) (Webhook, error) {
	path, err := t.path()
	if err != nil {
		return Webhook{}, fmt.Errorf("create webhook: %w", err)
	}
	body := webhookBody{
		Name: w.Name, Description: w.Description, URL: w.URL,
		Method: cmp.Or(w.Method, http.MethodPost),
	}
	if w.SignatureKey != "" {
		body.Signature = &webhookSignature{Type: "HMAC", Key: string(w.SignatureKey)}
	}
	var created webhookBody
	err = c.do(ctx, call{
		method: http.MethodPost, path: path, class: ClassOther,
		body: body, secrets: []Secret{w.SignatureKey},
	}, &created)
	return created.toWebhook(), err
}

// ListWebhooks returns all webhooks of a trigger.
func (c *Client) ListWebhooks(ctx context.Context, t WebhookTrigger) ([]Webhook, error) {
	path, err := t.path()
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	var hooks []Webhook
	for w, err := range listAll[webhookBody](ctx, c, call{path: path, class: ClassOther}, 0, maxPageSize) {
		if err != nil {
			return nil, err
		}
		hooks = append(hooks, w.toWebhook())
	}
	return hooks, nil
}

// DeleteWebhook removes a webhook of a trigger.
func (c *Client) DeleteWebhook(ctx context.Context, t WebhookTrigger, id WebhookID) error {
	path, err := t.path()
	if err != nil {
		return fmt.Errorf("delete webhook: %w", err)
	}
	return c.do(ctx, call{method: http.MethodDelete, path: path + "/" + escape(id), class: ClassOther}, nil)
}

// Notification says whether the platform still delivers to a webhook.
type Notification struct {
	ID WebhookID `json:"id"` // of the webhook
	// Muted is true if ten deliveries in a row have failed. Then the platform delivers
	// nothing until [Client.Unmute].
	Muted bool `json:"muted"`
}

func (n Notification) requiredField() (field, value string) { return "id", string(n.ID) }

// Notifications returns the notifications of all webhooks of the organisation.
func (c *Client) Notifications(ctx context.Context) ([]Notification, error) {
	return collect(listAll[Notification](ctx, c, call{path: "/notifications", class: ClassOther}, 0, maxPageSize))
}

// Unmute makes the platform deliver to a muted webhook again. Missed deliveries are not sent again.
func (c *Client) Unmute(ctx context.Context, id WebhookID) error {
	return c.do(ctx, call{method: http.MethodPost, path: "/notifications/" + escape(id) + "/unmute", class: ClassOther}, nil)
}
