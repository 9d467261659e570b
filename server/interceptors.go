package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// Options returns the options that the gRPC server has to be made with: limits, keepalive and
// interceptors. The interceptors are, from the outside in, the id of the call, logging, statuses,
// recovery from panics, validation, and the resolution of names.
func (s *Server) Options() []grpc.ServerOption {
	logger := s.callLogger()
	logged := []logging.Option{
		logging.WithLogOnEvents(logging.FinishCall),
		logging.WithLevels(logLevel),
		logging.WithDurationField(logging.DurationToDurationField),
		logging.WithDisableLoggingFields(logging.ComponentFieldKey, logging.MethodTypeFieldKey),
	}
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(
			unaryCallID,
			logging.UnaryServerInterceptor(logger, logged...),
			s.unaryStatus,
			recovery.UnaryServerInterceptor(),
			s.unaryValidate,
		),
		grpc.ChainStreamInterceptor(
			streamCallID,
			logging.StreamServerInterceptor(logger, logged...),
			s.streamStatus,
			recovery.StreamServerInterceptor(),
		),
		grpc.UnknownServiceHandler(unknownMethod),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(s.limits.MaxRequestBytes),
		// Answers stay below this limit; see [maxAnswerBytes]. A larger answer has to fail
		// here, where the error is logged, and not at the client.
		grpc.MaxSendMsgSize(maxResponseBytes),
		grpc.MaxHeaderListSize(64 << 10),
		grpc.WriteBufferSize(writeBuffer),
		grpc.ReadBufferSize(readBuffer),
		// Beyond this limit, gRPC lets a call hang. The limit on watches, which returns an
		// error, has to be reached first.
		grpc.MaxConcurrentStreams(uint32(s.limits.WatchesPerCaller) + 1_000),
		grpc.ConnectionTimeout(20 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
	}
}

// Sizes of the buffers that a connection reads and writes with, in bytes, half of what gRPC has or less.
// There may be a connection for each of thousands of watchers, and all of them are written to at once.
const readBuffer, writeBuffer = 8 << 10, 16 << 10

// maxResponseBytes is the size of the largest message that clients read by default.
const maxResponseBytes = 4 << 20

// callLogger logs one line for each finished call. Successful calls that only read are logged at
// debug level.
func (s *Server) callLogger() logging.Logger {
	return logging.LoggerFunc(func(ctx context.Context, level logging.Level, _ string, fields ...any) {
		l := slog.Level(level)
		if method, _ := grpc.Method(ctx); l == slog.LevelInfo && isReadMethod(method) {
			l = slog.LevelDebug
		}
		s.log.Log(ctx, l, "call finished", fields...)
	})
}

// isReadMethod reports whether a method changes nothing.
func isReadMethod(fullMethod string) bool {
	if !isOwnMethod(fullMethod) {
		return true // health, reflection, channelz
	}
	name := fullMethod[strings.LastIndexByte(fullMethod, '/')+1:]
	for _, verb := range []string{"Get", "List", "Watch", "Check", "Plan"} {
		if strings.HasPrefix(name, verb) {
			return true
		}
	}
	return false
}

func isOwnMethod(fullMethod string) bool { return strings.HasPrefix(fullMethod, "/stoker.v1.") }

// logLevel is the level at which the end of a call is logged.
func logLevel(code codes.Code) logging.Level {
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return logging.LevelError
	case codes.ResourceExhausted, codes.Unavailable:
		return logging.LevelWarn
	}
	return logging.LevelInfo
}

func (s *Server) unaryStatus(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	resp, err := handle(ctx, req)
	if err != nil {
		return nil, s.fail(ctx, err, req, info.FullMethod)
	}
	if m, ok := resp.(proto.Message); ok && isOwnMethod(info.FullMethod) {
		return fitted(m, maxAnswerBytes), nil // a safeguard: handlers keep to the limit themselves
	}
	return resp, nil
}

func (s *Server) streamStatus(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	first := &firstRequest{ServerStream: stream}
	if isOwnMethod(info.FullMethod) {
		first.validate = s.validate
		first.resolve = s.resolveNames
	}
	if err := handle(srv, first); err != nil {
		return s.fail(stream.Context(), err, first.req, info.FullMethod)
	}
	return nil
}

// fail returns the status of err as an error. It logs an error that the status does not describe, and
// every error of the job table.
func (s *Server) fail(ctx context.Context, err error, req any, method string) error {
	if ctx.Err() != nil && !isRefusal(err) {
		err = ctx.Err() // the call was cancelled or is past its deadline, and err follows from that
	}
	st, known := toStatus(err, req)
	if !known {
		st = internalStatus(callID(ctx))
	}
	if !known || errors.Is(err, job.ErrFull) || errors.Is(err, job.ErrUnavailable) {
		s.log.ErrorContext(ctx, "call failed", callIDKey, callID(ctx), "method", method, "subject", subject(req), "err", err)
	}
	return st.Err()
}

// isRefusal reports whether err refuses the request, whatever the state of the call.
func isRefusal(err error) bool {
	st, known := toStatus(err, nil)
	return known && st.Code() != codes.Unavailable
}

func (s *Server) unaryValidate(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if isOwnMethod(info.FullMethod) {
		check := s.validate
		if checkedByHandler(req) {
			check = checkSize
		}
		if err := check(req); err != nil {
			return nil, err
		}
		called := subject(req)
		found, err := s.resolveNames(ctx, req)
		if err != nil {
			return nil, err
		}
		if found {
			resp, err := handle(ctx, req)
			return resp, asCalled(err, called)
		}
	}
	return handle(ctx, req)
}

// firstRequest validates and keeps the request of a server stream, and resolves the names in it.
type firstRequest struct {
	grpc.ServerStream
	validate func(req any) error
	resolve  func(ctx context.Context, req any) (found bool, err error)
	req      any
}

func (f *firstRequest) RecvMsg(m any) error {
	if err := f.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	f.req = m
	if f.validate == nil {
		return nil
	}
	if err := f.validate(m); err != nil {
		return err
	}
	_, err := f.resolve(f.Context(), m)
	return err
}

// unknownMethod answers a call of a method that the server does not have, most often from a newer
// client.
func unknownMethod(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.Method(stream.Context())
	return status.Errorf(codes.Unimplemented, "this server has no method %s; is it older than the client?", method)
}

// validate checks the size of a request, the rules of the contract, and that a reason has no hidden
// characters.
func (s *Server) validate(req any) error {
	if err := checkSize(req); err != nil {
		return err
	}
	var found findings
	if m, ok := req.(proto.Message); ok {
		found.addAll(s.contract.violations(m))
	}
	if r, ok := req.(interface{ GetReason() string }); ok {
		found.checkText("reason", r.GetReason())
	}
	return found.err()
}

// checkedByHandler reports whether the handler of req checks the rules of the contract together with
// its own, so that the caller learns of all violations at once.
func checkedByHandler(req any) bool {
	switch req.(type) {
	case *stokerv1.SubmitBatchRequest, *stokerv1.AddJobsRequest, *stokerv1.UpdateBatchRequest:
		return true
	}
	return false
}
