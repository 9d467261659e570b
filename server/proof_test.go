package server_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	channelz "google.golang.org/grpc/channelz/grpc_channelz_v1"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// TestProofs sends proofs that are not valid, each wrong in its own way: none of them is told from the others.
func TestProofs(t *testing.T) {
	g := newGuarded(t, nil)
	valid := g.token("ci", access.Viewer)
	expired, expiredSecret, err := access.NewToken("old", access.Admin, nil, time.Minute, "test", time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.access.CreateToken(t.Context(), expired); err != nil {
		t.Fatal(err)
	}
	g.token("gone", access.Admin)
	if _, err := g.access.RevokeToken(t.Context(), g.tokens["gone"].ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := g.identifier.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, foreign, err := access.NewToken("ci", access.Admin, nil, 0, "test", time.Now()) // of another service
	if err != nil {
		t.Fatal(err)
	}
	access := stokerv1.NewAccessServiceClient(g.conn)
	whoAmI := func(ctx context.Context) (*stokerv1.WhoAmIResponse, error) {
		return access.WhoAmI(ctx, &stokerv1.WhoAmIRequest{})
	}
	answer, err := whoAmI(valid)
	if err != nil || answer.GetPrincipal().GetName() != "token:ci" || answer.GetPrincipal().GetRole() != stokerv1.Role_ROLE_VIEWER ||
		answer.GetPrincipal().GetKind() != stokerv1.PrincipalKind_PRINCIPAL_KIND_TOKEN {
		t.Fatalf("a valid token: %v, %v", answer, err)
	}
	secret := g.secrets["ci"]
	_, none := whoAmI(t.Context())
	for name, headers := range map[string][]string{
		"empty":                   {"authorization", ""},
		"no scheme":               {"authorization", secret},
		"another scheme":          {"authorization", "Basic " + secret},
		"no secret":               {"authorization", "Bearer "},
		"mistyped":                {"authorization", "Bearer " + secret[:10] + other(secret[10]) + secret[11:]},
		"cut short":               {"authorization", "Bearer " + secret[:len(secret)-1]},
		"with something behind":   {"authorization", "Bearer " + secret + "x"},
		"foreign":                 {"authorization", "Bearer " + foreign},
		"expired":                 {"authorization", "Bearer " + expiredSecret},
		"revoked":                 {"authorization", "Bearer " + g.secrets["gone"]},
		"signed by an issuer":     {"authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."},
		"two of them":             {"authorization", "Bearer " + secret, "authorization", "Bearer " + secret},
		"endless":                 {"authorization", "Bearer " + strings.Repeat("x", 20<<10)},
		"in the wrong header":     {"x-authorization", "Bearer " + secret},
		"a header of no proxy":    {"x-forwarded-user", "admin"},
		"the hash of the secret":  {"authorization", "Bearer stk_" + strings.Repeat("0", 36)},
		"a name instead of a key": {"authorization", "Bearer ci"},
	} {
		_, err := whoAmI(metadata.AppendToOutgoingContext(t.Context(), headers...))
		if status.Code(err) != codes.Unauthenticated || status.Convert(err).Message() != status.Convert(none).Message() {
			t.Errorf("%s: %v, want the answer of no proof at all: %v", name, err, none)
		}
	}
}

// other returns a character that is not c.
func other(c byte) string {
	if c == 'x' {
		return "y"
	}
	return "x"
}

// TestOpenServices holds that health is everybody's, reflection that of known callers, and channelz an admin's.
func TestOpenServices(t *testing.T) {
	g := newGuarded(t, nil)
	viewer, admin := g.token("viewer", access.Viewer), g.token("admin", access.Admin)
	if _, err := healthpb.NewHealthClient(g.conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Errorf("health for a stranger: %v", err)
	}
	reflect := func(ctx context.Context) error {
		stream, err := reflection.NewServerReflectionClient(g.conn).ServerReflectionInfo(ctx)
		if err != nil {
			return err
		}
		_ = stream.Send(&reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_ListServices{}})
		_, err = stream.Recv()
		return err
	}
	peers := func(ctx context.Context) error {
		_, err := channelz.NewChannelzClient(g.conn).GetServers(ctx, &channelz.GetServersRequest{})
		return err
	}
	unknown := func(ctx context.Context) error {
		return g.conn.Invoke(ctx, "/stoker.v1.BatchService/Nothing", &stokerv1.WhoAmIRequest{}, &stokerv1.WhoAmIResponse{})
	}
	for _, tt := range []struct {
		name                    string
		call                    func(context.Context) error
		stranger, viewer, admin codes.Code
	}{
		{"reflection", reflect, codes.Unauthenticated, codes.OK, codes.OK},
		{"channelz", peers, codes.Unauthenticated, codes.PermissionDenied, codes.OK},
		{"an unknown method", unknown, codes.Unauthenticated, codes.Unimplemented, codes.Unimplemented},
	} {
		wantCode(t, tt.call(t.Context()), tt.stranger)
		wantCode(t, tt.call(viewer), tt.viewer)
		wantCode(t, tt.call(admin), tt.admin)
	}
}

// TestRevocationEndsWatches revokes the token of one watcher of two, and lets another one expire.
func TestRevocationEndsWatches(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := newGuarded(t, nil)
		ctx, stop := context.WithCancelCause(t.Context())
		running := make(chan error, 1)
		go func() { running <- g.identifier.Run(ctx) }()
		batch := g.stored(job.Batch{AccountID: "default", Recipe: new(job.DefaultRecipe()), Profile: "default", Open: true})
		watch := func(ctx context.Context) <-chan error {
			stream, err := g.batches.WatchBatch(ctx, &stokerv1.WatchBatchRequest{BatchId: batch})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				for {
					if _, err := stream.Recv(); err != nil {
						ended <- err
						return
					}
				}
			}()
			return ended
		}
		stays, ends := watch(g.token("stays", access.Viewer)), watch(g.token("ends", access.Viewer))
		short, secret, err := access.NewToken("short", access.Viewer, nil, time.Hour, "test", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := g.access.CreateToken(t.Context(), short); err != nil {
			t.Fatal(err)
		}
		if err := g.identifier.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		expires := watch(bearer(t.Context(), secret))

		revoked := time.Now()
		// As the command does on the host: nobody tells the service.
		if _, err := g.access.RevokeToken(t.Context(), g.tokens["ends"].ID, revoked); err != nil {
			t.Fatal(err)
		}
		wantCode(t, <-ends, codes.Unauthenticated)
		if took := time.Since(revoked); took > time.Second {
			t.Errorf("the watch ended %v after the revocation, want a second at most", took)
		}
		wantCode(t, <-expires, codes.Unauthenticated)
		if late := time.Since(short.ExpireTime); late < 0 || late > time.Second {
			t.Errorf("the watch ended %v after its token expired", late)
		}
		select {
		case err := <-stays:
			t.Errorf("the watch with another token ended: %v", err)
		default:
		}
		stop(nil)
		if err := <-running; err != nil {
			t.Error(err)
		}
	})
}

