package tracing

import (
	"log/slog"
	"strings"
	"testing"
)

// TestNew reads the environment. Without a collector nothing is made; a mistake names the variable and the remedy.
func TestNew(t *testing.T) {
	const good = "http://127.0.0.1:4317"
	for _, tt := range []struct {
		name  string
		env   map[string]string
		wrong []string // in the error; nil: there is none
		made  bool
	}{
		{name: "nothing set"},
		{name: "a name alone", env: map[string]string{"OTEL_SERVICE_NAME": "encoder"}},
		{name: "turned off", env: map[string]string{endpointVariable: good, "OTEL_SDK_DISABLED": "true"}},
		{name: "a collector", env: map[string]string{endpointVariable: good}, made: true},
		{name: "a collector for traces", env: map[string]string{tracesEndpointVariable: good}, made: true},
		{name: "no scheme", env: map[string]string{endpointVariable: "collector:4317"}, wrong: []string{endpointVariable, `"collector:4317"`, "http://host:4317"}},
		{name: "no host", env: map[string]string{endpointVariable: "http://"}, wrong: []string{endpointVariable}},
		{name: "another scheme", env: map[string]string{tracesEndpointVariable: "grpc://collector:4317"}, wrong: []string{tracesEndpointVariable}},
		{name: "over gRPC, and other things over HTTP", env: map[string]string{endpointVariable: good, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, made: true},
		{name: "traces over HTTP", env: map[string]string{endpointVariable: good, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, wrong: []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"}},
		{name: "over HTTP", env: map[string]string{endpointVariable: good, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, wrong: []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "4317"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, value := range tt.env {
				t.Setenv(name, value) // the libraries read it as well
			}
			tracing, err := New(t.Context(), func(name string) string { return tt.env[name] }, "v1.2.3", slog.New(slog.DiscardHandler))
			if (tracing != nil) != tt.made || (err != nil) != (tt.wrong != nil) {
				t.Fatalf("%v, %v", tracing, err)
			}
			for _, want := range tt.wrong {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			if err := tracing.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
