package identity

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/stokerd/stoker/internal/access"
)

// Config says which proofs count, and what they allow.
type Config struct {
	// Required has every caller prove who it is. Without it everybody is [access.Local].
	Required     bool
	Certificates []Rule // the first that matches a name of the certificate counts
	OIDC         *OIDC  // nil: no issuer is trusted
	Proxy        *Proxy // nil: no header is trusted
}

// Rule says what principals with a name may do.
type Rule struct {
	Name     string // as [Match] takes it; for OpenID Connect a value of the claim
	Role     access.Role
	Accounts []string // sorted; nil: all
}

func (r Rule) principal(kind access.Kind, name string) *access.Principal {
	return &access.Principal{Name: access.Name(kind, name), Kind: kind, Role: r.Role, Accounts: r.Accounts}
}

// Tokens is where tokens are kept.
type Tokens interface {
	// Tokens returns the tokens with a [access.Token.Change] above after, by change.
	Tokens(ctx context.Context, after int64) ([]access.Token, error)
	// NoteTokenUses keeps when tokens were last used, by id.
	NoteTokenUses(ctx context.Context, uses map[string]time.Time) error
}

// Caller is what a caller shows of itself.
type Caller struct {
	Address       string            // of the connection's other end, without a port; empty for a Unix socket
	Certificate   *x509.Certificate // verified; nil: none was shown
	ProvenUntil   time.Time         // when the certificate proves nothing any more, as of [ShownCertificate]
	Authorization []string          // the headers of this name
	// Header returns the headers of a name, which is in lower case.
	Header func(name string) []string
}

// RefusalError is the error of a caller that is not known.
type RefusalError struct {
	Why string // for the log alone
}

// Error is the same for every refusal.
func (*RefusalError) Error() string { return "the caller is not known" }

func refuse(why string) error { return &RefusalError{Why: why} }

// ErrEnded is why a principal that was known is not any more: its token was revoked, or its proof has expired.
var ErrEnded = errors.New("the proof of who called has ended")

// Identifier finds out who calls. Its methods may be called concurrently.
type Identifier struct {
	config  Config
	log     *slog.Logger
	tokens  *tokenTable
	rereads *rate.Limiter // of the tokens, for secrets that are about to be refused
	issuer  *issuer       // nil: none is trusted
	holds   holds
}

