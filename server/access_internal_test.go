package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// accessBench is a server that asks who calls, and the context of calls with a token of a thousand.
func accessBench(b *testing.B) (*Server, *store.Store, context.Context) {
	b.Helper()
	table := jobtable.Open(b, filepath.Join(b.TempDir(), "stoker.db"))
	b.Cleanup(func() { _ = table.Close() }) // nothing is read from it any more
	table.PublishAccountStatus(job.AccountStatus{ID: "default", QueueTarget: 1, EffectiveQueueTarget: 1, Breaker: job.BreakerClosed})
	kept := store.NewAccessTable(table)
	var secret string
	for range 1_000 {
		token, s, err := access.NewToken("ci", access.Operator, []string{"default"}, time.Hour, "test", time.Now())
		if err != nil {
			b.Fatal(err)
		}
		if err := kept.CreateToken(b.Context(), token); err != nil {
			b.Fatal(err)
		}
		secret = s
	}
	id, err := identity.New(b.Context(), identity.Config{Required: true, Certificates: []identity.Rule{{Name: "*", Role: access.Viewer}}}, kept, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(Config{Store: table, Access: kept, Identifier: id, Catalog: Catalog{
		Profiles: map[string]job.Recipe{"default": job.DefaultRecipe()}, Storages: map[string]Storage{"default": {Input: true, Output: true}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	ctx := metadata.NewIncomingContext(b.Context(), metadata.Pairs("authorization", "Bearer "+secret, "user-agent", "bench"))
	return s, table, peer.NewContext(ctx, &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7070}})
}

// BenchmarkAdmit is what it costs each call to find out who calls and what it may.
func BenchmarkAdmit(b *testing.B) {
	s, _, ctx := accessBench(b)
	const method = stokerv1.BatchService_CancelBatch_FullMethodName
	b.ReportAllocs()
	for b.Loop() {
		ctx, _ := withCallID(ctx)
		if err := s.gate.admit(ctx, method); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCallID is the part of BenchmarkAdmit that is there anyway.
func BenchmarkCallID(b *testing.B) {
	_, _, ctx := accessBench(b)
	b.ReportAllocs()
	for b.Loop() {
		withCallID(ctx)
	}
}

// processorTime is how long the process has used processors, whatever else the machine does.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkChangeAccess is what it costs a change of a batch to find out who calls, to decide what it may, and to have an
// entry in the audit log, in processor time, that of the system included, for one caller and for many at a time, whose
// changes share commits. Changes are made with all of it and without in turns. The turns that took least are compared,
// since other load on the machine only adds to a turn.
func BenchmarkChangeAccess(b *testing.B) {
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { benchChange(b, callers) })
	}
}

func benchChange(b *testing.B, callers int) {
	const changes = 32 // in a turn, of all callers
	s, table, ctx := accessBench(b)
	info := &grpc.UnaryServerInfo{FullMethod: stokerv1.BatchService_UpdateBatch_FullMethodName}
	admitted := admit(ctx, b, s, info)
	submit := func(jobs int) string {
		specs := make([]job.Spec, jobs)
		for i := range specs {
			specs[i] = job.Spec{InputPath: fmt.Sprintf("in/%d.mov", i), OutputPath: fmt.Sprintf("out/%d", i)}
		}
		batch, _, err := table.Submit(b.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: specs}, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		return batch.ID
	}
	submit(100_000) // SQLite's cache is full on any table that has been used
	ids := make([]string, callers)
	for i := range ids {
		ids[i] = submit(1)
	}
	update := func(ctx context.Context, req any) (any, error) {
		r, ok := req.(*stokerv1.UpdateBatchRequest)
		if !ok {
			return nil, fmt.Errorf("request %T", req)
		}
		to := r.GetBatch()
		_, err := s.store.UpdateBatch(ctx, to.GetId(), time.Now(), func(b *job.Batch) error { b.Priority = int(to.GetPriority()); return nil })
		return nil, err
	}
	measure := func(ctx context.Context, call grpc.UnaryHandler) time.Duration {
		began := processorTime(b)
		var group sync.WaitGroup
		for _, id := range ids {
			group.Go(func() {
				for n := range int32(changes / callers) {
					req := &stokerv1.UpdateBatchRequest{Batch: &stokerv1.Batch{Id: id, Priority: n}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"priority"}}}
					if _, err := call(ctx, req); err != nil {
						b.Error(err)
					}
				}
			})
		}
		group.Wait()
		return (processorTime(b) - began) / changes
	}
	var all, rest []time.Duration
	for b.Loop() {
		all = append(all, measure(ctx, s.withAccess(info, update)))
		rest = append(rest, measure(admitted, update))
	}
	b.ReportMetric(float64(tenth(all)-tenth(rest)), "cpu-ns/access")
	b.ReportMetric(float64(tenth(rest)), "cpu-ns/change")
}

// admit returns the context of a call that was admitted.
func admit(ctx context.Context, b *testing.B, s *Server, info *grpc.UnaryServerInfo) context.Context {
	b.Helper()
	ctx, _ = withCallID(ctx)
	if err := s.gate.admit(ctx, info.FullMethod); err != nil {
		b.Fatal(err)
	}
	return ctx
}

// withAccess is a handler as the interceptors have it called.
func (s *Server) withAccess(info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) grpc.UnaryHandler {
	return func(ctx context.Context, req any) (any, error) {
		ctx, _ = withCallID(ctx)
		if err := s.gate.admit(ctx, info.FullMethod); err != nil {
			return nil, err
		}
		return s.audit.unary(ctx, req, info, handle)
	}
}

// tenth is the value that a tenth of the list is below: the first decile.
func tenth(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/10]
}

