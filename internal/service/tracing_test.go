package service_test

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// collector is a collector of traces as OpenTelemetry's own: it takes spans over gRPC and keeps them.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer

	mu    sync.Mutex
	spans []*tracev1.Span
}

func (c *collector) Export(_ context.Context, req *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range req.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

// serveCollector serves a collector until the test ends, and returns its address.
func serveCollector(t *testing.T, c *collector) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
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
	return "http://" + listener.Addr().String()
}

// named returns the spans whose names begin with a text.
func (c *collector) named(prefix string) (found []*tracev1.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if strings.HasPrefix(s.GetName(), prefix) {
			found = append(found, s)
		}
	}
	return found
}

// one returns the one span whose name begins with a text.
func (c *collector) one(t *testing.T, prefix string) *tracev1.Span {
	t.Helper()
	found := c.named(prefix)
	if len(found) != 1 {
		t.Fatalf("%d spans %s, want one", len(found), prefix)
	}
	return found[0]
}

// The trace of a caller, as its call carries it.
const callerTrace, callerSpan = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

// TestTraces submits a batch within a caller's trace to a service that is stopped before it starts the job. What the
// next process does for the job is linked to that trace, down to the calls to the platform, and known by the call's id.
func TestTraces(t *testing.T) {
	spans := &collector{}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", serveCollector(t, spans))
	sim := &simulator.Simulator{Duration: 20 * time.Millisecond, Unlimited: true}
	var requests sync.Map // paths of POSTs, by X-Request-Id
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			requests.Store(r.URL.Path, r.Header.Get("X-Request-Id")+" "+r.Header.Get("Traceparent"))
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		sim.Close()
		web.Close()
	})
	env := platform.Env(web.URL + "/v1")
	env["STOKER_DB"] = filepath.Join(t.TempDir(), "stoker.db")
	env["STOKER_LISTEN"], env["STOKER_HTTP_LISTEN"], env["STOKER_WEB_LISTEN"], env["STOKER_ADMIN_LISTEN"] = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg, err := config.Load(config.Sources{Getenv: func(name string) string { return env[name] }})
	if err != nil {
		t.Fatal(err)
	}
	// during runs a service for as long as use takes.
	during := func(use func(ctx context.Context, c *client.Client)) {
		s, err := service.New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- s.Run(ctx) }()
		conn, err := client.Dial(s.Address("--listen"), client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		use(ctx, conn)
		_ = conn.Close() // it has no call under way
		cancel(errStop)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	}
	var id string
	during(func(ctx context.Context, c *client.Client) {
		if _, err := c.Accounts().PauseAccount(ctx, &stokerv1.PauseAccountRequest{AccountId: "default"}); err != nil {
			t.Fatal(err)
		}
		ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", "00-"+callerTrace+"-"+callerSpan+"-01", "call-id", "film-411")
		batch, err := c.Submit(ctx, &stokerv1.SubmitBatchRequest{Jobs: []*stokerv1.JobSpec{{InputPath: "a.mov", OutputPath: "a"}}})
		if err != nil {
			t.Fatal(err)
		}
		id = batch.GetId()
	})
	if found := spans.named("start job"); len(found) > 0 {
		t.Fatal("the job was started before the restart")
	}
	during(func(ctx context.Context, c *client.Client) {
		if _, err := c.Accounts().ResumeAccount(ctx, &stokerv1.ResumeAccountRequest{AccountId: "default"}); err != nil {
			t.Fatal(err)
		}
		for _, err := range c.Watch(ctx, &stokerv1.WatchBatchRequest{BatchId: id}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		entries, err := c.Audit().ListEntries(ctx, &stokerv1.ListEntriesRequest{CallId: "film-411"})
		if err != nil || len(entries.GetEntries()) != 1 || entries.GetEntries()[0].GetMethod() != "BatchService/SubmitBatch" {
			t.Errorf("the audit log has %v, %v", entries, err)
		}
	})
	submit := spans.one(t, "stoker.v1.BatchService/SubmitBatch")
	if hex.EncodeToString(submit.GetTraceId()) != callerTrace || hex.EncodeToString(submit.GetParentSpanId()) != callerSpan {
		t.Errorf("the call's span is in trace %x below %x, not the caller's", submit.GetTraceId(), submit.GetParentSpanId())
	}
	for _, name := range []string{"prepare job", "start job", "attempt"} {
		span := spans.one(t, name)
		linked := slices.ContainsFunc(span.GetLinks(), func(l *tracev1.Span_Link) bool {
			return string(l.GetTraceId()) == string(submit.GetTraceId()) && string(l.GetSpanId()) == string(submit.GetSpanId())
		})
		if !linked || string(span.GetTraceId()) == string(submit.GetTraceId()) || len(span.GetParentSpanId()) > 0 {
			t.Errorf("%s is no trace of its own with a link to the call: %v", name, span)
		}
	}
	start := spans.one(t, "start job")
	var called *tracev1.Span
	for _, s := range spans.named("POST /v1/encoding/encodings/{id}/start") {
		called = s
	}
	if called == nil || string(called.GetTraceId()) != string(start.GetTraceId()) || string(called.GetParentSpanId()) != string(start.GetSpanId()) || called.GetKind() != tracev1.Span_SPAN_KIND_CLIENT {
		t.Errorf("the call to the platform is not below the start: %v", called)
	}
	if attempt := spans.one(t, "attempt"); attempt.GetEndTimeUnixNano() <= attempt.GetStartTimeUnixNano() {
		t.Error("the attempt has taken no time")
	}
	for _, s := range append(spans.named("stoker.v1.BatchService/Watch"), spans.named("GET")...) {
		if strings.HasSuffix(s.GetName(), "/status") || strings.Contains(s.GetName(), "Watch") {
			t.Errorf("there is a span %s", s.GetName())
		}
	}
	seen := false
	requests.Range(func(path, ids any) bool {
		if text, _ := path.(string); strings.HasSuffix(text, "/start") {
			seen = true
			told, _ := ids.(string)
			if want := "film-411.1 00-" + hex.EncodeToString(start.GetTraceId()); !strings.HasPrefix(told, want) {
				t.Errorf("the platform was told %q, want %q", told, want)
			}
		}
		return true
	})
	if !seen {
		t.Error("the platform got no start")
	}
}
