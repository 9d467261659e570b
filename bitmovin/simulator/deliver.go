package simulator

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	webhookConnect = 30 * time.Second
	webhookAnswer  = 10 * time.Second
)

// Delivery is a notification on its way to a webhook.
type Delivery struct {
	WebhookID  string
	URL        string
	EventID    string
	EventType  string // such as ENCODING_FINISHED
	EncodingID string
}

type notification struct {
	delivery Delivery
	body     []byte
}

type payload struct {
	ID                     string          `json:"id"`
	EventID                string          `json:"eventId"`
	CreatedAt              string          `json:"createdAt"`
	ModifiedAt             string          `json:"modifiedAt"`
	OrgID                  string          `json:"orgId"`
	UserID                 string          `json:"userId"`
	Name                   string          `json:"name"`
	NotificationID         string          `json:"notificationId"`
	WebhookID              string          `json:"webhookId"`
	ResourceID             string          `json:"resourceId"`
	ResourceType           string          `json:"resourceType"`
	Type                   string          `json:"type"`
	EventType              string          `json:"eventType"`
	Category               string          `json:"category"`
	State                  string          `json:"state"`
	TriggeredAt            string          `json:"triggeredAt"`
	TriggeredForResourceID string          `json:"triggeredForResourceId"`
	Internal               bool            `json:"internal"`
	CustomData             json.RawMessage `json:"customData"`
	Encoding               payloadEncoding `json:"encoding"`
}

type payloadEncoding struct {
	ID             string `json:"id"`
	Type           string `json:"type"`
	Name           string `json:"name"`
	Description    string `json:"description"`
	EncoderVersion string `json:"encoderVersion"`
	CloudRegion    string `json:"cloudRegion"`
}

// notify queues the notifications about the end of a run. There is none for
// CANCELED, on the platform neither.
func (s *Simulator) notify(enc *encoding) {
	events := map[Status]string{Finished: "finished", Error: "error", TransferError: "transfer-error"}
	event, ok := events[enc.status]
	if !ok || s.closed {
		return
	}
	for _, encodingID := range []string{"", enc.id} {
		for _, w := range s.hooked[hookKey{event, encodingID}] {
			if w.muted {
				continue
			}
			w.fired = timestamp(s.moment)
			w.queue = append(w.queue, s.notification(w, enc))
			s.stats.inFlight++
			if !w.draining {
				w.draining = true
				s.background.Go(func() { s.drain(w) })
			}
		}
	}
}

func (s *Simulator) notification(w *webhook, enc *encoding) notification {
	eventID := s.newID()
	custom := w.fields.CustomData
	if custom == nil {
		custom = json.RawMessage("{}")
	}
	p := payload{
		ID: s.newID(), EventID: eventID, CreatedAt: w.at, ModifiedAt: w.at,
		OrgID: derivedID("organisation"), UserID: derivedID("user", enc.key),
		Name: w.fields.Name, NotificationID: w.id, WebhookID: w.id,
		ResourceID: enc.id, ResourceType: "ENCODING", Type: "WEBHOOK",
		EventType: w.of.eventType(), Category: "ENCODING", State: "FIRED",
		TriggeredAt:            s.moment.UTC().Format("2006-01-02T15:04:05.000000000Z"),
		TriggeredForResourceID: enc.id, CustomData: custom,
		Encoding: payloadEncoding{
			ID: enc.id, Type: "VOD", Name: enc.name, Description: enc.description,
			EncoderVersion: enc.encoderVersion, CloudRegion: enc.cloudRegion,
		},
	}
	return notification{
		Delivery{w.id, w.fields.URL, eventID, p.EventType, enc.id},
		mustMarshal(p),
	}
}

// drain delivers a webhook's notifications one after the other until there
// are none. What is queued when the webhook is muted, or the simulator
// closed, is lost.
func (s *Simulator) drain(w *webhook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(w.queue) > 0 {
		n := w.queue[0]
		w.queue = w.queue[1:]
		if !w.muted && !s.closed {
			s.mu.Unlock()
			tries, failed := s.deliver(w, n)
			s.mu.Lock()
			s.delivered(w, tries, failed)
		}
		s.stats.inFlight--
		s.wake()
	}
	w.draining = false
}

// deliver sends a notification as often as the hook wants and returns how
// often that was, and how often it failed, in a row at the end.
func (s *Simulator) deliver(w *webhook, n notification) (tries, failed int) {
	tries = 1
	if s.Deliver != nil {
		tries = s.Deliver(n.delivery)
	}
	for range tries {
		if s.send(w, n.body) {
			failed = 0
			continue
		}
		failed++
	}
	return tries, failed
}

func (s *Simulator) delivered(w *webhook, tries, failed int) {
	s.stats.delivered += tries - failed
	s.stats.undelivered += failed
	if tries > failed {
		w.failures = 0
	}
	if w.failures += failed; w.failures >= muteAfter {
		w.muted = true
	}
}

// send reports whether the receiver answered with a 2xx status.
func (s *Simulator) send(w *webhook, body []byte) bool {
	ctx, cancel := context.WithTimeout(s.ctx, webhookConnect+webhookAnswer)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, w.fields.Method, w.fields.URL, bytes.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	if w.key != "" {
		mac := hmac.New(sha512.New, []byte(w.key))
		mac.Write(body)
		r.Header.Set("Bitmovin-Signature", hex.EncodeToString(mac.Sum(nil)))
	}
	client := s.WebhookClient
	if client == nil {
		client = defaultWebhookClient(w.fields.InsecureSSL)
		defer client.CloseIdleConnections()
	}
	resp, err := client.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return err == nil && resp.StatusCode/100 == 2
}

// defaultWebhookClient makes a client for one request, as the platform's
// deliveries come from many machines.
func defaultWebhookClient(insecure bool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: webhookConnect}).DialContext,
		TLSClientConfig:       &tls.Config{InsecureSkipVerify: insecure},
		ResponseHeaderTimeout: webhookAnswer,
	}}
}
