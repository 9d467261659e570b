package ui

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/hostile"
	"github.com/stokerd/stoker/internal/testkit/sample"
	"github.com/stokerd/stoker/job"
)

// JSON keeps the text, with escapes.
func TestHostileJSON(t *testing.T) {
	line, err := jsonLine(&stokerv1.Batch{DisplayName: hostile.Text})
	if err != nil {
		t.Fatal(err)
	}
	hostile.CheckPrintable(t, string(line))
	if bytes.ContainsRune(line, '\t') {
		t.Errorf("a tab in %q", line)
	}
	var back map[string]string
	if err := json.Unmarshal(line, &back); err != nil || back["display_name"] != hostile.Text {
		t.Errorf("%s reads %q, %v; want %q", line, back["display_name"], err, hostile.Text)
	}
}

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
		screen := drawScreen(w, 400, 40, time.Now())
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
