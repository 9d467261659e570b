package identity_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// issuer is an issuer of OpenID Connect that rotates its keys and goes away when a test says so.
type issuer struct {
	t   *testing.T
	url string

	mu   sync.Mutex
	keys []jose.JSONWebKey // private
	away bool
	mute bool // it takes requests, and does not answer
	asks int  // how many times the keys were asked for
}

// newIssuer makes an issuer with one key. Nothing of it uses the network, so that it works in simulated time.
func newIssuer(t *testing.T) *issuer {
	i := &issuer{t: t, url: "https://login.example.com/realms/media"}
	i.rotate("k1")
	return i
}

// client is a client of everything at the issuer's URL.
func (i *issuer) client() *http.Client { return &http.Client{Transport: i} }

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	mute := i.mute
	i.mu.Unlock()
	if mute {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.away {
		return nil, errors.New("no route to host")
	}
	w := httptest.NewRecorder()
	switch strings.TrimPrefix(r.URL.String(), i.url) {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.url, "jwks_uri": i.url + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}})
	case "/keys":
		i.asks++
		set := map[string][]any{"keys": {map[string]string{"kty": "from the future", "kid": "f"}}}
		for _, key := range i.keys {
			set["keys"] = append(set["keys"], key.Public())
		}
		_ = json.NewEncoder(w).Encode(set)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	return w.Result(), nil
}

// rotate replaces the keys by a new one.
func (i *issuer) rotate(id string) {
	i.mu.Lock()
	i.keys = nil
	i.mu.Unlock()
	i.add(id)
}

// add adds a key, with which tokens are signed from now on.
func (i *issuer) add(id string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append([]jose.JSONWebKey{{Key: key, KeyID: id, Algorithm: "ES256", Use: "sig"}}, i.keys...)
}

// withdrawOldest withdraws the key that was added first.
func (i *issuer) withdrawOldest() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = i.keys[:len(i.keys)-1]
}

func (i *issuer) leave(away bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = away
}

func (i *issuer) asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asks
}

// sign signs claims with the present key. Those of a valid token for an hour come first.
func (i *issuer) sign(claims map[string]any) string {
	i.mu.Lock()
	key := i.keys[0]
	i.mu.Unlock()
	return signWith(i.t, key, i.claims(claims))
}

