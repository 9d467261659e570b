package notification

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Secret signs the messages to an endpoint. It has the form of Standard Webhooks: whsec_ and base64. It does not
// appear in logs or formatted text; [Secret.Reveal] returns it.
type Secret struct{ text string }

// secretPrefix begins every secret.
const secretPrefix = "whsec_"

// Lengths of a secret in bytes, before base64: of the shortest and the longest that are taken, and of those made here.
const minSecret, maxSecret, ownSecret = 24, 64, 32

var errSecret = errors.New("want whsec_ and the base64 of 24 to 64 random bytes, as `printf whsec_; openssl rand -base64 32` prints it")

// ParseSecret reads a secret.
func ParseSecret(text string) (Secret, error) {
	raw, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return Secret{}, errSecret
	}
	bytes, err := base64.StdEncoding.DecodeString(raw)
	if err != nil || strings.ContainsAny(raw, "\r\n") || len(bytes) < minSecret || len(bytes) > maxSecret {
		return Secret{}, errSecret
	}
	return Secret{text}, nil
}

// MaxSecrets is how many secrets an endpoint may have at a time.
const MaxSecrets = 5

// ParseSecrets reads secrets, the newest first, with blanks or ends of lines between them.
func ParseSecrets(text string) ([]Secret, error) {
	words := strings.Fields(text)
	switch {
	case len(words) == 0:
		return nil, errors.New("there is no secret")
	case len(words) > MaxSecrets:
		return nil, fmt.Errorf("there are %d secrets; want at most %d", len(words), MaxSecrets)
	}
	secrets := make([]Secret, len(words))
	for i, word := range words {
		var err error
		if secrets[i], err = ParseSecret(word); err != nil {
			return nil, fmt.Errorf("secret %d of %d: %w", i+1, len(words), err)
		}
	}
	return secrets, nil
}

// Reveal returns the secret.
func (s Secret) Reveal() string { return s.text }

// String hides the secret.
func (Secret) String() string { return "(secret)" }

// GoString hides the secret.
func (Secret) GoString() string { return "(secret)" }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("(secret)") }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

// Key is what the secrets of endpoints are made from. It is kept in a file, so that the job table and its backups
// have no secret: they have what is in a [SecretKey]. Like a [Secret] it is not shown.
type Key struct{ secret Secret }

// NewKey makes a key.
func NewKey() Key {
	raw := make([]byte, ownSecret)
	_, _ = rand.Read(raw) // never fails
	return Key{Secret{secretPrefix + base64.StdEncoding.EncodeToString(raw)}}
}

// ParseKey reads a key, which has the form of a secret.
func ParseKey(text string) (Key, error) {
	secret, err := ParseSecret(strings.TrimSpace(text))
	return Key{secret}, err
}

// Reveal returns the key as [ParseKey] reads it.
func (k Key) Reveal() string { return k.secret.Reveal() }

// String hides the key.
func (Key) String() string { return "(key)" }

// GoString hides the key.
func (Key) GoString() string { return "(key)" }

// LogValue hides the key.
func (Key) LogValue() slog.Value { return slog.StringValue("(key)") }

// Fingerprint tells keys apart, and tells nothing else of them.
func (k Key) Fingerprint() string {
	sum := sha256.Sum256([]byte("stoker notification key\n" + k.secret.text))
	return hex.EncodeToString(sum[:6])
}

// SecretKey says from what a secret was made. It is not secret itself.
type SecretKey struct {
	Salt        string    `json:"salt"`
	Fingerprint string    `json:"key"` // of the [Key]
	CreateTime  time.Time `json:"create_time"`
	ExpireTime  time.Time `json:"expire_time,omitzero"` // zero: never
}

// NewSecret makes a secret, and what it can be made from again.
func (k Key) NewSecret(now time.Time) (Secret, SecretKey, error) {
	made := SecretKey{Salt: rand.Text(), Fingerprint: k.Fingerprint(), CreateTime: now}
	secret, err := k.secretOf(made)
	return secret, made, err
}

// ErrOtherKey is the error for secrets that were made from another key.
var ErrOtherKey = errors.New("the secrets of the endpoint were made from another notification key than the one that is in use; restore the file of that key, or rotate the secret")

func (k Key) secretOf(s SecretKey) (Secret, error) {
	if s.Fingerprint != k.Fingerprint() {
		return Secret{}, ErrOtherKey
	}
	raw, err := hkdf.Key(sha256.New, []byte(k.secret.text), []byte(s.Salt), "stoker notification secret", ownSecret)
	if err != nil {
		return Secret{}, fmt.Errorf("make the secret: %w", err)
	}
	return Secret{secretPrefix + base64.StdEncoding.EncodeToString(raw)}, nil
}

// Secrets makes the secrets of an endpoint that are valid at a time, the newest first. The error is [ErrOtherKey] if
// none of them was made from this key.
func (k Key) Secrets(keys []SecretKey, now time.Time) ([]Secret, error) {
	var secrets []Secret
	for _, s := range ValidKeys(keys, now) {
		secret, err := k.secretOf(s)
		if err == nil {
			secrets = append(secrets, secret)
		} else if !errors.Is(err, ErrOtherKey) {
			return nil, err
		}
	}
	if len(secrets) == 0 {
		return nil, ErrOtherKey
	}
	return secrets, nil
}

// ValidKeys returns those of the keys whose secrets have not expired.
func ValidKeys(keys []SecretKey, now time.Time) []SecretKey {
	return slices.DeleteFunc(slices.Clone(keys), func(s SecretKey) bool { return !s.ExpireTime.IsZero() && !now.Before(s.ExpireTime) })
}

// Rotate returns the keys of an endpoint that gets a new secret. The earlier secrets sign beside it for the time of the
// overlap, and no longer than they would have. Of more than [MaxSecrets] the oldest end at once.
func Rotate(keys []SecretKey, fresh SecretKey, overlap time.Duration, now time.Time) []SecretKey {
	rotated := []SecretKey{fresh}
	end := now.Add(overlap)
	for _, s := range keys {
		if s.ExpireTime.IsZero() || s.ExpireTime.After(end) {
			s.ExpireTime = end
		}
		rotated = append(rotated, s)
	}
	rotated = ValidKeys(rotated, now)
	return rotated[:min(len(rotated), MaxSecrets)]
}
