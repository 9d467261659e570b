package simulator

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	maxWebhooks = 5  // with one trigger
	muteAfter   = 10 // consecutive failed deliveries
)

// webhook is a registered URL, to which the events of one trigger are delivered.
type webhook struct {
	id        string
	trigger   webhookTrigger
	order     int64
	fields    webhookFields
	key       string // of the signature
	createdAt string

	muted      bool
	failures   int              // in a row
	queue      []queuedDelivery // not yet delivered
	delivering bool             // a goroutine delivers the queue
	firedAt    string           // time of the latest event
}

// webhookTrigger is a type of event, of one encoding or of all.
type webhookTrigger struct {
	event      string // "finished", "error" or "transfer-error"
	encodingID string // empty: of all encodings
}

func (k webhookTrigger) eventType() string {
	return "ENCODING_" + strings.ToUpper(strings.ReplaceAll(k.event, "-", "_"))
}

// webhookFields holds the fields of a webhook that the client sets, except the secret key.
type webhookFields struct {
	Name        string          `json:"name,omitempty"`
	Description string          `json:"description,omitempty"`
	URL         string          `json:"url"`
	Method      string          `json:"method"`
	InsecureSSL bool            `json:"insecureSsl"`
	CustomData  json.RawMessage `json:"-"`
}

// webhookView is a webhook in an answer of the API.
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

func (w *webhook) render() any {
	return webhookView{
		webhookFields: w.fields, ID: w.id, Type: "WEBHOOK", EventType: w.trigger.eventType(),
		Category: "ENCODING", ResourceID: w.trigger.encodingID, Muted: w.muted,
		CreatedAt: w.createdAt, ModifiedAt: w.createdAt, Schema: map[string]any{},
	}
}

// webhookTable holds all webhooks.
type webhookTable struct {
	byID      map[string]*webhook
	byTrigger map[webhookTrigger][]*webhook // in order of creation
}

func newWebhookTable() *webhookTable {
	return &webhookTable{byID: make(map[string]*webhook), byTrigger: make(map[webhookTrigger][]*webhook)}
}

func (t *webhookTable) insert(w *webhook) {
	t.byTrigger[w.trigger] = append(t.byTrigger[w.trigger], w)
	t.byID[w.id] = w
}

func (t *webhookTable) remove(w *webhook) {
	delete(t.byID, w.id)
	t.byTrigger[w.trigger] = slices.DeleteFunc(t.byTrigger[w.trigger], func(other *webhook) bool { return other == w })
}

// all returns all webhooks in order of creation.
func (t *webhookTable) all() []*webhook {
	return slices.SortedFunc(maps.Values(t.byID), func(a, b *webhook) int { return cmp.Compare(a.order, b.order) })
}

func webhookRoutes() []route {
	const base = "/notifications/webhooks/encoding/encodings"
	var routes []route
	for _, event := range []string{"finished", "error", "transfer-error"} {
		for _, path := range []string{base + "/" + event, base + "/{id}/" + event} {
			create := postRoute(path, groupOther, createWebhook(event))
			if event == "transfer-error" || strings.Contains(path, "{id}") {
				create.status = http.StatusAccepted // as the API description has it
			}
			routes = append(routes, create,
				getRoute(path, groupOther, listWebhooks(event)),
				getRoute(path+"/{webhook}", groupOther, onWebhook(event, func(_ *Simulator, w *webhook) any {
					return w.render()
				})),
				deleteRoute(path+"/{webhook}", groupOther, onWebhook(event, removeWebhook)))
		}
	}
	mute := postRoute("/notifications/{webhook}/mute", groupOther, onWebhook("", setMuted(true)))
	unmute := postRoute("/notifications/{webhook}/unmute", groupOther, onWebhook("", setMuted(false)))
	mute.status, unmute.status = http.StatusOK, http.StatusOK
	return append(routes, mute, unmute,
		getRoute("/notifications", groupOther, listWebhooks("")),
		getRoute("/notifications/{webhook}", groupOther, onWebhook("", func(_ *Simulator, w *webhook) any { return w.render() })),
		deleteRoute("/notifications/{webhook}", groupOther, onWebhook("", removeWebhook)),
		getRoute("/notifications/{webhook}/states", groupOther, webhookStates),
	)
}

