package main

import (
	"cmp"
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/testkit/night"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

// command runs a command line.
type command struct {
	width int       // of the terminal; 0: the output goes to a pipe
	now   time.Time // zero: two minutes after sample.Batch was created
	env   map[string]string
	stdin string

	completionTime time.Duration
}

// result is what a command line did.
type result struct {
	code           int
	stdout, stderr string
}

func (c command) run(ctx context.Context, args ...string) result {
	var stdout, stderr strings.Builder
	getenv := func(name string) string { return c.env[name] }
	command := &cli{args: args, getenv: getenv, stdin: strings.NewReader(c.stdin), stdout: &stdout, stderr: &stderr, completionTime: c.completionTime}
	command.look = func(io.Writer) output.Look {
		return output.Look{Width: c.width, Zone: night.Zone, Now: cmp.Or(c.now, sample.At(2*60).AsTime())}
	}
	return result{command.run(ctx), stdout.String(), stderr.String()}
}

// fake is a server with fixed answers. It records the requests.
type fake struct {
	stokerv1.UnimplementedBatchServiceServer
	stokerv1.UnimplementedAccountServiceServer
	stokerv1.UnimplementedCatalogServiceServer

	watch  []*stokerv1.WatchBatchResponse
	empty  bool                                                       // ListBatches finds nothing
	refuse error                                                      // of SubmitBatch
	state  stokerv1.BatchState                                        // of the batch that SubmitBatch answers with; 0: ACTIVE
	pages  func(*stokerv1.ListJobsRequest) *stokerv1.ListJobsResponse // nil: sample.Jobs, on one page

	mu    sync.Mutex
	asked []proto.Message
}

// services are the services of a test server.
type services interface {
	stokerv1.BatchServiceServer
	stokerv1.AccountServiceServer
	stokerv1.CatalogServiceServer
}

// start serves f and returns its address.
func (f *fake) start(t *testing.T) string {
	t.Helper()
	return serve(t, f)
}

// serve runs a server until the test ends, and returns its address.
func serve(t *testing.T, s services, options ...grpc.ServerOption) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(append(options, grpc.ChainUnaryInterceptor(signed))...)
	stokerv1.RegisterBatchServiceServer(g, s)
	stokerv1.RegisterAccountServiceServer(g, s)
	stokerv1.RegisterCatalogServiceServer(g, s)
	if plans, ok := s.(stokerv1.SubmissionServiceServer); ok {
		stokerv1.RegisterSubmissionServiceServer(g, plans)
	}
	stokerv1.RegisterAccessServiceServer(g, fakeAccess{})
	stokerv1.RegisterAuditServiceServer(g, fakeAccess{})
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// fakeAccess knows everybody, and keeps nothing.
type fakeAccess struct {
	stokerv1.UnimplementedAccessServiceServer
	stokerv1.UnimplementedAuditServiceServer
}

func (fakeAccess) WhoAmI(context.Context, *stokerv1.WhoAmIRequest) (*stokerv1.WhoAmIResponse, error) {
	return &stokerv1.WhoAmIResponse{Principal: &stokerv1.Principal{Name: "local", Role: stokerv1.Role_ROLE_ADMIN}}, nil
}

func (fakeAccess) CreateToken(_ context.Context, req *stokerv1.CreateTokenRequest) (*stokerv1.CreateTokenResponse, error) {
	return &stokerv1.CreateTokenResponse{Token: &stokerv1.Token{Id: "t", Name: req.GetName(), Role: req.GetRole()}, Secret: "stk_"}, nil
}

func (fakeAccess) ListTokens(context.Context, *stokerv1.ListTokensRequest) (*stokerv1.ListTokensResponse, error) {
	return &stokerv1.ListTokensResponse{}, nil
}

func (fakeAccess) RevokeToken(_ context.Context, req *stokerv1.RevokeTokenRequest) (*stokerv1.RevokeTokenResponse, error) {
	return &stokerv1.RevokeTokenResponse{Token: &stokerv1.Token{Id: req.GetTokenId()}}, nil
}

func (fakeAccess) ListEntries(context.Context, *stokerv1.ListEntriesRequest) (*stokerv1.ListEntriesResponse, error) {
	return &stokerv1.ListEntriesResponse{}, nil
}

// signed marks errors as those of a Stoker server.
func signed(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	resp, err := handle(ctx, req)
	if err == nil {
		return resp, nil
	}
	s, marshalling := status.Convert(err).WithDetails(&errdetails.ErrorInfo{Reason: "TEST", Domain: "stoker"})
	if marshalling != nil {
		return nil, marshalling
	}
	return nil, s.Err()
}

func (f *fake) ask(m proto.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, proto.CloneOf(m))
}

