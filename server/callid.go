package server

import (
	"context"
	"math/rand/v2"
	"strings"

	middleware "github.com/grpc-ecosystem/go-grpc-middleware/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// callIDHeader is the header by which a caller may choose the id of its call, and the trailer that tells the
// caller the id.
const callIDHeader = "call-id"

// maxCallID is the length of the longest id that a caller may choose, in bytes.
const maxCallID = 64

// callIDKey is the key of a call's id in its context, in log lines and in the details of errors.
const callIDKey = "call_id"

type callKey struct{}

// call is what the interceptors know of a call.
type call struct {
	id    string
	grant grant // set once the caller is known
	// address is where the call comes from, without a port; empty for a Unix socket. It is set with grant.
	address string
	// refusal is why the caller may not call the method. The call goes on until its request says what it is
	// about, for the audit log.
	refusal error
}

// callOf returns the call that ctx belongs to; nil outside of a call.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// withCallID gives a call its id: the one that the caller has chosen, if it is a usable one, or 12 random
// hexadecimal digits. It is in every log line about the call, in the audit log, in the trailer of the answer,
// and in the calls to the platform for the jobs of a batch that the call submits.
func withCallID(ctx context.Context) (_ context.Context, id string) {
	if chosen := metadata.ValueFromIncomingContext(ctx, callIDHeader); len(chosen) == 1 && isCallID(chosen[0]) {
		id = chosen[0]
	} else {
		id = newCallID()
	}
	return context.WithValue(ctx, callKey{}, &call{id: id}), id
}

// newCallID makes an id of 12 random hexadecimal digits. It need not be secret.
func newCallID() string {
	var digits [12]byte
	for i, random := 0, rand.Uint64(); i < len(digits); i, random = i+1, random>>4 {
		digits[i] = "0123456789abcdef"[random&0xf]
	}
	return string(digits[:])
}

// isCallID reports whether a text can be the id of a call: letters, digits, and some marks between them.
func isCallID(text string) bool {
	return text != "" && len(text) <= maxCallID && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	})
}

// callID returns the id of the call that ctx belongs to; empty outside of a call.
func callID(ctx context.Context) string {
	if c := callOf(ctx); c != nil {
		return c.id
	}
	return ""
}

// streamCallID gives a call its id. A call that was cancelled before its turn came costs nothing more.
func streamCallID(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if err := stream.Context().Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	ctx, id := withCallID(stream.Context())
	stream.SetTrailer(metadata.Pairs(callIDHeader, id))
	return handle(srv, &middleware.WrappedServerStream{ServerStream: stream, WrappedContext: ctx})
}
