package bitmovin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretNeverShows(t *testing.T) {
	const plain = "hunter2-hunter2"
	s := Secret(plain)
	holder := Storage{Type: StorageS3, Name: redacted, SecretKey: s, Password: s}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, s), fmt.Sprintf(verb, []any{s}), fmt.Sprintf(verb, map[string]Secret{"k": s}))
	}
	for _, v := range []any{s, holder, []Secret{s}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "secret", s, "storage", holder)
	texts = append(texts, log.String(), s.String(), s.GoString())
	for _, text := range texts {
		if strings.Contains(text, "unter") || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", plain)) {
			t.Errorf("%q shows the secret", text)
		}
		if !strings.Contains(text, redacted) {
			t.Errorf("%q lacks the placeholder", text)
		}
	}
}

// fmt forgets about methods below a pointer it cannot print: structs with secrets need a
// String method of their own.
func TestStructsWithSecretsNeverShow(t *testing.T) {
	const plain = "hunter2-hunter2"
	for _, v := range []any{
		Storage{Type: StorageS3, SecretKey: plain, Password: plain, AccessKey: plain, AccountKey: plain, ServiceAccountCredentials: plain},
		&Storage{SecretKey: plain},
		Webhook{SignatureKey: plain},
		&Webhook{SignatureKey: plain},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, text := range []string{fmt.Sprintf(verb, v), fmt.Sprintf(verb, []any{v}), fmt.Sprintf(verb, struct{ V any }{v})} {
				if strings.Contains(text, "unter") || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", plain)) {
					t.Errorf("%s of %T: %q shows the secret", verb, v, text)
				}
			}
		}
	}
}

func TestRedactor(t *testing.T) {
	r := redactor{[]Secret{"", "line1\nline2", "s3cr3t"}}
	const in = "a s3cr3t b line1\nline2 c {\"k\":\"line1\\nline2\"}"
	const want = "a REDACTED b REDACTED c {\"k\":\"REDACTED\"}"
	if got := r.text(in); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	dirty := fmt.Errorf("outer: %w", errors.New("quotes s3cr3t"))
	clean := r.err(dirty)
	if clean.Error() != "outer: quotes REDACTED" || errors.Unwrap(clean) != nil {
		t.Errorf("cleaned error is %q and wraps %v", clean, errors.Unwrap(clean))
	}
	if harmless := errors.New("plain"); r.err(harmless) != harmless { //nolint:errorlint // the very same error, not one that wraps it
		t.Error("a harmless error was replaced")
	}
}
