package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/clock"
)

const (
	// longestReconnect is the longest wait before a try to reconnect.
	longestReconnect = 5 * time.Second
	// longestSilence is the time without a message after which a watch counts as lost. The
	// interval of the watch comes on top. The server sends a heartbeat every 15 s.
	longestSilence = 45 * time.Second
)

// Watch follows a batch until the batch has ended. It yields the state of the batch, then its changes,
// and heartbeats. It does not change req.
//
// The watch reconnects with its latest cursor, any number of times, if the connection is lost, the
// server restarts, or a proxy ends the stream or holds back messages. The watch ends
//
//   - without an error after the batch has ended and all of its changes were yielded;
//   - with one error if the server refuses the watch, if the server cannot be reached before the
//     first message, or if ctx ends;
//   - when the caller stops ranging over the watch.
func (c *Client) Watch(ctx context.Context, req *stokerv1.WatchBatchRequest) iter.Seq2[*stokerv1.WatchBatchResponse, error] {
	return func(yield func(*stokerv1.WatchBatchResponse, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(errStopped)
		w := watch{client: c, req: proto.CloneOf(req), yield: yield}
		err := c.keepWatching(ctx, "WatchBatch", func(ctx context.Context) (bool, error) {
			w.progress = false
			err := w.connect(ctx)
			return w.progress, err
		})
		if err != nil {
			w.yieldError(err)
		}
	}
}

// keepWatching connects a watch, and connects it again if its stream has broken, until it is over or cannot
// go on. connect returns nil when the watch is over, and else why the stream ended, and whether a message
// came before.
func (c *Client) keepWatching(ctx context.Context, method string, connect func(ctx context.Context) (progress bool, err error)) error {
	begin := &retryState{maxDials: dialTries, longest: longestWait, timeout: c.retryTimeout}
	var back *retryState // set after the first message
	for {
		progress, err := connect(ctx)
		if progress {
			back = &retryState{longest: longestReconnect}
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !canResume(err, back != nil):
			return err
		}
		wait, ok := cmp.Or(back, begin).next(ctx, c.classify(err), err)
		if !ok {
			return err
		}
		c.notifyRepeat(Repeat{Method: method, Err: err, Wait: wait})
		if err := (clock.Real{}).Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

var errStopped = errors.New("the watch was stopped")

// watch is one call of [Client.Watch].
type watch struct {
	client   *Client
	req      *stokerv1.WatchBatchRequest
	yield    func(*stokerv1.WatchBatchResponse, error) bool
	batch    *stokerv1.Batch // as it was last received; nil before
	progress bool            // a message came on this stream
	stopped  bool            // the caller has stopped ranging
}

// connect watches with one stream. It returns nil when the watch is over, and else why the stream
// ended.
func (w *watch) connect(ctx context.Context) error {
	open := func(ctx context.Context) (grpc.ServerStreamingClient[stokerv1.WatchBatchResponse], error) {
		return w.client.batches.WatchBatch(ctx, w.req)
	}
	err := receive(ctx, w.req.GetMinInterval().AsDuration(), open, func(m *stokerv1.WatchBatchResponse) bool {
		w.progress = true
		w.req.Cursor = m.GetCursor()
		w.batch = cmp.Or(m.GetBatch(), w.batch)
		w.stopped = !w.yield(m, nil)
		return !w.stopped
	})
	switch {
	case !errors.Is(err, io.EOF):
		return err
	case w.mayBeOver():
		return nil
	}
	return errEarly
}

// receive opens a stream and passes its messages to use, until use returns false; then it returns nil. Else it
// returns why the stream ended: [io.EOF] for OK, and errSilent if no message came for [longestSilence] and the
// interval of the watch.
func receive[M any](ctx context.Context, interval time.Duration, open func(context.Context) (grpc.ServerStreamingClient[M], error), use func(*M) bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errStopped)
	limit := longestSilence + interval
	silence := time.AfterFunc(limit, func() { cancel(errSilent) })
	defer silence.Stop()
	stream, err := open(ctx)
	for err == nil {
		silence.Reset(limit) // the time that the caller needs for a message does not count
		var m *M
		if m, err = stream.Recv(); err != nil {
			break
		}
		silence.Stop()
		if !use(m) {
			return nil
		}
	}
	if errors.Is(context.Cause(ctx), errSilent) {
		return errSilent
	}
	return err
}

// mayBeOver reports whether a stream that ended with OK can be the end of the watch: the batch has
// ended, or the watch resumed at the end of the batch and got no message.
func (w *watch) mayBeOver() bool {
	switch w.batch.GetState() {
	case stokerv1.BatchState_BATCH_STATE_SUCCEEDED, stokerv1.BatchState_BATCH_STATE_FAILED, stokerv1.BatchState_BATCH_STATE_CANCELLED:
		return true
	}
	return w.batch == nil && w.req.GetCursor() != ""
}

// Errors of streams that a proxy broke: a server sends heartbeats, and does not end a stream early.
var (
	errSilent = status.Error(codes.Unavailable, "no message came from the server, not even a heartbeat")
	errEarly  = status.Error(codes.Unavailable, "the stream ended before the batch")
)

func (w *watch) yieldError(err error) {
	if !w.stopped {
		w.yield(nil, fmt.Errorf("watch batch %s: %w", w.req.GetBatchId(), err))
	}
}

// canResume reports whether a watch whose stream ended with err can go on. began says that the watch
// has had a message: until the server notices that its previous connection was lost, it may refuse
// the resumed watch as one too many.
func canResume(err error, began bool) bool {
	switch Reason(err) {
	case "SLOW_READER", "TOO_MANY_WATCHES":
		return began
	}
	return classifyError(err) != failedRefused
}
