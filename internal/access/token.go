package access

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Token is what is kept of a secret by which callers prove who they are. The secret itself is not kept.
type Token struct {
	ID       string
	Name     string // of the principal, without its kind
	Hash     [sha256.Size]byte
	Role     Role
	Accounts []string // sorted; nil: all

	CreatedBy   string // the name of the principal that made the token
	CreateTime  time.Time
	ExpireTime  time.Time // zero: never
	RevokeTime  time.Time // zero: the token is not revoked
	LastUseTime time.Time // to the hour; zero: never

	// Change is greater than that of every token that was made or revoked before. The job table
	// sets it.
	Change int64
}

// Prove returns the principal that the token proves.
func (t *Token) Prove() Principal {
	return Principal{
		Name: Name(TokenKind, t.Name), Kind: TokenKind, Role: t.Role, Accounts: t.Accounts,
		CredentialID: t.ID, ExpireTime: t.ExpireTime,
	}
}

// Valid reports whether the token is neither revoked nor expired.
func (t *Token) Valid(now time.Time) bool {
	return t.RevokeTime.IsZero() && (t.ExpireTime.IsZero() || now.Before(t.ExpireTime))
}

// Limits on how long a token works.
const (
	MinLifetime = time.Minute
	MaxLifetime = 10 * 365 * 24 * time.Hour
)

// MaxTokenName is the length of the longest name of a token.
const MaxTokenName = 64

var tokenName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?$`)

// CheckTokenName says why a name cannot be that of a token; nil if it can.
func CheckTokenName(name string) error {
	if tokenName.MatchString(name) {
		return nil
	}
	return fmt.Errorf("want 1 to %d letters, digits and . _ - @, with a letter or digit at both ends", MaxTokenName)
}

// ErrBoundAdmin is why an admin cannot be bound to accounts.
var ErrBoundAdmin = errors.New("an admin makes tokens for all accounts, and so cannot be bound to some; choose operator, or name no account")

// NewToken makes a token and its secret. lifetime 0 makes one that never expires. The error says why the
// name, the lifetime, or the role with the accounts cannot be.
func NewToken(name string, role Role, accounts []string, lifetime time.Duration, createdBy string, now time.Time) (Token, string, error) {
	if err := CheckTokenName(name); err != nil {
		return Token{}, "", fmt.Errorf("name %q: %w", name, err)
	}
	if role == Admin && len(accounts) > 0 {
		return Token{}, "", ErrBoundAdmin
	}
	if lifetime != 0 && (lifetime < MinLifetime || lifetime > MaxLifetime) {
		return Token{}, "", fmt.Errorf("lifetime %v: want 1 minute to 10 years", lifetime)
	}
	secret := newSecret()
	t := Token{
		ID: randomText(tokenIDLength), Name: name, Hash: HashSecret(secret), Role: role,
		CreatedBy: createdBy, CreateTime: now,
	}
	if len(accounts) > 0 {
		t.Accounts = slices.Compact(slices.Sorted(slices.Values(accounts)))
	}
	if lifetime != 0 {
		t.ExpireTime = now.Add(lifetime)
	}
	return t, secret, nil
}

// A secret is the prefix, random digits and a checksum of the digits. The prefix lets scanners find secrets
// that have leaked, and the checksum tells a typing error from a token that was revoked.
const (
	// SecretPrefix begins every secret.
	SecretPrefix = "stk_"

	secretDigits   = 30 // 178 random bits, so that nobody has to hash them slowly
	checksumDigits = 6
	secretLength   = len(SecretPrefix) + secretDigits + checksumDigits
	tokenIDLength  = 10
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func newSecret() string {
	digits := randomText(secretDigits)
	return SecretPrefix + digits + checksum(digits)
}

// randomText is n random digits of base 62, each as likely as the others.
func randomText(n int) string {
	text := make([]byte, 0, n)
	var random [64]byte
	for {
		_, _ = rand.Read(random[:]) // never fails
		for _, b := range random {
			if b &= 63; b < 62 {
				if text = append(text, base62[b]); len(text) == n {
					return string(text)
				}
			}
		}
	}
}

// checksum is the CRC-32 of a text, as digits of base 62.
func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	var digits [checksumDigits]byte
	for i := checksumDigits - 1; i >= 0; i-- {
		digits[i] = base62[sum%62]
		sum /= 62
	}
	return string(digits[:])
}

// IsSecret reports whether a text has the form of a secret, and the right checksum.
func IsSecret(text string) bool {
	if len(text) != secretLength || !strings.HasPrefix(text, SecretPrefix) {
		return false
	}
	digits := text[len(SecretPrefix) : len(SecretPrefix)+secretDigits]
	return checksum(digits) == text[len(SecretPrefix)+secretDigits:]
}

// HashSecret is what is kept of a secret.
func HashSecret(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }
