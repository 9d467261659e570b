package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/proto"
)

// registrar registers services with a gRPC server. It makes every method a stream, also those that have one
// request and one answer. gRPC calls the handler of a stream when the headers of a call have arrived. Of any
// other method it receives the whole request first, from whoever sends it and as slowly as they like. What
// goes over the wire is the same.
type registrar struct {
	reflection.GRPCServer
	server *Server
}

// RegisterService registers a service.
func (r registrar) RegisterService(desc *grpc.ServiceDesc, impl any) {
	streams := *desc
	streams.Methods, streams.Streams = nil, slices.Clone(desc.Streams)
	for _, m := range desc.Methods {
		u := &unaryMethod{desc: m, server: r.server, own: isOwnMethod("/" + desc.ServiceName + "/")}
		u.lists = u.own && r.server.gate.methods.of("/"+desc.ServiceName+"/"+m.MethodName).reads
		streams.Streams = append(streams.Streams, grpc.StreamDesc{StreamName: m.MethodName, ServerStreams: true, Handler: u.handle})
	}
	r.GRPCServer.RegisterService(&streams, impl)
}

// unaryMethod is a method with one request and one answer.
type unaryMethod struct {
	desc   grpc.MethodDesc
	server *Server
	own    bool // it is one of the contract's
	lists  bool // its answers may be large
}

// handle receives one request, calls the method, and sends its answer.
func (u *unaryMethod) handle(impl any, stream grpc.ServerStream) error {
	var room *reservation
	if u.lists {
		var err error
		if room, err = u.server.answering.reserve(stream.Context(), callerName(stream.Context()), maxAnswerBytes); err != nil {
			return err
		}
		defer room.release()
	}
	answer, err := u.desc.Handler(impl, stream.Context(), stream.RecvMsg, u.server.unary)
	if err != nil {
		return err
	}
	message, ok := answer.(proto.Message)
	if !ok || !u.own {
		return stream.SendMsg(answer)
	}
	encoded, err := encodeAnswer(fitted(message, maxAnswerBytes)) // a safeguard: handlers keep to the limit themselves
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	if len(encoded) <= smallAnswer {
		return stream.SendMsg(u.server.unread.hold(stream.Context(), encoded))
	}
	if room == nil {
		if room, err = u.server.answering.reserve(stream.Context(), callerName(stream.Context()), len(encoded)); err != nil {
			return err
		}
		defer room.release()
	}
	room.shrink(len(encoded))
	return sendLarge(stream, encoded)
}

const (
	// smallAnswer is the size up to which an answer is left to gRPC, in bytes.
	smallAnswer = 4 << 10
	// takeTime is how long a caller may take to read a large answer. The largest has 3 MiB.
	takeTime = time.Minute
)

// pooledSize is the capacity from which on gRPC says that it does not need a buffer any more, in bytes.
const pooledSize = 1<<10 + 1

// encodeAnswer encodes an answer into a buffer that gRPC gives back.
func encodeAnswer(m proto.Message) ([]byte, error) {
	options := proto.MarshalOptions{}
	size := options.Size(m)
	options.UseCachedSize = true
	return options.MarshalAppend(make([]byte, 0, max(size, pooledSize)), m)
}

// encodedAnswer is an answer as it is sent. taken is called when gRPC does not need it any more.
type encodedAnswer struct {
	bytes []byte
	taken func()
}

// Put is called by gRPC when it has written the answer, or the stream has ended. It is not called for what is
// unwritten when a connection ends. Get is not called.
func (a *encodedAnswer) Put(*[]byte)     { a.taken() }
func (a *encodedAnswer) Get(int) *[]byte { return nil }

var _ mem.BufferPool = (*encodedAnswer)(nil)

// sendLarge sends an answer and waits until it was written: gRPC keeps it until the caller has made room for it,
// however long that takes. A caller that does not is disconnected, since nothing less makes gRPC forget the
// answer.
func sendLarge(stream grpc.ServerStream, encoded []byte) error {
	taken := make(chan struct{})
	answer := &encodedAnswer{bytes: encoded, taken: func() { close(taken) }}
	if err := stream.SendMsg(answer); err != nil {
		return err
	}
	timer := time.NewTimer(takeTime)
	defer timer.Stop()
	select {
	case <-taken:
		return nil
	case <-stream.Context().Done():
		return context.Cause(stream.Context())
	case <-timer.C:
	}
	if p, ok := peer.FromContext(stream.Context()); ok {
		if c, ok := p.Addr.(disconnector); ok {
			c.Disconnect()
		}
	}
	return errSlowReader
}
