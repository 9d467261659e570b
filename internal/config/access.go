package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/internal/spelling"
)

// authNode is the section auth. One that says nothing but whether proof is required may be that word alone.
type authNode struct {
	Mode                 string       `yaml:"mode" single:"true"`
	AllowInlineTemplates bool         `yaml:"allow_inline_templates"`
	Certificates         []ruleNode   `yaml:"certificates"`
	OIDC                 *oidcNode    `yaml:"oidc"`
	Proxy                *proxyNode   `yaml:"proxy"`
	MaxStarts            []startsNode `yaml:"max_starts_per_day"`
}

// startsNode limits the starts of a day for the batches of each principal with a name.
type startsNode struct {
	// The name of the principal with its kind, such as token:ci; * stands for any end of a name.
	Principal string `yaml:"principal"`
	// How many starts a day (UTC) may have for the batches of each such principal, on all accounts together.
	Starts int `yaml:"starts"`
}

// ruleNode says what principals with a name may do.
type ruleNode struct {
	Name     string   `yaml:"name"`
	Role     string   `yaml:"role"`
	Accounts []string `yaml:"accounts"`
}

// oidcNode is an issuer of OpenID Connect.
type oidcNode struct {
	Issuer    string          `yaml:"issuer"`
	Audience  string          `yaml:"audience"`
	NameClaim string          `yaml:"name_claim"`
	RoleClaim string          `yaml:"role_claim"`
	CAFile    string          `yaml:"ca_file"`
	Roles     []claimRuleNode `yaml:"roles"`
}

// claimRuleNode says what principals may do whose claim has a value.
type claimRuleNode struct {
	Value    string   `yaml:"value"`
	Role     string   `yaml:"role"`
	Accounts []string `yaml:"accounts"`
}

// proxyNode is a header that names callers, and the proxies that are trusted to set it.
type proxyNode struct {
	Header     string     `yaml:"header"`
	From       []string   `yaml:"from"`
	Principals []ruleNode `yaml:"principals"`
}

// named reports whether the section names proofs other than tokens.
func (n *authNode) named() bool { return len(n.Certificates) > 0 || n.OIDC != nil || n.Proxy != nil }

// loadAccess reads who may do what.
func (l *loader) loadAccess() {
	node, c := &l.file.Auth, &l.config.Identity
	c.Required = l.config.Auth == AuthRequired
	l.config.AllowInlineTemplates = node.AllowInlineTemplates
	switch {
	case c.Required:
	case node.Proxy != nil:
		l.mistakeAt("auth.proxy", "behind a proxy every caller comes from an address of the proxy: say auth.mode: required as well")
	case node.named():
		l.mistakeAt("auth", "the certificates and issuers that it names have no effect unless callers have to prove who they are: say auth.mode: required as well")
	}
	c.Certificates = l.readRules("auth.certificates", node.Certificates, true)
	if len(c.Certificates) > 0 && l.config.TLS.ClientCAFile == "" {
		l.mistakeAt("auth.certificates", "nobody can show a certificate: set tls.client_ca_file, which says whose certificates are accepted")
	}
	l.config.PrincipalStarts = l.readPrincipalStarts("auth.max_starts_per_day", node.MaxStarts)
	if node.OIDC != nil {
		c.OIDC = l.readOIDC(node.OIDC)
	}
	if node.Proxy != nil {
		c.Proxy = l.readProxy(node.Proxy)
	}
}

// readRules reads rules for names.
func (l *loader) readRules(path string, nodes []ruleNode, patterns bool) []identity.Rule {
	var rules []identity.Rule
	for i, n := range nodes {
		at := fmt.Sprintf("%s[%d]", path, i)
		if err := identity.CheckPattern(n.Name); err != nil && patterns {
			l.mistakeAt(at+".name", "%q: %v", n.Name, err)
		}
		rules = append(rules, l.readRule(at, n.Name, n.Role, n.Accounts))
	}
	return rules
}

func (l *loader) readRule(path, name, roleName string, accounts []string) identity.Rule {
	role, err := access.ParseRole(roleName)
	if err != nil {
		l.mistakeAt(path+".role", "%q: %v%s", roleName, err, spelling.Hint(roleName, access.RoleNames()))
	}
	if role == access.Admin && len(accounts) > 0 {
		l.mistakeAt(path+".accounts", "%v", access.ErrBoundAdmin)
	}
	return identity.Rule{Name: name, Role: role, Accounts: l.readAccountNames(path+".accounts", accounts)}
}

