// Package tracing exports traces of calls, and of what is done for jobs, to a collector.
//
// A job lives for hours and over restarts, longer than a trace should. So its batch keeps the trace of the call
// that submitted it, and what is done for the job later are traces of their own with a link to that one: each
// configuring, start and stop with its calls to the platform, and each attempt from its start to its end.
//
// Nothing is made and nothing exported unless the environment names a collector, as OpenTelemetry has it:
// OTEL_EXPORTER_OTLP_ENDPOINT, with the further OTEL_ variables of the exporter (headers, certificate, time-out),
// the sampler (OTEL_TRACES_SAMPLER) and the resource (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES).
package tracing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"github.com/stokerd/stoker/job"
)

// scope is the name under which this program's own spans are exported.
const scope = "github.com/stokerd/stoker"

// Tracing exports traces. Use [New].
type Tracing struct {
	provider   *sdktrace.TracerProvider
	tracer     trace.Tracer
	propagator propagation.TraceContext
}

// The variables that name the collector, the second one for traces alone.
const endpointVariable, tracesEndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"

// New makes an exporter of traces; nil if the environment names no collector. The collector need not be there
// yet. Traces that it does not take are dropped.
func New(ctx context.Context, getenv func(string) string, version string, log *slog.Logger) (*Tracing, error) {
	name := tracesEndpointVariable
	if getenv(name) == "" {
		name = endpointVariable
	}
	endpoint := getenv(name)
	if endpoint == "" || strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s: %q is not the address of a collector: want http://host:4317, or https:// with TLS", name, endpoint)
	}
	variable := "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL" // where it is set, the other one is about metrics and logs
	if getenv(variable) == "" {
		variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
	}
	if p := getenv(variable); p != "" && p != "grpc" {
		return nil, fmt.Errorf("%s: %q: traces are exported by grpc only; unset it, and name the collector's port for gRPC, 4317 most often", variable, p)
	}
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	// What the environment says of the resource goes before these.
	about, err := resource.Merge(
		resource.NewSchemaless(attribute.String("service.name", "stoker"), attribute.String("service.version", version)),
		resource.Environment(),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("describe the service: %w", err), exporter.Shutdown(ctx))
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces cannot be exported", "err", err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &Tracing{provider: provider, tracer: provider.Tracer(scope)}, nil
}

// Close exports what is left and stops.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// ServerOption traces calls of a gRPC server, but watches, which last for hours, health checks and reflection.
func (t *Tracing) ServerOption() grpc.ServerOption {
	return grpc.StatsHandler(otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(t.provider), otelgrpc.WithPropagators(t.propagator), otelgrpc.WithMeterProvider(metricnoop.NewMeterProvider()),
		otelgrpc.WithFilter(func(info *stats.RPCTagInfo) bool {
			return strings.HasPrefix(info.FullMethodName, "/stoker.v1.") && !strings.Contains(info.FullMethodName, "/Watch")
		}),
	))
}

// Transport traces the calls to the platform that are part of a trace. Others, such as polls and counts, are
// made all the time and have none.
func (t *Tracing) Transport(next http.RoundTripper) http.RoundTripper {
	return otelhttp.NewTransport(next,
		otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(t.propagator), otelhttp.WithMeterProvider(metricnoop.NewMeterProvider()),
		otelhttp.WithFilter(func(r *http.Request) bool { return trace.SpanContextFromContext(r.Context()).IsValid() }),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			return r.Method + " " + ids.ReplaceAllString(r.URL.Path, "{id}")
		}),
	)
}

// ids matches the ids of the platform in a path, so that calls of one kind have one name.
var ids = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F-]{20,}`)

// traceParent is the header of W3C Trace Context.
const traceParent = "traceparent"

// TraceParent returns the trace of a call, to be kept with the batch that the call submits; empty if the call
// is not traced.
func (t *Tracing) TraceParent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	t.propagator.Inject(ctx, carrier)
	return carrier[traceParent]
}

// link returns the link to the trace of the call that submitted a batch; none if that call was not traced.
func (t *Tracing) link(b *job.Batch) []trace.Link {
	if b.TraceParent == "" {
		return nil
	}
	c := trace.SpanContextFromContext(t.propagator.Extract(context.Background(), propagation.MapCarrier{traceParent: b.TraceParent}))
	if !c.IsValid() {
		return nil
	}
	return []trace.Link{{SpanContext: c}}
}

// describe returns the attributes of a span about a job.
func describe(b *job.Batch, j *job.Job) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("stoker.account", b.AccountID), attribute.String("stoker.batch", b.ID), attribute.Int64("stoker.batch_number", b.Seq),
		attribute.String("stoker.job", j.ID.String()), attribute.Int("stoker.attempt", j.Attempt), attribute.String("stoker.call_id", b.CallID),
	}
}

// StartTask begins the span of a task for a job. end is called with the error of the task.
func (t *Tracing) StartTask(ctx context.Context, kind string, b *job.Batch, j *job.Job) (_ context.Context, end func(error)) {
	ctx, span := t.tracer.Start(ctx, kind+" job", trace.WithNewRoot(), trace.WithLinks(t.link(b)...), trace.WithAttributes(describe(b, j)...))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, job.Shorten(err.Error(), job.MaxReason))
		}
		span.End()
	}
}

// EndAttempt makes the span of an attempt that has ended, with the times that the job table has of it.
func (t *Tracing) EndAttempt(b *job.Batch, j *job.Job, end time.Time) {
	_, span := t.tracer.Start(context.Background(), "attempt", trace.WithNewRoot(), trace.WithTimestamp(j.StartTime),
		trace.WithLinks(t.link(b)...), trace.WithAttributes(describe(b, j)...))
	span.SetAttributes(attribute.String("stoker.encoding", j.EncodingID), attribute.String("stoker.state", string(j.State)))
	if !j.RunningTime.IsZero() {
		span.AddEvent("running", trace.WithTimestamp(j.RunningTime))
	}
	if j.State != job.Succeeded && j.Failure != nil {
		span.SetStatus(codes.Error, job.Shorten(j.Failure.String(), job.MaxReason))
	}
	span.End(trace.WithTimestamp(cmp.Or(j.FinishTime, end)))
}
