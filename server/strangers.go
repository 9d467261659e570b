package server

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/internal/identity"
)

const (
	// strangersPerMinute is how many calls of an address in a minute may have no valid proof. No honest
	// program makes as many, and nobody guesses a secret of 178 bits with them. Calls with a valid proof are
	// not limited by it: behind a proxy everybody has one address.
	strangersPerMinute = 3_000
	// strangerLines is how many calls without a valid proof have a line in the log, in a minute.
	strangerLines = 10
	// maxAddresses is how many addresses are counted side by side. What is beyond counts as one address.
	maxAddresses = 10_000
)

// strangers counts calls with no valid proof of who calls. There is no audit entry of them: nobody may have the
// service write to its disk by being refused.
type strangers struct {
	total atomic.Int64 // since the process started

	mu        sync.Mutex
	minute    time.Time
	byAddress map[netip.Prefix]int
	lines     int
	unlogged  int64
}

func newStrangers() *strangers { return &strangers{byAddress: map[netip.Prefix]int{}} }

// note counts a call from an address. It reports whether the address has had too many of them in this
// minute, whether the call is to have a line in the log, and how many of the minute before had none.
func (s *strangers) note(address string, now time.Time) (tooMany, log bool, unlogged int64) {
	s.total.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(s.minute) {
		unlogged = s.unlogged
		s.minute, s.lines, s.unlogged = minute, 0, 0
		clear(s.byAddress)
	}
	network := networkOf(address)
	if _, known := s.byAddress[network]; !known && len(s.byAddress) >= maxAddresses {
		network = netip.Prefix{}
	}
	s.byAddress[network]++
	if log = s.lines < strangerLines; log {
		s.lines++
	} else {
		s.unlogged++
	}
	return s.byAddress[network] > strangersPerMinute, log, unlogged
}

// networkOf is what counts as one address: an IPv4 address, or the network of an IPv6 address, of which one
// caller has as many addresses as it likes.
func networkOf(address string) netip.Prefix {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	network, _ := a.Prefix(bits)
	return network
}

// refuseStranger returns the error of a call whose caller is not known. It is the same whatever was wrong with
// the proof; the log has more.
func (g *gate) refuseStranger(ctx context.Context, method string, err error) error {
	address := callOf(ctx).address
	tooMany, log, unlogged := g.strangers.note(address, time.Now())
	if log {
		why := err.Error()
		if r, ok := errors.AsType[*identity.RefusalError](err); ok {
			why = r.Why
		}
		g.log.InfoContext(ctx, "caller refused", callIDKey, callID(ctx), "method", clip(methodName(method), maxName), "address", address, "why", clip(why, maxText), "refused_before", unlogged)
	}
	if tooMany {
		return errTooManyFailed
	}
	return errUnknownCaller
}