// readAccountNames reads the accounts that something is bound to; nil: it is bound to none.
func (l *loader) readAccountNames(path string, names []string) []string {
	if names == nil {
		return nil
	}
	if len(names) == 0 {
		l.mistakeAt(path, "the list is empty: name an account, or leave the list out for all accounts")
	}
	l.accountNames = append(l.accountNames, namedAccounts{path, names})
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// namedAccounts are accounts that something is bound to.
type namedAccounts struct {
	path  string
	names []string
}

// checkAccountNames checks that the accounts to which something is bound are in the configuration. It comes last,
// when all of them are known.
func (l *loader) checkAccountNames() {
	if l.WithoutPlatform {
		return
	}
	var known []string
	for _, a := range l.config.Accounts {
		known = append(known, a.ID)
	}
	for _, n := range l.accountNames {
		for i, name := range n.names {
			if slices.Contains(known, name) {
				continue
			}
			hint := spelling.Hint(name, known)
			if hint == "" {
				hint = "; there are: " + strings.Join(known, ", ")
			}
			l.mistakeAt(fmt.Sprintf("%s[%d]", n.path, i), "there is no account %q%s", name, hint)
		}
	}
}

func (l *loader) readOIDC(n *oidcNode) *identity.OIDC {
	const path = "auth.oidc"
	c := &identity.OIDC{Issuer: n.Issuer, Audience: n.Audience, NameClaim: n.NameClaim, RoleClaim: n.RoleClaim}
	if err := identity.CheckIssuer(n.Issuer); err != nil {
		l.mistakeAt(path+".issuer", "%s: %v", quoteValue(n.Issuer), err)
	}
	if n.Audience == "" {
		l.mistakeAt(path+".audience", "is required: without it a token that was made for another service would count here")
	}
	if len(n.Roles) == 0 {
		l.mistakeAt(path+".roles", "name at least one value of the claim, with its role: {value: ..., role: viewer}")
	}
	for i, r := range n.Roles {
		at := fmt.Sprintf("%s.roles[%d]", path, i)
		if r.Value == "" {
			l.mistakeAt(at+".value", "is required: a value that the claim %s can have", orDefault(n.RoleClaim, "groups"))
		}
		c.Rules = append(c.Rules, l.readRule(at, r.Value, r.Role, r.Accounts))
	}
	if n.CAFile != "" {
		c.Client = l.issuerClient(path+".ca_file", n.CAFile)
	}
	return c
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// issuerClient makes a client for an issuer with a certificate of a CA of one's own.
func (l *loader) issuerClient(path, file string) *http.Client {
	text, err := l.ReadFile(l.resolvePath(file))
	if err != nil {
		l.mistakeAt(path, "%s: %v", file, fileCause(err))
		return nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		l.mistakeAt(path, "%s: there is no certificate in it", file)
	}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
}

// fromUnix says in auth.proxy.from that the proxy calls by a Unix socket.
const fromUnix = "unix"

func (l *loader) readProxy(n *proxyNode) *identity.Proxy {
	const path = "auth.proxy"
	c := &identity.Proxy{Header: strings.ToLower(n.Header)}
	switch {
	case !httpguts.ValidHeaderFieldName(n.Header):
		l.mistakeAt(path+".header", "%q: want the name of a header, for example X-Forwarded-User", n.Header)
	case slices.Contains([]string{"authorization", "host", "te", "content-type", "user-agent"}, c.Header) || strings.HasPrefix(c.Header, "grpc-") || strings.HasSuffix(c.Header, "-bin"):
		l.mistakeAt(path+".header", "%q has a meaning of its own: want a header that the proxy sets and nobody else, for example X-Forwarded-User", n.Header)
	}
	if len(n.From) == 0 {
		l.mistakeAt(path+".from", "name the proxies: their addresses, networks such as 10.1.2.0/28, names of their certificates, or unix")
	}
	for i, from := range n.From {
		l.readProxyFrom(fmt.Sprintf("%s.from[%d]", path, i), from, c)
	}
	if len(c.Names) > 0 && l.config.TLS.ClientCAFile == "" {
		l.mistakeAt(path+".from", "no proxy can show a certificate: set tls.client_ca_file, which says whose certificates are accepted")
	}
	if len(n.Principals) == 0 {
		l.mistakeAt(path+".principals", "name at least one principal, with its role: {name: ..., role: viewer}")
	}
	c.Rules = l.readRules(path+".principals", n.Principals, true)
	return c
}

// widest are the widest networks of proxies. All hosts of a wider one are hardly proxies.
const widestIPv4, widestIPv6 = 8, 32

func (l *loader) readProxyFrom(path, from string, c *identity.Proxy) {
	if from == fromUnix {
		c.Unix = true
		return
	}
	if address, err := netip.ParseAddr(from); err == nil {
		address = address.Unmap()
		c.Addresses = append(c.Addresses, netip.PrefixFrom(address, address.BitLen()))
		return
	}
	if network, err := netip.ParsePrefix(from); err == nil {
		if network.Addr().Is4() && network.Bits() < widestIPv4 || network.Addr().Is6() && network.Bits() < widestIPv6 {
			l.mistakeAt(path, "%s would trust everybody in it to say who calls: name the proxies", from)
		}
		c.Addresses = append(c.Addresses, network.Masked())
		return
	}
	if err := identity.CheckPattern(from); err != nil || strings.Contains(from, "/") && !strings.Contains(from, "://") || strings.Contains(from, ":") && !strings.Contains(from, "://") {
		l.mistakeAt(path, "%q: want an address without a port, a network such as 10.1.2.0/28, the name of a certificate, or unix", from)
	}
	c.Names = append(c.Names, from)
}
