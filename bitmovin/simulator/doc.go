// Package simulator is a stand-in for the Bitmovin encoding API: tests,
// demonstrations, rehearsals and capacity planning run on it. One
// [Simulator] is an [net/http.Handler] whose zero value is ready:
//
//	sim := &simulator.Simulator{Encoders: 10, QueueLimit: 100, Duration: 30 * time.Second}
//	defer sim.Close()
//	err := http.ListenAndServe("127.0.0.1:7080", sim)
//
// Tests need no network: [Simulator.Client] serves requests in the caller's
// goroutine, also inside a testing/synctest bubble, where hours of encoding
// pass in milliseconds.
//
// # What is modelled
//
//   - Inputs, outputs, codec configurations, default DASH and HLS manifests,
//     encodings with streams and muxings, encoding templates, webhooks.
//   - The life of an encoding: CREATED, then QUEUED by a start, RUNNING when one
//     of Encoders is free (the highest priority first, first come first served
//     inside one), then FINISHED, ERROR, CANCELED or TRANSFER_ERROR. A start is
//     possible in CREATED and ERROR. A restart renews times and clears error
//     and messages; streams and muxings stay.
//   - The limit of queued encodings, answered with code 8004.
//   - The documented rate limits, by API key, group of endpoints and method,
//     in windows of one minute, with the x-ratelimit-* headers.
//   - Webhooks for finished, error and transfer-error with HMAC-SHA512
//     signatures, muted after ten failed deliveries in a row.
//   - Everything that can go wrong on the way, before or after the effect of a
//     call: see [Fault] and [FaultPlan].
//
// # What is not
//
// No media is read or written; outputs are never checked. Live encodings,
// filters, DRM, thumbnails, sprites, custom manifests, stored templates and
// transfer retries are unknown paths (404), or ignored inside a template.
// Statuses that the platform's documentation leaves open are chosen here and
// noted where they are chosen; the API error codes, except 8004, are the
// simulator's own.
//
// # Stricter than the real thing
//
// Every id in a body must exist; required fields must be there and have their
// type; a start needs a stream and a muxing; a video without bitrate and crf
// needs a per-title mode; children change only while a start is possible.
// Unknown fields are tolerated and echoed, secrets and customData never are.
//
// # Judging a client
//
// The ledger ([Simulator.Ledger]) lists every call in the order in which the
// calls took effect, with what the client was told and whether it was true.
// [Simulator.Starts] and [Simulator.Encodings] show what became of it,
// [Simulator.Stats] how well the encoders were used. The same is served as
// JSON under /simulator/ledger, /simulator/encodings and /simulator/stats.
//
// # Time
//
// Events take place at their own time and are computed when somebody looks, so
// that a hundred thousand encodings cost one timer. All randomness follows
// from [Simulator.Seed].
package simulator
