package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/job"
)

// retryDelay is how long an UNAVAILABLE error advises callers to wait.
const retryDelay = time.Second

var (
	errSlowReader = errors.New("the reader is too slow")
	errSlowSender = errors.New("the sender is too slow")
)

// errorTable maps errors to the statuses that callers see. The first row that matches counts.
var errorTable = []struct {
	err    error
	code   codes.Code
	reason string // of the ErrorInfo
	// text is the text of the status, for people. It never contains the text of a database or
	// driver. req is the request, or nil if it is unknown.
	text func(err error, req any) string
}{
	{job.ErrNotFound, codes.NotFound, "NOT_FOUND", func(_ error, req any) string { return subject(req) + " was not found" }},
	{errUnknownCaller, codes.Unauthenticated, "UNAUTHENTICATED", ownText},
	{identity.ErrEnded, codes.Unauthenticated, "UNAUTHENTICATED", fixedText("the token was revoked, or the proof of who calls has expired")},
	{errTooManyFailed, codes.ResourceExhausted, "TOO_MANY_FAILED_CALLS", ownText},
	{errNotOwn, codes.PermissionDenied, "NOT_OWN", func(_ error, req any) string {
		return subject(req) + " was submitted by somebody else; steering it needs the role operator"
	}},
	{errEndpointExists, codes.AlreadyExists, "ENDPOINT_EXISTS", func(_ error, req any) string {
		return subject(req) + " exists already; choose another name, or update it"
	}},
	{job.ErrExists, codes.AlreadyExists, "REQUEST_ID_REUSED", func(_ error, req any) string {
		return subject(req) + " was used before, with another payload; choose a new request_id for a new batch"
	}},
	{job.ErrConflict, codes.Aborted, "CONFLICT", func(_ error, req any) string {
		return subject(req) + " was changed by another call at the same moment; try again"
	}},
	{job.ErrIllegalTransition, codes.FailedPrecondition, "WRONG_STATE", func(_ error, req any) string {
		return subject(req) + " is in a state that does not allow this"
	}},
	{job.ErrFull, codes.ResourceExhausted, "DISK_FULL", fixedText("the server's disk is full; nothing was stored")},
	{job.ErrReadOnly, codes.FailedPrecondition, "DISK_READ_ONLY", fixedText("the server's disk is read-only, and nothing can be stored until it can be written again")},
	{job.ErrUnconfirmed, codes.Unavailable, "OUTCOME_UNKNOWN", fixedText("the job table has not confirmed the change, which may have been made; look before you try again")},
	{job.ErrUnavailable, codes.Unavailable, "JOB_TABLE_UNAVAILABLE", fixedText("the job table cannot be reached; try again")},
	{ErrShutdown, codes.Unavailable, "SHUTTING_DOWN", fixedText("the server is shutting down; reconnect with the latest cursor")},
	{errSlowReader, codes.ResourceExhausted, "SLOW_READER", fixedText("the reader is too slow; reconnect with the latest cursor")},
	{errSlowSender, codes.ResourceExhausted, "SLOW_SENDER", fixedText("nothing of the request arrived for 20 seconds; send it again")},
	{context.Canceled, codes.Canceled, "CANCELLED", fixedText("the call was cancelled")},
	{context.DeadlineExceeded, codes.DeadlineExceeded, "DEADLINE_EXCEEDED", fixedText("the call took longer than its deadline")},
}

func fixedText(text string) func(error, any) string {
	return func(error, any) string { return text }
}

func ownText(err error, _ any) string { return err.Error() }

// toStatus returns the status that the caller sees for err. known is false for an error that the
// status does not describe: it has to be logged.
func toStatus(err error, req any) (s *status.Status, known bool) {
	if invalid, ok := errors.AsType[*job.InvalidError](err); ok {
		return invalidStatus(invalid), true
	}
	if state, ok := errors.AsType[*job.StateError](err); ok {
		return stateStatus(state), true
	}
	if limit, ok := errors.AsType[*limitError](err); ok {
		return limitStatus(limit), true
	}
	if space, ok := errors.AsType[*job.SpaceError](err); ok {
		return newStatus(codes.ResourceExhausted, space.Error(), &errdetails.ErrorInfo{
			Reason: "DISK_LOW", Domain: job.ErrorDomain,
			Metadata: map[string]string{"free_bytes": strconv.FormatInt(space.Free, 10), "floor_bytes": strconv.FormatInt(space.Floor, 10)},
		}), true
	}
	if deleted, ok := errors.AsType[*job.DeletedError](err); ok {
		return newStatus(codes.FailedPrecondition, deleted.Error(), &errdetails.ErrorInfo{
			Reason: "BATCH_DELETED", Domain: job.ErrorDomain,
			Metadata: map[string]string{"id": deleted.ID, "number": strconv.FormatInt(deleted.BatchNumber, 10)},
		}), true
	}
	if role, ok := errors.AsType[*roleError](err); ok {
		return newStatus(codes.PermissionDenied, role.Error(), &errdetails.ErrorInfo{
			Reason: "ROLE_TOO_LOW", Domain: job.ErrorDomain,
			Metadata: map[string]string{"role": role.principal.Role.String(), "needed_role": role.needed.String()},
		}), true
	}
	if named, ok := errors.AsType[*calledError](err); ok {
		req = named
	}
	for _, m := range errorTable {
		if !errors.Is(err, m.err) {
			continue
		}
		info := &errdetails.ErrorInfo{Reason: m.reason, Domain: job.ErrorDomain}
		details := []protoadapt.MessageV1{info}
		switch {
		case m.code == codes.Unavailable:
			details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(retryDelay)})
		case m.reason == "TOO_MANY_FAILED_CALLS":
			details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Minute)})
		}
		return newStatus(m.code, m.text(err, req), details...), true
	}
	// A status made by gRPC itself, for example for a message that cannot be decoded.
	if s, ok := status.FromError(err); ok && s.Code() != codes.Unknown {
		if len(s.Details()) > 0 {
			return s, true
		}
		return newStatus(s.Code(), s.Message(), &errdetails.ErrorInfo{Reason: reasonOf(s.Code()), Domain: job.ErrorDomain}), true
	}
	return internalStatus(""), false
}

