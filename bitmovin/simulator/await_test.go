package simulator_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

func TestAwait(t *testing.T) {
	t.Run("sees a status that does not last", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			a := newAPI(t, &simulator.Simulator{Duration: time.Hour})
			enc := a.prepared(a.storage(), "a")
			seen := make(chan error, 1)
			go func() { seen <- a.sim.AwaitStatus(t.Context(), enc, simulator.Queued) }()
			synctest.Wait()
			a.start(enc) // an encoder is free: QUEUED for no time at all
			if err := <-seen; err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("ends with its context", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			a := newAPI(t, &simulator.Simulator{Encoders: -1})
			enc := a.started(a.storage(), "a")
			cause := errors.New("enough")
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, cause)
			defer cancel()
			if err := a.sim.AwaitStatus(ctx, enc, simulator.Running); !errors.Is(err, cause) {
				t.Errorf("got %v, want the context's cause", err)
			}
		})
	})
	t.Run("unknown id", func(t *testing.T) {
		sim := new(simulator.Simulator)
		if err := sim.AwaitStatus(t.Context(), "x", simulator.Running); !errors.Is(err, simulator.ErrUnknownEncoding) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("statistics", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			a := newAPI(t, &simulator.Simulator{Encoders: 1, Duration: time.Minute})
			st := a.storage()
			a.started(st, "a")
			a.started(st, "b")
			err := a.sim.AwaitStats(t.Context(), func(s simulator.Stats) bool { return s.Ends[simulator.Finished] == 1 })
			if err != nil {
				t.Fatal(err)
			}
			if got := a.sim.ReadStats().Makespan; got != time.Minute {
				t.Errorf("woken after %v, want 1m", got)
			}
		})
	})
	t.Run("ends with the simulator", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			a := newAPI(t, &simulator.Simulator{Encoders: -1})
			a.started(a.storage(), "a")
			ended := make(chan error, 1)
			go func() { ended <- a.sim.AwaitIdle(t.Context()) }()
			synctest.Wait()
			a.sim.Close()
			if err := <-ended; err == nil {
				t.Error("no error from a closed simulator that is not idle")
			}
		})
	})
}
