package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/job"
)

// hostile is a text that would set a terminal's title and colour, end its line and be read
// backwards.
const hostile = "a\x1b]0;owned\a\u009b31m\u202eb\u2066\u200bc\x7f\r\nINJECTED\td"

// spoil puts the hostile text into every text of a message.
func spoil(m protoreflect.Message) {
	for i := range m.Descriptor().Fields().Len() {
		fd := m.Descriptor().Fields().Get(i)
		switch {
		case fd.Name() == "next_page_token", fd.Name() == "cursor":
		case fd.IsList() && fd.Message() != nil:
			for i := range m.Get(fd).List().Len() {
				spoil(m.Get(fd).List().Get(i).Message())
			}
		case fd.IsList() && fd.Kind() == protoreflect.StringKind:
			m.Mutable(fd).List().Append(protoreflect.ValueOfString(hostile))
		case fd.IsMap() && fd.MapValue().Kind() == protoreflect.StringKind:
			m.Mutable(fd).Map().Set(protoreflect.ValueOfString(hostile).MapKey(), protoreflect.ValueOfString(hostile))
		case fd.IsList(), fd.IsMap():
		case fd.Message() != nil:
			if m.Has(fd) {
				spoil(m.Mutable(fd).Message())
			}
		case fd.Kind() == protoreflect.StringKind && fd.ContainingOneof() == nil:
			m.Set(fd, protoreflect.ValueOfString(hostile))
		}
	}
}

// spoilt are the options of a server whose answers, and errors, are hostile.
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
	spoilt := proto.Clone(original)
	spoil(spoilt.ProtoReflect())
	return spoilt
}

func spoiltError(code codes.Code) error {
	s, _ := status.New(code, hostile).WithDetails(&errdetails.ErrorInfo{Reason: hostile, Domain: "stoker"})
	if code == codes.InvalidArgument {
		s, _ = s.WithDetails(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: hostile, Description: hostile}, {Field: "jobs[0].key", Description: hostile},
		}})
	}
	return s.Err()
}

// spoiltAnswers are the answers of a server that has something to say in all of them.
type spoiltAnswers struct{ *fake }

func (spoiltAnswers) SubmitBatch(context.Context, *stokerv1.SubmitBatchRequest) (*stokerv1.SubmitBatchResponse, error) {
	return &stokerv1.SubmitBatchResponse{
		Batch: sampleBatch(), Warnings: []*stokerv1.Warning{{}, {}}, WarningCount: 5,
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

// Nothing that a server says, or that an old job table holds, reaches a terminal or a
// file as a control character, or changes the order in which a line is read.
func TestHostileAnswers(t *testing.T) {
	watched := append([]*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: sampleBatch(), Jobs: someJobs()}},
		ending(stokerv1.BatchState_BATCH_STATE_FAILED)...)
	address := serve(t, spoiltAnswers{&fake{watch: watched}}, spoilt()...)
	list := filepath.Join(t.TempDir(), "titles.csv")
	if err := os.WriteFile(list, []byte("input_path,output_path\nin/a,out/a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range [][]string{
		{"batches"},
		{"jobs", batchID},
		{"jobs", batchID, "--format", "csv"},
		{"job", batchID + "/2"},
		{"failures", batchID},
		{"watch", batchID},
		{"watch", batchID, "--state", "failed"},
		{"submit", list},
		{"submit", list, "--watch"},
		{"submit", list, "--dry-run"},
		{"cancel", batchID},
		{"cancel", batchID + "/1"},
		{"cancel", batchID, "--state", "waiting"},
		{"retry", batchID},
		{"pause", batchID},
		{"pause", "--account", "default"},
		{"resume", batchID},
		{"queue"},
		{"queue", "--budgets"},
		{"jobs", batchID, "--format", "jsonl"},
		{"jobs", hostile},
		{"watch", hostile + "/1"},
		{"batches", "--label", hostile},
		{"batches", "--json"},
		{"jobs", batchID, "--json"},
		{"job", batchID + "/2", "--json"},
		{"failures", batchID, "--json"},
		{"watch", batchID, "--json"},
		{"submit", list, "--json"},
		{"cancel", batchID, "--json"},
		{"queue", "--json"},
	} {
		t.Run(strings.Join(line[:min(len(line), 1)], " ")+" "+strings.Join(line[min(len(line), 2):], " "), func(t *testing.T) {
			got := command{}.run(t.Context(), append(line, "--server", address)...)
			printed := got.stdout + got.stderr
			if !strings.Contains(printed, "INJECTED") && line[0] != "retry" {
				t.Fatalf("the hostile text is not in what was printed, so that this proves nothing:\n%s", printed)
			}
			checkPrintable(t, printed)
		})
	}
}

// checkPrintable looks for what the hostile text would have done.
func checkPrintable(t *testing.T, printed string) {
	t.Helper()
	for line := range strings.Lines(printed) {
		for _, r := range strings.TrimSuffix(line, "\n") {
			if job.Hidden(r) && r != '\t' { // between the columns of a table
				t.Fatalf("%s in %q", job.CharacterName(r), line)
			}
		}
		if strings.HasPrefix(line, "INJECTED") {
			t.Fatalf("the text has begun a line of its own:\n%s", printed)
		}
	}
}

// JSON tells the same text, with escapes.
func TestHostileJSON(t *testing.T) {
	line, err := jsonLine(&stokerv1.Batch{DisplayName: hostile})
	if err != nil {
		t.Fatal(err)
	}
	checkPrintable(t, string(line))
	if bytes.ContainsRune(line, '\t') {
		t.Errorf("a tab in %q", line)
	}
	var back map[string]string
	if err := json.Unmarshal(line, &back); err != nil || back["display_name"] != hostile {
		t.Errorf("%s reads %q, %v; want %q", line, back["display_name"], err, hostile)
	}
}

// A log quotes it, or escapes it.
func TestHostileLog(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var log bytes.Buffer
		c := &cli{stderr: &log}
		lines := c.logHandler(&config.Config{LogJSON: asJSON})
		slog.New(lines).Info("job failed", "reason", hostile)
		if err := lines.Close(); err != nil {
			t.Error(err)
		}
		checkPrintable(t, log.String())
		if !strings.Contains(log.String(), "INJECTED") || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("the log has no line with the text in it: %q", log.String())
		}
	}
}

// A picture has escape sequences of its own, and no others.
func TestHostilePicture(t *testing.T) {
	for _, change := range []func(*stokerv1.Batch){
		func(*stokerv1.Batch) {},
		func(b *stokerv1.Batch) { b.StateReason, b.WaitReason = "", hostile },
	} {
		m := &stokerv1.WatchBatchResponse{Snapshot: true, Batch: sampleBatch(), Jobs: someJobs()}
		spoil(m.ProtoReflect())
		change(m.GetBatch())
		v := newView()
		v.apply(m, time.Now())
		picture := draw(v, 400, 40, time.Now())
		for _, r := range picture {
			if job.Hidden(r) && r != '\n' && r != '\x1b' {
				t.Errorf("%s in %q", job.CharacterName(r), picture)
			}
		}
		if strings.Contains(picture, "\x1b]") || strings.Contains(picture, "\nINJECTED") || !strings.Contains(picture, "INJECTED") {
			t.Errorf("the hostile text did something, or is not there:\n%q", picture)
		}
	}
}
