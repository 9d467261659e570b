package server_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
)

// guarded is a world whose callers have to prove who they are.
type guarded struct {
	*world
	access     store.AccessTable
	identifier *identity.Identifier
	tokens     map[string]access.Token // by name
	secrets    map[string]string       // by name of the token
}

// newGuarded starts a server that asks who calls. change may alter which proofs count.
func newGuarded(t *testing.T, change func(*identity.Config, *server.Config)) *guarded {
	t.Helper()
	g := &guarded{tokens: map[string]access.Token{}, secrets: map[string]string{}}
	g.world = newWorld(t, func(c *server.Config) {
		identities := identity.Config{Required: true}
		if change != nil {
			change(&identities, c)
		}
		table, ok := c.Store.(*store.Store)
		if !ok {
			t.Fatalf("the job table is a %T", c.Store)
		}
		g.access = store.NewAccessTable(table)
		var err error
		g.identifier, err = identity.New(t.Context(), identities, g.access, slog.New(slog.NewTextHandler(t.Output(), nil)))
		if err != nil {
			t.Fatal(err)
		}
		c.Identifier = g.identifier
	})
	return g
}

// token makes a token and returns the context of calls with it.
func (g *guarded) token(name string, role access.Role, accounts ...string) context.Context {
	g.t.Helper()
	token, secret, err := access.NewToken(name, role, accounts, 0, "test", time.Now())
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.access.CreateToken(g.t.Context(), token); err != nil {
		g.t.Fatal(err)
	}
	if err := g.identifier.Refresh(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	g.tokens[name], g.secrets[name] = token, secret
	return bearer(g.t.Context(), secret)
}

func bearer(ctx context.Context, secret string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+secret)
}

// contractMethods lists the methods of the contract, from the descriptors.
func contractMethods() []protoreflect.MethodDescriptor {
	var all []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage("stoker.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for k := range methods.Len() {
				all = append(all, methods.Get(k))
			}
		}
		return true
	})
	return all
}

// call calls a method and returns its first answer.
func (w *world) call(ctx context.Context, m protoreflect.MethodDescriptor, req proto.Message) (proto.Message, error) {
	w.t.Helper()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	name := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	stream, err := w.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, name)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(req); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	answer := dynamicpb.NewMessage(m.Output())
	if err := stream.RecvMsg(answer); err != nil {
		return nil, err
	}
	return answer, nil
}

// target is what a call of the walk is about.
type target struct {
	batch    string // id
	account  string
	token    string
	endpoint string // name
}