// internalStatus is what the caller sees of an error that has no other status: nothing but the id
// under which the log has more.
func internalStatus(callID string) *status.Status {
	info := &errdetails.ErrorInfo{Reason: "INTERNAL", Domain: job.ErrorDomain}
	text := "internal error; the server's log has more"
	if callID != "" {
		info.Metadata = map[string]string{callIDKey: callID}
		text += " under call_id " + callID
	}
	return newStatus(codes.Internal, text, info)
}

// invalidStatus returns the status of an invalid request. Its details list as many violations as fit
// maxBadRequest, and the number of all. Its text is the first violation.
func invalidStatus(err *job.InvalidError) *status.Status {
	list, total := err.Violations, len(err.Violations)+err.More
	bad := &errdetails.BadRequest{}
	for size := 0; len(bad.FieldViolations) < len(list); {
		v := list[len(bad.FieldViolations)]
		field := &errdetails.BadRequest_FieldViolation{
			Field: clip(v.Field, maxField), Description: clip(v.Message, maxMessage),
		}
		if size += proto.Size(field) + 4; size > maxBadRequest {
			break
		}
		bad.FieldViolations = append(bad.FieldViolations, field)
	}
	text := list[0].String()
	if total > 1 {
		text = fmt.Sprintf("%s (and %d more)", clip(text, maxText-20), total-1)
	}
	return newStatus(codes.InvalidArgument, text,
		&errdetails.ErrorInfo{
			Reason: "INVALID", Domain: job.ErrorDomain,
			Metadata: map[string]string{"violations": strconv.Itoa(total)},
		}, bad)
}

// limitStatus returns the status of a call that a limit has refused. It names the limit and, if the same call
// may pass later, when.
func limitStatus(err *limitError) *status.Status {
	info := &errdetails.ErrorInfo{Reason: cmp.Or(err.reason, "LIMIT_REACHED"), Domain: job.ErrorDomain, Metadata: map[string]string{"limit": err.limit}}
	if err.retry == 0 {
		return newStatus(codes.ResourceExhausted, err.text, info)
	}
	return newStatus(codes.ResourceExhausted, err.text, info, &errdetails.RetryInfo{RetryDelay: durationpb.New(err.retry)})
}

// limitOf returns the name of the limit that refused a call with err; empty if none did.
func limitOf(err error) string {
	if limit, ok := errors.AsType[*limitError](err); ok {
		return limit.limit
	}
	if errors.Is(err, errSlowSender) {
		return "stall_time"
	}
	return ""
}

func stateStatus(err *job.StateError) *status.Status {
	return newStatus(codes.FailedPrecondition, err.Error(),
		&errdetails.ErrorInfo{
			Reason: "WRONG_STATE", Domain: job.ErrorDomain,
			Metadata: map[string]string{"resource": err.Resource, "id": err.ID, "state": err.State},
		},
		&errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{{
			Type: "STATE", Subject: err.Resource + "/" + err.ID, Description: err.Problem,
		}}})
}

// newStatus makes a status with details. The details are left out if they cannot be encoded, which
// does not happen with the types used here.
func newStatus(code codes.Code, text string, details ...protoadapt.MessageV1) *status.Status {
	s := status.New(code, clip(text, maxText))
	if full, err := s.WithDetails(details...); err == nil {
		return full
	}
	return s
}

// reasonOf is the name of a code in the contract of gRPC, such as INVALID_ARGUMENT.
func reasonOf(c codes.Code) string { return code.Code(c).String() }

// subject names the job, batch, account or request_id that a request is about.
func subject(req any) string {
	named := func(kind, id string) string { return fmt.Sprintf("%s %q", kind, clip(id, maxField)) }
	switch r := req.(type) {
	case *calledError:
		return r.subject
	case interface{ GetEndpoint() string }:
		return named("endpoint", r.GetEndpoint())
	case interface{ GetJobId() string }:
		return named("job", r.GetJobId())
	case interface{ GetBatchId() string }:
		return named("batch", r.GetBatchId())
	case interface{ GetAccountId() string }:
		return named("account", r.GetAccountId())
	case *stokerv1.GetProfileRequest:
		return named("profile", r.GetName())
	case *stokerv1.GetTemplateRequest:
		return named("template", r.GetName())
	case interface{ GetTokenId() string }:
		return named("token", r.GetTokenId())
	case interface {
		GetEndpoint() *stokerv1.NotificationEndpoint
	}:
		return named("endpoint", r.GetEndpoint().GetName())
	case interface{ GetRequestId() string }:
		return named("request_id", r.GetRequestId())
	case interface{ GetBatch() *stokerv1.Batch }:
		return named("batch", r.GetBatch().GetId())
	case interface{ GetAccount() *stokerv1.Account }:
		return named("account", r.GetAccount().GetId())
	}
	return "the resource"
}
