package simulator

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// Entry is one call in the ledger. Entries are in the order in which the calls took effect or
// were refused.
type Entry struct {
	Seq  int64     `json:"seq"` // from 1, without gaps
	Time time.Time `json:"time"`

	// Key is the API key. A key of more than eight characters is shortened to its first
	// four and an ellipsis. Org is the header X-Tenant-Org-Id.
	Key string `json:"key"`
	Org string `json:"org,omitempty"`

	Method string `json:"method"`
	// Route is the pattern, such as "GET /encoding/encodings/{id}/status". It is empty if
	// Path matches none. Path has no /v1 in front.
	Route string `json:"route"`
	Path  string `json:"path"`
	Query string `json:"query,omitempty"`
	// EncodingID is the encoding that the path names or the call created.
	EncodingID string `json:"encodingId,omitempty"`

	// RequestBody is the body as JSON without secrets. YAML is converted to JSON.
	RequestBody json.RawMessage `json:"requestBody,omitempty"`

	// Status is the HTTP status that the client was sent, 0 if it got no complete answer.
	// Code is the API error code, 0 on success.
	Status int `json:"status"`
	Code   int `json:"code,omitempty"`

	// Effect is true if the simulator carried out a call that changes something, whatever
	// the client was told. Fault names the injected fault; it is empty if there was none.
	Effect bool   `json:"effect"`
	Fault  string `json:"fault,omitempty"`
}

// ledger keeps the latest entries.
type ledger struct {
	seq     int64
	entries []Entry // a ring: in order from oldest to the end, then from 0
	oldest  int     // index of the oldest entry
}

// add appends an entry. Beyond the limit it replaces the oldest one.
func (l *ledger) add(e Entry, limit int) {
	l.seq++
	e.Seq = l.seq
	limit = cmp.Or(limit, defaultLedgerLimit)
	if limit < 0 || len(l.entries) < limit {
		l.entries = append(l.entries, e)
		return
	}
	l.entries[l.oldest] = e
	l.oldest = (l.oldest + 1) % len(l.entries)
}

// Ledger returns the latest calls, at most [Simulator.LedgerLimit], in the order of [Entry.Seq].
func (s *Simulator) Ledger() []Entry {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.ledger
	return slices.Concat(l.entries[l.oldest:], l.entries[:l.oldest])
}

// shortKey returns an API key as it appears in the ledger.
func shortKey(key string) string {
	if len(key) <= 8 {
		return key
	}
	return key[:4] + "…"
}

// isSecret reports whether a field must be neither returned nor in the ledger. The username
// counts, because the platform does not return the username of an HTTP input.
func isSecret(field string) bool {
	switch field {
	case "accessKey", "secretKey", "password", "username", "accountName", "accountKey",
		"roleArn", "serviceAccountCredentials", "clientSecret", "clientCertificate", "key":
		return true
	}
	return false
}

// redactBody returns a body as it appears in the ledger: JSON without secrets.
func redactBody(body []byte) json.RawMessage {
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
	clean, err := json.Marshal(maskSecrets(value))
	if err != nil {
		return json.RawMessage(strconv.Quote("(unprintable)"))
	}
	return clean
}

// maskSecrets replaces the secrets in a decoded JSON value, which it changes and returns.
func maskSecrets(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for field, inner := range v {
			if _, isText := inner.(string); isText && isSecret(field) {
				v[field] = "***"
				continue
			}
			v[field] = maskSecrets(inner)
		}
	case []any:
		for i := range v {
			v[i] = maskSecrets(v[i])
		}
	}
	return value
}