// triggerOf returns the trigger that the path of a call names.
func triggerOf(s *Simulator, c *call, event string) (webhookTrigger, error) {
	id := c.params["id"]
	if id != "" && s.encodings.find(id) == nil {
		return webhookTrigger{}, notFound("encoding", id)
	}
	c.encodingID = id
	return webhookTrigger{event, id}, nil
}

func createWebhook(event string) handler {
	return func(s *Simulator, c *call) (any, error) {
		trigger, err := triggerOf(s, c, event)
		if err != nil {
			return nil, err
		}
		fields, err := c.object()
		if err != nil {
			return nil, err
		}
		w := &webhook{
			id: s.ids.newID(), trigger: trigger, order: s.ids.nextOrder(), createdAt: timestamp(s.schedule.moment),
		}
		if err := w.readFields(s, fields); err != nil {
			return nil, err
		}
		if len(s.webhooks.byTrigger[trigger]) >= maxWebhooks {
			return nil, &apiError{
				status: http.StatusForbidden, code: CodeWebhooks,
				message: "there are five webhooks of this type already",
			}
		}
		s.webhooks.insert(w)
		return w.render(), nil
	}
}

// readFields checks the fields of a request and takes them over.
func (w *webhook) readFields(s *Simulator, fields map[string]json.RawMessage) error {
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
		check.addError("url", "must be an absolute http or https URL")
	}
	var signature struct{ Type, Key string }
	if check.read("signature", &signature) {
		if signature.Type != "" && signature.Type != "HMAC" {
			check.addError("signature.type", "must be HMAC")
		}
		if signature.Key == "" {
			check.addError("signature.key", "is required")
		}
		w.key = signature.Key
	}
	return check.err()
}

// listWebhooks lists the webhooks with the trigger of the path. An empty event means all
// webhooks.
func listWebhooks(event string) handler {
	return func(s *Simulator, c *call) (any, error) {
		p, err := c.parsePage()
		if err != nil {
			return nil, err
		}
		var found []*webhook
		if event == "" {
			found = s.webhooks.all()
		} else {
			trigger, err := triggerOf(s, c, event)
			if err != nil {
				return nil, err
			}
			found = s.webhooks.byTrigger[trigger]
		}
		return paginate(p, found, (*webhook).render), nil
	}
}

// onWebhook returns a handler that looks up the webhook of the path. An empty event means
// any trigger.
func onWebhook(event string, do func(*Simulator, *webhook) any) handler {
	return func(s *Simulator, c *call) (any, error) {
		w := s.webhooks.byID[c.params["webhook"]]
		if w == nil || event != "" && w.trigger != (webhookTrigger{event, c.params["id"]}) {
			return nil, notFound("webhook", c.params["webhook"])
		}
		return do(s, w), nil
	}
}

func removeWebhook(s *Simulator, w *webhook) any {
	s.webhooks.remove(w)
	return idOnly(w.id)
}

func setMuted(muted bool) func(*Simulator, *webhook) any {
	return func(_ *Simulator, w *webhook) any {
		w.muted, w.failures = muted, 0
		return idOnly(w.id)
	}
}

func webhookStates(s *Simulator, c *call) (any, error) {
	w := s.webhooks.byID[c.params["webhook"]]
	if w == nil {
		return nil, notFound("webhook", c.params["webhook"])
	}
	state := map[string]any{"notificationId": w.id, "muted": w.muted, "state": "RESOLVED"}
	if w.firedAt != "" {
		state["state"], state["triggeredAt"] = "FIRED", w.firedAt
	}
	return paginate(page{limit: maxPage}, []any{state}, func(v any) any { return v }), nil
}
