package server

import (
	"testing"
	"time"
)

// TestPace holds that watchers get fewer messages while many of these are late, within limits, and as many as before some
// time after the machine has caught up.
func TestPace(t *testing.T) {
	const watchers = 5_000
	usual := time.Duration(3)
	for _, tt := range []struct {
		name     string
		messages int // in each window
		late     int // of them
		windows  int
		want     func(turns time.Duration) bool
	}{
		{"none late", 1_000, 0, 100, func(turns time.Duration) bool { return turns == usual }},
		{"few late", 1_000, 100, 100, func(turns time.Duration) bool { return turns == usual }},
		{"some late", 1_000, 110, 3, func(turns time.Duration) bool { return turns > usual && turns < 2*usual+1 }},
		{"most late", 1_000, 900, 2, func(turns time.Duration) bool { return turns == 4*usual }},
		{"all late, for long", 1_000, 1_000, 1_000, func(turns time.Duration) bool { return turns == 40 }},
		{"a few watchers, all late", minPaced - 1, minPaced - 1, 100, func(turns time.Duration) bool { return turns == usual }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p pace
			now := time.Now()
			p.note(now, 0) // begins the first window
			window := func(late int) {
				now = now.Add(paceWindow)
				for i := range tt.messages {
					at := now
					if i < tt.messages-1 {
						at = now.Add(-time.Millisecond)
					}
					delay := lateAfter
					if i < late {
						delay++
					}
					p.note(at, delay)
				}
			}
			for range tt.windows {
				window(tt.late)
			}
			if turns := p.turns(watchers, defaultMinInterval); !tt.want(turns) {
				t.Errorf("a message each %d intervals", turns)
			}
			for range 60 {
				window(0)
			}
			if turns := p.turns(watchers, defaultMinInterval); turns != usual {
				t.Errorf("half a minute after the last late message, one each %d intervals, want %d", turns, usual)
			}
		})
	}
}
