// Package webhook receives the notifications that Bitmovin sends when encodings end, and
// registers for them.
//
// A [Receiver] serves the address that the platform delivers to. [Receiver.Run] keeps that
// address registered at the platform.
//
// # A delivery is a hint
//
// A delivery only names an encoding whose status should be read now. Its status is then read
// from the platform. Deliveries may be lost, late, repeated or out of order, may be about
// encodings of other people, and may be forged: jobs end in the same way, only later or
// earlier.
//
// # Accepted deliveries
//
// A delivery must be signed with the key of the account (HMAC-SHA512 over the body). The
// signature covers neither a time nor an address, so anybody who has seen a delivery could
// repeat it. Therefore an event is used once, and only within ten minutes of the time at which
// it was triggered. An event of an unknown type is used like any other, and recorded as an
// unknown value.
//
// Every signed event is answered with 200, even if it is not used: the platform stops
// delivering after ten refusals in a row. A delivery that is unsigned, too large or no event
// is answered with 400 or 401 and no text. The answers for an account that does not exist are
// those for a wrong signature.
//
// # Registration
//
// The package stores nothing about its webhooks. At the start and every ten minutes it lists
// the webhooks at the platform and finds its own by their URL. It creates missing ones,
// replaces those that were created with another key, and un-mutes muted ones. They stay
// registered when the service stops, and are used again when it starts.
package webhook