// walkRequests has a valid request for each method, about a target. The walk fails for a method that has none
// here: whoever adds a method says what a call of it looks like.
var walkRequests = map[string]func(target) proto.Message{
	"BatchService/SubmitBatch": func(t target) proto.Message {
		return &stokerv1.SubmitBatchRequest{Account: t.account, Jobs: specs(1, 1)}
	},
	"BatchService/AddJobs": func(t target) proto.Message {
		return &stokerv1.AddJobsRequest{BatchId: t.batch, Jobs: specs(7, 1)}
	},
	"BatchService/CloseBatch":  func(t target) proto.Message { return &stokerv1.CloseBatchRequest{BatchId: t.batch} },
	"BatchService/GetBatch":    func(t target) proto.Message { return &stokerv1.GetBatchRequest{BatchId: t.batch} },
	"BatchService/ListBatches": func(target) proto.Message { return &stokerv1.ListBatchesRequest{} },
	"BatchService/GetJob":      func(t target) proto.Message { return &stokerv1.GetJobRequest{JobId: t.batch + "/1"} },
	"BatchService/ListJobs":    func(t target) proto.Message { return &stokerv1.ListJobsRequest{BatchId: t.batch} },
	"BatchService/WatchBatch": func(t target) proto.Message {
		return &stokerv1.WatchBatchRequest{BatchId: t.batch, IncludeJobs: true}
	},
	"BatchService/CancelJob":   func(t target) proto.Message { return &stokerv1.CancelJobRequest{JobId: t.batch + "/1"} },
	"BatchService/CancelBatch": func(t target) proto.Message { return &stokerv1.CancelBatchRequest{BatchId: t.batch} },
	"BatchService/CancelJobs":  func(t target) proto.Message { return &stokerv1.CancelJobsRequest{BatchId: t.batch} },
	"BatchService/RetryJobs":   func(t target) proto.Message { return &stokerv1.RetryJobsRequest{BatchId: t.batch} },
	"BatchService/ListFailures": func(t target) proto.Message {
		return &stokerv1.ListFailuresRequest{BatchId: t.batch}
	},
	"BatchService/PauseBatch":  func(t target) proto.Message { return &stokerv1.PauseBatchRequest{BatchId: t.batch} },
	"BatchService/ResumeBatch": func(t target) proto.Message { return &stokerv1.ResumeBatchRequest{BatchId: t.batch} },
	"BatchService/ResubmitBatch": func(t target) proto.Message {
		return &stokerv1.ResubmitBatchRequest{BatchId: t.batch}
	},
	"BatchService/CancelBatches": func(t target) proto.Message {
		return &stokerv1.CancelBatchesRequest{Selection: &stokerv1.BatchSelection{BatchIds: []string{t.batch}}}
	},
	"BatchService/PauseBatches": func(t target) proto.Message {
		return &stokerv1.PauseBatchesRequest{Selection: &stokerv1.BatchSelection{BatchIds: []string{t.batch}}}
	},
	"BatchService/ResumeBatches": func(t target) proto.Message {
		return &stokerv1.ResumeBatchesRequest{Selection: &stokerv1.BatchSelection{BatchIds: []string{t.batch}}}
	},
	"BatchService/DeleteBatches": func(t target) proto.Message {
		return &stokerv1.DeleteBatchesRequest{Selection: &stokerv1.BatchSelection{BatchIds: []string{t.batch}}}
	},
	"BatchService/UpdateBatches": func(t target) proto.Message {
		return &stokerv1.UpdateBatchesRequest{
			Selection: &stokerv1.BatchSelection{BatchIds: []string{t.batch}}, SetLabels: map[string]string{"a": "b"},
		}
	},
	"BatchService/UpdateBatch": func(t target) proto.Message {
		return &stokerv1.UpdateBatchRequest{
			Batch: &stokerv1.Batch{Id: t.batch, Priority: 70}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"priority"}},
		}
	},
	"BatchService/DeleteBatch": func(t target) proto.Message { return &stokerv1.DeleteBatchRequest{BatchId: t.batch} },

	"BatchService/WatchBatches": func(target) proto.Message { return &stokerv1.WatchBatchesRequest{} },

	"SubmissionService/CheckList": func(t target) proto.Message {
		return &stokerv1.CheckListRequest{Submission: &stokerv1.SubmitBatchRequest{
			Account: t.account, List: &stokerv1.JobList{Content: &stokerv1.JobList_Text{Text: "key,input_path,output_path\na,in/a.mp4,out/a\n"}},
		}}
	},
	"SubmissionService/PlanBatch": func(t target) proto.Message {
		return &stokerv1.PlanBatchRequest{Account: t.account, JobCount: 10}
	},

	"AccountService/ListAccounts": func(target) proto.Message { return &stokerv1.ListAccountsRequest{} },
	"AccountService/GetAccount":   func(t target) proto.Message { return &stokerv1.GetAccountRequest{AccountId: t.account} },
	"AccountService/GetAccountHistory": func(t target) proto.Message {
		return &stokerv1.GetAccountHistoryRequest{AccountId: t.account}
	},
	"AccountService/ListNextJobs": func(t target) proto.Message { return &stokerv1.ListNextJobsRequest{AccountId: t.account} },
	"AccountService/ListReplicas": func(target) proto.Message { return &stokerv1.ListReplicasRequest{} },
	"AccountService/PauseAccount": func(t target) proto.Message { return &stokerv1.PauseAccountRequest{AccountId: t.account} },
	"AccountService/ResumeAccount": func(t target) proto.Message {
		return &stokerv1.ResumeAccountRequest{AccountId: t.account}
	},
	"AccountService/UpdateAccount": func(t target) proto.Message {
		return &stokerv1.UpdateAccountRequest{
			Account: &stokerv1.Account{Id: t.account, QueueTarget: 3}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"queue_target"}},
		}
	},

	"CatalogService/ListProfiles":  func(target) proto.Message { return &stokerv1.ListProfilesRequest{} },
	"CatalogService/GetProfile":    func(target) proto.Message { return &stokerv1.GetProfileRequest{Name: "default"} },
	"CatalogService/ListTemplates": func(target) proto.Message { return &stokerv1.ListTemplatesRequest{} },
	"CatalogService/GetTemplate":   func(target) proto.Message { return &stokerv1.GetTemplateRequest{Name: "plain"} },
	"CatalogService/ListStorages":  func(target) proto.Message { return &stokerv1.ListStoragesRequest{} },

	"AccessService/WhoAmI": func(target) proto.Message { return &stokerv1.WhoAmIRequest{} },
	"AccessService/CreateToken": func(target) proto.Message {
		return &stokerv1.CreateTokenRequest{Name: "made", Role: stokerv1.Role_ROLE_VIEWER}
	},
	"AccessService/ListTokens":  func(target) proto.Message { return &stokerv1.ListTokensRequest{} },
	"AccessService/RevokeToken": func(t target) proto.Message { return &stokerv1.RevokeTokenRequest{TokenId: t.token} },
	"AuditService/ListEntries":  func(target) proto.Message { return &stokerv1.ListEntriesRequest{} },

	"NotificationService/ListEndpoints": func(target) proto.Message { return &stokerv1.ListEndpointsRequest{} },
	"NotificationService/CreateEndpoint": func(t target) proto.Message {
		return &stokerv1.CreateEndpointRequest{Endpoint: &stokerv1.NotificationEndpoint{
			Name: "made-" + t.endpoint, Url: "https://example.com", Accounts: []string{t.account},
		}}
	},
	"NotificationService/UpdateEndpoint": func(t target) proto.Message {
		return &stokerv1.UpdateEndpointRequest{
			Endpoint: &stokerv1.NotificationEndpoint{Name: t.endpoint, Disabled: true}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"disabled"}},
		}
	},
	"NotificationService/DeleteEndpoint": func(t target) proto.Message { return &stokerv1.DeleteEndpointRequest{Endpoint: t.endpoint} },
	"NotificationService/RotateSecret":   func(t target) proto.Message { return &stokerv1.RotateSecretRequest{Endpoint: t.endpoint} },
	"NotificationService/TestEndpoint":   func(t target) proto.Message { return &stokerv1.TestEndpointRequest{Endpoint: t.endpoint} },
	"NotificationService/ListDeliveries": func(t target) proto.Message { return &stokerv1.ListDeliveriesRequest{Endpoint: t.endpoint} },
	"NotificationService/Redeliver": func(t target) proto.Message {
		return &stokerv1.RedeliverRequest{Endpoint: t.endpoint, FailedSince: timestamppb.Now()}
	},
	"DiagnosticsService/RunChecks": func(target) proto.Message { return &stokerv1.RunChecksRequest{} },
	"DiagnosticsService/GetReport": func(target) proto.Message { return &stokerv1.GetReportRequest{} },
}

