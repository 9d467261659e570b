package bitmovin

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// Permit decides whether a call that costs money, or leaves something behind, may still be made. It
// returns nil, or why the call must not be made. The reasons for it may be gone when the call leaves,
// because the call first waits for its rate limit and for a connection. So the client calls the
// Permit after each of these waits. It may call the Permit in the goroutine of the transport.
//
// A nil Permit permits everything.
type Permit func() error

// ErrNotPermitted says that the [Permit] of a call refused it. It is wrapped in a
// [*TransportError] together with the reason.
var ErrNotPermitted = errors.New("the call must not be made any more")

// check returns nil, or an error that wraps [ErrNotPermitted] and the reason.
func (p Permit) check() error {
	if p == nil {
		return nil
	}
	if err := p(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotPermitted, err)
	}
	return nil
}

// permittedBody is the body of a request that needs a permit. It checks the permit when the
// transport reads the first byte, which it does after it has a connection. The headers may have
// been sent by then. A server does not act on a request without its body; still, a call that
// the permit refuses here counts as [Ambiguous].
type permittedBody struct {
	io.Reader
	permit  Permit
	checked atomic.Bool
}

// Read checks the permit before the first byte.
func (b *permittedBody) Read(p []byte) (int, error) {
	if !b.checked.Swap(true) {
		if err := b.permit.check(); err != nil {
			return 0, err
		}
	}
	return b.Reader.Read(p)
}