// TestProofEndsWhileSending revokes a token, and lets another one expire, while requests with them arrive: they have no
// effect any more.
func TestProofEndsWhileSending(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := newGuarded(t, nil)
		batch := g.stored(job.Batch{AccountID: "default", Recipe: new(job.DefaultRecipe()), Profile: "default", Open: true})
		request, err := proto.Marshal(&stokerv1.CancelBatchRequest{BatchId: batch})
		if err != nil {
			t.Fatal(err)
		}
		short, secret, err := access.NewToken("short", access.Admin, nil, time.Minute, "test", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := g.access.CreateToken(t.Context(), short); err != nil {
			t.Fatal(err)
		}
		revoked := g.token("revoked", access.Admin)
		time.Sleep(50 * time.Second)
		for name, tt := range map[string]struct {
			ctx context.Context
			end func()
		}{
			"expired": {bearer(t.Context(), secret), func() { time.Sleep(15 * time.Second) }},
			"revoked": {revoked, func() {
				if _, err := g.access.RevokeToken(t.Context(), g.tokens["revoked"].ID, time.Now()); err != nil {
					t.Fatal(err)
				}
				if err := g.identifier.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
			}},
		} {
			call := g.openCall(tt.ctx, stokerv1.BatchService_CancelBatch_FullMethodName)
			if err := call.SendMsg(request); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the server knows the caller, and waits for the end of the request
			tt.end()
			if err := call.CloseSend(); err != nil {
				t.Fatal(err)
			}
			var answer []byte
			if err := call.RecvMsg(&answer); status.Code(err) != codes.Unauthenticated {
				t.Errorf("%s: %v", name, err)
			}
		}
		if b, err := g.store.Batch(t.Context(), batch); err != nil || b.State != job.BatchOpen {
			t.Errorf("the batch is %s, %v", b.State, err)
		}
	})
}

