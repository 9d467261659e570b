package identity

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

const (
	keyRefresh      = 5 * time.Minute  // between two looks at the keys of the issuer
	keyRetry        = 30 * time.Second // after a look that failed
	keyMinInterval  = 10 * time.Second // between two looks, however many tokens have unknown keys
	keyLifetime     = 24 * time.Hour   // of keys after the last look that succeeded
	issuerTimeout   = 10 * time.Second // of one answer of the issuer
	maxIssuerAnswer = 1 << 20          // bytes
)

// algorithms are those by which an issuer may sign. None of them has a key that the service would have to
// keep secret.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

func algorithmNames() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	return names
}

// keySet has the keys of an issuer. They are read from the issuer now and then, and when a token has an
// unknown one. They stay in use while the issuer is away, for [keyLifetime]. A key that the issuer has
// withdrawn is not used any more.
type keySet struct {
	issuer string
	client *http.Client
	log    *slog.Logger

	looks singleflight.Group // one at a time, which all who need it share

	// onWithdrawn is told the names of keys that are not used any more.
	onWithdrawn func(names []string)

	mu         sync.Mutex
	keys       []signingKey
	generation int       // grows when a key is withdrawn
	fetched    time.Time // the last look that succeeded
	tried      time.Time // the end of the last look
	failure    error     // of the last look
}

// signingKey is a key of the issuer, with a name that no other key has.
type signingKey struct {
	jose.JSONWebKey
	name string
}

func newKeySet(issuer string, client *http.Client, onWithdrawn func(names []string), log *slog.Logger) (*keySet, error) {
	if err := CheckIssuer(issuer); err != nil {
		return nil, err
	}
	if client == nil {
		client = &http.Client{}
	}
	own := *client
	own.Timeout = issuerTimeout
	own.Transport = limitedTransport{own.Transport}
	own.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) > 3 {
			return errors.New("too many redirects")
		}
		return CheckIssuer(r.URL.String())
	}
	return &keySet{issuer: issuer, client: &own, onWithdrawn: onWithdrawn, log: log}, nil
}

// CheckIssuer says why a URL cannot be that of an issuer: nobody may be able to put keys of his own in the
// place of the issuer's.
func CheckIssuer(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("want a URL, for example https://login.example.com")
	}
	if u.Scheme == "https" || u.Hostname() == "localhost" {
		return nil
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil && address.IsLoopback() {
		return nil
	}
	return errors.New("want https://, because nothing else shows that the keys are the issuer's")
}

// limitedTransport limits what is read of an answer.
type limitedTransport struct{ base http.RoundTripper }

func (t limitedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	base := t.base
	if base == nil {
		base = http.DefaultTransport
	}
	response, err := base.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxIssuerAnswer), response.Body}
	}
	return response, err
}

