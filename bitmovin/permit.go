package bitmovin

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// Permit is asked for the right to make a call that costs money: nil, or why the call must
// not be made any more. What is true when somebody decides to start an encoding need not
// be true when the call leaves, since it waits for its budget and for a connection
// meanwhile. So the client asks after both, just before it writes the request. It may ask
// twice, and it asks in the goroutine of the call or of the transport.
//
// A nil Permit permits everything.
type Permit func() error

// ErrNotPermitted says that the [Permit] of a call refused it. It arrives inside a
// [*TransportError], with the reason.
var ErrNotPermitted = errors.New("the call is not to be made any more")

// ask returns nil or an error that wraps [ErrNotPermitted] and the reason.
func (p Permit) ask() error {
	if p == nil {
		return nil
	}
	if err := p(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotPermitted, err)
	}
	return nil
}

// permittedBody is the body of a request that needs a permit. It asks when the transport
// comes for its first byte, that is, once there is a connection. The headers may have left
// by then, but a request without its body is none: no server acts on it. Nobody has to
// rely on that, since a call that ends here counts as perhaps made.
type permittedBody struct {
	io.Reader
	permit Permit
	asked  atomic.Bool
}

// Read asks before the first byte.
func (b *permittedBody) Read(p []byte) (int, error) {
	if !b.asked.Swap(true) {
		if err := b.permit.ask(); err != nil {
			return 0, err
		}
	}
	return b.Reader.Read(p)
}
