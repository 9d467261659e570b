package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// longestReconnect is the longest wait between two attempts to come back.
const longestReconnect = 5 * time.Second

// Watch follows a batch until it has ended: first how it stands, then what
// changes, heartbeats included. req is not changed.
//
// When the connection is lost, or the server restarts, the watch comes back with
// its latest cursor, as often as it takes. It ends
//
//   - silently after the batch has ended and everything about that was seen;
//   - with one error if the server refuses it, if the server cannot be reached in
//     the first place, or when ctx ends;
//   - when the caller stops ranging over it.
func (c *Client) Watch(ctx context.Context, req *stokerv1.WatchBatchRequest) iter.Seq2[*stokerv1.WatchBatchResponse, error] {
	return func(yield func(*stokerv1.WatchBatchResponse, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(errStopped)
		w := watch{client: c, req: proto.CloneOf(req), yield: yield}
		waits := newBackOff(longestReconnect)
		for {
			before := w.seen
			err := w.connect(ctx)
			switch {
			case err == nil:
				return
			case ctx.Err() != nil:
				w.fail(context.Cause(ctx))
				return
			case !w.seen || !comesBack(err):
				w.fail(err)
				return
			}
			if w.progress || !before {
				waits.Reset()
				w.progress = false
			}
			advised, _ := RetryDelay(err)
			if err := sleep(ctx, max(waits.NextBackOff(), advised)); err != nil {
				w.fail(err)
				return
			}
		}
	}
}

var errStopped = errors.New("the watch was stopped")

// watch is one call of [Client.Watch].
type watch struct {
	client   *Client
	req      *stokerv1.WatchBatchRequest
	yield    func(*stokerv1.WatchBatchResponse, error) bool
	seen     bool // there was a message
	progress bool // there was one since the last wait
	stopped  bool // the caller wants no more
}

// connect watches over one stream. It returns nil when the watch is over.
func (w *watch) connect(ctx context.Context) error {
	stream, err := w.client.batches.WatchBatch(ctx, w.req)
	if err != nil {
		return err
	}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		w.seen, w.progress = true, true
		w.req.Cursor = m.GetCursor()
		if !w.yield(m, nil) {
			w.stopped = true
			return nil
		}
	}
}

func (w *watch) fail(err error) {
	if !w.stopped {
		w.yield(nil, fmt.Errorf("watch batch %s: %w", w.req.GetBatchId(), err))
	}
}

// comesBack reports whether a watch that ended with err can go on. A server that has not
// noticed yet that a connection was lost still counts the watches on it.
func comesBack(err error) bool {
	switch Reason(err) {
	case "SLOW_READER", "TOO_MANY_WATCHES":
		return true
	}
	return status.Code(err) == codes.Unavailable
}

// sleep waits, or returns why ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
