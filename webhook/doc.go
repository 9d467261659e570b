// Package webhook receives the webhook deliveries that Bitmovin sends when encodings end, and
// keeps the webhooks registered.
//
// A [Receiver] serves the address that the platform delivers to. [Receiver.Run] keeps that
// address registered at the platform.
//
// # A delivery is a hint
//
// A delivery only names an encoding, whose status is then read from the platform. Deliveries
// may be lost, late, repeated or out of order, may be about encodings of other people, and may
// be forged: jobs end in the same way, only later or earlier.
//
// # Accepted deliveries
//
// A delivery must be signed with the key of the account (HMAC-SHA512 over the body). The
// signature does not say when or where the delivery was sent, so anybody who has seen a
// delivery could repeat it. Therefore an event is used once, and only if the time in it, at
// which it was triggered, is at most ten minutes away. An event of an unknown type is used
// like any other, and recorded as an unknown value.
//
// Every signed event is answered with 200, even if it is not used: the platform stops
// delivering after ten refusals in a row. A delivery that is unsigned, too large or no event
// is answered with 400 or 401 and no text. The answers for an account that does not exist are
// those for a wrong signature.
//
// [Receiver.Reconfigure] replaces keys while the receiver runs. Webhooks with the new one are registered at once. What
// was signed with the one before is used for ten minutes more: the platform signs with it until then, and events that
// are older are not used anyway.
//
// # Registration
//
// The package stores nothing about its webhooks. At the start and every ten minutes, after a
// failure every minute, it lists the webhooks at the platform and finds its own by their URL.
// It creates missing webhooks, replaces those that it created with another key, and un-mutes
// muted ones. The webhooks stay registered when the service stops, and are used again when the
// service starts.
package webhook
