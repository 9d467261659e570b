package server

import (
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/proto"
)

// registrar registers services with a gRPC server. It makes every method a stream, also those that have one
// request and one answer. gRPC calls the handler of a stream when the headers of a call have arrived. Of any
// other method it receives the whole request first, from whoever sends it and as slowly as they like. What
// goes over the wire is the same.
type registrar struct {
	reflection.GRPCServer
	unary grpc.UnaryServerInterceptor // between a request and its handler
}

// RegisterService registers a service.
func (r registrar) RegisterService(desc *grpc.ServiceDesc, impl any) {
	streams := *desc
	streams.Methods, streams.Streams = nil, slices.Clone(desc.Streams)
	for _, m := range desc.Methods {
		streams.Streams = append(streams.Streams, grpc.StreamDesc{
			StreamName: m.MethodName, ServerStreams: true, Handler: r.unaryHandler(m, isOwnMethod("/"+desc.ServiceName+"/")),
		})
	}
	r.GRPCServer.RegisterService(&streams, impl)
}

// unaryHandler receives one request, calls the method, and sends its answer. own says that the method is one of
// the contract's.
func (r registrar) unaryHandler(m grpc.MethodDesc, own bool) grpc.StreamHandler {
	return func(impl any, stream grpc.ServerStream) error {
		answer, err := m.Handler(impl, stream.Context(), stream.RecvMsg, r.unary)
		if err != nil {
			return err
		}
		if message, ok := answer.(proto.Message); ok && own {
			answer = fitted(message, maxAnswerBytes) // a safeguard: handlers keep to the limit themselves
		}
		return stream.SendMsg(answer)
	}
}
