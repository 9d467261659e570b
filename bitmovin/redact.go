package bitmovin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// redacted stands wherever a secret would have stood.
const redacted = "REDACTED"

// Secret is a credential. However it is printed, logged or marshalled, it shows as
// REDACTED; only the encoder of a request that must carry it reads its value. To
// read it elsewhere takes an explicit string(s).
type Secret string

// String returns a placeholder.
func (Secret) String() string { return redacted }

// GoString returns a placeholder.
func (Secret) GoString() string { return redacted }

// Format writes a placeholder for every verb: without it %d or %!v would print the
// underlying string.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, also for encoding/json and YAML encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// redactor removes known secrets from texts of foreign origin. The platform and the
// gateways before it may quote what they were sent.
type redactor struct{ secrets []Secret }

// text returns s without the secrets, in plain and in JSON-escaped form.
func (r redactor) text(s string) string {
	for _, secret := range r.secrets {
		if secret == "" {
			continue
		}
		s = strings.ReplaceAll(s, string(secret), redacted)
		if quoted, err := json.Marshal(string(secret)); err == nil {
			s = strings.ReplaceAll(s, string(quoted[1:len(quoted)-1]), redacted)
		}
	}
	return s
}

// err returns err itself when its text is clean and not too long, otherwise only its cleaned
// text: an error that quotes a secret must not stay reachable through Unwrap either. A
// broken answer can be quoted in it, with all of its headers.
func (r redactor) err(err error) error {
	text := err.Error()
	if clean := excerpt(r.text(text), maxText); clean != text {
		return errors.New(clean)
	}
	return err
}
