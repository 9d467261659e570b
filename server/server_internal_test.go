package server

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

func TestToStatus(t *testing.T) {
	driver := errors.New("SQL logic error: no such table: jobs (1)")
	for _, tt := range []struct {
		err    error
		code   codes.Code
		reason string
		text   string
	}{
		{fmt.Errorf("read job: %w: %w", job.ErrNotFound, sql.ErrNoRows), codes.NotFound, "NOT_FOUND", `job "b/1" was not found`},
		{fmt.Errorf("write: %w: %w", job.ErrFull, driver), codes.ResourceExhausted, "DISK_FULL", "the server's disk is full; nothing was stored"},
		{fmt.Errorf("write: %w: %w", job.ErrUnconfirmed, driver), codes.Unavailable, "OUTCOME_UNKNOWN", "the job table has not confirmed the change, which may have been made; look before you try again"},
		{fmt.Errorf("write: %w: %w", job.ErrUnavailable, driver), codes.Unavailable, "JOB_TABLE_UNAVAILABLE", "the job table cannot be reached; try again"},
		{fmt.Errorf("write: %w: %w", job.ErrConflict, driver), codes.Aborted, "CONFLICT", `job "b/1" was changed by another call at the same moment; try again`},
		{fmt.Errorf("write: %w: %w", job.ErrIllegalTransition, driver), codes.FailedPrecondition, "WRONG_STATE", `job "b/1" is in a state that does not allow this`},
		{&job.StateError{Resource: "job", ID: "b/1", State: "SUCCEEDED", Problem: "over"}, codes.FailedPrecondition, "WRONG_STATE", "job b/1 is SUCCEEDED: over"},
		{&job.InvalidError{Violations: []job.Violation{{Field: "a", Message: "b"}, {Field: "c", Message: "d"}}}, codes.InvalidArgument, "INVALID", "a: b (and 1 more)"},
		{fmt.Errorf("read: %w", context.Canceled), codes.Canceled, "CANCELLED", "the call was cancelled"},
		{context.DeadlineExceeded, codes.DeadlineExceeded, "DEADLINE_EXCEEDED", "the call took longer than its deadline"},
		{driver, codes.Internal, "INTERNAL", "internal error; the server's log has more"},
	} {
		s, _ := toStatus(tt.err, &stokerv1.GetJobRequest{JobId: "b/1"})
		if s.Code() != tt.code || s.Message() != tt.text {
			t.Errorf("status of %q is %v %q, want %v %q", tt.err, s.Code(), s.Message(), tt.code, tt.text)
		}
		if info, ok := s.Details()[0].(*errdetails.ErrorInfo); !ok || info.GetReason() != tt.reason || info.GetDomain() != job.ErrorDomain {
			t.Errorf("first detail of %q is %v, want ErrorInfo with reason %s", tt.err, s.Details()[0], tt.reason)
		}
		if strings.Contains(s.String(), "SQL") || strings.Contains(s.String(), "sql") {
			t.Errorf("status of %q tells of the database: %v", tt.err, s)
		}
	}
}

// TestUnknownErrorIsLoggedOnce holds that what callers are not told is in the log.
func TestUnknownErrorIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	s := &Server{log: slog.New(slog.NewTextHandler(&log, nil))}
	err := s.fail(t.Context(), errors.New("no such table"), &stokerv1.GetBatchRequest{BatchId: "b"}, "/stoker.v1.BatchService/GetBatch")
	if strings.Contains(err.Error(), "table") {
		t.Errorf("the caller is told %q", err)
	}
	if got := log.String(); strings.Count(got, "no such table") != 1 || !strings.Contains(got, `subject="batch \"b\""`) {
		t.Errorf("log is %q, want the error once with its subject", got)
	}
}

// TestWordsCarryOver holds the enums of the contract to the words of package job.
func TestWordsCarryOver(t *testing.T) {
	for _, s := range job.States() {
		if got := jobState(jobStateMessage(s)); got != s {
			t.Errorf("job state %s comes back as %q", s, got)
		}
	}
	for _, s := range job.BatchStates() {
		if got := batchState(batchStateMessage(s)); got != s {
			t.Errorf("batch state %s comes back as %q", s, got)
		}
	}
	for _, s := range []job.BreakerState{job.BreakerClosed, job.BreakerOpen, job.BreakerProbing} {
		if breakerStateMessage(s) == 0 {
			t.Errorf("breaker state %s is not in the contract", s)
		}
	}
	for _, way := range []job.ListingWay{job.ListBySearch, job.ListByTime, job.ListByWalk} {
		if listingMessage(job.Listing{Way: way}).GetWay() == 0 {
			t.Errorf("way of listing %s is not in the contract", way)
		}
	}
	for _, f := range []job.ParameterFault{job.ParameterRefused, job.ParameterUnanswered, job.ParameterIgnored, job.ParameterMisses} {
		if listingMessage(job.Listing{FaultyParameters: []job.ListParameter{{Fault: f}}}).GetFaultyParameters()[0].GetFault() == 0 {
			t.Errorf("fault of a parameter %s is not in the contract", f)
		}
	}
	for _, k := range []job.FailureKind{job.FailedEncoding, job.FailedTransfer, job.FailedStart, job.FailedConfigure, job.FailedGone} {
		if got := failureKind(failureMessage(&job.Failure{Kind: k}).GetKind()); got != k {
			t.Errorf("failure kind %s comes back as %q", k, got)
		}
	}
	for _, code := range job.WaitCodes() {
		if got := waitFromMessage(waitMessage(job.Wait{Code: code})).Code; got != code {
			t.Errorf("wait code %s comes back as %q", code, got)
		}
	}
	if have, want := len(stokerv1.WaitCode_name)-1, len(job.WaitCodes()); have != want {
		t.Errorf("the contract has %d wait codes, package job %d", have, want)
	}
	// Every codec, container and manifest of the contract has to pass the recipe's own rules.
	for n, name := range stokerv1.VideoCodec_name {
		if n != 0 {
			checkRecipe(t, name, &stokerv1.Recipe{Videos: []*stokerv1.Video{{Codec: stokerv1.VideoCodec(n), Bitrate: 100_000}}})
		}
	}
	for n, name := range stokerv1.AudioCodec_name {
		if n != 0 {
			checkRecipe(t, name, &stokerv1.Recipe{Audios: []*stokerv1.Audio{{Codec: stokerv1.AudioCodec(n), Bitrate: 100_000}}})
		}
	}
	for n, name := range stokerv1.Container_name {
		if n != 0 {
			checkRecipe(t, name, &stokerv1.Recipe{
				Audios:  []*stokerv1.Audio{{Codec: stokerv1.AudioCodec_AUDIO_CODEC_AAC, Bitrate: 100_000}},
				Muxings: []*stokerv1.Muxing{{Container: stokerv1.Container(n)}},
			})
		}
	}
}

