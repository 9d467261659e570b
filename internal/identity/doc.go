// Package identity finds out who calls the service. A caller shows a proof: a token of the service, a
// TLS certificate, a signed token of an OpenID Connect issuer, or, if it is a proxy that the configuration
// names, a header with the name of whoever called the proxy.
//
// Whatever is wrong with a proof, the answer is the same [RefusalError]: a caller learns that it is not known, and
// nothing else. Why is for the log.
//
// A proof is checked at each call. Tokens are read anew each second, and before a secret is refused: a token that another
// process has made counts at once, and one that it has revoked counts no more within a second. Whoever holds on to a
// principal for longer than a call, as a watch does, asks by [Identifier.Hold] to be told when its proof has ended.
package identity
