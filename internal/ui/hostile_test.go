package ui

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/testkit/hostile"
	"github.com/stokerd/stoker/internal/testkit/sample"
	"github.com/stokerd/stoker/job"
)

// A screen has its own escape sequences, and no others.
func TestHostilePicture(t *testing.T) {
	for _, change := range []func(*stokerv1.Batch){
		func(*stokerv1.Batch) {},
		func(b *stokerv1.Batch) { b.StateReason, b.WaitReason = "", hostile.Text },
	} {
		m := hostile.Spoil(&stokerv1.WatchBatchResponse{Snapshot: true, Batch: sample.Batch(), Jobs: sample.Jobs()})
		change(m.GetBatch())
		w := newWatchedBatch()
		w.apply(m, time.Now())
		screen := drawScreen(&screenModel{watched: w, look: output.Look{Width: 400, Colour: true, Now: time.Now()}, height: 40})
		for _, r := range screen {
			if job.Hidden(r) && r != '\n' && r != '\x1b' {
				t.Errorf("%s in %q", job.CharacterName(r), screen)
			}
		}
		if strings.Contains(screen, "\x1b]") || strings.Contains(screen, "\nINJECTED") || !strings.Contains(screen, "INJECTED") {
			t.Errorf("the hostile text did something, or is not there:\n%q", screen)
		}
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
	if err := errors.Join(NewLogRenderer(&log, output.Look{}).Render(m), NewStateLog(&states, output.Look{}).Render(m)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"screen": plainText(drawScreen(&screenModel{watched: w, look: output.Look{Width: 200, Now: sample.At(0).AsTime()}, height: 24})), "log": log.String(), "state log": states.String(),
		"job": JobSheet(&stokerv1.GetJobResponse{Job: j}, "", output.Look{Width: 80}, true),
	} {
		if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), unicode.IsControl) || strings.Contains(text, "\nnext") {
			t.Errorf("%s: %q", name, text)
		}
	}
}
