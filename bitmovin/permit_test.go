package bitmovin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// paid are the calls that cost money.
var paid = map[string]func(ctx context.Context, c *Client, permit Permit) error{
	"start": func(ctx context.Context, c *Client, permit Permit) error {
		return c.StartEncoding(ctx, "e", nil, permit)
	},
	"template": func(ctx context.Context, c *Client, permit Permit) error {
		_, err := c.StartTemplate(ctx, "metadata: {}", permit)
		return err
	},
}

var errWithdrawn = errors.New("withdrawn")

// What is withdrawn while a call waits for its budget is not sent, whatever was true when
// it began to wait.
func TestPermitIsAskedAfterTheGovernor(t *testing.T) {
	for name, start := range paid {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				var sent, withdrawn atomic.Bool
				c := mustNew(t, Options{
					APIKey: fixedKey(testKey), Governor: NewGovernor(Limits{ClassStart: 1, ClassEncodingCreate: 1}),
					HTTPClient: &http.Client{Transport: handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						sent.Store(true)
						success(`{"id": "e", "encodingId": "e"}`)(w, r)
					})}},
				})
				permit := func() error {
					if withdrawn.Load() {
						return errWithdrawn
					}
					return nil
				}
				if err := start(t.Context(), c, permit); err != nil || !sent.Load() {
					t.Fatalf("the call that is permitted: %v, sent: %v", err, sent.Load())
				}
				sent.Store(false)
				done := make(chan error, 1)
				go func() { done <- start(t.Context(), c, permit) }()
				synctest.Wait() // until it waits for its budget
				withdrawn.Store(true)
				err := <-done
				if sent.Load() {
					t.Error("the call was sent")
				}
				if !errors.Is(err, ErrNotPermitted) || !errors.Is(err, errWithdrawn) || Ambiguous(err) {
					t.Errorf("err = %v, want ErrNotPermitted, the reason, and nothing sent", err)
				}
			})
		})
	}
}

// What is withdrawn while a call waits for a connection does not arrive whole. Whether the
// platform acts on its headers alone is not for the client to know.
func TestPermitIsAskedAfterTheConnection(t *testing.T) {
	for name, start := range paid {
		t.Run(name, func(t *testing.T) {
			var served, withdrawn atomic.Bool
			srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err == nil {
					served.Store(true)
				}
			}))
			defer srv.Close()
			transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				withdrawn.Store(true) // while it connects
				return (&net.Dialer{}).DialContext(ctx, network, addr)
			}}
			defer transport.CloseIdleConnections()
			c := mustNew(t, Options{BaseURL: srv.URL, APIKey: fixedKey(testKey), HTTPClient: &http.Client{Transport: transport}, Timeout: time.Minute})
			err := start(t.Context(), c, func() error {
				if withdrawn.Load() {
					return errWithdrawn
				}
				return nil
			})
			if !errors.Is(err, errWithdrawn) || !Ambiguous(err) {
				t.Errorf("err = %v, want the reason, and a call that was perhaps made", err)
			}
			srv.Close() // waits for requests that are being served
			if served.Load() {
				t.Error("the whole request arrived")
			}
		})
	}
}