func (i *issuer) claims(changes map[string]any) map[string]any {
	all := map[string]any{
		"iss": i.url, "aud": "stoker", "sub": "u-17", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "groups": []string{"media", "archive-team"},
	}
	for name, value := range changes {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

func signWith(t *testing.T, key jose.JSONWebKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// rules are those of an issuer's groups.
var rules = []identity.Rule{
	{Name: "stoker-admins", Role: access.Admin},
	{Name: "archive-team", Role: access.Operator, Accounts: []string{"archive"}},
}

// newIdentifier makes an identifier that trusts an issuer, and runs it until the test ends.
func newIdentifier(t *testing.T, i *issuer) *identity.Identifier {
	t.Helper()
	id, err := identity.New(t.Context(), identity.Config{Required: true, OIDC: &identity.OIDC{
		Issuer: i.url, Audience: "stoker", Rules: rules, Client: i.client(),
	}}, noTokens{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// noTokens is a service without tokens.
type noTokens struct{}

func (noTokens) Tokens(context.Context, int64) ([]access.Token, error)     { return nil, nil }
func (noTokens) NoteTokenUses(context.Context, map[string]time.Time) error { return nil }

// show returns the principal of a bearer.
func show(t *testing.T, id *identity.Identifier, token string) (*access.Principal, error) {
	t.Helper()
	p, err := id.Identify(t.Context(), identity.Caller{Authorization: []string{"Bearer " + token}})
	if _, refused := errors.AsType[*identity.RefusalError](err); err != nil && !refused {
		t.Fatalf("error %v is no refusal", err)
	}
	return p, err
}

func TestSignedToken(t *testing.T) {
	i := newIssuer(t)
	id := newIdentifier(t, i)
	p, err := show(t, id, i.sign(nil))
	if err != nil || p.Name != "jwt:u-17" || p.Kind != access.JWTKind || p.Role != access.Operator || len(p.Accounts) != 1 || p.Accounts[0] != "archive" {
		t.Fatalf("principal %+v, %v", p, err)
	}
	if p, err := show(t, id, i.sign(map[string]any{"groups": "stoker-admins"})); err != nil || p.Role != access.Admin || p.Bound() {
		t.Errorf("a claim of one text: %+v, %v", p, err)
	}
	if p, err := show(t, id, i.sign(map[string]any{"groups": []string{"archive-team", "stoker-admins"}})); err != nil || p.Role != access.Admin {
		t.Errorf("of two groups the first rule counts: %+v, %v", p, err)
	}

	stranger := newIssuer(t)
	hmac := jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), Algorithm: "HS256", KeyID: "k1"}
	i.mu.Lock()
	public, err := i.keys[0].Public().MarshalJSON()
	i.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	confused := jose.JSONWebKey{Key: public, Algorithm: "HS256", KeyID: "k1"}
	valid := i.sign(nil)
	parts := strings.Split(valid, ".")
	for name, token := range map[string]string{
		"expired":                     i.sign(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"without an end":              i.sign(map[string]any{"exp": nil}),
		"not valid yet":               i.sign(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}),
		"for another service":         i.sign(map[string]any{"aud": "another"}),
		"for nobody":                  i.sign(map[string]any{"aud": nil}),
		"of another issuer":           i.sign(map[string]any{"iss": "https://evil.example.com"}),
		"without a name":              i.sign(map[string]any{"sub": nil}),
		"with a name that hides":      i.sign(map[string]any{"sub": "a\u202eb"}),
		"without a known group":       i.sign(map[string]any{"groups": []string{"media"}}),
		"without groups":              i.sign(map[string]any{"groups": nil}),
		"with groups of another kind": i.sign(map[string]any{"groups": map[string]any{"stoker-admins": true}}),
		"signed by somebody else":     stranger.sign(nil),
		"signed with a shared secret": signWith(t, hmac, i.claims(nil)),
		"signed with the public key":  signWith(t, confused, i.claims(nil)),
		"not signed":                  parts[0] + "." + parts[1] + ".",
		"said to need no signature":   "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"with another's content":      parts[0] + "." + strings.Split(i.sign(map[string]any{"groups": "stoker-admins"}), ".")[1] + "." + parts[2],
		"cut short":                   valid[:len(valid)-4],
		"nothing":                     "",
		"words":                       "let me in",
	} {
		if p, err := show(t, id, token); err == nil {
			t.Errorf("a token %s is that of %+v", name, p)
		}
	}
}

// TestClocksDiffer has the issuer's clock differ by a little.
func TestClocksDiffer(t *testing.T) {
	i := newIssuer(t)
	id := newIdentifier(t, i)
	for name, claims := range map[string]map[string]any{
		"behind": {"exp": time.Now().Add(-20 * time.Second).Unix()},
		"ahead":  {"iat": time.Now().Add(20 * time.Second).Unix(), "nbf": time.Now().Add(20 * time.Second).Unix()},
	} {
		if _, err := show(t, id, i.sign(claims)); err != nil {
			t.Errorf("a clock that is 20 s %s: %v, %s", name, err, why(err))
		}
	}
}

func why(err error) string {
	if r, ok := errors.AsType[*identity.RefusalError](err); ok {
		return r.Why
	}
	return ""
}

// runIdentifier runs an identifier, in simulated time, until stop is called.
func runIdentifier(t *testing.T, id *identity.Identifier) (stop func()) {
	t.Helper()
	ctx, end := context.WithCancelCause(t.Context())
	running := make(chan error, 1)
	go func() { running <- id.Run(ctx) }()
	return func() {
		end(nil)
		if err := <-running; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second) // simulated: until what looks at the keys has ended too
	}
}

// TestKeysRotate has the issuer rotate its keys, go away, and come back.
func TestKeysRotate(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		id := newIdentifier(t, i)
		defer runIdentifier(t, id)()
		known := func(what, token string, want bool) {
			t.Helper()
			if _, err := show(t, id, token); (err == nil) != want {
				t.Errorf("%s: %v (%s), known: want %t", what, err, why(err), want)
			}
		}
		day := func() map[string]any { return map[string]any{"exp": time.Now().Add(72 * time.Hour).Unix()} }
		first := i.sign(day())
		known("a token", first, true)

		time.Sleep(time.Minute)
		i.rotate("k2")
		second := i.sign(day())
		known("a token with a new key, before anybody looked", second, true)
		known("a token with a withdrawn key", first, false)

		i.leave(true)
		time.Sleep(23 * time.Hour)
		known("a token while the issuer is away", second, true)
		known("another token of the same key", i.sign(map[string]any{"sub": "u-18", "exp": time.Now().Add(time.Hour).Unix()}), true)
		i.rotate("k3")
		third := i.sign(day())
		known("a token with a key that cannot be asked for", third, false)
		time.Sleep(2 * time.Hour)
		known("a token of a key that is a day old", second, false)

		i.leave(false)
		time.Sleep(time.Minute)
		known("a token after the issuer came back", third, true)

		// Tokens with keys that nobody has do not have the issuer asked each time.
		before := i.asked()
		stranger := newIssuer(t)
		stranger.rotate("unknown")
		for range 1000 {
			known("a token with an unknown key", stranger.sign(map[string]any{"iss": i.url}), false)
		}
		if n := i.asked() - before; n > 2 {
			t.Errorf("the issuer was asked for its keys %d times", n)
		}
	})
}

// TestSilentIssuer has many callers show tokens with keys that are not known, while the issuer takes requests and does
// not answer: they wait for one look at the keys together, and nobody waits who has hung up.
func TestSilentIssuer(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		id := newIdentifier(t, i)
		if _, err := show(t, id, i.sign(nil)); err != nil {
			t.Fatal(err)
		}
		i.rotate("k2")
		i.mu.Lock()
		i.mute = true
		i.mu.Unlock()
		time.Sleep(time.Minute)
		token, began := i.sign(nil), time.Now()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := show(t, id, token); err == nil {
					t.Error("a token with a key that nobody knows counts")
				}
				if took := time.Since(began); took > 15*time.Second {
					t.Errorf("a caller waited for %v", took)
				}
			})
		}
		all.Wait()
		time.Sleep(time.Minute)
		ctx, hangUp := context.WithCancelCause(t.Context())
		refused := make(chan error)
		go func() {
			_, err := id.Identify(ctx, identity.Caller{Authorization: []string{"Bearer " + token}})
			refused <- err
		}()
		synctest.Wait()
		began = time.Now()
		hangUp(nil)
		if err := <-refused; err == nil || !time.Now().Equal(began) {
			t.Errorf("a caller that has hung up: %v after %v", err, time.Since(began))
		}
		time.Sleep(time.Minute) // until the look has ended
	})
}

