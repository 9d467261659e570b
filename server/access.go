package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	middleware "github.com/grpc-ecosystem/go-grpc-middleware/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
)

// methodAccess says who may call a method.
type methodAccess struct {
	role       access.Role // needed at least
	roleForOwn access.Role // enough for batches of one's own; NoRole: role is needed for those as well
	open       bool        // everybody may, known or not
	reads      bool        // the method changes nothing
}

// methodTable says of each method of the contract who may call it, by full name.
type methodTable map[string]methodAccess

// newMethodTable reads the access options of the contract. The error names a method that has none.
func newMethodTable() (methodTable, error) {
	table := methodTable{}
	var errs []error
	protoregistry.GlobalFiles.RangeFilesByPackage("stoker.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for k := range methods.Len() {
				name, a, err := accessOf(methods.Get(k))
				errs = append(errs, err)
				table[name] = a
			}
		}
		return true
	})
	return table, errors.Join(errs...)
}

// accessOf reads the access option of a method.
func accessOf(m protoreflect.MethodDescriptor) (name string, a methodAccess, err error) {
	name = "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	options, _ := m.Options().(*descriptorpb.MethodOptions)
	option, _ := proto.GetExtension(options, stokerv1.E_Access).(*stokerv1.Access)
	a = methodAccess{
		role: access.Role(option.GetRole()), roleForOwn: access.Role(option.GetRoleForOwn()),
		reads: options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS,
	}
	if a.role < access.Viewer || a.role > access.Admin {
		return name, a, fmt.Errorf("server: method %s has no access option that says who may call it", name)
	}
	return name, a, nil
}

// of says who may call a method by its full name. What is not known is an admin's only.
func (t methodTable) of(method string) methodAccess {
	if a, ok := t[method]; ok {
		return a
	}
	switch service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/"); {
	case service == "grpc.health.v1.Health":
		return methodAccess{open: true, reads: true}
	case strings.HasPrefix(service, "grpc.reflection."):
		return methodAccess{role: access.Viewer, reads: true}
	case service == "grpc.channelz.v1.Channelz": // it shows who is connected
		return methodAccess{role: access.Admin, reads: true}
	}
	return methodAccess{role: access.Viewer, reads: true} // there is no such method, which everybody known may learn
}

// grant is what a call may do: as much as its principal and its method allow.
type grant struct {
	principal *access.Principal
	ownOnly   bool // the method is allowed for batches that the principal has submitted
}

// nobody is the grant outside of a call: no account, and no batch.
var nobody = grant{principal: &access.Principal{Accounts: []string{}}, ownOnly: true}

// grantOf returns the grant of the call that ctx belongs to.
func grantOf(ctx context.Context) *grant {
	if c := callOf(ctx); c != nil && c.grant.principal != nil {
		return &c.grant
	}
	return &nobody
}

var (
	errUnknownCaller = errors.New("the caller is not known: send a valid token, or a certificate that the server knows")
	errTooManyFailed = errors.New("too many calls from this address with no valid proof of who calls")
)

// roleError refuses a call because of the role of the principal.
type roleError struct {
	principal *access.Principal
	needed    access.Role
	what      string // for what the role is needed, such as BatchService/CancelBatch
}

func (e *roleError) Error() string {
	return fmt.Sprintf("%s needs the role %s; %s has %s", e.what, e.needed, e.principal.Name, e.principal.Role)
}

// gate admits callers to methods.
type gate struct {
	identifier *identity.Identifier
	methods    methodTable
	strangers  *strangers
	lines      *refusedLines
	audit      *auditLog
	log        *slog.Logger
}

// admit identifies the caller of a method, decides whether it may call it, and notes both in the call.
func (g *gate) admit(ctx context.Context, method string) error {
	a := g.methods.of(method)
	call := callOf(ctx)
	caller := callerOf(ctx)
	call.address = caller.Address
	p, err := g.identifier.Identify(ctx, caller)
	if err != nil {
		if a.open {
			return nil
		}
		return g.refuseStranger(ctx, method, err)
	}
	call.grant.principal = p
	switch {
	case a.open || p.Role >= a.role:
	case a.roleForOwn != access.NoRole && p.Role >= a.roleForOwn:
		call.grant.ownOnly = true
	default:
		return &roleError{principal: p, needed: a.least(), what: methodName(method)}
	}
	return nil
}

// least is the role without which the method cannot be called at all.
func (a methodAccess) least() access.Role { return min(a.role, cmp.Or(a.roleForOwn, a.role)) }

// methodName is a method without the package of its service, such as BatchService/CancelBatch.
func methodName(fullMethod string) string {
	return strings.TrimPrefix(strings.TrimPrefix(fullMethod, "/"), "stoker.v1.")
}

// stream admits the caller before anything of the call is received, and ends a call that lasts when the proof
// of the caller ends. Of a call with one request that the role does not allow, a small request is still received:
// the audit log says what it was about.
func (g *gate) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	ctx := stream.Context()
	lasts := isWatch(info.FullMethod) || !isOwnMethod(info.FullMethod)
	if err := g.admit(ctx, info.FullMethod); err != nil {
		if _, ok := errors.AsType[*roleError](err); ok && !lasts {
			callOf(ctx).refusal = err
			return handle(srv, stream)
		}
		g.audit.noteRefused(ctx, info.FullMethod, nil, err)
		return err
	}
	p := callOf(ctx).grant.principal
	if p == nil || !lasts {
		return handle(srv, stream)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	release := g.identifier.Hold(p, func() { end(identity.ErrEnded) })
	defer release()
	err := handle(srv, &middleware.WrappedServerStream{ServerStream: stream, WrappedContext: ctx})
	if errors.Is(context.Cause(ctx), identity.ErrEnded) {
		return identity.ErrEnded
	}
	return err
}

// callerOf returns what the caller of a call shows of itself.
func callerOf(ctx context.Context) identity.Caller {
	c := identity.Caller{
		Authorization: metadata.ValueFromIncomingContext(ctx, "authorization"),
		Header:        func(name string) []string { return metadata.ValueFromIncomingContext(ctx, name) },
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return c
	}
	if p.Addr.Network() != "unix" {
		c.Address = addressOf(ctx)
	}
	if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
		c.Certificate, c.ProvenUntil = identity.ShownCertificate(&info.State)
	}
	return c
}
