package config_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/identity"
)

func TestAccess(t *testing.T) {
	w := environment{files: map[string]string{"stoker.yaml": `
accounts:
  - {id: default, api_key_env: KEY}
  - {id: archive, api_key_env: KEY}
tls: {cert_file: a.crt, key_file: a.key, client_ca_file: ca.crt}
auth:
  certificates:
    - {name: "spiffe://example.com/*", role: submitter, accounts: [default, archive, default]}
  oidc:
    issuer: https://login.example.com
    audience: stoker
    roles: [{value: ops, role: operator}]
  proxy:
    header: X-Forwarded-User
    from: [10.1.2.3, "10.1.3.7/28", "fd00::/64", proxy.example.com, unix]
    principals: [{name: "*@example.com", role: viewer}]
  allow_inline_templates: true
  max_starts_per_day:
    - {principal: "token:ops", starts: 100000}
    - {principal: "token:*", starts: 200}
    - {principal: "local", starts: 7}
storages:
  - {name: s, type: HTTPS, host: h, accounts: [archive]}
profiles:
  p: {accounts: [archive], videos: [{codec: H264, height: 360, bitrate: 400000}], muxings: [{container: MP4}]}
`}, env: map[string]string{"KEY": "k"}}
	c := mustLoad(t, w.sources("stoker.yaml"))
	want := identity.Config{
		Required:     true, // proofs are named
		Certificates: []identity.Rule{{Name: "spiffe://example.com/*", Role: access.Submitter, Accounts: []string{"archive", "default"}}},
		OIDC:         &identity.OIDC{Issuer: "https://login.example.com", Audience: "stoker", Rules: []identity.Rule{{Name: "ops", Role: access.Operator}}},
		Proxy: &identity.Proxy{
			Header:    "x-forwarded-user",
			Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/32"), netip.MustParsePrefix("10.1.3.0/28"), netip.MustParsePrefix("fd00::/64")},
			Names:     []string{"proxy.example.com"}, Unix: true,
			Rules: []identity.Rule{{Name: "*@example.com", Role: access.Viewer}},
		},
	}
	if diff := cmp.Diff(want, c.Identity, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	if !c.AllowInlineTemplates || c.Auth != config.AuthRequired || c.AuditRetention.Hours() != 180*24 {
		t.Errorf("inline templates %t, auth %s, retention %v", c.AllowInlineTemplates, c.Auth, c.AuditRetention)
	}
	for principal, want := range map[string]int{"token:ops": 100000, "token:ci": 200, "local": 7, "jwt:ann": 0} {
		if got := c.MaxStartsOf(principal); got != want {
			t.Errorf("a day may have %d starts of %s, want %d", got, principal, want)
		}
	}
	if got := c.Inputs["s"].Accounts; len(got) != 1 || got[0] != "archive" {
		t.Errorf("the storage is for %v", got)
	}
	if got := c.ProfileAccounts["p"]; len(got) != 1 || got[0] != "archive" {
		t.Errorf("the profile is for %v", got)
	}
	if c.Profiles["p"].Videos[0].Height != 360 {
		t.Errorf("the recipe of a profile that names accounts: %+v", c.Profiles["p"])
	}
}

// TestAuthMode holds that a word alone says whether proof is required, and that flag and variable come first.
func TestAuthMode(t *testing.T) {
	for _, tt := range []struct {
		file, env, flag string
		want            config.Auth
	}{
		{"", "", "", config.AuthNone},
		{"auth: required", "", "", config.AuthRequired},
		{"auth: {mode: required}", "", "", config.AuthRequired},
		{"auth: {allow_inline_templates: true}", "", "", config.AuthNone},
		{"auth: required", "none", "", config.AuthNone},
		{"auth: none", "none", "required", config.AuthRequired},
		{"auth: {oidc: {issuer: https://a.example, audience: s, roles: [{value: a, role: viewer}]}}", "", "", config.AuthRequired},
	} {
		w := environment{files: map[string]string{"stoker.yaml": tt.file}, env: map[string]string{"STOKER_AUTH": tt.env}}
		s := w.sources("stoker.yaml")
		if tt.flag != "" {
			s.Flags = map[string]string{"auth": tt.flag}
		}
		if c := mustLoad(t, s); c.Auth != tt.want || c.Identity.Required != (tt.want == config.AuthRequired) {
			t.Errorf("%+v: %s, required %t", tt, c.Auth, c.Identity.Required)
		}
	}
}

func TestAccessMistakes(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"mode", "auth: maybe", `stoker.yaml:1: auth: "maybe": want none or required`},
		{"unknown key", "auth: {certificate: []}", `unknown key "certificate"; did you mean "certificates"?`},
		{"role", "auth: {certificates: [{name: a.example, role: operater}]}", `auth.certificates[0].role: "operater": want one of viewer, submitter, operator, admin; did you mean "operator"?`},
		{"no role", "auth: {certificates: [{name: a.example}]}", `auth.certificates[0].role: "": want one of`},
		{"pattern", `auth: {certificates: [{name: "*.*.example", role: viewer}]}`, `auth.certificates[0].name: "*.*.example": want * once at most`},
		{"certificates without a CA", "auth: {certificates: [{name: a.example, role: viewer}]}", "auth.certificates: nobody can show a certificate: set tls.client_ca_file"},
		{"certificates that nobody asks for", "auth: {mode: none, certificates: [{name: a.example, role: viewer}]}", "auth: the certificates and issuers that it names have no effect"},
		{"proxy that nobody asks", "auth: {mode: none, proxy: {header: X-User, from: [10.0.0.1], principals: [{name: a, role: viewer}]}}", "auth.proxy: behind a proxy every caller comes from an address of the proxy: say auth.mode: required"},
		{"bound admin", "auth: {proxy: {header: X-User, from: [10.0.0.1], principals: [{name: a, role: admin, accounts: [default]}]}}", "auth.proxy.principals[0].accounts: an admin"},
		{"unknown account", "auth: {proxy: {header: X-User, from: [10.0.0.1], principals: [{name: a, role: viewer, accounts: [defaults]}]}}", `auth.proxy.principals[0].accounts[0]: there is no account "defaults"; did you mean "default"?`},
		{"empty accounts", "auth: {proxy: {header: X-User, from: [10.0.0.1], principals: [{name: a, role: viewer, accounts: []}]}}", "auth.proxy.principals[0].accounts: the list is empty"},
		{"header", "auth: {proxy: {header: 'X User', from: [10.0.0.1], principals: [{name: a, role: viewer}]}}", `auth.proxy.header: "X User": want the name of a header`},
		{"header with a meaning", "auth: {proxy: {header: Authorization, from: [10.0.0.1], principals: [{name: a, role: viewer}]}}", `auth.proxy.header: "Authorization" has a meaning of its own`},
		{"everybody a proxy", "auth: {proxy: {header: X-User, from: [0.0.0.0/0], principals: [{name: a, role: viewer}]}}", "auth.proxy.from[0]: 0.0.0.0/0 would trust everybody"},
		{"address with a port", "auth: {proxy: {header: X-User, from: ['10.0.0.1:80'], principals: [{name: a, role: viewer}]}}", `auth.proxy.from[0]: "10.0.0.1:80": want an address without a port`},
		{"no proxy", "auth: {proxy: {header: X-User, principals: [{name: a, role: viewer}]}}", "auth.proxy.from: name the proxies"},
		{"no principal", "auth: {proxy: {header: X-User, from: [10.0.0.1]}}", "auth.proxy.principals: name at least one principal"},
		{"issuer", "auth: {oidc: {issuer: http://login.example.com, audience: s, roles: [{value: a, role: viewer}]}}", `auth.oidc.issuer: "http://login.example.com": want https://`},
		{"issuer with a password", "auth: {oidc: {issuer: 'https://u:hidden@login.example.com', audience: s, roles: [{value: a, role: viewer}]}}", `auth.oidc.issuer: "https://…@login.example.com": want a URL`},
		{"audience", "auth: {oidc: {issuer: https://a.example, roles: [{value: a, role: viewer}]}}", "auth.oidc.audience: is required"},
		{"roles", "auth: {oidc: {issuer: https://a.example, audience: s}}", "auth.oidc.roles: name at least one value"},
		{"value", "auth: {oidc: {issuer: https://a.example, audience: s, role_claim: teams, roles: [{role: viewer}]}}", "auth.oidc.roles[0].value: is required: a value that the claim teams can have"},
		{"CA of the issuer", "auth: {oidc: {issuer: https://a.example, audience: s, ca_file: no.crt, roles: [{value: a, role: viewer}]}}", "auth.oidc.ca_file: no.crt: file does not exist"},
		{"no kind", "auth: {max_starts_per_day: [{principal: ci, starts: 10}]}", `auth.max_starts_per_day[0].principal: "ci": want the name of a principal with its kind, such as token:ci`},
		{"unknown kind", "auth: {max_starts_per_day: [{principal: 'tokens:ci', starts: 10}]}", `auth.max_starts_per_day[0].principal: "tokens:ci": want the name of a principal with its kind`},
		{"nobody's name", "auth: {max_starts_per_day: [{starts: 10}]}", `auth.max_starts_per_day[0].principal: "": want the name of a principal, as stoker whoami shows it`},
		{"* in the middle", "auth: {max_starts_per_day: [{principal: 'token:*-ci', starts: 10}]}", `auth.max_starts_per_day[0].principal: "token:*-ci": want * once, at the end`},
		{"no starts", "auth: {max_starts_per_day: [{principal: '*'}]}", `auth.max_starts_per_day[0].starts: 0: want 1 to 1000000`},
		{"account of a storage", "storages: [{name: s, type: HTTPS, host: h, accounts: [x]}]", `storages[0].accounts[0]: there is no account "x"; there are: default`},
		{"retention", "audit_retention: 90d", `audit_retention: "90d": want a whole number, 0 to 36500`},
	} {
		w := environment{files: map[string]string{"stoker.yaml": tt.file}}
		_, err := config.Load(w.sources("stoker.yaml"))
		if wrong, ok := errors.AsType[*config.Error](err); !ok || !strings.Contains(wrong.Error(), tt.want) {
			t.Errorf("%s: %v\nwant: %s", tt.name, err, tt.want)
		} else if strings.Contains(wrong.Error(), "hidden") {
			t.Errorf("%s shows a password: %v", tt.name, err)
		}
	}
}
