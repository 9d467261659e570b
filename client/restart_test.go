package client_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
)

// life is one life of a real server over a job table that outlives it.
type life struct {
	listener *bufconn.Listener
	server   *server.Server
	grpc     *grpc.Server
	serving  sync.WaitGroup
}

func begin(t *testing.T, table *store.Store) *life {
	t.Helper()
	l := &life{listener: bufconn.Listen(1 << 20)}
	var err error
	l.server, err = server.New(server.Config{
		Store: table, Access: store.NewAccessTable(table),
		Catalog: server.Catalog{
			Profiles: map[string]job.Recipe{"default": job.DefaultRecipe()},
			Storages: map[string]server.Storage{"default": {Input: true, Output: true}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	table.PublishAccountStatus(job.AccountStatus{ID: job.DefaultName, Breaker: job.BreakerClosed})
	table.SetOnChange(l.server.Changed)
	l.grpc = grpc.NewServer(l.server.Options()...)
	l.server.Register(l.grpc)
	l.serving.Go(func() { _ = l.grpc.Serve(l.listener) }) // ends when it is stopped
	return l
}

func (l *life) end() {
	l.server.Stop(l.grpc, time.Second)
	l.serving.Wait()
}

// TestWatchSurvivesRestarts follows a batch through three lives of a server.
func TestWatchSurvivesRestarts(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		table := jobtable.Open(t, filepath.Join(t.TempDir(), "stoker.db"))
		defer func() { _ = table.Close() }() // nothing is read from it any more
		var mu sync.Mutex
		now := begin(t, table)
		restart := func() {
			now.end()
			mu.Lock()
			defer mu.Unlock()
			now = begin(t, table)
		}
		c, err := client.Dial("passthrough:///localhost", client.Options{DialOptions: []grpc.DialOption{
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				mu.Lock()
				defer mu.Unlock()
				return now.listener.DialContext(ctx)
			}),
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = c.Close() // the server goes as well
			now.end()
		}()
		b, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs(3)})
		if err != nil {
			t.Fatal(err)
		}
		var dispatching sync.WaitGroup
		dispatching.Go(func() {
			for n := range 3 {
				time.Sleep(time.Minute)
				restart()
				cancel(t, table, job.ID{Batch: b.GetId(), Number: int64(n + 1)})
			}
		})
		snapshots, seen := 0, map[string]int{}
		for m, err := range c.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if m.GetSnapshot() {
				snapshots++
			}
			for _, j := range m.GetJobs() {
				seen[fmt.Sprintf("%s %v", j.GetKey(), j.GetState())]++
			}
		}
		dispatching.Wait()
		if snapshots != 1 || len(seen) != 6 {
			t.Errorf("saw %d snapshots and %v, want one snapshot and two states of each job", snapshots, seen)
		}
		for told, n := range seen {
			if n != 1 {
				t.Errorf("saw %s %d times", told, n)
			}
		}
	})
}

func cancel(t *testing.T, table *store.Store, id job.ID) {
	t.Helper()
	now := time.Now()
	if _, err := table.UpdateJob(t.Context(), id, now, func(u *job.Update) error { return u.Cancel("test", now) }); err != nil {
		t.Error(err)
	}
}

// TestWatchIsBackSoon holds that a watch is back soon after an hour in which no
// connection came about.
func TestWatchIsBackSoon(t *testing.T) {
	s := &service{watch: func(req *stokerv1.WatchBatchRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
		if req.GetCursor() != "" {
			return nil
		}
		if err := stream.Send(&stokerv1.WatchBatchResponse{Cursor: "c"}); err != nil {
			return err
		}
		return failedUnavailable()
	}}
	bubble.Test(t, func(t *testing.T) {
		begin := time.Now()
		var first atomic.Bool
		listener, end := serve(s)
		defer end()
		c, err := client.Dial("passthrough:///localhost", client.Options{DialOptions: []grpc.DialOption{
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				if first.Swap(true) && time.Since(begin) < time.Hour {
					return nil, syscall.ECONNREFUSED
				}
				conn, err := listener.DialContext(ctx)
				if err == nil && time.Since(begin) < time.Hour {
					time.AfterFunc(time.Second, func() { _ = conn.Close() })
				}
				return conn, err
			}),
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }() // the server goes as well
		for _, err := range c.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: "b"}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if late := time.Since(begin) - time.Hour; late < 0 || late > 15*time.Second {
			t.Errorf("back %s after the server", late)
		}
	})
}
