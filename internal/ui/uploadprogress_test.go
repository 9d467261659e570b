package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/output"

	"github.com/google/go-cmp/cmp"
)

func TestUploadProgress(t *testing.T) {
	start := time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)
	var log strings.Builder
	p := NewUploadProgress(&log, func(string) string { return "" })
	for _, step := range []struct {
		second int
		u      Upload
	}{
		{0, Upload{Done: 10_000, Total: 100_000}},
		{4, Upload{Done: 50_000, Total: 100_000}},
		{6, Upload{Done: 90_000, Total: 100_000}},
		{7, Upload{Sending: true, Done: 10_000, Total: 100_000}},
		{12, Upload{Sending: true, Done: 30_000, Total: 100_000}},
		{13, Upload{Sending: true, Done: 40_000, Total: 100_000}},
		{29, Upload{Sending: true, Done: 100_000, Total: 100_000, Complete: true}},
	} {
		p.showAt(step.u, start.Add(time.Duration(step.second)*time.Second))
	}
	p.Close()
	want := "checking 90,000 of 100,000, 13,333/s, 1 s left\nsending 30,000 of 100,000, 4,000/s, 18 s left\n"
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	line := uploadBar(Upload{Done: 42, Total: 100}, output.Look{Width: 60}, "sending 42 of 100")
	if want := "   42 %  sending 42 of 100"; !strings.HasSuffix(line, want) || strings.Count(line, "━") != 13 {
		t.Errorf("bar is %q, want 13 of 33 and %q", line, want)
	}
}
