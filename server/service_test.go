package server_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/lockedbuffer"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

func TestAccountShowsItsWebhooks(t *testing.T) {
	w := newWorld(t, nil)
	used := time.Unix(1_800_000_000, 0)
	if err := w.accounts.change("default", func(a *job.AccountStatus) {
		a.Webhooks = &job.Webhooks{Problem: "muted", UsedCount: 3, IgnoredCount: 2, RejectedCount: 1, LastUsedTime: used}
	}); err != nil {
		t.Fatal(err)
	}
	list, err := w.account.ListAccounts(t.Context(), &stokerv1.ListAccountsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := &stokerv1.Webhooks{
		Problem: "muted", UsedCount: 3, IgnoredCount: 2, RejectedCount: 1, LastUsedTime: timestamppb.New(used),
	}
	if diff := cmp.Diff([]*stokerv1.Webhooks{want, nil}, []*stokerv1.Webhooks{
		list.GetAccounts()[0].GetWebhooks(), list.GetAccounts()[1].GetWebhooks(),
	}, protocmp.Transform()); diff != "" {
		t.Errorf("webhooks (-want +got):\n%s", diff)
	}
}

func TestAccounts(t *testing.T) {
	w := newWorld(t, nil)
	list, err := w.account.ListAccounts(t.Context(), &stokerv1.ListAccountsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.GetAccounts()) != 2 || list.GetAccounts()[1].PlatformQueuedCount != nil || list.GetAccounts()[0].GetPlatformQueuedCount() != 3 {
		t.Errorf("accounts are %v, want two, of which the second has not heard of the platform", list)
	}
	paused, err := w.account.PauseAccount(t.Context(), &stokerv1.PauseAccountRequest{AccountId: "default", Reason: "budget"})
	if err != nil {
		t.Fatal(err)
	}
	if a := paused.GetAccount(); !a.GetPaused() || a.GetPausedReason() != "budget" {
		t.Errorf("got %v, want paused", a)
	}
	if got, want := w.submit(1).GetWaitReason(), "account default is paused: budget"; got != want {
		t.Errorf("wait reason is %q, want %q", got, want)
	}
	if _, err := w.account.ResumeAccount(t.Context(), &stokerv1.ResumeAccountRequest{AccountId: "default"}); err != nil {
		t.Fatal(err)
	}
	update := func(id string, n int32, paths ...string) (*stokerv1.UpdateAccountResponse, error) {
		return w.account.UpdateAccount(t.Context(), &stokerv1.UpdateAccountRequest{
			Account: &stokerv1.Account{Id: id, QueueTarget: n}, UpdateMask: mask(paths...),
		})
	}
	updated, err := update("default", 9, "queue_target")
	if err != nil {
		t.Fatal(err)
	}
	if got := updated.GetAccount().GetQueueTarget(); got != 9 {
		t.Errorf("queue target is %d, want 9", got)
	}
	_, err = update("default", 0, "queue_target", "paused")
	compareGolden(t, "testdata/update_account.golden", violations(err))
	for _, step := range []struct{ set, want *stokerv1.QueueTargetSetting }{
		{set: &stokerv1.QueueTargetSetting{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_AUTO}},
		{set: &stokerv1.QueueTargetSetting{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_DEFAULT}},
		{set: &stokerv1.QueueTargetSetting{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_FIXED, Number: 11}},
	} {
		updated, err := w.account.UpdateAccount(t.Context(), &stokerv1.UpdateAccountRequest{
			Account: &stokerv1.Account{Id: "default", QueueTargetSetting: step.set}, UpdateMask: mask("queue_target_setting"),
		})
		if err != nil {
			t.Fatal(err)
		}
		a := updated.GetAccount()
		if diff := cmp.Diff(step.set, a.GetQueueTargetSetting(), protocmp.Transform()); diff != "" {
			t.Errorf("setting (-want +got):\n%s", diff)
		}
		if auto := a.GetAutomaticQueueTarget() != nil; auto != (step.set.GetMode() == stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_AUTO) {
			t.Errorf("with the setting %v the target is automatic: %t", step.set, auto)
		}
	}
	for _, wrong := range []*stokerv1.QueueTargetSetting{
		nil,
		{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_FIXED},
		{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_AUTO, Number: 3},
		{Mode: 9},
	} {
		_, err = w.account.UpdateAccount(t.Context(), &stokerv1.UpdateAccountRequest{
			Account: &stokerv1.Account{Id: "default", QueueTargetSetting: wrong}, UpdateMask: mask("queue_target_setting"),
		})
		wantCode(t, err, codes.InvalidArgument)
	}
	_, err = update("nobody", 9, "queue_target")
	wantCode(t, err, codes.NotFound)
	_, err = w.account.GetAccount(t.Context(), &stokerv1.GetAccountRequest{AccountId: "nobody"})
	wantCode(t, err, codes.NotFound)
	_, err = w.account.GetAccount(t.Context(), &stokerv1.GetAccountRequest{})
	wantCode(t, err, codes.InvalidArgument)
}

// TestAllAccounts pauses and resumes all accounts at once.
func TestAllAccounts(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	paused, err := w.account.PauseAccount(ctx, &stokerv1.PauseAccountRequest{All: true, Reason: "night"})
	if err != nil {
		t.Fatal(err)
	}
	if list := paused.GetAccounts(); len(list) != 2 || !list[0].GetPaused() || !list[1].GetPaused() || paused.GetAccount() != nil {
		t.Errorf("paused %v, want both accounts", paused)
	}
	resumed, err := w.account.ResumeAccount(ctx, &stokerv1.ResumeAccountRequest{All: true})
	if err != nil {
		t.Fatal(err)
	}
	if list := resumed.GetAccounts(); len(list) != 2 || list[0].GetPaused() || list[1].GetPaused() {
		t.Errorf("resumed %v, want both accounts", resumed)
	}
	for _, req := range []*stokerv1.PauseAccountRequest{{}, {All: true, AccountId: "default"}} {
		_, err := w.account.PauseAccount(ctx, req)
		wantCode(t, err, codes.InvalidArgument)
	}
}

// TestWaitingCount counts the jobs that wait for an account.
func TestWaitingCount(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	w.submit(3)
	paused := w.submit(5)
	w.start(w.submit(2).GetId(), 1)
	if _, err := w.batches.PauseBatch(ctx, &stokerv1.PauseBatchRequest{BatchId: paused.GetId()}); err != nil {
		t.Fatal(err)
	}
	list, err := w.account.ListAccounts(ctx, &stokerv1.ListAccountsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if a := list.GetAccounts(); a[0].GetWaitingCount() != 4 || a[1].GetWaitingCount() != 0 {
		t.Errorf("%d and %d jobs wait, want 4 and 0", a[0].GetWaitingCount(), a[1].GetWaitingCount())
	}
}

// TestEveryMethodIsThere calls every method of the contract with an empty request:
// each has to find fault with it, or answer.
func TestEveryMethodIsThere(t *testing.T) {
	w := newWorld(t, nil)
	calls := 0
	for _, service := range []protoreflect.ServiceDescriptor{
		stokerv1.File_stoker_v1_batch_service_proto.Services().Get(0),
		stokerv1.File_stoker_v1_account_service_proto.Services().Get(0),
		stokerv1.File_stoker_v1_catalog_service_proto.Services().Get(0),
		stokerv1.File_stoker_v1_submission_service_proto.Services().Get(0),
	} {
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			name := fmt.Sprintf("/%s/%s", service.FullName(), method.Name())
			stream, err := w.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, name)
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.SendMsg(dynamicpb.NewMessage(method.Input())); err != nil {
				t.Fatal(err)
			}
			if err := stream.CloseSend(); err != nil {
				t.Fatal(err)
			}
			err = stream.RecvMsg(dynamicpb.NewMessage(method.Output()))
			if err != nil && status.Code(err) != codes.InvalidArgument {
				t.Errorf("%s with an empty request: %v", name, err)
			}
			calls++
		}
	}
	if calls != 39 {
		t.Errorf("made %d calls, want one for each of the contract's 39 methods", calls)
	}
}

