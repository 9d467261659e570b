package transport

import (
	"encoding/binary"
	"errors"
	"net"
	"time"

	"golang.org/x/time/rate"
)

const (
	// framesPerSecond and frameBurst are how many HTTP/2 frames one connection may send, besides what its
	// data pays for. Frames are cheap to send and each costs the reader a microsecond or more. A client that
	// makes 5,000 calls a second sends some 15,000 frames.
	framesPerSecond, frameBurst = 20_000, 100_000
	// frameBytes is how much data pays for a frame: a frame with less is counted in part.
	frameBytes = 256
	// resetCost is how many frames a cancelled stream counts as: most of the work for its call is done by then.
	resetCost = 10
	// An address may send addressFrames times as many frames as one connection, and cancel as many streams as one
	// connection: whoever connects anew does not begin anew.
	addressFrames                 = 5
	resetsPerSecond, resetsAtOnce = framesPerSecond / resetCost, frameBurst / resetCost
)

// frameBudget is how many frames the connections of one address may send together.
type frameBudget struct {
	frames *rate.Limiter
	resets *rate.Limiter // cancelled streams
}

func newFrameBudget() frameBudget {
	return frameBudget{
		frames: rate.NewLimiter(addressFrames*framesPerSecond, addressFrames*frameBurst),
		resets: rate.NewLimiter(resetsPerSecond, resetsAtOnce),
	}
}

// full reports whether nothing of the budget is used up.
func (b frameBudget) full(now time.Time) bool {
	return b.frames.TokensAt(now) >= float64(b.frames.Burst()) && b.resets.TokensAt(now) >= float64(b.resets.Burst())
}

// allow takes frames off the budget, and reports whether it has them. The zero value has any number.
func (b frameBudget) allow(now time.Time, frames, resets int) bool {
	return b.frames == nil || b.frames.AllowN(now, frames) && b.resets.AllowN(now, resets)
}

// ErrTooManyFrames ends a connection that floods the service with frames.
var ErrTooManyFrames = errors.New("too many HTTP/2 frames without data")

// frameGuard counts the HTTP/2 frames that arrive on a connection, and ends it when there are too many for
// what they carry: settings, pings, window updates, resets, priorities, headers, and data in crumbs. It
// changes nothing and reads only the heads of frames.
type frameGuard struct {
	net.Conn
	limiter *rate.Limiter
	address frameBudget // of all connections of the address

	skip int // bytes until the next head: of the client's preface, or of a payload
	head [frameHead]byte
	have int // how many bytes of head have arrived
	owed int // bytes that frames with little data lack, below the next whole frame
}

const (
	prefaceBytes = 24 // PRI * HTTP/2.0...
	frameHead    = 9  // length (3 bytes), type, flags, stream (4 bytes)
	frameData    = 0x0
	frameReset   = 0x3
)

func newFrameGuard(conn net.Conn, address frameBudget) *frameGuard {
	return &frameGuard{Conn: conn, skip: prefaceBytes, limiter: rate.NewLimiter(framesPerSecond, frameBurst), address: address}
}

// Read reads from the connection. The error is [ErrTooManyFrames] when there are too many.
func (g *frameGuard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	now := time.Now()
	frames, resets := g.count(p[:n])
	if !g.limiter.AllowN(now, frames) || !g.address.allow(now, frames, resets) {
		return 0, ErrTooManyFrames
	}
	return n, err
}

// count returns what the frames whose heads end in p count as, and how many of them cancel streams.
func (g *frameGuard) count(p []byte) (frames, resets int) {
	for len(p) > 0 {
		if g.skip > 0 {
			n := min(g.skip, len(p))
			g.skip -= n
			p = p[n:]
			continue
		}
		n := copy(g.head[g.have:], p)
		g.have += n
		p = p[n:]
		if g.have < frameHead {
			break
		}
		g.have = 0
		g.skip = int(binary.BigEndian.Uint32(g.head[:4]) >> 8)
		switch g.head[3] {
		case frameData:
			g.owed += max(0, frameBytes-g.skip)
			frames += g.owed / frameBytes
			g.owed %= frameBytes
		case frameReset:
			frames += resetCost
			resets++
		default:
			frames++
		}
	}
	return frames, resets
}