// askedToChange counts the requests of verbs, those that only count included.
func (f *fake) askedToChange() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, m := range f.asked {
		switch m.(type) {
		case *stokerv1.GetBatchRequest, *stokerv1.ListBatchesRequest, *stokerv1.ListFailuresRequest:
		default:
			n++
		}
	}
	return n
}

// last is the latest request.
func (f *fake) last(t *testing.T) proto.Message {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) == 0 {
		t.Fatal("the server was not asked")
	}
	return f.asked[len(f.asked)-1]
}

func (f *fake) SubmitBatch(_ context.Context, r *stokerv1.SubmitBatchRequest) (*stokerv1.SubmitBatchResponse, error) {
	f.ask(r)
	if f.refuse != nil {
		return nil, f.refuse
	}
	b := sample.Batch()
	if f.state != 0 {
		b.State = f.state
	}
	return &stokerv1.SubmitBatchResponse{Batch: b}, nil
}

func (f *fake) GetBatch(_ context.Context, r *stokerv1.GetBatchRequest) (*stokerv1.GetBatchResponse, error) {
	f.ask(r)
	b := sample.Batch()
	b.Input, b.OutputId = "masters", "5f0c6c5e-0000-4000-8000-000000000000"
	return &stokerv1.GetBatchResponse{Batch: b}, nil
}

func (f *fake) ListBatches(_ context.Context, r *stokerv1.ListBatchesRequest) (*stokerv1.ListBatchesResponse, error) {
	f.ask(r)
	ended := slices.Contains(r.GetStates(), stokerv1.BatchState_BATCH_STATE_FAILED)
	named := r.GetDisplayName() != "" && r.GetDisplayName() != sample.Batch().GetDisplayName()
	if f.empty || named || r.GetIdPrefix() != "" || r.GetText() != "" {
		return &stokerv1.ListBatchesResponse{}, nil
	}
	if !ended {
		return &stokerv1.ListBatchesResponse{Batches: []*stokerv1.Batch{sample.Batch()}, TotalCount: 1}, nil
	}
	other := sample.Batch()
	other.Id, other.DisplayName, other.State, other.Percent = "0191", "tabs\tand\nlines", stokerv1.BatchState_BATCH_STATE_FAILED, 100
	return &stokerv1.ListBatchesResponse{Batches: []*stokerv1.Batch{other}, TotalCount: 1}, nil
}

func (f *fake) ListJobs(_ context.Context, r *stokerv1.ListJobsRequest) (*stokerv1.ListJobsResponse, error) {
	f.ask(r)
	if r.GetBatchId() != sample.BatchID {
		return nil, status.Errorf(codes.NotFound, "batch %s: not found", r.GetBatchId())
	}
	if f.pages != nil {
		return f.pages(r), nil
	}
	return &stokerv1.ListJobsResponse{Jobs: sample.Jobs()}, nil
}

func (f *fake) GetJob(_ context.Context, r *stokerv1.GetJobRequest) (*stokerv1.GetJobResponse, error) {
	f.ask(r)
	j := sample.Jobs()[1]
	j.PlatformStatus, j.PlatformStatusTime = "PAUSED", sample.At(2*60)
	return &stokerv1.GetJobResponse{
		Job: j,
		Attempts: []*stokerv1.Attempt{
			{Number: 1, EncodingId: "e-2", State: stokerv1.JobState_JOB_STATE_FAILED, StartTime: sample.At(3), FinishTime: sample.At(45), Failure: j.GetFailure()},
			{Number: 2, EncodingId: "e-2", State: stokerv1.JobState_JOB_STATE_RUNNING, StartTime: sample.At(50)},
		},
		Events: []*stokerv1.JobEvent{
			{Time: sample.At(0), To: stokerv1.JobState_JOB_STATE_WAITING, Reason: "submitted"},
			{Time: sample.At(2), From: stokerv1.JobState_JOB_STATE_WAITING, To: stokerv1.JobState_JOB_STATE_STARTING, Attempt: 1, Reason: "a place is free"},
		},
	}, nil
}

