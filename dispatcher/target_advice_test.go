package dispatcher

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/clock"
)

// advice runs a workload for a while in simulated time and returns each advice that it gave on the queue
// target, and the targets that it had in the last minute.
func (l workload) advice(t *testing.T, way, span time.Duration) (given []string, targets []int) {
	t.Helper()
	platform := l.simulated()
	platform.Latency = way
	inSimulation(t, platform, func(w *world, sim *clock.Simulation) {
		w.target, w.auto = l.target, l.auto
		w.submitAt(sim.Now(), l.jobs(), l.edit)
		w.prepare(sim)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		end := sim.Now().Add(span)
		sim.Go(func() {
			for sim.Sleep(ctx, time.Second) == nil && sim.Now().Before(end) {
				for _, s := range w.store.AccountStatuses() {
					if text := s.TargetAdvice.String(); len(given) == 0 && text != "" || len(given) > 0 && text != given[len(given)-1] {
						given = append(given, text)
					}
					if end.Sub(sim.Now()) < time.Minute {
						targets = append(targets, s.QueueTarget)
					}
				}
			}
			cancel(errMeasured)
		})
		if err := w.disp.Simulate(ctx, sim); err != nil && !errors.Is(err, errMeasured) {
			t.Fatal(err)
		}
	})
	return given, targets
}

// A target that is too small for how fast the queue drains is said to be, once and with numbers that stay,
// and auto chooses what was said. A target that is large enough, or is not what bounds the starts, is not.
func TestTargetAdvice(t *testing.T) {
	takesFigures(t)
	const ms = time.Millisecond
	type load struct {
		l    workload
		way  time.Duration
		want string
	}
	loads := []load{
		{workload{encoders: 20, duration: 10 * time.Second, target: 3}, 250 * ms, "a queue target of 3 cannot keep 20 encoders busy at 250 ms a call; auto would choose 14"},
		{workload{encoders: 5, duration: 10 * time.Second, target: 3}, 100 * ms, ""},
	}
	if exhaustive {
		loads = append(loads,
			load{workload{encoders: 100, duration: time.Minute, target: 3}, 250 * ms, "a queue target of 3 cannot keep 100 encoders busy at 250 ms a call; auto would choose 12"},
			load{workload{encoders: 100, duration: time.Minute, target: 12}, 250 * ms, ""},
			load{workload{encoders: 20, duration: 10 * time.Minute, target: 3}, 250 * ms, ""},
			load{workload{encoders: 3000, duration: 3 * time.Minute, target: 20}, 100 * ms, ""}, // the platform's limit bounds the starts
		)
	}
	for _, tt := range loads {
		const span = 6 * time.Minute
		tt.l.rounds, tt.l.edit = 2+int(2*span/tt.l.duration), ladder(t)
		if tt.l.jobs() > 5000 {
			tt.l.rounds = 5000 / tt.l.encoders
		}
		given, _ := tt.l.advice(t, tt.way, span)
		if want := strings.Fields(tt.want); len(given) > 1 || len(given) == 0 && tt.want != "" || len(given) == 1 && given[0] != tt.want {
			t.Errorf("%v, target %d, %v a call: advice %q, want %q", tt.l, tt.l.target, tt.way, given, tt.want)
		} else if tt.want != "" {
			tt.l.auto, tt.l.target = true, DefaultAutoTarget
			_, targets := tt.l.advice(t, tt.way, span)
			if chosen := strconv.Itoa(targets[len(targets)-1]); chosen != want[len(want)-1] {
				t.Errorf("%v, %v a call: auto chooses %v, and not %s as advised", tt.l, tt.way, slices.Compact(targets), want[len(want)-1])
			}
		}
	}
}
