package metrics

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// silent is a stream on which nothing is sent.
type silent struct{ grpc.ServerStream }

func (silent) Context() context.Context { return context.Background() }

// BenchmarkCall is what counting a call of this service costs.
func BenchmarkCall(b *testing.B) {
	count := New([]string{"default"}).CountCalls()
	info := &grpc.StreamServerInfo{FullMethod: "/stoker.v1.BatchService/GetBatch"}
	handle := func(any, grpc.ServerStream) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		if err := count(b, silent{}, info, handle); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlatformCall is what counting a call to the platform costs.
func BenchmarkPlatformCall(b *testing.B) {
	count := New([]string{"default"}).CountPlatformCalls("default")
	b.ReportAllocs()
	for b.Loop() {
		count(bitmovin.CallResult{Class: bitmovin.ClassStatus, Outcome: bitmovin.OutcomeOK, Duration: time.Millisecond})
	}
}

// BenchmarkCommit is what counting a commit with one change of state costs.
func BenchmarkCommit(b *testing.B) {
	m := New([]string{"default"})
	c := store.Commit{Writes: 1, Duration: time.Millisecond, Jobs: []job.StateChange{{AccountID: "default", From: job.Queued, To: job.Running, Spent: time.Second}}}
	b.ReportAllocs()
	for b.Loop() {
		m.NoteCommit(c)
	}
}
