// Package bitmovin is a client for the slice of the Bitmovin encoding API that
// a batch of encodings needs: storages, codec configurations, encodings with
// their streams, muxings and manifests, templates, status, and webhooks.
//
// # Guarantees
//
// Every method takes a context and makes at most one HTTP request, except the
// few that say they walk pages. Nothing is ever repeated behind the caller's
// back: no retry on errors, on 429 or on time-outs, no redirect is followed,
// and net/http is kept from re-sending a POST (see [Client]). The API has no
// idempotency key, so whether a call may be repeated is a decision for the
// caller, who knows how to look up what became of it.
//
// A nil error means that the platform answered with its success envelope and a
// result that carries what the method promises. Everything else is an error of
// one of three kinds:
//
//   - [*APIError]: the platform answered, and the answer is no.
//   - [*GatewayError]: something answered, but not in the platform's words: a
//     proxy's HTML page, an empty or truncated body, a success without result.
//   - [*TransportError]: no complete answer arrived.
//
// The predicates in errors.go ([QueueFull], [Outage], [Ambiguous] and so on) say
// what an error means for the work at hand. Errors about the arguments of a
// call, such as an empty id or a storage without its bucket, are of none of
// these kinds: they are found before anything is sent.
//
// Decoding is tolerant where the platform may change: unknown fields, missing
// optional fields, unknown enum values (kept as they are), and dates nobody can
// read (the zero [Time]) never cost the rest of an answer.
//
// # Rates
//
// Each call first passes a [Governor], which holds a budget per endpoint class
// and keeps every span of 60 seconds below the documented limits. All clients of
// the same API key should share one Governor.
//
// # Secrets
//
// The API key is read anew for each request and storage credentials are of type
// [Secret]. Neither appears in errors, in logs, or in anything this package
// formats; texts that came from the network are searched for them first.
package bitmovin