// broken is a job table that has a bug.
type broken struct{ server.Store }

func (broken) AccountStatuses() []job.AccountStatus { panic("index out of range") }

func TestPanic(t *testing.T) {
	var log lockedbuffer.Buffer
	w := newWorld(t, func(c *server.Config) {
		c.Store, c.Logger = broken{c.Store}, slog.New(slog.NewTextHandler(&log, nil))
	})
	var trailer metadata.MD
	_, err := w.account.ListAccounts(t.Context(), &stokerv1.ListAccountsRequest{}, grpc.Trailer(&trailer))
	wantCode(t, err, codes.Internal)
	wantReason(t, err, "INTERNAL")
	ids := trailer.Get("call-id")
	if len(ids) != 1 || len(ids[0]) != 12 {
		t.Fatalf("the trailer has the ids %q, want one", ids)
	}
	if got := status.Convert(err).Message(); got != "internal error; the server's log has more under call_id "+ids[0] {
		t.Errorf("the caller is told %q", got)
	}
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetMetadata()["call_id"] != ids[0] {
			t.Errorf("the details have %v, want call_id %s", info.GetMetadata(), ids[0])
		}
	}
	if n := strings.Count(log.String(), "call_id="+ids[0]); n != 1 {
		t.Errorf("%d lines of the log have the id, want that of the error:\n%s", n, log.String())
	}
}

