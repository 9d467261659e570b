package ui

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

func TestFormatDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                          "0s",
		1400 * time.Millisecond:               "1s",
		2*time.Minute + 3400*time.Millisecond: "2m3s",
		3*time.Hour + 29*time.Second:          "3h0m",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	list := Table{Header: []string{"A", "LONG"}}
	list.AddRow("Häxan", "x")
	list.AddRow("七人の侍", "")
	want := "A         LONG\nHäxan     x\n七人の侍\n"
	if got := list.aligned(); got != want {
		t.Errorf("aligned:\n%s\nwant:\n%s", got, want)
	}
}

// Names and reasons are other people's texts: control characters and line breaks do not get through.
func TestWhatATerminalObeysIsLeftOut(t *testing.T) {
	const evil = "red\x1b[31m\u009b2J\nnext\r\a"
	b := sample.Batch()
	b.DisplayName, b.State, b.StateReason = evil, stokerv1.BatchState_BATCH_STATE_PAUSED, evil
	j := sample.Jobs()[0]
	j.Name, j.Failure.Category, j.Failure.Text = evil, evil, evil
	m := &stokerv1.WatchBatchResponse{Snapshot: true, Batch: b, Jobs: []*stokerv1.Job{j}}
	var log, states strings.Builder
	w := newWatchedBatch()
	w.apply(m, sample.At(0).AsTime())
	if err := errors.Join(NewLogRenderer(&log).Render(m), NewStateLog(&states).Render(m)); err != nil {
		t.Fatal(err)
	}
	list := Table{Header: []string{"A"}, Rows: [][]string{{evil}}}
	for name, text := range map[string]string{
		"screen": plainText(drawScreen(w, 200, 24, sample.At(0).AsTime())), "log": log.String(), "state log": states.String(),
		"aligned": list.aligned(), "tab-separated": list.tabSeparated(), "job": JobDetails(&stokerv1.GetJobResponse{Job: j}),
	} {
		if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), unicode.IsControl) || strings.Contains(text, "\nnext") {
			t.Errorf("%s: %q", name, text)
		}
	}
}
