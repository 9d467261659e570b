package bitmovin

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Inspection is what the answer to the cheapest call tells besides its result.
type Inspection struct {
	// ServerTime is the platform's clock, in whole seconds; zero if the answer does not tell it.
	ServerTime time.Time
	// Sent and Received are when the call left and when its answer had arrived, by this machine's clock.
	Sent, Received time.Time
	// Limit and Remaining are the calls of [ClassResourceRead] that the platform allows a minute, and those that
	// are left of them; 0 if the answer does not tell them.
	Limit, Remaining int
}

// ClockOffset is how far this machine's clock is ahead of the platform's; negative if it is behind. It is 0 while
// the difference can be explained by the call's duration and the whole seconds of the platform's answer.
func (i Inspection) ClockOffset() time.Duration {
	switch latest := i.ServerTime.Add(time.Second); {
	case i.Sent.After(latest):
		return i.Sent.Sub(latest)
	case i.Received.Before(i.ServerTime):
		return i.Received.Sub(i.ServerTime)
	}
	return 0
}

// Inspect makes the cheapest call that needs a valid key, as [Client.Ping] does, and returns what its answer tells
// about the platform.
func Inspect(ctx context.Context, c *Client) (Inspection, error) {
	var header http.Header
	cl := call{
		method: http.MethodGet, path: "/encoding/inputs", class: ClassResourceRead, query: url.Values{"limit": {"1"}}, header: &header,
	}
	seen := Inspection{Sent: c.governor.clock.Now().Round(0)}
	err := c.do(ctx, cl, nil)
	seen.Received = c.governor.clock.Now().Round(0)
	if at, timeErr := http.ParseTime(header.Get("Date")); timeErr == nil {
		seen.ServerTime = at
	}
	if limit, ok := count(header.Get("X-Ratelimit-Limit")); ok {
		seen.Remaining, _ = count(header.Get(headerRemaining))
		seen.Limit = limit
	}
	return seen, err
}
