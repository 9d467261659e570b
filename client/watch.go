package client

import (
	"cmp"
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

const (
	// longestReconnect is the longest wait between two attempts to come back.
	longestReconnect = 5 * time.Second
	// longestSilence is how long a watch may say nothing, besides the interval it asks for,
	// before it counts as lost: the server sends a heartbeat every 15 s.
	longestSilence = 45 * time.Second
)

// Watch follows a batch until it has ended: first how it stands, then what
// changes, heartbeats included. req is not changed.
//
// When the connection is lost, the server restarts, or something in between ends the
// stream or keeps its messages, the watch comes back with its latest cursor, as
// often as it takes. It ends
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
		begin := &retryState{maxDials: dialTries, longest: longestWait, timeout: c.retryTimeout}
		var back *retryState // once something was seen
		for {
			err := w.connect(ctx)
			if w.progress {
				back = &retryState{longest: longestReconnect}
				w.progress = false
			}
			switch {
			case err == nil:
				return
			case ctx.Err() != nil:
				w.yieldError(context.Cause(ctx))
				return
			case !canResume(err, back != nil):
				w.yieldError(err)
				return
			}
			wait, ok := cmp.Or(back, begin).next(ctx, c.classify(err), err)
			if !ok {
				w.yieldError(err)
				return
			}
			c.notifyRepeat(Repeat{Method: "WatchBatch", Err: err, Wait: wait})
			if err := sleepUnlessDone(ctx, wait); err != nil {
				w.yieldError(err)
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
	batch    *stokerv1.Batch // as it was last seen
	progress bool            // there was a message since the last wait
	stopped  bool            // the caller wants no more
}

// connect watches over one stream. It returns nil when the watch is over.
func (w *watch) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errStopped)
	limit := longestSilence + w.req.GetMinInterval().AsDuration()
	silence := time.AfterFunc(limit, func() { cancel(errSilent) })
	defer silence.Stop()
	stream, err := w.client.batches.WatchBatch(ctx, w.req)
	for err == nil {
		silence.Reset(limit) // how long the caller takes with a message does not count
		var m *stokerv1.WatchBatchResponse
		if m, err = stream.Recv(); err != nil {
			break
		}
		silence.Stop()
		w.progress = true
		w.req.Cursor = m.GetCursor()
		w.batch = cmp.Or(m.GetBatch(), w.batch)
		if !w.yield(m, nil) {
			w.stopped = true
			return nil
		}
	}
	switch {
	case errors.Is(context.Cause(ctx), errSilent):
		return errSilent
	case !errors.Is(err, io.EOF):
		return err
	case w.mayBeOver():
		return nil
	}
	return errEarly
}

// mayBeOver reports whether a watch that the server has ended well can be over. With the cursor
// of the end there is nothing left to be seen.
func (w *watch) mayBeOver() bool {
	switch w.batch.GetState() {
	case stokerv1.BatchState_BATCH_STATE_SUCCEEDED, stokerv1.BatchState_BATCH_STATE_FAILED, stokerv1.BatchState_BATCH_STATE_CANCELLED:
		return true
	}
	return w.batch == nil && w.req.GetCursor() != ""
}

// What the server does not do, and something in between may.
var (
	errSilent = status.Error(codes.Unavailable, "nothing was heard from the server, not even a heartbeat")
	errEarly  = status.Error(codes.Unavailable, "the watch was ended before the batch was")
)

func (w *watch) yieldError(err error) {
	if !w.stopped {
		w.yield(nil, fmt.Errorf("watch batch %s: %w", w.req.GetBatchId(), err))
	}
}

// canResume reports whether a watch that ended with err can go on. A server that has not
// noticed yet that a connection was lost still counts the watches on it.
func canResume(err error, seen bool) bool {
	switch Reason(err) {
	case "SLOW_READER", "TOO_MANY_WATCHES":
		return seen
	}
	return classifyError(err) != failedRefused
}
