package server

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
)

const (
	// strangersPerMinute is how many calls of an address in a minute may have no valid proof. No honest
	// program makes as many, and nobody guesses a secret of 178 bits with them. Calls with a valid proof are
	// not limited by it: behind a proxy everybody has one address.
	strangersPerMinute = 3_000
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
}

func newStrangers() *strangers { return &strangers{byAddress: map[netip.Prefix]int{}} }

// note counts a call from an address, and reports whether the address has had too many of them in this minute.
func (s *strangers) note(address string, now time.Time) (tooMany bool) {
	s.total.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(s.minute) {
		s.minute = minute
		clear(s.byAddress)
	}
	network := access.Network(address)
	if _, known := s.byAddress[network]; !known && len(s.byAddress) >= maxAddresses {
		network = netip.Prefix{}
	}
	s.byAddress[network]++
	return s.byAddress[network] > strangersPerMinute
}

// refuseStranger returns the error of a call whose caller is not known. It is the same whatever was wrong with
// the proof; the log has more.
func (g *gate) refuseStranger(ctx context.Context, method string, err error) error {
	if g.noteStranger(ctx, callOf(ctx).address, err, callIDKey, callID(ctx), "method", clip(methodName(method), maxName)) {
		return errTooManyFailed
	}
	return errUnknownCaller
}

// noteStranger logs and counts that somebody whom nobody knows was refused, and reports whether there were too many from
// the address. what are the attributes of the line that say what was to be reached.
func (g *gate) noteStranger(ctx context.Context, address string, err error, what ...any) (tooMany bool) {
	now := time.Now()
	if log, left := g.lines.note(strangerLines, now); log {
		why := err.Error()
		if r, ok := errors.AsType[*identity.RefusalError](err); ok {
			why = r.Why
		}
		g.log.InfoContext(ctx, "caller refused", append(what, "address", address, "why", clip(why, maxText), "refused_before", left)...)
	}
	return g.strangers.note(address, now)
}
