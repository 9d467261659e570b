package simulator

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	maxWebhooks = 5  // per event type, for all encodings and for each one
	muteAfter   = 10 // consecutive failed deliveries
)

// webhook is a registered receiver of one type of event.
type webhook struct {
	id     string
	of     hookKey
	order  int64
	fields webhookFields
	key    string // of the signature
	at     string // createdAt

	muted    bool
	failures int            // in a row
	queue    []notification // not yet delivered
	draining bool
	fired    string // triggeredAt of the latest event
}

// hookKey is an event type and, unless it is about all, an encoding.
type hookKey struct {
	event      string // "finished", "error" or "transfer-error"
	encodingID string
}

func (k hookKey) eventType() string {
	return "ENCODING_" + strings.ToUpper(strings.ReplaceAll(k.event, "-", "_"))
}

// webhookFields is the part of a webhook that the client decides and sees.
type webhookFields struct {
	Name        string          `json:"name,omitempty"`
	Description string          `json:"description,omitempty"`
	URL         string          `json:"url"`
	Method      string          `json:"method"`
	InsecureSSL bool            `json:"insecureSsl"`
	CustomData  json.RawMessage `json:"-"`
}

type webhookView struct {
	webhookFields
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	EventType  string         `json:"eventType"`
	Category   string         `json:"category"`
	ResourceID string         `json:"resourceId,omitempty"`
	Muted      bool           `json:"muted"`
	CreatedAt  string         `json:"createdAt"`
	ModifiedAt string         `json:"modifiedAt"`
	Schema     map[string]any `json:"schema"`
}

func (w *webhook) view() any {
	return webhookView{
		webhookFields: w.fields, ID: w.id, Type: "WEBHOOK", EventType: w.of.eventType(),
		Category: "ENCODING", ResourceID: w.of.encodingID, Muted: w.muted,
		CreatedAt: w.at, ModifiedAt: w.at, Schema: map[string]any{},
	}
}

func webhookRoutes() []route {
	const base = "/notifications/webhooks/encoding/encodings"
	var routes []route
	for _, event := range []string{"finished", "error", "transfer-error"} {
		for _, path := range []string{base + "/" + event, base + "/{id}/" + event} {
			create := post(path, groupOther, createWebhook(event))
			if event == "transfer-error" || strings.Contains(path, "{id}") {
				create.status = http.StatusAccepted // as the API description has it
			}
			routes = append(routes, create,
				get(path, groupOther, listWebhooks(event)),
				get(path+"/{webhook}", groupOther, onWebhook(event, func(_ *Simulator, w *webhook) any {
					return w.view()
				})),
				remove(path+"/{webhook}", groupOther, onWebhook(event, removeWebhook)))
		}
	}
	mute := post("/notifications/{webhook}/mute", groupOther, onWebhook("", setMuted(true)))
	unmute := post("/notifications/{webhook}/unmute", groupOther, onWebhook("", setMuted(false)))
	mute.status, unmute.status = http.StatusOK, http.StatusOK
	return append(routes, mute, unmute,
		get("/notifications", groupOther, listWebhooks("")),
		get("/notifications/{webhook}", groupOther, onWebhook("", func(_ *Simulator, w *webhook) any { return w.view() })),
		remove("/notifications/{webhook}", groupOther, onWebhook("", removeWebhook)),
		get("/notifications/{webhook}/states", groupOther, webhookStates),
	)
}

// hookKey returns what the path of a call is about.
func (s *Simulator) hookKey(c *call, event string) (hookKey, error) {
	id := c.params["id"]
	if enc := s.encodings[id]; id != "" && (enc == nil || enc.deleted) {
		return hookKey{}, notFound("encoding", id)
	}
	c.encodingID = id
	return hookKey{event, id}, nil
}

func createWebhook(event string) handler {
	return func(s *Simulator, c *call) (any, error) {
		of, err := s.hookKey(c, event)
		if err != nil {
			return nil, err
		}
		fields, err := c.object()
		if err != nil {
			return nil, err
		}
		w := &webhook{id: s.newID(), of: of, order: s.nextOrder(), at: timestamp(s.moment)}
		if err := w.read(s, fields); err != nil {
			return nil, err
		}
		if len(s.hooked[of]) >= maxWebhooks {
			return nil, &apiError{
				status: http.StatusForbidden, code: CodeWebhooks,
				message: "there are five webhooks of this type already",
			}
		}
		s.hooked[of] = append(s.hooked[of], w)
		s.webhooks[w.id] = w
		return w.view(), nil
	}
}

func (w *webhook) read(s *Simulator, fields map[string]json.RawMessage) error {
	check := &checker{s: s, kind: new(kind), fields: fields}
	check.require("url")
	check.oneOf("method", http.MethodPost, http.MethodPut)
	w.fields.Method = http.MethodPost
	check.read("name", &w.fields.Name)
	check.read("description", &w.fields.Description)
	check.read("url", &w.fields.URL)
	check.read("method", &w.fields.Method)
	check.read("insecureSsl", &w.fields.InsecureSSL)
	w.fields.CustomData = fields["customData"]
	if u, err := url.Parse(w.fields.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		check.complain("url", "must be an absolute http or https URL")
	}
	var signature struct{ Type, Key string }
	if check.read("signature", &signature) {
		if signature.Type != "" && signature.Type != "HMAC" {
			check.complain("signature.type", "must be HMAC")
		}
		if signature.Key == "" {
			check.complain("signature.key", "is required")
		}
		w.key = signature.Key
	}
	return check.err()
}

// listWebhooks lists those that the path is about; an empty event means all.
func listWebhooks(event string) handler {
	return func(s *Simulator, c *call) (any, error) {
		p, err := c.page()
		if err != nil {
			return nil, err
		}
		var found []*webhook
		if event == "" {
			for _, w := range s.webhooks {
				found = append(found, w)
			}
			slices.SortFunc(found, func(a, b *webhook) int { return cmp.Compare(a.order, b.order) })
		} else {
			of, err := s.hookKey(c, event)
			if err != nil {
				return nil, err
			}
			found = s.hooked[of]
		}
		return paginate(p, found, (*webhook).view), nil
	}
}

func onWebhook(event string, do func(*Simulator, *webhook) any) handler {
	return func(s *Simulator, c *call) (any, error) {
		w := s.webhooks[c.params["webhook"]]
		if w == nil || event != "" && w.of != (hookKey{event, c.params["id"]}) {
			return nil, notFound("webhook", c.params["webhook"])
		}
		return do(s, w), nil
	}
}

func removeWebhook(s *Simulator, w *webhook) any {
	delete(s.webhooks, w.id)
	s.hooked[w.of] = slices.DeleteFunc(s.hooked[w.of], func(other *webhook) bool { return other == w })
	return idOnly(w.id)
}

func setMuted(muted bool) func(*Simulator, *webhook) any {
	return func(_ *Simulator, w *webhook) any {
		w.muted, w.failures = muted, 0
		return idOnly(w.id)
	}
}

func webhookStates(s *Simulator, c *call) (any, error) {
	w := s.webhooks[c.params["webhook"]]
	if w == nil {
		return nil, notFound("webhook", c.params["webhook"])
	}
	state := map[string]any{"notificationId": w.id, "muted": w.muted, "state": "RESOLVED"}
	if w.fired != "" {
		state["state"], state["triggeredAt"] = "FIRED", w.fired
	}
	return paginate(page{limit: maxPage}, []any{state}, func(v any) any { return v }), nil
}
