package ui

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
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
	paused.State, paused.StateReason = stokerv1.BatchState_BATCH_STATE_PAUSED, "20 jobs failed, the failure limit is 20"
	end := sample.Watch(stokerv1.BatchState_BATCH_STATE_FAILED)
	for _, tt := range []struct {
		name          string
		messages      []*stokerv1.WatchBatchResponse
		width, height int
	}{
		{"screen-running", []*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: sample.Batch(), Jobs: sample.Jobs()}}, 100, 30},
		{"screen-narrow", []*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: sample.Batch(), Jobs: sample.Jobs()}}, 44, 30},
		{"screen-many", []*stokerv1.WatchBatchResponse{many}, 80, 12},
		{"screen-many-failed", []*stokerv1.WatchBatchResponse{many, {Batch: sample.Batch(), Jobs: failing(5)}}, 80, 16},
		{"screen-low", []*stokerv1.WatchBatchResponse{many, {Batch: sample.Batch(), Jobs: failing(5)}}, 80, 8},
		{"screen-paused", []*stokerv1.WatchBatchResponse{{Snapshot: true, Batch: paused}}, 80, 24},
		{"screen-ended", end, 80, 24},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, now := newWatchedBatch(), sample.At(2*60).AsTime()
			for _, m := range tt.messages {
				w.apply(m, now)
			}
			screen := plainText(drawScreen(w, tt.width, tt.height, now))
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
		if screen := plainText(drawScreen(w, 80, 24, now.Add(time.Duration(seconds)*time.Second))); strings.Contains(screen, want) != silent {
			t.Errorf("after %d s:\n%s", seconds, screen)
		}
	}
	w.apply(&stokerv1.WatchBatchResponse{Heartbeat: true}, now.Add(25*time.Second))
	if screen := plainText(drawScreen(w, 80, 24, now.Add(30*time.Second))); strings.Contains(screen, "nothing heard") {
		t.Errorf("after a heartbeat:\n%s", screen)
	}
}

// plainText is a screen without its colours.
func plainText(s string) string {
	return regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(s, "")
}

func TestKeysLeaveTheWatch(t *testing.T) {
	for _, key := range []tea.KeyPressMsg{{Code: 'c', Mod: tea.ModCtrl}, {Code: tea.KeyEscape}, {Code: 'q', Text: "q"}} {
		left := false
		s := &screenModel{watched: newWatchedBatch(), leave: func() { left = true }}
		if s.Update(tea.KeyPressMsg{Code: 'x', Text: "x"}); left {
			t.Error("x leaves the watch")
		}
		if s.Update(key); !left {
			t.Errorf("%s does not leave the watch", key)
		}
	}
}
