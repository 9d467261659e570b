package server

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/job"
)

// Options returns the options that the gRPC server has to be made with: limits, keepalive and
// interceptors. The interceptors are, from the outside in, the id of the call, logging, statuses,
// recovery from panics, who calls and what it may, and the limits of the caller. All of them are for streams, since
// [Server.Register] makes every method one: so they come before the request, which is received when the handler
// asks for it. Behind them come, for a method with one request, the audit log and validation; see [Server.unary].
func (s *Server) Options() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainStreamInterceptor(
			streamCallID,
			s.streamLog,
			s.streamStatus,
			recovery.StreamServerInterceptor(),
			s.gate.stream,
			s.streamLimits,
		),
		grpc.UnknownServiceHandler(unknownMethod),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(s.limits.MaxRequestBytes),
		// Answers stay below this limit; see [maxAnswerBytes]. A larger answer has to fail
		// here, where the error is logged, and not at the client.
		grpc.MaxSendMsgSize(maxResponseBytes),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.WriteBufferSize(writeBuffer),
		grpc.ReadBufferSize(readBuffer),
		// Windows of a fixed size. gRPC would otherwise let them grow to 16 MiB for each stream of a
		// fast connection, and keeps what arrives whether anybody reads it or not. A large request does
		// not need them: its reader asks for as much as it reads.
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow),
		// Beyond this limit, gRPC lets a call hang. The limit on watches, which returns an
		// error, has to be reached first.
		grpc.MaxConcurrentStreams(uint32(s.limits.WatchesPerCaller) + 1_000),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second, MaxConnectionIdle: maxIdle}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
	}
}

const (
	// streamWindow and connectionWindow are how much of a stream and of a connection may arrive unasked, in
	// bytes. gRPC allows no smaller ones for a stream.
	streamWindow, connectionWindow = 64 << 10, 1 << 20
	// maxHeaderBytes is how many bytes of headers a call may have. The largest are the tokens of some
	// issuers, which have a few thousand.
	maxHeaderBytes = 32 << 10
	// maxIdle is how long a connection may have no call under way. Clients connect again with their next
	// call, without an error.
	maxIdle = 5 * time.Minute
)

// Sizes of the buffers that a connection reads and writes with, in bytes, half of what gRPC has or less.
// There may be a connection for each of thousands of watchers, and all of them are written to at once.
const readBuffer, writeBuffer = 8 << 10, 16 << 10

// maxResponseBytes is the size of the largest message that clients read by default.
const maxResponseBytes = 4 << 20

// maxName is the length of the longest name of a method in log and errors, in bytes. Callers may call methods
// of any name.
const maxName = 64

// streamLog logs the end of a call at debug level. A call that changed something, or that failed by a fault of
// this service, has a line of its own already. Of the calls of one address that were refused, some are logged at
// info level, with the number of the others.
func (s *Server) streamLog(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	begin := time.Now()
	err := handle(srv, stream)
	ctx, code := stream.Context(), status.Code(err)
	level, refused, refusedBefore := slog.LevelDebug, isRefused(code), 0
	if refused {
		log, left := s.refusedLines.note(networkName(addressOf(ctx)), time.Now())
		if !log {
			return err
		}
		if refusedBefore = left; code != codes.Unauthenticated { // the line about the caller says more
			level = slog.LevelInfo
		}
	}
	if !s.log.Enabled(ctx, level) {
		return err
	}
	attrs := []any{
		callIDKey, callID(ctx), "method", clip(methodName(info.FullMethod), maxName), "code", code.String(),
		"took", time.Since(begin), "address", addressOf(ctx),
	}
	if c := callOf(ctx); c != nil && c.grant.principal != nil {
		attrs = append(attrs, "principal", c.grant.principal.Name)
	}
	if err != nil {
		attrs = append(attrs, "err", err)
	}
	if refusedBefore > 0 {
		attrs = append(attrs, "refused_before", refusedBefore)
	}
	if refused {
		s.log.Log(ctx, level, "call refused", attrs...)
	} else {
		s.log.Log(ctx, level, "call finished", attrs...)
	}
	return err
}

// isRefused reports whether a call ended with a code that says that the caller was wrong, or came too often.
func isRefused(code codes.Code) bool {
	switch code {
	case codes.OK, codes.Internal, codes.Unknown, codes.DataLoss, codes.Unavailable, codes.Canceled, codes.DeadlineExceeded:
		return false
	}
	return true
}

func isOwnMethod(fullMethod string) bool { return strings.HasPrefix(fullMethod, "/stoker.v1.") }

// isWatch reports whether calls of a method last until what they watch has ended.
func isWatch(fullMethod string) bool {
	return isOwnMethod(fullMethod) && strings.Contains(fullMethod, "/Watch")
}

// unary is what comes between the request of a method with one request and its handler: the refusal of a
// caller that may not call it, the audit log, and validation.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if err := callOf(ctx).refusal; err != nil {
		s.audit.noteRefused(ctx, info.FullMethod, req, err)
		return nil, err
	}
	// A large request may take minutes to arrive.
	if p := callOf(ctx).grant.principal; p != nil && s.gate.identifier.Ended(p) {
		return nil, identity.ErrEnded
	}
	return s.audit.unary(ctx, req, info, func(ctx context.Context, req any) (any, error) {
		if !isOwnMethod(info.FullMethod) {
			return handle(ctx, req)
		}
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
		if !found {
			return handle(ctx, req)
		}
		access.RecordOf(ctx).Describe(targetOf(req), "")
		resp, err := handle(ctx, req)
		return resp, asCalled(err, called)
	})
}

func (s *Server) streamStatus(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	in := &incoming{ServerStream: stream, s: s, info: info}
	defer in.close()
	if err := handle(srv, in); err != nil {
		return s.fail(stream.Context(), err, in.req, info.FullMethod)
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
	if limit := limitOf(err); limit != "" {
		s.callers.countRefusal(limit)
	}
	if !known || job.TableTrouble(err) {
		s.log.ErrorContext(ctx, "call failed", callIDKey, callID(ctx), "method", methodName(method), "subject", subject(req), "err", err)
	}
	return st.Err()
}

// isRefusal reports whether err refuses the request, whatever the state of the call.
func isRefusal(err error) bool {
	st, known := toStatus(err, nil)
	return known && st.Code() != codes.Unavailable
}

// unknownMethod answers a call of a method that the server does not have, most often from a newer
// client.
func unknownMethod(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.Method(stream.Context())
	return status.Errorf(codes.Unimplemented, "this server has no method %s; is it older than the client?", clip(method, maxName))
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
