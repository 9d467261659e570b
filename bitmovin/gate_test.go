package bitmovin

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// A call that waits for the rate limit when its gate closes is not sent; one that is on the wire ends by itself.
func TestGate(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		over := errors.New("over")
		gate, closeGate := context.WithCancelCause(t.Context())
		var sent atomic.Int64
		c := mustNew(t, Options{
			APIKey: fixedKey(testKey), Governor: NewGovernor(Limits{ClassStart: 1}),
			HTTPClient: &http.Client{Transport: handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent.Add(1)
				time.Sleep(time.Second)
				success(`{"id": "e"}`)(w, r)
			})}},
		})
		ctx := WithGate(t.Context(), gate)
		start := func() <-chan error {
			done := make(chan error, 1)
			go func() { done <- c.StartEncoding(ctx, "e", &StartRequest{}, nil) }()
			synctest.Wait()
			return done
		}
		onWire, waiting := start(), start()
		closeGate(over)
		if err := <-waiting; !errors.Is(err, over) || Ambiguous(err) {
			t.Errorf("the call that waited: %v, want %v", err, over)
		}
		if err := <-onWire; err != nil {
			t.Errorf("the call on the wire: %v", err)
		}
		if err := <-start(); !errors.Is(err, over) || sent.Load() != 1 {
			t.Errorf("a later call: %v; %d were sent, want 1", err, sent.Load())
		}
	})
}