// methodRules is what the contract says of a method.
type methodRules struct {
	role, roleForOwn         access.Role // roleForOwn is role if it makes no difference
	aboutBatch, aboutAccount bool
	aboutEndpoint            bool
}

func rulesOf(m protoreflect.MethodDescriptor) methodRules {
	option, _ := proto.GetExtension(m.Options(), stokerv1.E_Access).(*stokerv1.Access) // nil has no role
	r := methodRules{role: access.Role(option.GetRole()), roleForOwn: access.Role(cmp.Or(option.GetRoleForOwn(), option.GetRole()))}
	for i := range m.Input().Fields().Len() {
		switch m.Input().Fields().Get(i).Name() {
		case "batch_id", "job_id", "selection", "batch":
			r.aboutBatch = true
		case "account_id":
			r.aboutAccount = true
		case "endpoint": // which belongs to an account
			r.aboutAccount, r.aboutEndpoint = true, true
		case "account": // a filter in a list is another thing
			r.aboutAccount = m.Name() == "SubmitBatch" || m.Name() == "UpdateAccount" || m.Name() == "PlanBatch"
		case "submission": // it has the account
			r.aboutAccount = true
		}
	}
	return r
}

// walker is who calls in the walk.
type walker struct {
	ctx   context.Context
	name  string // of the principal
	role  access.Role
	bound bool // to the account "default"
}

// The subjects of calls in the walk.
const (
	own        = "its own"
	others     = "somebody else's"
	outOfScope = "its own in another account" // from before it was bound away from it
)

// wantCodes returns the codes with which a call may end. ok says that it is allowed.
func (r methodRules) wantCodes(w walker, about string) (list []codes.Code, ok bool) {
	switch {
	case w.role == access.NoRole:
		return []codes.Code{codes.Unauthenticated}, false
	case w.role < r.roleForOwn:
		return []codes.Code{codes.PermissionDenied}, false
	case w.bound && about == outOfScope && r.aboutBatch:
		return []codes.Code{codes.NotFound, codes.InvalidArgument}, false
	case w.bound && about == outOfScope && r.aboutAccount:
		return []codes.Code{codes.NotFound, codes.InvalidArgument}, false
	case w.role < r.role && about == others && r.aboutBatch:
		return []codes.Code{codes.PermissionDenied}, false
	}
	return []codes.Code{codes.OK, codes.FailedPrecondition}, true
}

