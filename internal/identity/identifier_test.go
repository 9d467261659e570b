package identity_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"spiffe://example.com/encode/*", "spiffe://example.com/encode/ci", true},
		{"spiffe://example.com/encode/*", "spiffe://example.com/encode/", false},
		{"spiffe://example.com/encode/*", "spiffe://example.com/encode/ci/x", false},
		{"spiffe://example.com/encode/*", "spiffe://example.com/other/ci", false},
		{"spiffe://example.com/encode/*", "spiffe://evil.example.com/encode/ci", false},
		{"spiffe://example.com/encode/build-*", "spiffe://example.com/encode/build-7", true},
		{"spiffe://example.com/encode/build-*", "spiffe://example.com/encode/build-", false},
		{"spiffe://example.com/encode/*", "SPIFFE://example.com/encode/ci", false},
		{"*.ci.example.com", "runner.ci.example.com", true},
		{"*.ci.example.com", "Runner.CI.example.com", true},
		{"*.ci.example.com", "a.b.ci.example.com", false},
		{"*.ci.example.com", "ci.example.com", false},
		{"*.ci.example.com", ".ci.example.com", false},
		{"ops.example.com", "ops.example.com", true},
		{"ops.example.com", "ops.example.com.evil.example.net", false},
		{"*@example.com", "ann@example.com", true},
		{"*@example.com", "ann@EXAMPLE.com", true},
		{"*@example.com", "ann@sub.example.com", false},
		{"*@example.com", "@example.com", false},
		{"*@example.com", "a@evil.example.net@example.com", false},
		{"*@example.com", "a@evil.example.net,ann@example.com", false}, // a list of two
		{"*@example.com", "bob,ann@example.com", false},
		{"*@bank.example", "ann@ban\u212a.example", false}, // KELVIN SIGN, whose lower case is k
		{"*.bank.example", "a.ban\u212a.example", false},
		{"CN=*,O=Example", "CN=ann,O=Example", true},
		{"CN=*,O=Example", "CN=ann,O=Other,O=Example", false},
		{"*", "ann", true},
		{"*", "ann.example", false},
		{"*", "ann@example.com", false},
		{"ann", "ann", true},
		{"ann", "anna", false},
	} {
		if got := identity.Match(tt.pattern, tt.name); got != tt.want {
			t.Errorf("%q matches %q: %t, want %t", tt.pattern, tt.name, got, tt.want)
		}
	}
	for pattern, ok := range map[string]bool{
		"spiffe://example.com/*": true, "*@example.com": true, "*.example.com": true, "ann": true, "a-*-z.example.com": true,
		"": false, "spiffe://*/a": false, "*.*.example.com": false, "ann@*": false, "spiffe://example.com/": false, "a.*.com": false, "**": false,
	} {
		if err := identity.CheckPattern(pattern); (err == nil) != ok {
			t.Errorf("pattern %q: %v", pattern, err)
		}
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestCertificates(t *testing.T) {
	id, err := identity.New(t.Context(), identity.Config{Required: true, Certificates: []identity.Rule{
		{Name: "spiffe://example.com/encode/*", Role: access.Submitter, Accounts: []string{"archive"}},
		{Name: "*.ci.example.com", Role: access.Operator},
		{Name: "ops@example.com", Role: access.Admin},
	}}, noTokens{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(time.Hour)
	for name, tt := range map[string]struct {
		certificate *x509.Certificate
		want        string // name and role
	}{
		"SPIFFE":         {&x509.Certificate{URIs: []*url.URL{mustURL(t, "spiffe://example.com/encode/ci")}}, "certificate:spiffe://example.com/encode/ci submitter"},
		"DNS":            {&x509.Certificate{DNSNames: []string{"other.example.com", "r1.ci.example.com"}}, "certificate:r1.ci.example.com operator"},
		"e-mail":         {&x509.Certificate{EmailAddresses: []string{"ops@example.com"}}, "certificate:ops@example.com admin"},
		"two that match": {&x509.Certificate{EmailAddresses: []string{"ops@example.com"}, DNSNames: []string{"r1.ci.example.com"}}, "certificate:r1.ci.example.com operator"},
		"common name": {func() *x509.Certificate {
			c := &x509.Certificate{}
			c.Subject.CommonName = "r1.ci.example.com"
			return c
		}(), ""},
		"wildcard":              {&x509.Certificate{DNSNames: []string{"*.ci.example.com"}}, ""},
		"a URI like a DNS name": {&x509.Certificate{URIs: []*url.URL{mustURL(t, "r1.ci.example.com"), mustURL(t, "x:r1.ci.example.com")}}, ""},
		"a DNS name like a URI": {&x509.Certificate{DNSNames: []string{"spiffe://example.com/encode/ci"}}, ""},
		"unknown":               {&x509.Certificate{DNSNames: []string{"r1.ci.example.net"}}, ""},
		"none":                  {nil, ""},
		// What a certificate shows is neither a line of a log nor a command to a terminal.
		"line break in a DNS name":  {&x509.Certificate{DNSNames: []string{"r1\nadmin.ci.example.com"}}, ""},
		"escape in a DNS name":      {&x509.Certificate{DNSNames: []string{"r1\x1b[2J.ci.example.com"}}, ""},
		"blank in an e-mail name":   {&x509.Certificate{EmailAddresses: []string{"ops @example.com"}}, ""},
		"one principal, many cases": {&x509.Certificate{DNSNames: []string{"R1.CI.Example.com"}}, "certificate:r1.ci.example.com operator"},
	} {
		if tt.certificate != nil {
			tt.certificate.NotAfter = end
		}
		p, err := id.Identify(t.Context(), caller("192.0.2.1", tt.certificate))
		got := ""
		if err == nil {
			got = p.Name + " " + p.Role.String()
			if !p.ExpireTime.Equal(end) {
				t.Errorf("%s: expires at %v, want with the certificate", name, p.ExpireTime)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q (%s), want %q", name, got, why(err), tt.want)
		}
	}
	// A connection can go on for longer than the certificate with which it was made.
	expired := &x509.Certificate{EmailAddresses: []string{"ops@example.com"}, NotAfter: time.Now().Add(-time.Second)}
	if p, err := id.Identify(t.Context(), caller("", expired)); err == nil {
		t.Errorf("an expired certificate is that of %+v", p)
	}
	// A token that is wrong is not made up for by a certificate that is right.
	good := &x509.Certificate{EmailAddresses: []string{"ops@example.com"}, NotAfter: end}
	wrong := caller("", good)
	wrong.Authorization = []string{"Bearer stk_x"}
	if p, err := id.Identify(t.Context(), wrong); err == nil {
		t.Errorf("principal %+v", p)
	}
}

// caller is a caller at an address with a certificate, or nil.
func caller(address string, certificate *x509.Certificate) identity.Caller {
	c := identity.Caller{Address: address}
	if certificate != nil {
		c.Certificate, c.ProvenUntil = identity.ShownCertificate(&tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{certificate}}})
	}
	return c
}

// A connection outlasts the certificate between the client's and its CA, too, and that of the CA.
func TestShownCertificate(t *testing.T) {
	now := time.Now()
	lasting := func(d time.Duration) *x509.Certificate {
		return &x509.Certificate{DNSNames: []string{"r1.ci.example.com"}, NotAfter: now.Add(d)}
	}
	leaf, between, ca, oldCA := lasting(3*time.Hour), lasting(2*time.Hour), lasting(9*time.Hour), lasting(time.Hour)
	for name, tt := range map[string]struct {
		state *tls.ConnectionState
		want  time.Time
	}{
		"plain text":   {nil, time.Time{}},
		"none":         {&tls.ConnectionState{}, time.Time{}},
		"the client's": {&tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf, ca}}}, leaf.NotAfter},
		"between":      {&tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf, between, ca}}}, between.NotAfter},
		"the CA's":     {&tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf, between, oldCA}}}, oldCA.NotAfter},
		"two chains":   {&tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf, oldCA}, {leaf, between, ca}}}, between.NotAfter},
	} {
		c, until := identity.ShownCertificate(tt.state)
		if !until.Equal(tt.want) || (c == leaf) == tt.want.IsZero() {
			t.Errorf("%s: %p until %v, want until %v", name, c, until, tt.want)
		}
	}
	id, err := identity.New(t.Context(), identity.Config{Required: true, Certificates: []identity.Rule{{Name: "*.ci.example.com", Role: access.Viewer}}}, noTokens{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c, until := identity.ShownCertificate(&tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf, lasting(-time.Second), ca}}})
	if p, err := id.Identify(t.Context(), identity.Caller{Certificate: c, ProvenUntil: until}); err == nil {
		t.Errorf("a certificate for which no CA vouches any more is that of %+v", p)
	}
}