// New makes an Identifier, and reads the tokens. [Identifier.Run] keeps it up to date.
func New(ctx context.Context, c Config, tokens Tokens, log *slog.Logger) (*Identifier, error) {
	i := &Identifier{config: c, log: log, tokens: newTokenTable(tokens), rereads: rate.NewLimiter(rereadsPerSecond, rereadsPerSecond)}
	i.holds.all = map[string]map[*hold]struct{}{}
	if c.OIDC != nil {
		var err error
		if i.issuer, err = newIssuer(*c.OIDC, i.holds.end, log); err != nil {
			return nil, err
		}
	}
	if c.Required {
		if err := i.Refresh(ctx); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// Required reports whether callers have to prove who they are.
func (i *Identifier) Required() bool { return i.config.Required }

// KnowsCallers reports whether anybody can prove who they are: there is a token that counts, or another kind of proof
// is configured.
func (i *Identifier) KnowsCallers() bool {
	c := i.config
	return !c.Required || len(c.Certificates) > 0 || c.OIDC != nil || c.Proxy != nil || i.tokens.anyValid(time.Now())
}

// maxAuthorization is the length of the longest authorization header that is looked at, in bytes.
const maxAuthorization = 16 << 10

// Identify returns the principal of a caller, which must not be changed. The error is a [*RefusalError]. Of
// several proofs the first of these counts, valid or not: the authorization header, the header of a proxy,
// the certificate.
func (i *Identifier) Identify(ctx context.Context, c Caller) (*access.Principal, error) {
	if !i.config.Required {
		return &local, nil
	}
	now := time.Now()
	if len(c.Authorization) > 0 {
		return i.identifyBearer(ctx, c.Authorization, now)
	}
	if c.Certificate != nil && !now.Before(c.ProvenUntil) {
		// It was valid at the handshake, and a connection can go on for months.
		return nil, refuse("the certificate, or that of its CA, has expired since the connection was made")
	}
	if p := i.config.Proxy; p != nil && c.Header != nil {
		switch names := c.Header(p.Header); {
		case len(names) > 0 && p.trusts(c):
			return p.identify(names, c)
		case p.isNamed(c.Certificate):
			// A request that the proxy has asked nobody about, or whose header got lost, is not one of the proxy itself.
			return nil, refuse("the proxy names no caller")
		}
	}
	if c.Certificate != nil {
		return identifyCertificate(i.config.Certificates, c)
	}
	return nil, refuse("no proof")
}

var local = access.Local()

func (i *Identifier) identifyBearer(ctx context.Context, headers []string, now time.Time) (*access.Principal, error) {
	header := headers[0]
	scheme, credentials, _ := strings.Cut(header, " ")
	credentials = strings.TrimSpace(credentials)
	switch {
	case len(headers) > 1:
		return nil, refuse("more than one authorization header")
	case len(header) > maxAuthorization:
		return nil, refuse("authorization header is too long")
	case !strings.EqualFold(scheme, "Bearer"):
		return nil, refuse("authorization header is not that of a bearer")
	case i.issuer != nil && !strings.HasPrefix(credentials, access.SecretPrefix):
		return i.issuer.identify(ctx, credentials, now)
	}
	return i.identifyToken(ctx, credentials, now)
}

const (
	// rereadsPerSecond is how often in a second the tokens are read for secrets that are about to be refused, so that
	// strangers do not have the job table read for each of theirs.
	rereadsPerSecond = 10
	// rereadTimeout is how long a caller waits for that at most.
	rereadTimeout = time.Second
)

// identifyToken returns the principal of a secret. It may be that of a token that another process has made a moment ago.
// So the tokens are read once more before a secret is refused, whatever is wrong with it.
func (i *Identifier) identifyToken(ctx context.Context, secret string, now time.Time) (*access.Principal, error) {
	p, err := i.tokens.identify(secret, now)
	if err == nil || !i.rereads.Allow() {
		return p, err
	}
	ctx, cancel := context.WithTimeout(ctx, rereadTimeout)
	defer cancel()
	if i.Refresh(ctx) != nil { // Run says it in the log
		return nil, err
	}
	return i.tokens.identify(secret, now)
}

// isRevoked reports whether what is named by a [access.Principal.CredentialID] counts no more, as far as is known.
func (i *Identifier) isRevoked(p *access.Principal) bool {
	if p.Kind == access.JWTKind {
		return !i.issuer.keys.uses(p.CredentialID)
	}
	return i.tokens.isRevoked(p.CredentialID)
}

// Refresh reads tokens that were made or revoked since the last time, and ends what revoked ones hold.
func (i *Identifier) Refresh(ctx context.Context) error {
	revoked, err := i.tokens.refresh(ctx)
	i.holds.end(revoked)
	return err
}

const (
	refreshInterval = time.Second // between two looks at the tokens: a revocation counts by then
	usesInterval    = time.Minute // between two times that the uses of tokens are kept
)

// Run keeps tokens and the keys of the issuer up to date until ctx ends. It returns nil.
func (i *Identifier) Run(ctx context.Context) error {
	if !i.config.Required {
		return nil
	}
	if i.issuer != nil {
		go i.issuer.run(ctx)
	}
	refresh, uses := time.NewTicker(refreshInterval), time.NewTicker(usesInterval)
	defer refresh.Stop()
	defer uses.Stop()
	failing := false
	for {
		var err error
		select {
		case <-ctx.Done():
			// What has been used since the last time is lost: it is known to the hour at best.
			return nil
		case <-refresh.C:
			err = i.Refresh(ctx)
		case <-uses.C:
			err = i.tokens.keepUses(ctx)
		}
		if (err != nil) != failing && ctx.Err() == nil {
			if failing = err != nil; failing {
				i.log.WarnContext(ctx, "tokens cannot be read: what was revoked since does not count yet", "err", err)
			} else {
				i.log.InfoContext(ctx, "tokens are read again")
			}
		}
	}
}
