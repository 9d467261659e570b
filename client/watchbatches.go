package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"google.golang.org/grpc"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// WatchBatches follows the batches that match a filter. It yields all of them, then those that changed, and
// heartbeats, until ctx ends or the caller stops ranging. It reconnects like [Client.Watch]; the first message
// after that is a new snapshot.
//
// The last value is an error if the server refuses the watch, if the server cannot be reached before the first
// message, or if ctx ends.
func (c *Client) WatchBatches(ctx context.Context, req *stokerv1.WatchBatchesRequest) iter.Seq2[*stokerv1.WatchBatchesResponse, error] {
	return func(yield func(*stokerv1.WatchBatchesResponse, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(errStopped)
		stopped := false
		err := c.keepWatching(ctx, "WatchBatches", func(ctx context.Context) (progress bool, err error) {
			return c.followBatches(ctx, req, func(m *stokerv1.WatchBatchesResponse) bool {
				stopped = !yield(m, nil)
				return !stopped
			})
		})
		if err != nil && !stopped {
			yield(nil, fmt.Errorf("watch batches: %w", err))
		}
	}
}

// followBatches passes the messages of one stream on until use returns false. progress says that there was one.
func (c *Client) followBatches(ctx context.Context, req *stokerv1.WatchBatchesRequest, use func(*stokerv1.WatchBatchesResponse) bool) (progress bool, err error) {
	open := func(ctx context.Context) (grpc.ServerStreamingClient[stokerv1.WatchBatchesResponse], error) {
		return c.batches.WatchBatches(ctx, req)
	}
	err = receive(ctx, req.GetMinInterval().AsDuration(), open, func(m *stokerv1.WatchBatchesResponse) bool {
		progress = true
		return use(m)
	})
	if errors.Is(err, io.EOF) {
		err = errEarly // such a stream has no end of its own
	}
	return progress, err
}
