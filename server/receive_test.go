package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // clients may compress
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/internal/testkit/lockedbuffer"
	"github.com/stokerd/stoker/server"
)

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	raw, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("%T is no bytes", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(raw)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	raw, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("%T is no bytes", v)
	}
	*raw = data.Materialize()
	return nil
}

// openCall opens a call of a method that may send anything.
func (w *world) openCall(ctx context.Context, method string, options ...grpc.CallOption) grpc.ClientStream {
	w.t.Helper()
	stream, err := w.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method, append(options, grpc.ForceCodecV2(rawCodec{}))...)
	if err != nil {
		w.t.Fatal(err)
	}
	return stream
}

// send sends requests, ends the call's sending side, and returns the error of the answer.
func (w *world) send(method string, requests ...[]byte) error {
	w.t.Helper()
	stream := w.openCall(w.t.Context(), method)
	for _, r := range requests {
		if err := stream.SendMsg(r); err != nil {
			break // the answer says why
		}
	}
	_ = stream.CloseSend() // the answer says more
	var answer []byte
	return stream.RecvMsg(&answer)
}

// allocated is how many bytes this process has ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

const submitMethod, listJobsMethod = stokerv1.BatchService_SubmitBatch_FullMethodName, stokerv1.BatchService_ListJobs_FullMethodName

// emptyJobs encodes a request of n jobs without any field.
func emptyJobs(n int) []byte {
	number := (&stokerv1.SubmitBatchRequest{}).ProtoReflect().Descriptor().Fields().ByName("jobs").Number()
	one := protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), nil)
	return bytes.Repeat(one, n)
}

func TestRequestsThatAreNoMessages(t *testing.T) {
	w := newWorld(t, nil)
	for name, requests := range map[string][][]byte{
		"no request": {}, "garbage": {[]byte("garbage")}, "half of a field": {{0x0a, 0x7f, 'x'}}, "two requests": {emptyJobs(1), emptyJobs(1)},
		"much garbage": {bytes.Repeat([]byte("garbage"), 100_000)}, "not UTF-8": {protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "\xff")},
		"deep": {deep(1_000)},
	} {
		t.Run(name, func(t *testing.T) {
			err := w.send(submitMethod, requests...)
			wantCode(t, err, codes.InvalidArgument)
			if info := detail[*errdetails.ErrorInfo](err); info.GetReason() != "INVALID" {
				t.Errorf("the reason is %q", info.GetReason())
			}
		})
	}
}

// deep encodes a request that has groups in one another.
func deep(n int) []byte {
	return append(bytes.Repeat(protowire.AppendTag(nil, 99, protowire.StartGroupType), n), bytes.Repeat(protowire.AppendTag(nil, 99, protowire.EndGroupType), n)...)
}

// A request costs what its elements cost, and these are counted before they are made.
func TestRequestsWithTooManyElements(t *testing.T) {
	w := newWorld(t, nil)
	entry := func(field protowire.Number, inner []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), inner)
	}
	jobs := (&stokerv1.SubmitBatchRequest{}).ProtoReflect().Descriptor().Fields().ByName("jobs").Number()
	variables := (&stokerv1.JobSpec{}).ProtoReflect().Descriptor().Fields().ByName("variables").Number()
	states := (&stokerv1.ListJobsRequest{}).ProtoReflect().Descriptor().Fields().ByName("states").Number()
	for name, tt := range map[string]struct {
		method  string
		request []byte
		want    string
	}{
		"jobs":                 {submitMethod, emptyJobs(11_000_000), "11000000 jobs in one request: want at most 100000"},
		"variables of one job": {submitMethod, entry(jobs, bytes.Repeat(entry(variables, nil), 2_000_000)), "2000001 entries: want at most 1000000"},
		"packed states":        {listJobsMethod, entry(states, bytes.Repeat([]byte{1}, 30<<20)), "31457280 entries: want at most 1000000"},
		"states one by one":    {listJobsMethod, bytes.Repeat(protowire.AppendVarint(protowire.AppendTag(nil, states, protowire.VarintType), 1), 15<<20), "15728640 entries: want at most 1000000"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after uint64
			before = allocated()
			err := w.send(tt.method, tt.request)
			after = allocated()
			wantCode(t, err, codes.InvalidArgument)
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the answer is %v, want %q", err, tt.want)
			}
			if cost := after - before; cost > 6*uint64(len(tt.request)) {
				t.Errorf("a request of %d bytes cost %d", len(tt.request), cost)
			}
		})
	}
}

