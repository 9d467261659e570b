package ui

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/protobuf/proto"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/testkit/golden"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

func TestScreen(t *testing.T) {
	many := &stokerv1.WatchBatchResponse{Snapshot: true, Batch: sample.Batch()}
	for i := range 30 {
		j := sample.Jobs()[1]
		j.Id, j.Name, j.Progress, j.Attempt = sample.BatchID+"/"+strconv.Itoa(i+1), "Title "+strconv.Itoa(i+1), int32(i*3), 1
		many.Jobs = append(many.Jobs, j)
	}
	paused := sample.Batch()
	paused.State, paused.StateReason = stokerv1.BatchState_BATCH_STATE_PAUSED, "failure limit of 20 reached"
	end := sample.Watch(stokerv1.BatchState_BATCH_STATE_FAILED)
	running := []*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: sample.Batch(), Jobs: sample.Jobs()}}
	failures := &stokerv1.ListFailuresResponse{FailedCount: 9, Causes: []*stokerv1.FailureCause{
		{Cause: "5f1d3a09c2e4", Count: 8, JobId: sample.BatchID + "/1", BatchNumber: 411, Failure: sample.Jobs()[0].GetFailure()},
		{Cause: "0e77a2b1d834", Count: 1, JobId: sample.BatchID + "/3", BatchNumber: 411, Failure: sample.Jobs()[2].GetFailure()},
	}}
	for _, tt := range []struct {
		name          string
		messages      []*stokerv1.WatchBatchResponse
		width, height int
		mode          mode
		failures      *stokerv1.ListFailuresResponse
		notice        string
	}{
		{name: "screen-running", messages: []*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: sample.Batch(), Jobs: sample.Jobs()}}, width: 100, height: 30},
		{name: "screen-narrow", messages: []*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: sample.Batch(), Jobs: sample.Jobs()}}, width: 44, height: 30},
		{name: "screen-many", messages: []*stokerv1.WatchBatchResponse{many}, width: 80, height: 12},
		{name: "screen-many-failed", messages: []*stokerv1.WatchBatchResponse{many, {Batch: sample.Batch(), Jobs: failing(5)}}, width: 80, height: 16},
		{name: "screen-low", messages: []*stokerv1.WatchBatchResponse{many, {Batch: sample.Batch(), Jobs: failing(5)}}, width: 80, height: 8},
		{name: "screen-paused", messages: []*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: paused}}, width: 80, height: 24},
		{name: "screen-ended", messages: end, width: 80, height: 24},
		{name: "screen-asks", messages: running, width: 80, height: 24, mode: asksToPause},
		{name: "screen-asks-to-resume", messages: []*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: paused}}, width: 80, height: 24, mode: asksToPause},
		{name: "screen-notice", messages: running, width: 80, height: 24, notice: "Nothing was changed."},
		{name: "screen-failures", messages: running, width: 80, height: 24, mode: showsFailures, failures: failures},
		{name: "screen-no-failures", messages: running, width: 80, height: 24, mode: showsFailures},
		{name: "screen-help", messages: running, width: 80, height: 24, mode: showsHelp},
		{name: "screen-tiny", messages: running, width: 20, height: 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, now := newWatchedBatch(), sample.At(2*60).AsTime()
			for _, m := range tt.messages {
				w.apply(numbered(m), now)
			}
			model := &screenModel{watched: w, look: output.Look{Width: tt.width, Zone: time.UTC, Now: now}, height: tt.height, mode: tt.mode, failures: tt.failures, notice: tt.notice}
			screen := drawScreen(model)
			golden.Check(t, tt.name, screen)
			lines := strings.Split(screen, "\n") // the last one is empty, and takes room as well
			if len(lines) > tt.height {
				t.Errorf("%d lines on a screen of %d", len(lines), tt.height)
			}
			for _, line := range lines {
				if n := len([]rune(line)); n > tt.width {
					t.Errorf("a line of %d on a screen of %d: %s", n, tt.width, line)
				}
			}
		})
	}
}

// numbered is a message in which the batch is 411, and its jobs have their numbers.
func numbered(m *stokerv1.WatchBatchResponse) *stokerv1.WatchBatchResponse {
	m = proto.CloneOf(m)
	if m.GetBatch() != nil {
		m.Batch.Number = 411
	}
	for _, j := range m.GetJobs() {
		_, number, _ := strings.Cut(j.GetId(), "/")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			panic(err) // the ids of these tests end in numbers
		}
		j.BatchNumber, j.Number = 411, n
	}
	return m
}

// failing are n jobs with a failed attempt.
func failing(n int) []*stokerv1.Job {
	var jobs []*stokerv1.Job
	for i := range n {
		j := sample.Jobs()[2]
		j.Id, j.Name = sample.BatchID+"/"+strconv.Itoa(100+i), "Failing "+strconv.Itoa(i+1)
		jobs = append(jobs, j)
	}
	return jobs
}

