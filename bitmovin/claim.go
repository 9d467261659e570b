package bitmovin

import "time"

// claimTime is how long a client counts as one that wants to make a call after it has read its budget.
const claimTime = 300 * time.Millisecond

// claim is the claim of one of the clients of a key to the calls of a class. Clients that make no call
// which has to wait take turns: a call that is free belongs to the one that has made none for the
// longest time.
type claim struct {
	wanted  time.Time // when the client wanted to make a call last
	served  time.Time // when it made one last, or let one pass
	offered time.Time // when it was told that one is free; zero if it was not, or has made it
}

// ReadBudget returns the budget of a class for a client that makes a call if one is free. The clients
// of one key take turns: what is free for the others is not in the budget.
func (c *Client) ReadBudget(class Class) Budget {
	return c.governor.bucketOf(class).budget(c.governor.clock.Now(), c)
}

// noteClaim notes that a client wants to make a call, and returns how many of the free ones belong to others.
// A client that did not make the call that was free has let it pass. The caller holds b.mu.
func (b *bucket) noteClaim(c *Client, free int, now time.Time) (others int) {
	if b.claims == nil {
		b.claims = map[*Client]*claim{}
	}
	own := b.claims[c]
	if own == nil {
		own = &claim{}
		b.claims[c] = own
	}
	own.wanted = now
	if own.offered.Before(now) && own.offered.After(own.served) {
		own.served = own.offered
	}
	for other, theirs := range b.claims {
		if other != c && now.Sub(theirs.wanted) < claimTime && theirs.served.Before(own.served) {
			others++
		}
	}
	if free > others {
		own.offered = now
	}
	return others
}

// noteServed notes that a client has made a call.
func (b *bucket) noteServed(c *Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if own := b.claims[c]; own != nil {
		own.served, own.offered = b.clock.Now(), time.Time{}
	}
}