func checkRecipe(t *testing.T, name string, r *stokerv1.Recipe) {
	t.Helper()
	if r.Muxings == nil {
		r.Muxings = []*stokerv1.Muxing{{Container: stokerv1.Container_CONTAINER_FMP4}}
	}
	for _, v := range recipe(r).Validate("recipe") {
		t.Errorf("%s: %s", name, v)
	}
}

func TestEstimate(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	begun := job.Batch{State: job.BatchActive, StartTime: now.Add(-time.Hour), Counts: job.Counts{Succeeded: 2, Running: 2, Waiting: 10}}
	// Encodings take an hour. Of those that run one is half through, and the other says
	// nothing yet.
	runs := []job.Run{
		{Number: 1, Began: now.Add(-2 * time.Hour), Ended: now.Add(-time.Hour)},
		{Number: 2, Began: now.Add(-90 * time.Minute), Ended: now.Add(-30 * time.Minute)},
		{Number: 3, Began: now.Add(-time.Hour), Progress: 49, Seen: now.Add(-30*time.Minute - 18*time.Second)},
		{Number: 4, Began: now.Add(-time.Minute), Progress: 1, Seen: now},
	}
	for name, tt := range map[string]struct {
		change func(*job.Batch)
		runs   []job.Run
		want   time.Duration // in half-hours; 0: it cannot be told
	}{
		"two side by side":            {func(*job.Batch) {}, runs, 6 * time.Hour},
		"nothing waits":               {func(b *job.Batch) { b.Counts.Waiting = 0 }, runs, time.Hour},
		"not started":                 {func(b *job.Batch) { b.StartTime = time.Time{} }, runs, 0},
		"more may be added":           {func(b *job.Batch) { b.State = job.BatchOpen }, runs, 0},
		"paused":                      {func(b *job.Batch) { b.State = job.BatchPaused }, runs, 0},
		"years away":                  {func(b *job.Batch) { b.Counts.Waiting = 1_000_000 }, runs, 0},
		"nothing runs":                {func(b *job.Batch) { b.Counts.Running = 0 }, runs[:2], 0},
		"nothing tells of its length": {func(b *job.Batch) { b.Counts.Succeeded, b.Counts.Running = 0, 1 }, runs[3:], 0},
		"by progress alone":           {func(b *job.Batch) { b.Counts.Succeeded, b.Counts.Running = 0, 1 }, runs[2:3], 10 * time.Hour},
		"encoders are being filled": {func(b *job.Batch) {
			b.StartTime, b.Counts.Succeeded = now.Add(-rampUp+time.Second), 0
		}, runs[2:], 0},
	} {
		b := begun
		tt.change(&b)
		got, ok := estimate(b, slices.Clone(tt.runs), now)
		if want := tt.want != 0; ok != want || got.Likely.Round(30*time.Minute) != tt.want {
			t.Errorf("%s: %+v, %v; want %v", name, got, ok, tt.want)
		}
	}
}

// textAddr is an address as handlers of HTTP have it.
type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }

func TestAddressOf(t *testing.T) {
	for addr, want := range map[net.Addr]string{
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7070}:               "192.0.2.1", // an IPv4 address in 16 bytes
		&net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 7070}:           "2001:db8::1",
		&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 7070}: "fe80::1%eth0",
		textAddr("192.0.2.1:7070"):                                         "192.0.2.1",
		textAddr("[2001:db8::1]:7070"):                                     "2001:db8::1",
		&net.UnixAddr{Name: "/run/stoker.sock", Net: "unix"}:               "/run/stoker.sock",
	} {
		if got := addressOf(peer.NewContext(t.Context(), &peer.Peer{Addr: addr})); got != want {
			t.Errorf("%v: %q, want %q", addr, got, want)
		}
	}
}