// TestWalk calls every method of the contract with every role, bound to an account and not, about what is the
// caller's own, about what is somebody else's, and about what is in an account that the caller is bound away from.
// What is out of reach looks like what does not exist, and a refused call changes nothing.
func TestWalk(t *testing.T) {
	g := newGuarded(t, nil)
	walkers := []walker{{t.Context(), "nobody", access.NoRole, false}}
	for role := access.Viewer; role <= access.Admin; role++ {
		name := role.String()
		walkers = append(walkers, walker{g.token(name, role), access.Name(access.TokenKind, name), role, false})
		if role < access.Admin { // an admin is bound to no account
			name += "-bound"
			walkers = append(walkers, walker{g.token(name, role, "default"), access.Name(access.TokenKind, name), role, true})
		}
	}
	g.token("spare", access.Viewer) // for RevokeToken
	calls := 0
	for _, m := range contractMethods() {
		method := strings.TrimPrefix(string(m.Parent().FullName()), "stoker.v1.") + "/" + string(m.Name())
		request, ok := walkRequests[method]
		if !ok {
			t.Errorf("%s is not in walkRequests: say there what a call of it looks like", method)
			continue
		}
		for _, w := range walkers {
			for _, about := range []string{own, others, outOfScope} {
				g.walk(m, method, request, w, about)
				calls++
			}
		}
	}
	t.Logf("%d calls of %d methods by %d callers", calls, len(contractMethods()), len(walkers))
}

// walk makes one call of the walk.
func (g *guarded) walk(m protoreflect.MethodDescriptor, method string, request func(target) proto.Message, w walker, about string) {
	g.t.Helper()
	rules := rulesOf(m)
	to := g.target(w, about, rules)
	_, err := g.call(w.ctx, m, request(to))
	want, allowed := rules.wantCodes(w, about)
	code := status.Code(err)
	if !slices.Contains(want, code) {
		g.t.Errorf("%s by %s about %s: %v, want %v", method, w.name, about, err, want)
	}
	if allowed || !rules.aboutBatch {
		return
	}
	if after, err := g.store.Batch(g.t.Context(), to.batch); err != nil || after.Revision != 1 {
		g.t.Errorf("%s by %s about %s was refused, and changed the batch: %+v, %v", method, w.name, about, after, err)
	}
	if code != codes.NotFound && code != codes.InvalidArgument {
		return
	}
	missing := to
	missing.batch = "01981f3e-0000-7000-8000-000000000000"
	_, other := g.call(w.ctx, m, request(missing))
	if got, want := strings.ReplaceAll(err.Error(), to.batch, ""), strings.ReplaceAll(other.Error(), missing.batch, ""); got != want {
		g.t.Errorf("%s by %s about %s: %s, and of a batch that does not exist: %s", method, w.name, about, got, want)
	}
}

// target makes what a call of the walk is about.
func (g *guarded) target(w walker, about string, rules methodRules) target {
	g.t.Helper()
	to := target{account: "default", token: g.tokens["spare"].ID}
	if about == outOfScope {
		to.account = "other"
	}
	createdBy := w.name
	if about == others {
		createdBy = "token:somebody"
	}
	if rules.aboutEndpoint {
		if to.endpoint = "endpoint"; about == outOfScope {
			to.endpoint = "elsewhere"
		}
		table := store.NewNotificationTable(g.store)
		for _, name := range []string{to.endpoint, "made-" + to.endpoint} { // of an earlier call
			err := table.DeleteEndpoint(g.t.Context(), name, time.Now(), func(notification.Endpoint) error { return nil })
			if err != nil && !errors.Is(err, job.ErrNotFound) {
				g.t.Fatal(err)
			}
		}
		g.newEndpoint(to.endpoint, to.account)
	}
	if rules.aboutBatch {
		to.batch = g.stored(job.Batch{AccountID: to.account, CreatedBy: createdBy, Open: true, Recipe: new(job.DefaultRecipe()), Profile: "default"})
	}
	return to
}

// stored stores a batch with two jobs, whoever may do so, and returns its id.
func (g *guarded) stored(b job.Batch) string {
	g.t.Helper()
	b.Input, b.Output = job.StorageRef{Name: "default"}, job.StorageRef{Name: "default"}
	b, _, err := g.store.Submit(g.t.Context(), job.Submission{Batch: b, Jobs: []job.Spec{
		{Key: "k-1", InputPath: "in/1.mp4", OutputPath: "out/1"}, {Key: "k-2", InputPath: "in/2.mp4", OutputPath: "out/2"},
	}}, time.Now())
	if err != nil {
		g.t.Fatal(err)
	}
	return b.ID
}
