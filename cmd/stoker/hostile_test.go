package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/testkit/hostile"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

// spoilt makes a server put hostile texts into its answers and errors.
func spoilt() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			resp, err := handle(ctx, req)
			if err != nil {
				return nil, spoiltError(status.Code(err))
			}
			return spoiltCopy(resp), nil
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
			return handle(srv, spoiltStream{stream})
		}),
	}
}

type spoiltStream struct{ grpc.ServerStream }

func (s spoiltStream) SendMsg(m any) error {
	return s.ServerStream.SendMsg(spoiltCopy(m))
}

// spoiltCopy is a message with hostile texts.
func spoiltCopy(m any) any {
	original, ok := m.(proto.Message)
	if !ok {
		return m
	}
	return hostile.Spoil(original)
}

func spoiltError(code codes.Code) error {
	s, _ := status.New(code, hostile.Text).WithDetails(&errdetails.ErrorInfo{Reason: hostile.Text, Domain: "stoker"})
	if code == codes.InvalidArgument {
		s, _ = s.WithDetails(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: hostile.Text, Description: hostile.Text}, {Field: "jobs[0].key", Description: hostile.Text},
		}})
	}
	return s.Err()
}

// spoiltAnswers are answers that use every part of the contract that is printed.
type spoiltAnswers struct{ *fake }

func (spoiltAnswers) SubmitBatch(context.Context, *stokerv1.SubmitBatchRequest) (*stokerv1.SubmitBatchResponse, error) {
	return &stokerv1.SubmitBatchResponse{
		Batch: sample.Batch(), Warnings: []*stokerv1.Warning{{}, {}}, WarningCount: 5,
	}, nil
}

func (spoiltAnswers) ListFailures(context.Context, *stokerv1.ListFailuresRequest) (*stokerv1.ListFailuresResponse, error) {
	return &stokerv1.ListFailuresResponse{FailedCount: 9, Causes: []*stokerv1.FailureCause{{Count: 1, Failure: &stokerv1.Failure{}}}}, nil
}

func (spoiltAnswers) PauseBatch(context.Context, *stokerv1.PauseBatchRequest) (*stokerv1.PauseBatchResponse, error) {
	return nil, status.Error(codes.InvalidArgument, "")
}

func (spoiltAnswers) CancelJobs(context.Context, *stokerv1.CancelJobsRequest) (*stokerv1.CancelJobsResponse, error) {
	return nil, status.Error(codes.Internal, "")
}

func (spoiltAnswers) ListAccounts(context.Context, *stokerv1.ListAccountsRequest) (*stokerv1.ListAccountsResponse, error) {
	return &stokerv1.ListAccountsResponse{Accounts: []*stokerv1.Account{
		{Paused: true, Budgets: []*stokerv1.Budget{{}}},
		{Breaker: &stokerv1.Breaker{State: stokerv1.BreakerState_BREAKER_STATE_OPEN}},
		{Breaker: &stokerv1.Breaker{State: stokerv1.BreakerState_BREAKER_STATE_PROBING}},
		{},
	}}, nil
}

// TestHostileAnswers checks that no text of a server, or of an old job table, reaches a terminal or a
// file with a control character or a change of the reading order in it.
func TestHostileAnswers(t *testing.T) {
	watched := append([]*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: sample.Batch(), Jobs: sample.Jobs()}},
		sample.Watch(stokerv1.BatchState_BATCH_STATE_FAILED)...)
	address := serve(t, spoiltAnswers{&fake{watch: watched}}, spoilt()...)
	list := filepath.Join(t.TempDir(), "titles.csv")
	if err := os.WriteFile(list, []byte("input_path,output_path\nin/a,out/a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range [][]string{
		{"batches"},
		{"jobs", sample.BatchID},
		{"jobs", sample.BatchID, "-o", "csv"},
		{"job", sample.BatchID + "/2"},
		{"failures", sample.BatchID},
		{"watch", sample.BatchID},
		{"watch", sample.BatchID, "--state", "failed"},
		{"submit", list},
		{"submit", list, "--watch"},
		{"submit", list, "--dry-run"},
		{"cancel", sample.BatchID, "--yes"},
		{"cancel", sample.BatchID + "/1"},
		{"cancel", sample.BatchID, "--state", "waiting", "--yes"},
		{"retry", sample.BatchID, "--yes"},
		{"pause", sample.BatchID},
		{"pause", "--account", "default"},
		{"resume", sample.BatchID},
		{"queue"},
		{"accounts"},
		{"accounts", "-o", "csv"},
		{"batches", "-o", "yaml"},
		{"batches", "--jq", ".[] | .display_name"},
		{"batches", "--columns", "display_name,labels"},
		{"jobs", sample.BatchID, "-o", "jsonl"},
		{"jobs", hostile.Text},
		{"watch", hostile.Text + "/1"},
		{"batches", "--label", hostile.Text},
		{"batches", "-o", "json"},
		{"jobs", sample.BatchID, "-o", "json"},
		{"job", sample.BatchID + "/2", "-o", "json"},
		{"failures", sample.BatchID, "-o", "json"},
		{"watch", sample.BatchID, "-o", "jsonl"},
		{"submit", list, "-o", "json"},
		{"cancel", sample.BatchID, "--yes", "-o", "json"},
		{"queue", "-o", "json"},
	} {
		t.Run(strings.Join(line[:min(len(line), 1)], " ")+" "+strings.Join(line[min(len(line), 2):], " "), func(t *testing.T) {
			got := command{}.run(t.Context(), append(line, "--server", address)...)
			printed := got.stdout + got.stderr
			if !strings.Contains(printed, "INJECTED") && line[0] != "retry" {
				t.Fatalf("the hostile.Text text is not in what was printed, so that this proves nothing:\n%s", printed)
			}
			hostile.CheckPrintable(t, printed)
		})
	}
}

// A log quotes or escapes a hostile text.
func TestHostileLog(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var log bytes.Buffer
		lines := newLogHandler(&log, &config.Config{LogJSON: asJSON}, slog.LevelInfo)
		slog.New(lines).Info("job failed", "reason", hostile.Text)
		if err := lines.Close(); err != nil {
			t.Error(err)
		}
		hostile.CheckPrintable(t, log.String())
		if !strings.Contains(log.String(), "INJECTED") || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("the log has no line with the text in it: %q", log.String())
		}
	}
}

// A terminal with another charset cannot say everything to a server, and is told so.
func TestArgumentsThatAreNotUTF8(t *testing.T) {
	address := serve(t, &fake{})
	for _, args := range [][]string{{"submit", "-", "--label", "a=\xe9"}, {"find", "\xe9"}} {
		got := command{stdin: "input_path\na.mov\n"}.run(t.Context(), append(args, "--server", address)...)
		if want := fmt.Sprintf("stoker: %q is not UTF-8", args[len(args)-1]); got.code != exitUsage || !strings.HasPrefix(got.stderr, want) {
			t.Errorf("%q: exit code %d, printed %q, want %s", args, got.code, got.stderr, want)
		}
	}
}
