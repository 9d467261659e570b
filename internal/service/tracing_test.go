package service_test

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/metadata"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/internal/testkit/platform"
	"github.com/stokerd/stoker/internal/testkit/spans"
)

// oneSpan returns the one span whose name begins with a text.
func oneSpan(t *testing.T, c *spans.Collector, prefix string) *tracev1.Span {
	t.Helper()
	found := c.Named(prefix)
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
	collector := spans.Serve(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
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
	if found := collector.Named("start job"); len(found) > 0 {
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
	submit := oneSpan(t, collector, "stoker.v1.BatchService/SubmitBatch")
	if hex.EncodeToString(submit.GetTraceId()) != callerTrace || hex.EncodeToString(submit.GetParentSpanId()) != callerSpan {
		t.Errorf("the call's span is in trace %x below %x, not the caller's", submit.GetTraceId(), submit.GetParentSpanId())
	}
	for _, name := range []string{"prepare job", "start job", "attempt"} {
		span := oneSpan(t, collector, name)
		linked := slices.ContainsFunc(span.GetLinks(), func(l *tracev1.Span_Link) bool {
			return string(l.GetTraceId()) == string(submit.GetTraceId()) && string(l.GetSpanId()) == string(submit.GetSpanId())
		})
		if !linked || string(span.GetTraceId()) == string(submit.GetTraceId()) || len(span.GetParentSpanId()) > 0 {
			t.Errorf("%s is no trace of its own with a link to the call: %v", name, span)
		}
	}
	start := oneSpan(t, collector, "start job")
	var called *tracev1.Span
	for _, s := range collector.Named("POST /v1/encoding/encodings/{id}/start") {
		called = s
	}
	if called == nil || string(called.GetTraceId()) != string(start.GetTraceId()) || string(called.GetParentSpanId()) != string(start.GetSpanId()) || called.GetKind() != tracev1.Span_SPAN_KIND_CLIENT {
		t.Errorf("the call to the platform is not below the start: %v", called)
	}
	if attempt := oneSpan(t, collector, "attempt"); attempt.GetEndTimeUnixNano() <= attempt.GetStartTimeUnixNano() {
		t.Error("the attempt has taken no time")
	}
	for _, s := range append(collector.Named("stoker.v1.BatchService/Watch"), collector.Named("GET")...) {
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
