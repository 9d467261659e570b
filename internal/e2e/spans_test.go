package e2e

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// spanCollector takes spans as OpenTelemetry's collector does, and keeps them as text.
type spanCollector struct {
	collectorv1.UnimplementedTraceServiceServer

	url      string
	complete chan struct{} // closed when spans of our own calls and of calls to the platform have come

	mu        sync.Mutex
	text      strings.Builder
	own, sent bool
}

// collectSpans serves a collector until the test ends.
func collectSpans(t *testing.T) *spanCollector {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &spanCollector{url: "http://" + listener.Addr().String(), complete: make(chan struct{})}
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

// Export keeps spans.
func (c *spanCollector) Export(_ context.Context, req *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.WriteString(req.String())
	before := c.own && c.sent
	for _, resource := range req.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.own = c.own || span.GetKind() == tracev1.Span_SPAN_KIND_SERVER
				c.sent = c.sent || span.GetKind() == tracev1.Span_SPAN_KIND_CLIENT
			}
		}
	}
	if !before && c.own && c.sent {
		close(c.complete)
	}
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

// wait returns everything that has come, once there are spans of both kinds.
func (c *spanCollector) wait(t *testing.T) string {
	t.Helper()
	select {
	case <-c.complete:
	case <-time.After(processTimeout):
		t.Error("there were no spans of own calls and of calls to the platform")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}
