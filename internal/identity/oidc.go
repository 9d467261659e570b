package identity

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/stokerd/stoker/internal/access"
)

// OIDC is an issuer of OpenID Connect that is trusted to say who calls.
type OIDC struct {
	Issuer   string // URL
	Audience string // for which the issuer has to have made a token
	// NameClaim is the claim that names the principal. Default: sub.
	NameClaim string
	// RoleClaim is the claim whose values the rules are about, such as groups, or realm_access.roles for one
	// within another. Default: groups.
	RoleClaim string
	Rules     []Rule       // the first whose value the token has counts
	Client    *http.Client // default: one that limits what it reads
}

// clockSkew is by how much the clock of the issuer may differ from that of the service.
const clockSkew = 30 * time.Second

// maxVerified is how many tokens are remembered as verified.
const maxVerified = 4096

// issuer verifies the tokens of an issuer.
type issuer struct {
	OIDC
	keys     *keySet
	verifier *oidc.IDTokenVerifier

	mu sync.Mutex
	// verified has the principals of tokens that were verified with keys of a generation: a signature takes
	// longer to check than everything else in a call.
	verified   map[[sha256.Size]byte]*access.Principal
	generation int
}

func newIssuer(c OIDC, onWithdrawn func(keys []string), log *slog.Logger) (*issuer, error) {
	if c.NameClaim == "" {
		c.NameClaim = "sub"
	}
	if c.RoleClaim == "" {
		c.RoleClaim = "groups"
	}
	keys, err := newKeySet(c.Issuer, c.Client, onWithdrawn, log)
	if err != nil {
		return nil, err
	}
	i := &issuer{OIDC: c, keys: keys, verified: map[[sha256.Size]byte]*access.Principal{}}
	i.verifier = oidc.NewVerifier(c.Issuer, keys, &oidc.Config{
		ClientID: c.Audience, SupportedSigningAlgs: algorithmNames(),
		Now: func() time.Time { return time.Now().Add(-clockSkew) },
	})
	return i, nil
}

func (i *issuer) run(ctx context.Context) { i.keys.run(ctx) }

// identify returns the principal of a signed token.
func (i *issuer) identify(ctx context.Context, raw string, now time.Time) (*access.Principal, error) {
	hash := sha256.Sum256([]byte(raw))
	if p := i.remembered(hash, now); p != nil {
		return p, nil
	}
	generation := i.keys.currentGeneration()
	var key string
	token, err := i.verifier.Verify(context.WithValue(ctx, signedWith{}, &key), raw)
	if err != nil {
		return nil, refuse("signed token: " + err.Error())
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return nil, refuse("signed token: " + err.Error())
	}
	name, why := i.name(claims)
	if why != "" {
		return nil, refuse(why)
	}
	values := claimValues(claims, i.RoleClaim)
	for _, r := range i.Rules {
		if !values[r.Name] {
			continue
		}
		p := r.principal(access.JWTKind, name)
		p.CredentialID, p.ExpireTime = key, token.Expiry.Add(clockSkew)
		i.remember(hash, p, generation)
		return p, nil
	}
	return nil, refuse("no rule is for a value of the claim " + i.RoleClaim)
}

// name returns the name of a principal, or why it has none.
func (i *issuer) name(claims map[string]any) (name, why string) {
	name, _ = claims[i.NameClaim].(string)
	if !plainName(name) {
		return "", "signed token: claim " + i.NameClaim + " is no name"
	}
	if i.NameClaim == "email" && claims["email_verified"] != true {
		return "", "signed token: the issuer has not verified the e-mail address"
	}
	return name, ""
}

// claimValues returns the values of a claim: its text, or the texts in its list.
func claimValues(claims map[string]any, path string) map[string]bool {
	var value any = claims
	for name := range strings.SplitSeq(path, ".") {
		within, _ := value.(map[string]any)
		if value = within[name]; value == nil {
			return nil
		}
	}
	values := map[string]bool{}
	switch v := value.(type) {
	case string:
		values[v] = true
	case []any:
		for _, element := range v {
			if text, ok := element.(string); ok {
				values[text] = true
			}
		}
	}
	return values
}

func (i *issuer) remembered(hash [sha256.Size]byte, now time.Time) *access.Principal {
	i.mu.Lock()
	defer i.mu.Unlock()
	p, ok := i.verified[hash]
	if !ok || i.generation != i.keys.currentGeneration() || !now.Before(p.ExpireTime) {
		return nil
	}
	return p
}

func (i *issuer) remember(hash [sha256.Size]byte, p *access.Principal, generation int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.generation != generation || len(i.verified) >= maxVerified {
		clear(i.verified)
		i.generation = generation
	}
	i.verified[hash] = p
}
