package bitmovin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// redacted replaces secrets.
const redacted = "REDACTED"

// Secret is a credential. It is printed, logged and marshalled as REDACTED. Its value can only be
// read by an explicit conversion, string(s).
type Secret string

// String returns a placeholder.
func (Secret) String() string { return redacted }

// GoString returns a placeholder.
func (Secret) GoString() string { return redacted }

// Format writes a placeholder for every verb. Without Format, verbs such as %d would print the
// value.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, also for encoding/json and YAML encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// redactor removes known secrets from received texts. The platform and the gateways before it may
// quote what they were sent.
type redactor struct{ secrets []Secret }

// text returns s without the secrets, whether they are plain or escaped for JSON.
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

// err returns err itself if its text contains no secret and is not too long. Otherwise it returns
// a new error with the cleaned text, which does not wrap err: Unwrap would reveal the secret.
// Errors of net/http may quote a broken response with all of its headers.
func (r redactor) err(err error) error {
	text := err.Error()
	if clean := excerpt(r.text(text), maxText); clean != text {
		return errors.New(clean)
	}
	return err
}
