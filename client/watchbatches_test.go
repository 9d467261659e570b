package client_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
)

// A watch of a list goes on with a new snapshot after the server has restarted.
func TestWatchBatchesSurvivesRestarts(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		table := jobtable.Open(t, filepath.Join(t.TempDir(), "stoker.db"))
		defer func() { _ = table.Close() }() // nothing is read from it any more
		var mu sync.Mutex
		now := begin(t, table)
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
		submit := func() {
			if _, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs(1)}); err != nil {
				t.Error(err)
			}
		}
		submit()
		var dispatching sync.WaitGroup
		dispatching.Go(func() {
			time.Sleep(time.Minute)
			now.end()
			mu.Lock()
			now = begin(t, table)
			mu.Unlock()
			submit()
		})
		snapshots, known := 0, map[string]bool{}
		for m, err := range c.WatchBatches(t.Context(), &stokerv1.WatchBatchesRequest{}) {
			if err != nil {
				t.Fatal(err)
			}
			if m.GetSnapshot() {
				snapshots++
				clear(known)
			}
			for _, b := range m.GetBatches() {
				known[b.GetId()] = true
			}
			if len(known) == 2 {
				break
			}
		}
		dispatching.Wait()
		if snapshots != 2 || len(known) != 2 {
			t.Errorf("saw %d snapshots and %d batches, want two of each", snapshots, len(known))
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		enough := errors.New("enough")
		for _, err := range c.WatchBatches(ctx, &stokerv1.WatchBatchesRequest{}) {
			if err != nil && !errors.Is(err, enough) {
				t.Errorf("the watch ended with %v, want the cause", err)
			}
			cancel(enough)
		}
		for _, err := range c.WatchBatches(t.Context(), &stokerv1.WatchBatchesRequest{Limit: -1}) {
			if status.Code(err) != codes.InvalidArgument {
				t.Errorf("a wrong request ended with %v", err)
			}
		}
	})
}
