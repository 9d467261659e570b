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
	webhookConnectTimeout  = 30 * time.Second
	webhookResponseTimeout = 10 * time.Second
)

// Delivery describes a webhook delivery for [Simulator.Deliver].
type Delivery struct {
	WebhookID  string
	URL        string
	EventID    string
	EventType  string // such as ENCODING_FINISHED
	EncodingID string
}

// queuedDelivery is a delivery that has not been sent: its description and its body.
type queuedDelivery struct {
	delivery Delivery
	body     []byte
}

// payload is the body of a delivery.
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

// notify queues the deliveries about the end of a run. As on the platform, a run that ends in
// CANCELED has no delivery. The caller holds s.mu.
func (s *Simulator) notify(enc *encoding) {
	events := map[Status]string{Finished: "finished", Error: "error", TransferError: "transfer-error"}
	event, ok := events[enc.status]
	if !ok || s.closed {
		return
	}
	for _, encodingID := range []string{"", enc.id} {
		for _, w := range s.webhooks.byTrigger[webhookTrigger{event, encodingID}] {
			if w.muted {
				continue
			}
			w.firedAt = timestamp(s.schedule.moment)
			w.queue = append(w.queue, w.newDelivery(s.ids, enc, s.schedule.moment))
			s.stats.inFlight++
			if !w.delivering {
				w.delivering = true
				s.background.Go(func() { s.deliverQueue(w) })
			}
		}
	}
}

// newDelivery returns the delivery about the end of a run.
func (w *webhook) newDelivery(ids *identifiers, enc *encoding, moment time.Time) queuedDelivery {
	eventID := ids.newID()
	custom := w.fields.CustomData
	if custom == nil {
		custom = json.RawMessage("{}")
	}
	p := payload{
		ID: ids.newID(), EventID: eventID, CreatedAt: w.createdAt, ModifiedAt: w.createdAt,
		OrgID: derivedID("organisation"), UserID: derivedID("user", enc.key),
		Name: w.fields.Name, NotificationID: w.id, WebhookID: w.id,
		ResourceID: enc.id, ResourceType: "ENCODING", Type: "WEBHOOK",
		EventType: w.trigger.eventType(), Category: "ENCODING", State: "FIRED",
		TriggeredAt:            moment.UTC().Format("2006-01-02T15:04:05.000000000Z"),
		TriggeredForResourceID: enc.id, CustomData: custom,
		Encoding: payloadEncoding{
			ID: enc.id, Type: "VOD", Name: enc.name, Description: enc.description,
			EncoderVersion: enc.encoderVersion, CloudRegion: enc.cloudRegion,
		},
	}
	return queuedDelivery{
		Delivery{w.id, w.fields.URL, eventID, p.EventType, enc.id},
		mustMarshal(p),
	}
}

// deliverQueue sends the deliveries of a webhook one after the other until the queue is empty. If
// the webhook is muted or the simulator is closed, the queued deliveries are lost.
func (s *Simulator) deliverQueue(w *webhook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(w.queue) > 0 {
		n := w.queue[0]
		w.queue = w.queue[1:]
		if !w.muted && !s.closed {
			s.mu.Unlock()
			tries, failed := s.deliver(w, n)
			s.mu.Lock()
			s.countDelivery(w, tries, failed)
		}
		s.stats.inFlight--
		s.wake()
	}
	w.delivering = false
}

// deliver sends a delivery once, or as often as [Simulator.Deliver] says. It returns how
// often it tried, and how many tries have failed since the latest success.
func (s *Simulator) deliver(w *webhook, n queuedDelivery) (tries, failed int) {
	tries = 1
	if s.Deliver != nil {
		tries = s.Deliver(n.delivery)
	}
	for range tries {
		if s.post(w, n.body) {
			failed = 0
			continue
		}
		failed++
	}
	return tries, failed
}

// countDelivery counts tries and failures, and mutes the webhook after muteAfter failures in a
// row.
func (s *Simulator) countDelivery(w *webhook, tries, failed int) {
	s.stats.delivered += tries - failed
	s.stats.undelivered += failed
	if tries > failed {
		w.failures = 0
	}
	if w.failures += failed; w.failures >= muteAfter {
		w.muted = true
	}
}

// post sends a delivery once. It reports whether the receiver answered with a 2xx status.
func (s *Simulator) post(w *webhook, body []byte) bool {
	ctx, cancel := context.WithTimeout(s.ctx, webhookConnectTimeout+webhookResponseTimeout)
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

// defaultWebhookClient returns a client for one request, which shares no connection: the
// deliveries of the platform come from many machines.
func defaultWebhookClient(insecure bool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: webhookConnectTimeout}).DialContext,
		TLSClientConfig:       &tls.Config{InsecureSkipVerify: insecure},
		ResponseHeaderTimeout: webhookResponseTimeout,
	}}
}