// run looks at the keys now and then until ctx ends.
func (k *keySet) run(ctx context.Context) {
	failing := false
	for {
		err := k.fetch(ctx, 0)
		if ctx.Err() != nil {
			return
		}
		k.forgetOld()
		wait := keyRefresh
		if err != nil {
			wait = keyRetry
		}
		if (err != nil) != failing {
			if failing = err != nil; failing {
				k.log.WarnContext(ctx, "keys of the issuer not read; those that are known stay in use for a day", "issuer", k.issuer, "err", err)
			} else {
				k.log.InfoContext(ctx, "keys of the issuer are read again", "issuer", k.issuer)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// signedWith is what a context has if it wants to know the name of the key that has signed a token: a *string.
type signedWith struct{}

// VerifySignature returns what a token says, if one of the keys has signed it. The library calls it.
func (k *keySet) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		return nil, err
	}
	if len(jws.Signatures) != 1 {
		return nil, errors.New("want one signature")
	}
	if payload, ok := k.verify(ctx, jws); ok {
		return payload, nil
	}
	if k.has(jws.Signatures[0].Header.KeyID) {
		return nil, errors.New("the signature is not that of the key")
	}
	if err := k.fetch(ctx, keyMinInterval); err != nil {
		return nil, fmt.Errorf("unknown key, and the issuer is away: %w", err)
	}
	if payload, ok := k.verify(ctx, jws); ok {
		return payload, nil
	}
	return nil, errors.New("signed with an unknown key")
}

// current returns the keys that may be used now.
func (k *keySet) current() []signingKey {
	k.forgetOld()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys
}

// forgetOld forgets keys that are past their lifetime.
func (k *keySet) forgetOld() {
	k.mu.Lock()
	var withdrawn []string
	if len(k.keys) > 0 && time.Since(k.fetched) >= keyLifetime {
		withdrawn = k.replace(nil)
	}
	k.mu.Unlock()
	k.onWithdrawn(withdrawn)
}

// replace puts keys in the place of the present ones, and returns the names of those that are not used any more.
// k.mu has to be held.
func (k *keySet) replace(keys []signingKey) (withdrawn []string) {
	for _, old := range k.keys {
		if !slices.ContainsFunc(keys, func(key signingKey) bool { return key.name == old.name }) {
			withdrawn = append(withdrawn, old.name)
		}
	}
	if len(withdrawn) > 0 {
		k.generation++
	}
	k.keys = keys
	return withdrawn
}

// currentGeneration is a number that changes when keys are not used any more.
func (k *keySet) currentGeneration() int {
	k.forgetOld()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.generation
}

func (k *keySet) has(id string) bool {
	return id != "" && slices.ContainsFunc(k.current(), func(key signingKey) bool { return key.KeyID == id })
}

// uses reports whether a key is used, by its name.
func (k *keySet) uses(name string) bool {
	return slices.ContainsFunc(k.current(), func(key signingKey) bool { return key.name == name })
}

// verify tries the keys with the id that the token names, or all keys if it names none.
func (k *keySet) verify(ctx context.Context, jws *jose.JSONWebSignature) ([]byte, bool) {
	header := jws.Signatures[0].Header
	for _, key := range k.current() {
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := jws.Verify(&key.JSONWebKey); err == nil {
			if name, ok := ctx.Value(signedWith{}).(*string); ok {
				*name = key.name
			}
			return payload, true
		}
	}
	return nil, false
}

// fetch asks the issuer for its keys, unless it was asked less than minInterval ago, and returns how the last look has
// ended. It waits for a look of others. A look goes on when ctx ends: a caller that hangs up must not waste it.
func (k *keySet) fetch(ctx context.Context, minInterval time.Duration) error {
	looked := k.looks.DoChan("", func() (any, error) {
		k.mu.Lock()
		recent, failure := minInterval > 0 && !k.tried.IsZero() && time.Since(k.tried) < minInterval, k.failure
		k.mu.Unlock()
		if recent {
			return nil, failure
		}
		return nil, k.look(context.WithoutCancel(ctx))
	})
	select {
	case result := <-looked:
		return result.Err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// look asks the issuer for its keys.
func (k *keySet) look(ctx context.Context) error {
	keys, err := k.read(ctx)
	k.mu.Lock()
	var withdrawn []string
	if k.tried, k.failure = time.Now(), err; err == nil {
		withdrawn, k.fetched = k.replace(keys), k.tried
	}
	k.mu.Unlock()
	k.onWithdrawn(withdrawn)
	return err
}

// read reads where the issuer has its keys, and then the keys.
func (k *keySet) read(ctx context.Context) ([]signingKey, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, k.client), k.issuer)
	if err != nil {
		return nil, err
	}
	var where struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&where); err != nil {
		return nil, err
	}
	if err := CheckIssuer(where.Keys); err != nil {
		return nil, fmt.Errorf("jwks_uri %q: %w", where.Keys, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where.Keys, nil)
	if err != nil {
		return nil, err
	}
	response, err := k.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // nothing more is read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", where.Keys, response.Status)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		return nil, fmt.Errorf("%s: %w", where.Keys, err)
	}
	var keys []signingKey
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		// A key of a kind that is not known here does not keep the others from being used.
		if json.Unmarshal(text, &key) != nil || !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
			continue
		}
		if thumbprint, err := key.Thumbprint(crypto.SHA256); err == nil {
			keys = append(keys, signingKey{key, fmt.Sprintf("key %x", thumbprint)})
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: there is no key for signatures", where.Keys)
	}
	return keys, nil
}
