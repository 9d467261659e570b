package server

import (
	"log/slog"
	"testing"

	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// TestNoteStranger makes requests with no valid proof to a listener that is not for calls. They count together with the
// calls of their address.
func TestNoteStranger(t *testing.T) {
	bubble.Test(t, func(t *testing.T) { // within one minute
		s := &Server{gate: &gate{strangers: newStrangers(), lines: newRefusedLines(), log: slog.New(slog.DiscardHandler)}}
		err := &identity.RefusalError{Why: "no proof"}
		for i := range strangersPerMinute {
			if NoteStranger(t.Context(), s, "/metrics", "192.0.2.1", err) {
				t.Fatalf("request %d is one too many", i+1)
			}
		}
		if !NoteStranger(t.Context(), s, "/metrics", "192.0.2.1", err) {
			t.Error("one address may be refused as often as it likes")
		}
		if NoteStranger(t.Context(), s, "/metrics", "192.0.2.2", err) {
			t.Error("another address suffers for it")
		}
		if got := NewFigures(s).RefusedCallers(); got != strangersPerMinute+2 {
			t.Errorf("%d refused callers are counted, want %d", got, strangersPerMinute+2)
		}
	})
}