// median is the one in the middle, which a moment of other load does not move.
func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// BenchmarkSubmitAccess is what it costs a submission of 100,000 jobs to find out who calls, to decide what it may, and to
// have an entry in the audit log, in processor time. Submissions are made with all of it and without in turns, and each turn
// is compared with the one beside it, so that other load on the machine is in both or in neither.
func BenchmarkSubmitAccess(b *testing.B) {
	s, _, ctx := accessBench(b)
	info := &grpc.UnaryServerInfo{FullMethod: stokerv1.BatchService_SubmitBatch_FullMethodName}
	admitted := admit(ctx, b, s, info)
	submit := func(ctx context.Context, req any) (any, error) {
		return s.SubmitBatch(ctx, req.(*stokerv1.SubmitBatchRequest)) //nolint:errcheck // measure makes no other
	}
	measure := func(ctx context.Context, call grpc.UnaryHandler) time.Duration {
		req := &stokerv1.SubmitBatchRequest{Jobs: make([]*stokerv1.JobSpec, job.MaxRequestJobs)}
		for i := range req.Jobs {
			req.Jobs[i] = &stokerv1.JobSpec{InputPath: fmt.Sprintf("in/%d.mov", i), OutputPath: fmt.Sprintf("out/%d", i)}
		}
		runtime.GC()
		began := processorTime(b)
		if _, err := call(ctx, req); err != nil {
			b.Fatal(err)
		}
		return processorTime(b) - began
	}
	var all, rest []time.Duration
	for b.Loop() {
		with := measure(ctx, s.withAccess(info, submit))
		without := measure(admitted, submit)
		all, rest = append(all, with-without), append(rest, without)
	}
	b.ReportMetric(float64(median(rest).Milliseconds()), "cpu-ms/submission")
	b.ReportMetric(100*float64(median(all))/float64(median(rest)), "%more")
}

// TestMethodsSayWhoMayCall holds that a method without an access option is found before anything is served.
func TestMethodsSayWhoMayCall(t *testing.T) {
	health := healthpb.File_grpc_health_v1_health_proto.Services().Get(0).Methods().Get(0)
	if name, _, err := accessOf(health); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("a method without an access option: %v", err)
	}
	table, err := newMethodTable()
	if err != nil || len(table) < 40 {
		t.Errorf("%d methods, %v", len(table), err)
	}
	if a := table.of("/grpc.channelz.v1.Channelz/GetServers"); a.role != access.Admin {
		t.Errorf("channelz: %+v", a)
	}
	if c := callOf(t.Context()); c != nil || !grantOf(t.Context()).limited() || grantOf(t.Context()).principal.MayUse("default") {
		t.Error("there is a grant outside of a call")
	}
}