// TestWithdrawnKeys has the issuer add a key, withdraw the older one, and go away for more than a day. What holds on to
// a token ends with the key that has signed it.
func TestWithdrawnKeys(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		id := newIdentifier(t, i)
		defer runIdentifier(t, id)()
		ended := make(chan string, 10)
		ends := func(want string) {
			t.Helper()
			select {
			case got := <-ended:
				if got != want {
					t.Errorf("%q ended, want %q", got, want)
				}
			default:
				if want != "" {
					t.Errorf("nothing ended, want %q", want)
				}
			}
		}
		signed := func(name string) *access.Principal {
			t.Helper()
			p, err := show(t, id, i.sign(map[string]any{"sub": name, "exp": time.Now().Add(72 * time.Hour).Unix()}))
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		defer id.Hold(signed("old"), func() { ended <- "old" })()
		i.add("k2")
		time.Sleep(time.Minute)
		late := signed("new")
		defer id.Hold(late, func() { ended <- "new" })()
		time.Sleep(time.Hour)
		ends("")
		i.withdrawOldest()
		time.Sleep(5*time.Minute + time.Second)
		ends("old")
		i.leave(true)
		time.Sleep(25 * time.Hour)
		ends("new") // its key is a day old
		defer id.Hold(late, func() { ended <- "late" })()
		ends("late")
	})
}

// TestStartsWithoutTheIssuer holds that a service starts while its issuer is away.
func TestStartsWithoutTheIssuer(t *testing.T) {
	i := newIssuer(t)
	i.leave(true)
	id := newIdentifier(t, i)
	if p, err := show(t, id, i.sign(nil)); err == nil {
		t.Errorf("principal %+v", p)
	}
}

func TestIssuerURLs(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://login.example.com": true, "http://127.0.0.1:8080/realm": true, "http://localhost:8080": true, "http://[::1]:8080": true,
		"http://login.example.com": false, "login.example.com": false, "": false, "ftp://login.example.com": false, "https://user:pw@login.example.com": false,
		"http://127.0.0.1.evil.example.com": false,
	} {
		if err := identity.CheckIssuer(url); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
}
