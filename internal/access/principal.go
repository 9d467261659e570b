package access

import (
	"slices"
	"time"
)

// Kind is how a principal proves who it is. The job table keeps kinds in the audit log, so they do not
// change.
type Kind string

// The kinds of principals.
const (
	LocalKind       Kind = "local"       // by nothing: the service asks nobody
	TokenKind       Kind = "token"       // by a token of this service
	CertificateKind Kind = "certificate" // by a TLS certificate
	JWTKind         Kind = "jwt"         // by a signed token of an OpenID Connect issuer
	ProxyKind       Kind = "proxy"       // by a header from a proxy that the configuration names
)

// LocalName is the name of the principal of a service that asks nobody who they are. Batches from before
// the service asked belong to it.
const LocalName = "local"

// Principal is somebody who calls the service: a program or a person.
type Principal struct {
	// Name is unique among principals: [LocalName], or as [Name] makes it.
	Name string
	Kind Kind
	Role Role
	// Accounts are those that the principal is bound to, sorted; nil: it may use all. What belongs
	// to other accounts does not exist for it.
	Accounts []string
	// CredentialID names what can be revoked of the proof: the id of a token, or the key of the issuer
	// that has signed a JWT; empty for other kinds.
	CredentialID string
	// ExpireTime is when the proof expires; zero: never.
	ExpireTime time.Time
}

// Name is the name of a principal of a kind. The kind is part of it, so that the name that an issuer
// chooses is never that of a token.
func Name(kind Kind, name string) string { return string(kind) + ":" + name }

// Local is the principal of everybody, if the service asks nobody who they are.
func Local() Principal { return Principal{Name: LocalName, Kind: LocalKind, Role: Admin} }

// Bound reports whether the principal is bound to some accounts.
func (p *Principal) Bound() bool { return p.Accounts != nil }

// MayUse reports whether the principal may use an account.
func (p *Principal) MayUse(account string) bool {
	return !p.Bound() || slices.Contains(p.Accounts, account)
}

// MayUseAny reports whether the principal may use one of the accounts; for nil, which stands for all
// accounts, it may.
func (p *Principal) MayUseAny(accounts []string) bool {
	return accounts == nil || !p.Bound() || slices.ContainsFunc(accounts, p.MayUse)
}
