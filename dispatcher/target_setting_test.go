package dispatcher

import (
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// TestTargetSettings sets the queue target of an account, whose configuration has a number, to another
// number, to automatic and back to what is configured.
func TestTargetSettings(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: time.Minute, Latency: 100 * time.Millisecond}
	inWorld(t, sim, func(w *world) {
		w.target = 9
		w.run()
		w.submit(40, nil)
		for _, step := range []struct {
			set       job.TargetSetting
			low, high int
		}{
			{job.TargetSetting{Number: 7}, 7, 7},
			{job.TargetSetting{Auto: true}, DefaultQueueTarget, 4},
			{job.TargetSetting{}, 9, 9},
		} {
			if err := w.settings("default", func(s *job.AccountSettings) { s.Target = step.set }); err != nil {
				w.t.Fatal(err)
			}
			time.Sleep(2 * time.Minute)
			s, _ := w.store.AccountStatus("default")
			if s.QueueTarget < step.low || s.QueueTarget > step.high {
				w.t.Errorf("with the setting %+v the target is %d, want %d to %d", step.set, s.QueueTarget, step.low, step.high)
			}
			if s.TargetSetting != step.set || s.ConfiguredTarget != (job.TargetSetting{Number: 9}) || s.MaxAutoTarget != DefaultAutoTarget {
				w.t.Errorf("with the setting %+v the status says %+v, configured %+v, at most %d", step.set, s.TargetSetting, s.ConfiguredTarget, s.MaxAutoTarget)
			}
		}
	})
}
