package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	middleware "github.com/grpc-ecosystem/go-grpc-middleware/v2"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// callIDTrailer is the trailer that tells the caller the id of the call.
const callIDTrailer = "call-id"

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

// withCallID gives a call an id of its own: 12 random hexadecimal digits. It is in every log line
// about the call and in the trailer of the answer.
func withCallID(ctx context.Context) (_ context.Context, id string) {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	id = hex.EncodeToString(random[:])
	ctx = context.WithValue(ctx, callKey{}, &call{id: id})
	return logging.InjectFields(ctx, logging.Fields{callIDKey, id}), id
}

// callID returns the id of the call that ctx belongs to; empty outside of a call.
func callID(ctx context.Context) string {
	if c := callOf(ctx); c != nil {
		return c.id
	}
	return ""
}

func streamCallID(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	ctx, id := withCallID(stream.Context())
	stream.SetTrailer(metadata.Pairs(callIDTrailer, id))
	return handle(srv, &middleware.WrappedServerStream{ServerStream: stream, WrappedContext: ctx})
}
