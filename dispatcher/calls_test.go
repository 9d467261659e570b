package dispatcher

import (
	"testing"
	"time"
)

// What a profile with four renditions costs, where encoders take what is queued almost at
// once: ten calls to configure and start it, and what it takes to see it run and end.
func TestProfileCalls(t *testing.T) {
	l := workload{encoders: 100, duration: time.Minute, rounds: 8, target: 3}
	f := l.stoker(t)
	t.Logf("%v: %.2f calls a job, makespan %.3f of the bound", l, f.calls, f.makespan)
	if f.calls > 12.9 || f.makespan > 1.15 || f.throttled > 0 {
		t.Errorf("%.2f calls a job, want at most 12.9; makespan %.3f, want at most 1.15; %d calls throttled", f.calls, f.makespan, f.throttled)
	}
}