func (f *fake) WatchBatch(r *stokerv1.WatchBatchRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
	f.ask(r)
	for _, m := range f.watch {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) CancelJob(_ context.Context, r *stokerv1.CancelJobRequest) (*stokerv1.CancelJobResponse, error) {
	f.ask(r)
	return &stokerv1.CancelJobResponse{Job: &stokerv1.Job{Id: r.GetJobId(), State: stokerv1.JobState_JOB_STATE_CANCELLING}}, nil
}

func (f *fake) CancelBatch(_ context.Context, r *stokerv1.CancelBatchRequest) (*stokerv1.CancelBatchResponse, error) {
	f.ask(r)
	return &stokerv1.CancelBatchResponse{Batch: &stokerv1.Batch{Id: r.GetBatchId(), State: stokerv1.BatchState_BATCH_STATE_CANCELLING}}, nil
}

func (f *fake) RetryJobs(_ context.Context, r *stokerv1.RetryJobsRequest) (*stokerv1.RetryJobsResponse, error) {
	f.ask(r)
	return &stokerv1.RetryJobsResponse{Count: 7}, nil
}

func (f *fake) PauseAccount(_ context.Context, r *stokerv1.PauseAccountRequest) (*stokerv1.PauseAccountResponse, error) {
	f.ask(r)
	return &stokerv1.PauseAccountResponse{Account: &stokerv1.Account{Id: r.GetAccountId(), Paused: true}}, nil
}

func (f *fake) ResumeBatch(_ context.Context, r *stokerv1.ResumeBatchRequest) (*stokerv1.ResumeBatchResponse, error) {
	f.ask(r)
	return nil, status.Error(codes.FailedPrecondition, "batch x is SUCCEEDED: only a PAUSED batch can be resumed")
}

func (f *fake) ListAccounts(_ context.Context, r *stokerv1.ListAccountsRequest) (*stokerv1.ListAccountsResponse, error) {
	f.ask(r)
	return &stokerv1.ListAccountsResponse{Accounts: []*stokerv1.Account{
		{
			Id: "archive", QueueTarget: 20, EffectiveQueueTarget: 12, PlatformQueuedCount: new(int32(11)), QueuedCount: 9, RunningCount: 40,
			PlatformQueuedTime: sample.At(30), Wait: &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_QUEUE_FULL, Count: 12, Limit: 12},
			WaitReason: "waiting for a free place (12 of 12 queued)", StartingCount: 1, PreparedCount: 24, Budgets: []*stokerv1.Budget{{Class: "encoding-list", LimitPerMinute: 54, Available: 5}},
			UnknownValues: []*stokerv1.UnknownValue{
				{Kind: "status", Value: "PAUSED", FirstTime: sample.At(7), Count: 12},
				{Kind: "error_code", Value: "8100", FirstTime: sample.At(8), Count: 1},
				{Kind: "event", Value: "TRANSFER_RESUMED", FirstTime: sample.At(9), Count: 2},
				{Kind: "field", Value: "task.cost", FirstTime: sample.At(9), Count: 1},
			},
		},
		{
			Id: "default", QueueTarget: 3, EffectiveQueueTarget: 3, Paused: true, PausedReason: "invoice",
			Wait:       &stokerv1.Wait{Code: stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED, Subject: "default", Text: "invoice"},
			WaitReason: "account default is paused: invoice",
			QueueTargetAdvice: &stokerv1.QueueTargetAdvice{
				EncoderCount: 100, CallTime: durationpb.New(250 * time.Millisecond), AutomaticQueueTarget: 12,
				Text: "a queue target of 3 cannot keep 100 encoders busy at 250 ms a call; auto would choose 12",
			},
		},
	}}, nil
}

// invalid is an INVALID_ARGUMENT whose violations are pairs of a field and a message.
func invalid(t *testing.T, pairs ...string) error {
	t.Helper()
	bad := &errdetails.BadRequest{}
	for i := 0; i < len(pairs); i += 2 {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: pairs[i], Description: pairs[i+1]})
	}
	s, err := status.New(codes.InvalidArgument, "invalid").WithDetails(bad)
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}
