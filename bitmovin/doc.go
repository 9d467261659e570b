// Package bitmovin is a client for the slice of the Bitmovin encoding API that
// a batch of encodings needs: storages, codec configurations, encodings with
// their streams, muxings and manifests, templates, status, and webhooks.
//
// # Guarantees
//
// Every method that calls the platform takes a context. A method that changes something makes at
// most one HTTP request, and the client never repeats that request: it does not retry after
// errors, 429 or time-outs, follows no redirect, and keeps net/http from sending a POST again
// (see [Client]). The API has no idempotency key. So the caller decides whether to repeat a
// call, because only the caller can look up whether the call took effect. A method that reads a
// list may make several requests, and may read a page again.
//
// A nil error means that the platform answered with its success envelope and a usable result.
// Otherwise the error is of one of three kinds:
//
//   - [*APIError]: the platform answered with an error.
//   - [*GatewayError]: the answer is not in the format of the platform: an HTML page of a
//     proxy, an empty or truncated body, or a success without a result.
//   - [*TransportError]: no complete answer arrived.
//
// The predicates in errors.go, such as [QueueFull], [Outage] and [Ambiguous], say what an error
// means for the job. Two errors are of none of these kinds: an error about the arguments of a
// call, such as an empty id or a storage without its bucket, which is found before anything is
// sent; and an answer that does not match the question, such as the previous page of a list or
// another resource.
//
// Decoding tolerates changes of the platform. Unknown fields are ignored, missing optional
// fields are zero, unknown values of enumerations are kept, and unreadable dates become the zero
// [Time].
//
// # Rate limits
//
// Each call first waits for a [Governor], which keeps the calls of each endpoint class within the
// limit of the class in any 60 seconds. All clients of an API key should share one Governor.
//
// # Secrets
//
// The API key is read anew for each request. Storage credentials are of type [Secret]. Neither
// the key nor a credential appears in errors, in logs, or in anything else that this package
// formats; the client removes both from texts that it received.
package bitmovin