// TestStreamHasACallID holds that the end of a watch can be found in the log as well.
func TestStreamHasACallID(t *testing.T) {
	w := newWorld(t, nil)
	stream, err := w.batches.WatchBatch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: "none"})
	if err == nil {
		_, err = stream.Recv()
	}
	wantCode(t, err, codes.NotFound)
	if ids := stream.Trailer().Get("call-id"); len(ids) != 1 || len(ids[0]) != 12 {
		t.Errorf("the trailer has the ids %q, want one", ids)
	}
}

func TestUnknownMethod(t *testing.T) {
	w := newWorld(t, nil)
	err := w.conn.Invoke(t.Context(), "/stoker.v1.BatchService/Rewind", &stokerv1.GetBatchRequest{}, &stokerv1.GetBatchResponse{})
	wantCode(t, err, codes.Unimplemented)
	wantReason(t, err, "UNIMPLEMENTED")
	if got := status.Convert(err).Message(); !strings.Contains(got, "/stoker.v1.BatchService/Rewind") {
		t.Errorf("the caller is told %q, want the method", got)
	}
}

func TestHealthAndReflection(t *testing.T) {
	w := newWorld(t, nil)
	health := healthpb.NewHealthClient(w.conn)
	for _, service := range []string{"", "stoker.v1.BatchService", "stoker.v1.AccountService"} {
		resp, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil {
			t.Fatal(err)
		}
		if resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("health of %q is %v", service, resp.GetStatus())
		}
	}
	s, err := reflectionpb.NewServerReflectionClient(w.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	resp, err := s.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, service := range resp.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	for _, want := range []string{"stoker.v1.BatchService", "stoker.v1.AccountService", "grpc.channelz.v1.Channelz"} {
		if !slices.Contains(names, want) {
			t.Errorf("reflection lists %v, without %s", names, want)
		}
	}
	w.server.Shutdown()
	got, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health at shutdown is %v", got.GetStatus())
	}
}

// A batch that the dispatcher passes over says so, and its account; other batches do not.
func TestPassedOver(t *testing.T) {
	w := newWorld(t, nil)
	held, other := w.submit(1).GetId(), w.submit(1).GetId()
	const problem = `output "gcs": the platform refuses it`
	if err := w.accounts.change("default", func(a *job.AccountStatus) {
		a.PlatformQueuedCount, a.HeldCount, a.Problem, a.Problems = 0, 0, problem, map[string]job.Problem{held: {Text: problem, Until: time.Now().Add(time.Minute), Refused: true}}
	}); err != nil {
		t.Fatal(err)
	}
	waitReason := func(id string) string {
		got, err := w.batches.GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: id})
		if err != nil {
			t.Fatal(err)
		}
		return got.GetBatch().GetWaitReason()
	}
	if got, want := waitReason(held), "waiting for the next try: "+problem; got != want {
		t.Errorf("wait reason is %q, want %q", got, want)
	}
	if got := waitReason(other); strings.Contains(got, problem) {
		t.Errorf("wait reason of another batch is %q", got)
	}
	got, err := w.account.GetAccount(t.Context(), &stokerv1.GetAccountRequest{AccountId: "default"})
	if err != nil || got.GetAccount().GetProblem() != problem {
		t.Errorf("the account says %q, %v; want %q", got.GetAccount().GetProblem(), err, problem)
	}
}
