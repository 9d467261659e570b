// Package spans is a collector of traces for tests. It takes spans over gRPC, as OpenTelemetry's own collector does.
package spans

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// Collector keeps all spans that come to URL. Its methods may be called at any time.
type Collector struct {
	collectorv1.UnimplementedTraceServiceServer

	URL string // http://127.0.0.1:PORT

	mu       sync.Mutex
	arrived  sync.Cond
	requests []*collectorv1.ExportTraceServiceRequest
}

// Serve serves a collector until the test ends.
func Serve(t *testing.T) *Collector {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Collector{URL: "http://" + listener.Addr().String()}
	c.arrived.L = &c.mu
	server := grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(server, c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // it ends with Stop
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return c
}

// Export keeps the spans of a request.
func (c *Collector) Export(_ context.Context, req *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, req)
	c.arrived.Broadcast()
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

// Named returns the spans so far whose names begin with a text.
func (c *Collector) Named(prefix string) []*tracev1.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find(func(s *tracev1.Span) bool { return strings.HasPrefix(s.GetName(), prefix) })
}

// Await waits until there are spans of all the given kinds. It returns ctx's error if that ends before.
func (c *Collector) Await(ctx context.Context, kinds ...tracev1.Span_SpanKind) error {
	defer context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.arrived.Broadcast()
	})()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, kind := range kinds {
		for len(c.find(func(s *tracev1.Span) bool { return s.GetKind() == kind })) == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			c.arrived.Wait()
		}
	}
	return nil
}

// find returns the spans that match. The caller holds the lock.
func (c *Collector) find(matches func(*tracev1.Span) bool) (found []*tracev1.Span) {
	for _, req := range c.requests {
		for _, resource := range req.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, s := range scope.GetSpans() {
					if matches(s) {
						found = append(found, s)
					}
				}
			}
		}
	}
	return found
}

// Text returns everything that has come so far, in the text form of protobuf.
func (c *Collector) Text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var text strings.Builder
	for _, req := range c.requests {
		text.WriteString(req.String())
	}
	return text.String()
}