func TestLargestRequest(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Limits.MaxRequestBytes = 100_000 })
	err := w.send(submitMethod, make([]byte, 100_001))
	wantCode(t, err, codes.ResourceExhausted)
	if info := detail[*errdetails.ErrorInfo](err); info.GetReason() != "LIMIT_REACHED" || info.GetMetadata()["limit"] != "request_bytes" || detail[*errdetails.RetryInfo](err) != nil {
		t.Errorf("the details are %v", err)
	}
}

// A caller that sends nothing is cut off, and one that sends in time is not.
func TestSlowSenders(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		begin := time.Now()
		silent := w.openCall(t.Context(), submitMethod)
		var answer []byte
		err := silent.RecvMsg(&answer)
		wantCode(t, err, codes.ResourceExhausted)
		if info := detail[*errdetails.ErrorInfo](err); info.GetReason() != "SLOW_SENDER" || time.Since(begin) != 20*time.Second {
			t.Errorf("the reason is %q after %v", info.GetReason(), time.Since(begin))
		}
		late := w.openCall(t.Context(), stokerv1.AccountService_ListAccounts_FullMethodName)
		time.Sleep(15 * time.Second)
		if err := late.SendMsg([]byte{}); err != nil {
			t.Fatal(err)
		}
		if err := late.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := late.RecvMsg(&answer); err != nil {
			t.Errorf("a caller that sent in time: %v", err)
		}
	})
}

// Callers share the memory for large requests. One that takes up its part keeps itself out, not the others.
func TestRoomForRequests(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		const size = 1 << 20
		w := newWorld(t, func(c *server.Config) { c.Limits.MaxRequestBytes, c.Limits.ReceiveBytes = size, 2*size })
		hold := w.openCall(t.Context(), submitMethod)
		if err := hold.SendMsg(make([]byte, size)); err != nil { // and does not end
			t.Fatal(err)
		}
		synctest.Wait()
		begin := time.Now()
		err := w.send(submitMethod, make([]byte, size))
		wantCode(t, err, codes.ResourceExhausted)
		retry, limit := detail[*errdetails.RetryInfo](err), detail[*errdetails.ErrorInfo](err).GetMetadata()["limit"]
		if limit != "receive_bytes" || retry.GetRetryDelay().AsDuration() <= 0 || time.Since(begin) != 10*time.Second {
			t.Errorf("refused after %v by %q: %v", time.Since(begin), limit, err)
		}
		if _, err := w.account.ListAccounts(t.Context(), &stokerv1.ListAccountsRequest{}); err != nil {
			t.Errorf("a small call meanwhile: %v", err)
		}
		var answer []byte
		if err := hold.RecvMsg(&answer); detail[*errdetails.ErrorInfo](err).GetReason() != "SLOW_SENDER" {
			t.Errorf("the call that holds the room ends with %v", err)
		}
		// The room is free again; a message of zeros is none.
		wantCode(t, w.send(submitMethod, make([]byte, size)), codes.InvalidArgument)
	})
}

func TestCallsPerSecond(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *server.Config) { c.Limits.CallsPerSecond, c.Limits.CallBurst = 10, 20 })
		list := func() error {
			_, err := w.account.ListAccounts(t.Context(), &stokerv1.ListAccountsRequest{})
			return err
		}
		for range 20 {
			if err := list(); err != nil {
				t.Fatal(err)
			}
		}
		err := list()
		wantCode(t, err, codes.ResourceExhausted)
		if limit := detail[*errdetails.ErrorInfo](err).GetMetadata()["limit"]; limit != "calls_per_second" {
			t.Errorf("the limit is %q", limit)
		}
		time.Sleep(detail[*errdetails.RetryInfo](err).GetRetryDelay().AsDuration())
		for range 10 {
			if err := list(); err != nil {
				t.Errorf("after the advised pause: %v", err)
			}
		}
	})
}

func TestCallsUnderWay(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *server.Config) { c.Limits.CallsUnderWay = 2 })
		ctx, cancel := context.WithCancelCause(t.Context())
		for range 2 {
			w.openCall(ctx, submitMethod)
		}
		synctest.Wait()
		_, err := w.account.ListAccounts(t.Context(), &stokerv1.ListAccountsRequest{})
		wantCode(t, err, codes.ResourceExhausted)
		if limit := detail[*errdetails.ErrorInfo](err).GetMetadata()["limit"]; limit != "calls_under_way" {
			t.Errorf("the limit is %q", limit)
		}
		batch := submission(0)
		batch.KeepOpen = true
		cancel(errors.New("over"))
		synctest.Wait()
		if _, err := w.batches.SubmitBatch(t.Context(), batch); err != nil {
			t.Errorf("after the others have ended: %v", err)
		}
	})
}

