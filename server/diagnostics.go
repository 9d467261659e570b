package server

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// Diagnostics says how the service is that the server is a part of.
type Diagnostics interface {
	// RunChecks looks at everything that the service depends on, and says when it has done so.
	RunChecks(ctx context.Context) ([]Finding, time.Time, error)
	// ReadReport collects what a report of a fault needs.
	ReadReport(ctx context.Context) (Report, error)
}

// Finding is what one check has found.
type Finding struct {
	Check, Subject string
	Outcome        stokerv1.CheckOutcome
	Text, Remedy   string
}

// Report is what a report of a fault needs. No secret is in it.
type Report struct {
	Version, Platform, InstanceID string
	StartTime                     time.Time
	Configuration                 []ConfigurationValue
	Log, Metrics                  string
}

// ConfigurationValue is an effective value of the configuration, and where it comes from.
type ConfigurationValue struct{ Key, Value, From string }

// maxReportText is how much of log and metrics an answer has, in bytes. Clients take messages of 4 MiB.
const maxReportText = 1 << 20

// diagnosticsService implements DiagnosticsService.
type diagnosticsService struct {
	stokerv1.UnimplementedDiagnosticsServiceServer

	diagnostics Diagnostics
}

// RunChecks runs the checks of the service.
func (s *diagnosticsService) RunChecks(ctx context.Context, _ *stokerv1.RunChecksRequest) (*stokerv1.RunChecksResponse, error) {
	findings, at, err := s.diagnostics.RunChecks(ctx)
	if err != nil {
		return nil, err
	}
	resp := &stokerv1.RunChecksResponse{Time: timestamppb.New(at)}
	for _, f := range findings {
		resp.Results = append(resp.Results, &stokerv1.CheckResult{
			Check: f.Check, Subject: clip(f.Subject, maxMessage), Outcome: f.Outcome, Text: clip(f.Text, maxMessage), Remedy: clip(f.Remedy, maxMessage),
		})
	}
	return resp, nil
}

// GetReport collects the report of the service.
func (s *diagnosticsService) GetReport(ctx context.Context, _ *stokerv1.GetReportRequest) (*stokerv1.GetReportResponse, error) {
	r, err := s.diagnostics.ReadReport(ctx)
	if err != nil {
		return nil, err
	}
	resp := &stokerv1.GetReportResponse{
		Version: r.Version, Platform: r.Platform, InstanceId: r.InstanceID, StartTime: timestamp(r.StartTime),
		Log: r.Log[max(0, len(r.Log)-maxReportText):], Metrics: r.Metrics[:min(len(r.Metrics), maxReportText)],
	}
	for _, v := range r.Configuration {
		resp.Configuration = append(resp.Configuration, &stokerv1.ConfigurationValue{Key: v.Key, Value: v.Value, From: v.From})
	}
	return resp, nil
}

// noDiagnostics is for a server that is a part of no service.
type noDiagnostics struct{}

func (noDiagnostics) RunChecks(context.Context) ([]Finding, time.Time, error) {
	return nil, time.Now(), nil
}

func (noDiagnostics) ReadReport(context.Context) (Report, error) { return Report{}, nil }