// TestBoundary has callers of different accounts use the same request ids, page tokens, cursors and filters.
func TestBoundary(t *testing.T) {
	g := newGuarded(t, func(_ *identity.Config, c *server.Config) { c.AllowInlineTemplates = true })
	here, there := g.token("here", access.Submitter, "default"), g.token("there", access.Submitter, "other")
	all := g.token("all", access.Admin)
	submit := func(ctx context.Context, account, requestID string) (*stokerv1.Batch, error) {
		resp, err := g.batches.SubmitBatch(ctx, &stokerv1.SubmitBatchRequest{
			RequestId: requestID, Account: account, SkipSucceeded: true, Jobs: specs(1, 2), Labels: map[string]string{"team": "vod"},
		})
		return resp.GetBatch(), err
	}
	first, err := submit(here, "default", "night")
	if err != nil {
		t.Fatal(err)
	}
	if first.GetCreatedBy() != "token:here" {
		t.Errorf("created_by is %q", first.GetCreatedBy())
	}
	again, err := submit(here, "default", "night")
	if err != nil || again.GetId() != first.GetId() {
		t.Errorf("a repeat made batch %v, %v, want %s", again.GetId(), err, first.GetId())
	}
	other, err := submit(there, "other", "night")
	if err != nil || other.GetId() == first.GetId() {
		t.Fatalf("the request id of another caller: %v, %v", other.GetId(), err)
	}
	_, err = submit(there, "default", "x")
	wantCode(t, err, codes.InvalidArgument)
	if text := status.Convert(err).Message(); !strings.Contains(text, "there are: other") || strings.Contains(text, "there are: default") {
		t.Errorf("an account out of reach: %s", text)
	}

	for _, tt := range []struct {
		name string
		ctx  context.Context
		want []string
	}{{"here", here, []string{first.GetId()}}, {"there", there, []string{other.GetId()}}, {"all", all, []string{other.GetId(), first.GetId()}}} {
		for _, req := range []*stokerv1.ListBatchesRequest{{}, {Labels: map[string]string{"team": "vod"}}, {States: []stokerv1.BatchState{stokerv1.BatchState_BATCH_STATE_ACTIVE}}} {
			resp, err := g.batches.ListBatches(tt.ctx, req)
			var got []string
			for _, b := range resp.GetBatches() {
				got = append(got, b.GetId())
			}
			if err != nil || strings.Join(got, " ") != strings.Join(tt.want, " ") {
				t.Errorf("%s lists %v, %v with %v, want %v", tt.name, got, err, req, tt.want)
			}
		}
	}

	// A page token and a cursor open nothing that was closed.
	page, err := g.batches.ListBatches(all, &stokerv1.ListBatchesRequest{PageSize: 1})
	if err != nil || page.GetNextPageToken() == "" {
		t.Fatal(page, err)
	}
	stolen, err := g.batches.ListBatches(there, &stokerv1.ListBatchesRequest{PageSize: 1, PageToken: page.GetNextPageToken()})
	if err == nil && len(stolen.GetBatches()) > 0 {
		t.Errorf("a stolen page token lists %v", stolen)
	}
	stream, err := g.batches.WatchBatch(here, &stokerv1.WatchBatchRequest{BatchId: first.GetId(), IncludeJobs: true})
	if err != nil {
		t.Fatal(err)
	}
	message, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{first.GetId(), other.GetId()} {
		stolen, err := g.batches.WatchBatch(there, &stokerv1.WatchBatchRequest{BatchId: id, IncludeJobs: true, Cursor: message.GetCursor()})
		if err != nil {
			t.Fatal(err)
		}
		got, err := stolen.Recv()
		if id == first.GetId() {
			wantCode(t, err, codes.NotFound)
		} else if err != nil || got.GetBatch().GetId() != id {
			t.Errorf("a watch with the cursor of another batch: %v, %v", got, err)
		}
	}
	// By its number a batch is as much out of reach as by its id.
	_, err = g.batches.GetBatch(there, &stokerv1.GetBatchRequest{BatchId: "1"})
	wantCode(t, err, codes.NotFound)

	// Selections by label reach the caller's own batches only.
	cancelled, err := g.batches.CancelJobs(there, &stokerv1.CancelJobsRequest{Labels: map[string]string{"team": "vod"}})
	if err != nil || cancelled.GetBatchCount() != 1 || cancelled.GetCount() != 2 {
		t.Errorf("a selection by label: %v, %v", cancelled, err)
	}
	if b, err := g.store.Batch(t.Context(), first.GetId()); err != nil || b.Counts.Waiting != 2 {
		t.Errorf("the other account's batch: %+v, %v", b.Counts, err)
	}
}

