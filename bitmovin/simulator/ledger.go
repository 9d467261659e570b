package simulator

import (
	"cmp"
	"encoding/json"
	"strconv"
	"time"
)

// Entry is one call in the ledger. The order of entries is the order in which
// the calls took effect.
type Entry struct {
	Seq  int64     `json:"seq"` // from 1, without gaps
	Time time.Time `json:"time"`

	// Key is the API key; of one longer than eight characters, the first four
	// and an ellipsis. Org is the X-Tenant-Org-Id.
	Key string `json:"key"`
	Org string `json:"org,omitempty"`

	Method string `json:"method"`
	// Route is the pattern, such as "GET /encoding/encodings/{id}/status", or
	// empty if there is none for Path. Path has no /v1 in front.
	Route string `json:"route"`
	Path  string `json:"path"`
	Query string `json:"query,omitempty"`
	// EncodingID is the encoding the path names or the call created.
	EncodingID string `json:"encodingId,omitempty"`

	// RequestBody is the body as JSON with secrets blanked; YAML is converted.
	RequestBody json.RawMessage `json:"requestBody,omitempty"`

	// Status is the HTTP status the client was sent, 0 if it got none. Code is
	// the API error code, 0 on success.
	Status int `json:"status"`
	Code   int `json:"code,omitempty"`

	// Effect says that the call changed something, whatever the client was
	// told. Fault names the injected fault, if there was one.
	Effect bool   `json:"effect"`
	Fault  string `json:"fault,omitempty"`
}

// ledger keeps the latest entries in a ring.
type ledger struct {
	seq  int64
	ring []Entry
	next int // the oldest entry once the ring is full
}

func (l *ledger) add(e Entry, limit int) {
	l.seq++
	e.Seq = l.seq
	limit = cmp.Or(limit, defaultLedgerLimit)
	if limit < 0 || len(l.ring) < limit {
		l.ring = append(l.ring, e)
		return
	}
	l.ring[l.next] = e
	l.next = (l.next + 1) % len(l.ring)
}

// Ledger returns the kept calls in the order in which they took effect.
func (s *Simulator) Ledger() []Entry {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.ledger
	entries := make([]Entry, 0, len(l.ring))
	entries = append(entries, l.ring[l.next:]...)
	return append(entries, l.ring[:l.next]...)
}

// shortKey is how an API key appears in the ledger.
func shortKey(key string) string {
	if len(key) <= 8 {
		return key
	}
	return key[:4] + "…"
}

// secret reports whether a field never comes back and never reaches the ledger.
// The username of an HTTP input does not, as it is write-only there.
func secret(field string) bool {
	switch field {
	case "accessKey", "secretKey", "password", "username", "accountName", "accountKey",
		"roleArn", "serviceAccountCredentials", "clientSecret", "clientCertificate", "key":
		return true
	}
	return false
}

// redact returns a body for the ledger.
func redact(body []byte) json.RawMessage {
	if len(body) == 0 {
		return nil
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return json.RawMessage(strconv.Quote("(" + itoa(len(body)) + " bytes, not JSON)"))
	}
	if text, ok := value.(string); ok { // an encoding template
		parsed, err := parseTemplateText([]byte(text))
		if err != nil {
			return json.RawMessage(strconv.Quote("(" + itoa(len(text)) + " characters)"))
		}
		value = parsed.plain()
	}
	clean, err := json.Marshal(blank(value))
	if err != nil {
		return json.RawMessage(strconv.Quote("(unprintable)"))
	}
	return clean
}

// blank replaces secrets in a decoded JSON value, which it changes.
func blank(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for field, inner := range v {
			if _, isText := inner.(string); isText && secret(field) {
				v[field] = "***"
				continue
			}
			v[field] = blank(inner)
		}
	case []any:
		for i := range v {
			v[i] = blank(v[i])
		}
	}
	return value
}