func TestWaitingJobs(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Limits.WaitingJobsPerAccount = 5 })
	batch := w.submit(3)
	_, err := w.batches.SubmitBatch(t.Context(), submission(3))
	wantCode(t, err, codes.ResourceExhausted)
	if _, err := w.batches.PauseBatch(t.Context(), &stokerv1.PauseBatchRequest{BatchId: batch.GetId()}); err != nil {
		t.Fatal(err)
	}
	_, again := w.batches.ResubmitBatch(t.Context(), &stokerv1.ResubmitBatchRequest{BatchId: batch.GetId()})
	wantCode(t, again, codes.ResourceExhausted)
	_, err = w.batches.SubmitBatch(t.Context(), submission(3)) // a paused batch makes no room
	wantCode(t, err, codes.ResourceExhausted)
	if _, err := w.batches.ResumeBatch(t.Context(), &stokerv1.ResumeBatchRequest{BatchId: batch.GetId()}); err != nil {
		t.Fatal(err)
	}
	if limit := detail[*errdetails.ErrorInfo](err).GetMetadata()["limit"]; limit != "waiting_jobs_per_account" || detail[*errdetails.RetryInfo](err) == nil {
		t.Errorf("the limit is %q: %v", limit, err)
	}
	other := submission(3)
	other.Account = "other"
	if _, err := w.batches.SubmitBatch(t.Context(), other); err != nil {
		t.Errorf("to another account: %v", err)
	}
	w.finish(batch.GetId(), 1)
	w.submit(3)
	open, err := w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{KeepOpen: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{BatchId: open.GetBatch().GetId(), Jobs: specs(10, 1)})
	wantCode(t, err, codes.ResourceExhausted)
}

// A template that a batch brings along could have the platform show the secrets of the service.
func TestInlineTemplateWithSecret(t *testing.T) {
	w := newWorld(t, nil)
	req := submission(1)
	req.EncodeWith = &stokerv1.SubmitBatchRequest_InlineTemplate{InlineTemplate: &stokerv1.InlineTemplate{Yaml: `
metadata: {type: VOD}
encodings:
  main:
    properties: {description: "${secret:drm}"}
    streams: {video: {properties: {codecConfigId: c, inputStreams: [{inputPath: "${input_path}"}]}}}
    start: {properties: {perTitle: {h264Configuration: {}}}}
`}}
	_, err := w.batches.SubmitBatch(t.Context(), req)
	wantCode(t, err, codes.InvalidArgument)
	if !strings.Contains(violations(err), `uses the secret "drm", and only templates of the configuration may use secrets`) {
		t.Errorf("the violations are %s", violations(err))
	}
}

// TestRefusedCallsInTheLog makes many calls that are refused, of methods with long names.
func TestRefusedCallsInTheLog(t *testing.T) {
	var log lockedbuffer.Buffer
	w := newWorld(t, func(c *server.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	const calls = 2_000
	for n := range calls {
		err := w.conn.Invoke(t.Context(), fmt.Sprintf("/stoker.v1.BatchService/%d%s", n, strings.Repeat("x", 20_000)), &stokerv1.GetBatchRequest{}, &stokerv1.GetBatchResponse{})
		wantCode(t, err, codes.Unimplemented)
		if len(err.Error()) > 300 {
			t.Fatalf("the answer has %d bytes", len(err.Error()))
		}
	}
	if text := log.String(); len(text) > 20<<10 || strings.Contains(text, strings.Repeat("x", 100)) || !strings.Contains(text, "Unimplemented") {
		t.Errorf("%d calls wrote %d bytes: %.1000s", calls, len(text), text)
	}
}

// TestCompressedRequests sends what is small and becomes large.
func TestCompressedRequests(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Limits.MaxRequestBytes = 1 << 20 })
	stream := w.openCall(t.Context(), submitMethod, grpc.UseCompressor("gzip"))
	if err := stream.SendMsg(make([]byte, 64<<20)); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	sent := allocated()
	var answer []byte
	err := stream.RecvMsg(&answer)
	if limit := detail[*errdetails.ErrorInfo](err).GetMetadata()["limit"]; limit != "request_bytes" {
		t.Errorf("the limit is %q: %v", limit, err)
	}
	if cost := allocated() - sent; cost > 20<<20 {
		t.Errorf("the request cost %d bytes", cost)
	}
}
