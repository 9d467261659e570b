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

type callIDContextKey struct{}

// withCallID gives a call an id of its own: 12 random hexadecimal digits. It is in every log line
// about the call and in the trailer of the answer.
func withCallID(ctx context.Context) (_ context.Context, id string) {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	id = hex.EncodeToString(random[:])
	ctx = context.WithValue(ctx, callIDContextKey{}, id)
	return logging.InjectFields(ctx, logging.Fields{callIDKey, id}), id
}

// callID returns the id of the call that ctx belongs to; empty outside of a call.
func callID(ctx context.Context) string {
	id, _ := ctx.Value(callIDContextKey{}).(string)
	return id
}

func streamCallID(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	ctx, id := withCallID(stream.Context())
	stream.SetTrailer(metadata.Pairs(callIDTrailer, id))
	return handle(srv, &middleware.WrappedServerStream{ServerStream: stream, WrappedContext: ctx})
}
