package server

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	"github.com/stokerd/stoker/internal/access"
)

// limitError refuses a call because of a limit.
type limitError struct {
	limit string        // its name, as in the configuration
	text  string        // for people
	retry time.Duration // when to come back; 0: not with this request
	// reason is that of the ErrorInfo. Default LIMIT_REACHED.
	reason string
}

func (e *limitError) Error() string { return e.text }

// callerName names the caller of a call for its limits: its principal or, as long as nobody has proven who
// calls, its address.
func callerName(ctx context.Context) string {
	if c := callOf(ctx); c != nil && c.grant.principal != nil && c.grant.principal.Kind != access.LocalKind {
		return c.grant.principal.Name
	}
	return networkName(addressOf(ctx))
}

// networkName names what counts as one address: of an IPv6 address it is the network, of which one machine has
// every address. Anything else is a Unix socket, or a connection in memory.
func networkName(address string) string {
	if network := access.Network(address); network.IsValid() {
		return network.String()
	}
	return address
}

// addressOf is the IP address of a caller, without a port.
func addressOf(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	if a, ok := p.Addr.(*net.TCPAddr); ok { // that of every connection but the gateway's
		return a.AddrPort().Addr().Unmap().String()
	}
	if host, _, err := net.SplitHostPort(p.Addr.String()); err == nil {
		return host
	}
	return p.Addr.String()
}

// callers limits the calls of each caller.
type callers struct {
	limits Limits

	mu     sync.Mutex
	all    map[string]*callsOf
	tidied time.Time        // when callers that do nothing were last removed
	counts map[string]int64 // refused calls, by limit
}

// callsOf is what one caller does.
type callsOf struct {
	rate     *rate.Limiter
	underWay int
}

// tidyInterval is the time between two searches for callers that do nothing any more.
const tidyInterval = time.Minute

func newCallers(l Limits) *callers {
	return &callers{limits: l, all: map[string]*callsOf{}, counts: map[string]int64{}}
}

// get returns the calls of a caller. c.mu has to be held.
func (c *callers) get(caller string, now time.Time) *callsOf {
	if now.Sub(c.tidied) >= tidyInterval {
		c.tidied = now
		for name, one := range c.all {
			if one.underWay == 0 && one.rate.TokensAt(now) >= float64(c.limits.CallBurst) {
				delete(c.all, name)
			}
		}
	}
	one := c.all[caller]
	if one == nil {
		one = &callsOf{rate: rate.NewLimiter(rate.Limit(c.limits.CallsPerSecond), c.limits.CallBurst)}
		c.all[caller] = one
	}
	return one
}

// begin counts a call, or refuses it with a [limitError]. leave has to be called when it ends. A call that
// lasts is not counted as under way: the limit on watches is for it.
func (c *callers) begin(caller string, lasts bool) (leave func(), err error) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.get(caller, now)
	switch {
	case !one.rate.AllowN(now, 1):
		return nil, &limitError{
			limit: "calls_per_second", retry: time.Second,
			text: fmt.Sprintf("too many calls: one caller may make %d a second, and %d at once after a pause", c.limits.CallsPerSecond, c.limits.CallBurst),
		}
	case lasts:
		return func() {}, nil
	case one.underWay >= c.limits.CallsUnderWay:
		return nil, &limitError{
			limit: "calls_under_way", retry: time.Second,
			text: fmt.Sprintf("too many calls at a time: one caller may have %d under way", c.limits.CallsUnderWay),
		}
	}
	one.underWay++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		one.underWay--
	}, nil
}

// countRefusal counts a call that a limit has refused.
func (c *callers) countRefusal(limit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[limit]++
}

// streamLimits refuses calls beyond the limits of their caller, before anything of their request is received.
func (s *Server) streamLimits(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	leave, err := s.callers.begin(callerName(stream.Context()), isWatch(info.FullMethod))
	if err != nil {
		return err
	}
	defer leave()
	return handle(srv, stream)
}