// TestRequestIDsOutliveTheChange turns proof on and off again: no repeat makes a second batch.
func TestRequestIDsOutliveTheChange(t *testing.T) {
	g := newGuarded(t, nil)
	ci, other := g.token("ci", access.Submitter, "default"), g.token("elsewhere", access.Submitter, "other")
	// From before: submitted when nobody was asked who they are.
	open := g.config
	open.Identifier = nil
	guardedConfig := g.config
	awaitServing := func() {
		if _, err := healthpb.NewHealthClient(g.conn).Check(t.Context(), &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
			t.Fatal(err)
		}
	}
	awaitServing()
	restart := func(c server.Config) {
		g.stop(time.Second)
		g.config = c
		g.serve()
		awaitServing()
	}
	submit := func(ctx context.Context, account, id string, jobs int) (string, error) {
		resp, err := g.batches.SubmitBatch(ctx, &stokerv1.SubmitBatchRequest{RequestId: id, Account: account, Jobs: specs(1, jobs)})
		return resp.GetBatch().GetId(), err
	}
	restart(open)
	before, err := submit(t.Context(), "default", "r", 2)
	if err != nil {
		t.Fatal(err)
	}
	restart(guardedConfig)
	if again, err := submit(ci, "default", "r", 2); err != nil || again != before {
		t.Errorf("the first repeat after the change: %s, %v, want %s", again, err, before)
	}
	_, err = submit(ci, "default", "r", 3)
	wantCode(t, err, codes.AlreadyExists)
	if fresh, err := submit(other, "other", "r", 2); err != nil || fresh == before {
		t.Errorf("the id in another account: %s, %v", fresh, err)
	}
	// Nobody learns which ids there are in an account that is out of reach.
	_, known := submit(g.token("curious", access.Submitter, "other"), "default", "r", 3)
	_, unknown := submit(g.token("curious", access.Submitter, "other"), "default", "nothing", 3)
	wantCode(t, known, codes.InvalidArgument)
	if status.Convert(known).Message() != status.Convert(unknown).Message() {
		t.Errorf("an id that there is: %v; one that there is not: %v", known, unknown)
	}
	own, err := submit(ci, "default", "s", 2)
	if err != nil {
		t.Fatal(err)
	}
	restart(open)
	if again, err := submit(t.Context(), "default", "s", 2); err != nil || again != own {
		t.Errorf("the first repeat after the change back: %s, %v, want %s", again, err, own)
	}
}

// TestListWatchStaysWithinAccounts has callers of different accounts watch the list of all batches side by side.
func TestListWatchStaysWithinAccounts(t *testing.T) {
	g := newGuarded(t, nil)
	g.stored(job.Batch{AccountID: "default", DisplayName: "here", Recipe: new(job.DefaultRecipe()), Profile: "default"})
	g.stored(job.Batch{AccountID: "other", DisplayName: "there", Recipe: new(job.DefaultRecipe()), Profile: "default"})
	for _, tt := range []struct {
		ctx  context.Context
		want string
	}{
		{g.token("all", access.Viewer), "there here"},
		{g.token("here", access.Viewer, "default"), "here"},
		{g.token("there", access.Viewer, "other"), "there"},
		{g.token("nowhere", access.Viewer, "gone"), ""},
	} {
		stream, err := g.batches.WatchBatches(tt.ctx, &stokerv1.WatchBatchesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		message, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, b := range message.GetBatches() {
			names = append(names, b.GetDisplayName())
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("the list has %q, want %q", got, tt.want)
		}
	}
}
