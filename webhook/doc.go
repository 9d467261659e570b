// Package webhook lets Bitmovin tell when encodings end, instead of being asked.
//
// A [Receiver] does both halves of it: it serves the address that the platform
// delivers to, and it sees to it that the platform knows that address ([Receiver.Run]).
//
// # A delivery is a hint
//
// What a delivery does is to name an encoding that is worth a look, nothing else: what
// became of it is read from the platform. So the outcome is the same whether
// deliveries arrive, get lost, come late, twice or in any order, are about other
// people's encodings, or are forged. They only make things faster.
//
// # What is let through
//
// A delivery has to be signed with the account's key (HMAC-SHA512 over the body). The
// signature covers no time and no address, so that whoever has seen a delivery could
// repeat it: an event counts once, and only within ten minutes of the time it was
// triggered at. Every event that is signed is answered with 200, even if it comes to
// nothing, because the platform stops delivering after ten refusals in a row. One of a type
// that nobody knew is noted, and no more than the same hint. The rest (unsigned, too large,
// or no event) is answered with 400 or 401, for an unknown account as for a known one, and
// no word why.
//
// # Registration
//
// Nothing is remembered of what was registered: at the start and every ten minutes
// the platform's webhooks are listed, ours are found by their URL, missing ones are
// created, those signed with another key are replaced, and muted ones are un-muted. They
// stay when the service stops, so that they are there when it comes back.
package webhook
