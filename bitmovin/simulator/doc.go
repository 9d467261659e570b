// Package simulator stands in for the Bitmovin encoding API in tests, demonstrations and
// plans. A [Simulator] is an [net/http.Handler] whose zero value is ready:
//
//	sim := &simulator.Simulator{Encoders: 10, QueueLimit: 100, Duration: 30 * time.Second}
//	defer sim.Close()
//	err := http.ListenAndServe("127.0.0.1:7080", sim)
//
// Tests need no network: [Simulator.Client] serves requests in the goroutine of the caller.
// Inside a testing/synctest bubble hours of encoding pass in milliseconds.
//
// # What is modelled
//
//   - Inputs, outputs, codec configurations, filters, default and custom manifests, encodings with
//     streams and muxings and what belongs to them (input streams, thumbnails, sprites, captions,
//     sidecars, DRM, keyframes), encoding templates, webhooks.
//   - The life of an encoding: CREATED, then QUEUED by a start, RUNNING when an encoder is
//     free, then FINISHED, ERROR, CANCELED or TRANSFER_ERROR. The queue is ordered by
//     priority, and within a priority by the time of the start. An encoding can be started
//     in CREATED and ERROR. A restart sets new times and clears error and messages; streams
//     and muxings stay.
//   - The limit of queued encodings, answered with code 8004.
//   - The documented rate limits, by API key, group of endpoints and method, for each full
//     minute of the clock, with the x-ratelimit-* headers.
//   - Webhooks for finished, error and transfer-error with HMAC-SHA512 signatures, muted
//     after ten failed deliveries in a row.
//   - Failing calls, before or after they take effect: see [Fault] and [FaultPlan].
//
// # What is not modelled
//
// The simulator reads and writes no media. Live encodings, stored templates, transfer retries, statistics,
// the output paths and the template of an encoding, rescheduling, and webhooks about the progress of an
// encoding have no paths (404), and neither has what no official SDK calls. Inside a template live encodings,
// notifications and infrastructure are refused; what the simulator does not know is ignored, as on
// the platform. A template does not say to which adaptation set a DASH representation belongs; the
// simulator takes the latest. Where the documentation of the platform names no HTTP status, the
// simulator chose one. The API error codes are its own, except those of limits.
//
// # Stricter than the platform
//
// Every id in a body must exist, unless [Simulator.TakeForeignIDs] is set. A value of an
// enumeration must be one that the official SDKs have, and a type must have the fields that a
// client sends and other types have. A codec must fit into its container, and a default manifest
// must have a muxing to refer to. Required fields must be there and have the right type. A start
// needs a stream and a muxing, and the configuration of its per-title streams. A video without
// bitrate and crf needs a per-title mode.
// Streams and muxings can be added and deleted only while the encoding can be started. Unknown
// fields are kept and returned. Secrets are not returned, and customData only at its own path.
//
// # Checking a client
//
// [Simulator.Ledger] lists the calls in the order in which they took effect: what the client
// sent, what it was told, and whether the call took effect. [Simulator.Starts] and
// [Simulator.Encodings] show the encodings, [Simulator.ReadStats] how well the encoders were
// used. The same is served as JSON under /simulator/ledger, /simulator/encodings and
// /simulator/stats.
//
// # Time
//
// Events take place at their own time, but are computed at the next call or by a timer. So a
// hundred thousand encodings need one timer. All random choices follow from [Simulator.Seed].
package simulator