func TestScreenTellsThatTheServerIsSilent(t *testing.T) {
	w, now := newWatchedBatch(), sample.At(2*60).AsTime()
	w.apply(&stokerv1.WatchBatchResponse{Snapshot: true, Batch: sample.Batch()}, now)
	const want = "nothing heard from the server for 30 s"
	for seconds, silent := range map[int]bool{15: false, 30: true} {
		if screen := drawAt(w, now.Add(time.Duration(seconds)*time.Second)); strings.Contains(screen, want) != silent {
			t.Errorf("after %d s:\n%s", seconds, screen)
		}
	}
	w.apply(&stokerv1.WatchBatchResponse{Heartbeat: true}, now.Add(25*time.Second))
	if screen := drawAt(w, now.Add(30*time.Second)); strings.Contains(screen, "nothing heard") {
		t.Errorf("after a heartbeat:\n%s", screen)
	}
}

// plainText is a screen without its colours.
func plainText(s string) string {
	return regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(s, "")
}

// drawAt is the screen at a time.
func drawAt(w *watchedBatch, now time.Time) string {
	return drawScreen(&screenModel{watched: w, look: output.Look{Width: 80, Now: now}, height: 24})
}

// newTestScreen is the program of a screen that shows a batch, with what its keys did.
func newTestScreen(b *stokerv1.Batch) (s *screenModel, did *[]string) {
	did = new([]string)
	s = newScreenModel(ScreenOptions{
		Getenv: func(string) string { return "" },
		Leave:  func() { *did = append(*did, "leave") },
		SetPaused: func(paused bool) error {
			*did = append(*did, fmt.Sprint("pause ", paused))
			if !paused {
				return errors.New("refused")
			}
			return nil
		},
		Failures: func() (*stokerv1.ListFailuresResponse, error) {
			*did = append(*did, "failures")
			return &stokerv1.ListFailuresResponse{FailedCount: 1}, nil
		},
	})
	s.Update(&stokerv1.WatchBatchResponse{Snapshot: true, Batch: b})
	return s, did
}

// press presses keys, and carries out what they ask for.
func press(s *screenModel, keys ...string) {
	for _, key := range keys {
		msg := tea.KeyPressMsg{Code: []rune(key)[0], Text: key}
		switch key {
		case "ctrl+c":
			msg = tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
		case "ctrl+z":
			msg = tea.KeyPressMsg{Code: 'z', Mod: tea.ModCtrl}
		case "esc":
			msg = tea.KeyPressMsg{Code: tea.KeyEscape}
		}
		if _, do := s.Update(msg); do != nil {
			s.Update(do())
		}
	}
}

func TestKeys(t *testing.T) {
	paused := sample.Batch()
	paused.State = stokerv1.BatchState_BATCH_STATE_PAUSED
	ended := sample.Batch()
	ended.State = stokerv1.BatchState_BATCH_STATE_SUCCEEDED
	for _, tt := range []struct {
		batch  *stokerv1.Batch
		keys   string
		did    []string
		mode   mode
		notice string
	}{
		{keys: "q", did: []string{"leave"}},
		{keys: "ctrl+c", did: []string{"leave"}},
		{keys: "esc", did: []string{"leave"}},
		{keys: "x"},
		{keys: "p", mode: asksToPause},
		{keys: "p y", did: []string{"pause true"}},
		{keys: "p Y", did: []string{"pause true"}},
		{keys: "p n", notice: "Nothing was changed."},
		{keys: "p esc", notice: "Nothing was changed."},
		{keys: "p q", notice: "Nothing was changed."},
		{keys: "p ctrl+c", did: []string{"leave"}, mode: asksToPause},
		{batch: paused, keys: "p y", did: []string{"pause false"}, notice: "refused"},
		{batch: ended, keys: "p y"},
		{keys: "f", did: []string{"failures"}, mode: showsFailures},
		{keys: "f f", did: []string{"failures"}},
		{keys: "f esc", did: []string{"failures"}},
		{keys: "f ?", did: []string{"failures"}, mode: showsHelp},
		{keys: "?", mode: showsHelp},
		{keys: "? ?"},
		{keys: "ctrl+z"},
	} {
		b := tt.batch
		if b == nil {
			b = sample.Batch()
		}
		s, did := newTestScreen(b)
		press(s, strings.Fields(tt.keys)...)
		if diff := cmp.Diff(tt.did, *did, cmpopts.EquateEmpty()); diff != "" || s.mode != tt.mode || s.notice != tt.notice {
			t.Errorf("%s %s: mode %d, notice %q, did (-want +got):\n%s", b.GetState(), tt.keys, s.mode, s.notice, diff)
		}
	}
}

// The end of a batch replaces the screen; what the user leaves stays on the terminal, without the keys.
func TestWhatStaysOfTheScreen(t *testing.T) {
	s, _ := newTestScreen(sample.Batch())
	s.Update(closing{})
	if text := s.View().Content; !strings.Contains(text, "Progress") || strings.Contains(text, "q leave") {
		t.Errorf("after the user has left:\n%s", text)
	}
	s, _ = newTestScreen(sample.Watch(stokerv1.BatchState_BATCH_STATE_FAILED)[2].GetBatch())
	s.Update(closing{})
	if text := s.View().Content; text != "" {
		t.Errorf("after the end:\n%s", text)
	}
}