func TestProxy(t *testing.T) {
	id, err := identity.New(t.Context(), identity.Config{
		Required:     true,
		Certificates: []identity.Rule{{Name: "*.example.com", Role: access.Admin}},
		Proxy: &identity.Proxy{
			Header: "x-forwarded-user", Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.2.0/28")}, Names: []string{"proxy.example.com"}, Unix: true,
			Rules: []identity.Rule{{Name: "*@example.com", Role: access.Viewer, Accounts: []string{"archive"}}},
		},
	}, noTokens{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &x509.Certificate{DNSNames: []string{"proxy.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	other := &x509.Certificate{DNSNames: []string{"other.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	for name, tt := range map[string]struct {
		address     string
		certificate *x509.Certificate
		users       []string
		want        string
	}{
		"by address":                 {"10.1.2.3", nil, []string{"ann@example.com"}, "proxy:ann@example.com viewer"},
		"by mapped address":          {"::ffff:10.1.2.3", nil, []string{"ann@example.com"}, "proxy:ann@example.com viewer"},
		"by certificate":             {"192.0.2.1", proxy, []string{"ann@example.com"}, "proxy:ann@example.com viewer"},
		"by socket":                  {"", nil, []string{"ann@example.com"}, "proxy:ann@example.com viewer"},
		"by nobody":                  {"192.0.2.1", nil, []string{"ann@example.com"}, ""},
		"by another":                 {"192.0.2.1", other, []string{"ann@example.com"}, "certificate:other.example.com admin"},
		"two users":                  {"10.1.2.3", nil, []string{"ann@example.com", "bob@example.com"}, ""},
		"a list of users":            {"10.1.2.3", nil, []string{"ann@example.com, bob@example.com"}, ""},
		"a list without blanks":      {"10.1.2.3", nil, []string{"bob@example.net,ann@example.com"}, ""},
		"another case of the domain": {"10.1.2.3", nil, []string{"Ann@EXAMPLE.com"}, "proxy:Ann@example.com viewer"},
		"a stranger":                 {"10.1.2.3", nil, []string{"ann@example.net"}, ""},
		"no name":                    {"10.1.2.3", nil, []string{""}, ""},
		"the proxy itself":           {"10.1.2.3", nil, nil, ""},
		"the proxy by certificate":   {"192.0.2.1", proxy, nil, ""}, // whoever called it has no share in what its certificate may do
		"for a stranger, not itself": {"192.0.2.1", proxy, []string{"ann@example.net"}, ""},
	} {
		c := caller(tt.address, tt.certificate)
		c.Header = func(header string) []string {
			if header == "x-forwarded-user" {
				return tt.users
			}
			return nil
		}
		p, err := id.Identify(t.Context(), c)
		got := ""
		if err == nil {
			got = p.Name + " " + p.Role.String()
			if !p.ExpireTime.Equal(c.ProvenUntil) {
				t.Errorf("%s: expires at %v, want at %v, with what the proxy has shown", name, p.ExpireTime, c.ProvenUntil)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q (%s), want %q", name, got, why(err), tt.want)
		}
	}
}

// A service that nobody can call says so at its start.
func TestKnowsCallers(t *testing.T) {
	now := time.Now()
	valid, revoked, expired := access.Token{ID: "a"}, access.Token{ID: "b", RevokeTime: now}, access.Token{ID: "c", ExpireTime: now.Add(-time.Hour)}
	for name, tt := range map[string]struct {
		config identity.Config
		tokens []access.Token
		want   bool
	}{
		"nobody is asked":       {identity.Config{}, nil, true},
		"no token":              {identity.Config{Required: true}, nil, false},
		"a token":               {identity.Config{Required: true}, []access.Token{valid}, true},
		"tokens that have been": {identity.Config{Required: true}, []access.Token{revoked, expired}, false},
		"certificates":          {identity.Config{Required: true, Certificates: []identity.Rule{{Name: "a", Role: access.Viewer}}}, nil, true},
		"a proxy":               {identity.Config{Required: true, Proxy: &identity.Proxy{Unix: true}}, nil, true},
	} {
		for i := range tt.tokens {
			tt.tokens[i].Hash[0] = byte(i)
		}
		id, err := identity.New(t.Context(), tt.config, someTokens{list: tt.tokens}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if got := id.KnowsCallers(); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}

// someTokens is a service with some tokens.
type someTokens struct {
	noTokens
	list []access.Token
}

func (s someTokens) Tokens(context.Context, int64) ([]access.Token, error) { return s.list, nil }

// tokenRows are the tokens of a job table, by their changes.
type tokenRows struct {
	noTokens
	rows  []access.Token
	reads int
	err   error
}

func (r *tokenRows) Tokens(_ context.Context, after int64) (list []access.Token, err error) {
	if r.reads++; r.err != nil {
		return nil, r.err
	}
	for _, token := range r.rows {
		if token.Change > after {
			list = append(list, token)
		}
	}
	return list, nil
}

// A token counts as soon as another process has made it, without a wait for the next look at all tokens. Secrets that are
// refused have them read ten times a second and not more often, and are refused all the same while they cannot be read.
func TestTokenCountsAtOnce(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		table := &tokenRows{}
		id, err := identity.New(t.Context(), identity.Config{Required: true}, table, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		identify := func(secret string) error {
			_, err := id.Identify(t.Context(), identity.Caller{Authorization: []string{"Bearer " + secret}})
			return err
		}
		token, secret, err := access.NewToken("new", access.Operator, nil, 0, "local", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := identify(secret); err == nil {
			t.Fatal("a token counts before it is in the table")
		}
		token.Change = 1
		table.rows = append(table.rows, token)
		if err := identify(secret); err != nil {
			t.Errorf("a token that was just made: %s", why(err))
		}
		_, unknown, err := access.NewToken("elsewhere", access.Operator, nil, 0, "local", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		table.reads = 0
		for n := range 100 {
			if identify([]string{unknown, "stk_mistyped"}[n%2]) == nil {
				t.Fatal("a wrong secret counts")
			}
		}
		if table.reads != 10 {
			t.Errorf("the tokens were read %d times for 100 wrong secrets, want 10", table.reads)
		}
		time.Sleep(time.Second)
		table.err = errors.New("the disk is gone")
		if got := why(identify(unknown)); got != "token is not known" {
			t.Errorf("while tokens cannot be read: %s", got)
		}
		if err := identify(secret); err != nil {
			t.Errorf("a known token while tokens cannot be read: %s", why(err))
		}
	})
}

// A database may fail over to a standby that lacks the latest changes of tokens, and number others alike. What is made and
// revoked from then on counts all the same, and a token that was lost does not.
func TestTokensAfterFailover(t *testing.T) {
	table := &tokenRows{}
	secrets := map[string]string{}
	add := func(name string, change int64) {
		t.Helper()
		token, secret, err := access.NewToken(name, access.Operator, nil, 0, "local", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		token.Change = change
		table.rows, secrets[name] = append(table.rows, token), secret
	}
	add("kept", 1)
	add("lost", 2)
	add("also-lost", 3)
	id, err := identity.New(t.Context(), identity.Config{Required: true}, table, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string, want map[string]bool) {
		t.Helper()
		if err := id.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name, counts := range want {
			_, err := id.Identify(t.Context(), identity.Caller{Authorization: []string{"Bearer " + secrets[name]}})
			if (err == nil) != counts {
				t.Errorf("%s: token %q counts: %t, want %t (%s)", when, name, err == nil, counts, why(err))
			}
		}
	}
	check("before", map[string]bool{"kept": true, "lost": true, "also-lost": true})
	ended := make(chan struct{})
	lost, err := id.Identify(t.Context(), identity.Caller{Authorization: []string{"Bearer " + secrets["lost"]}})
	if err != nil {
		t.Fatal(err)
	}
	defer id.Hold(lost, func() { close(ended) })()
	table.rows = table.rows[:1]
	add("made", 2)
	check("after the failover", map[string]bool{"kept": true, "lost": false, "also-lost": false, "made": true})
	select {
	case <-ended:
	default:
		t.Error("what the lost token holds goes on")
	}
	revoked := table.rows[0]
	revoked.Change, revoked.RevokeTime = 3, time.Now()
	table.rows = append(table.rows[1:], revoked)
	check("after a revocation", map[string]bool{"kept": false, "made": true})
	table.rows = nil
	check("after all is lost", map[string]bool{"kept": false, "made": false})
}

func TestNobodyIsAsked(t *testing.T) {
	id, err := identity.New(t.Context(), identity.Config{}, noTokens{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p, err := id.Identify(t.Context(), identity.Caller{Authorization: []string{"Bearer nonsense"}})
	if err != nil || p.Name != access.LocalName || p.Role != access.Admin || p.Bound() {
		t.Errorf("principal %+v, %v", p, err)
	}
}
