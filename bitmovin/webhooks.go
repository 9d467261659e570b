package bitmovin

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
)

// WebhookTrigger is what makes the platform call a webhook. There is none for the
// beginning of an encoding or for its cancellation.
type WebhookTrigger string

// The triggers this package registers for, as they stand in a path.
const (
	OnFinished      WebhookTrigger = "finished"
	OnError         WebhookTrigger = "error"
	OnTransferError WebhookTrigger = "transfer-error"
)

// path returns where the webhooks of a trigger for all encodings are kept.
func (t WebhookTrigger) path() (string, error) {
	switch t {
	case OnFinished, OnError, OnTransferError:
		return "/notifications/webhooks/encoding/encodings/" + string(t), nil
	}
	return "", fmt.Errorf("unknown webhook trigger %q", t)
}

// Webhook is a URL the platform calls for encodings of the whole organisation.
type Webhook struct {
	ID           WebhookID // set by the platform
	Name         string
	Description  string
	URL          string
	Method       string // POST or PUT; default POST
	SignatureKey Secret // never returned; empty leaves deliveries unsigned
}

// String names the id and the name; compare [Storage.String].
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

func (w webhookBody) required() (field, value string) { return "id", string(w.ID) }

func (w webhookBody) webhook() Webhook {
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
	return created.webhook(), err
}

// ListWebhooks returns all webhooks of a trigger.
func (c *Client) ListWebhooks(ctx context.Context, t WebhookTrigger) ([]Webhook, error) {
	path, err := t.path()
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	var hooks []Webhook
	for w, err := range all[webhookBody](ctx, c, call{path: path, class: ClassOther}, 0, maxPageSize) {
		if err != nil {
			return nil, err
		}
		hooks = append(hooks, w.webhook())
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

// Notification is a registered webhook as the platform's delivery sees it.
type Notification struct {
	ID WebhookID `json:"id"` // the webhook's
	// Muted says that ten deliveries in a row have failed and that nothing is
	// delivered until [Client.Unmute].
	Muted bool `json:"muted"`
}

func (n Notification) required() (field, value string) { return "id", string(n.ID) }

// Notifications returns all notifications of the organisation.
func (c *Client) Notifications(ctx context.Context) ([]Notification, error) {
	return collect(all[Notification](ctx, c, call{path: "/notifications", class: ClassOther}, 0, maxPageSize))
}

// Unmute lets a muted webhook be delivered again. What was missed is not made up for.
func (c *Client) Unmute(ctx context.Context, id WebhookID) error {
	return c.do(ctx, call{method: http.MethodPost, path: "/notifications/" + escape(id) + "/unmute", class: ClassOther}, nil)
}
