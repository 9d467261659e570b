package clock

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func TestSimulationRunsRoutinesInTheOrderTheyAreDue(t *testing.T) {
	s := NewSimulation(start)
	var got []string
	say := func(name string) {
		got = append(got, name+s.Now().Sub(start).String())
	}
	sleeper := func(name string, naps ...time.Duration) {
		s.Go(func() {
			say(name)
			for _, d := range naps {
				if err := s.Sleep(t.Context(), d); err != nil {
					t.Error(err)
				}
				say(name)
			}
		})
	}
	sleeper("a", 2*time.Hour, time.Hour)
	sleeper("b", time.Hour, time.Hour)
	sleeper("c", -time.Second)
	for s.Step(start.Add(2 * time.Hour)) {
	}
	if want := strings.Fields("a0s b0s c0s c0s b1h0m0s a2h0m0s b2h0m0s"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if now := s.Now(); !now.Equal(start.Add(2 * time.Hour)) {
		t.Errorf("it is %v after the last step, want the time that was asked for", now)
	}
	if s.Step(start.Add(150 * time.Minute)) {
		t.Error("a step before anything is due was taken")
	}
	if now := s.Now(); !now.Equal(start.Add(150 * time.Minute)) {
		t.Errorf("it is %v, want two and a half hours later than the start", now)
	}
}

func TestSimulationRoutinesBeginRoutines(t *testing.T) {
	s := NewSimulation(start)
	var ended time.Duration
	s.Go(func() {
		_ = s.Sleep(t.Context(), time.Minute)
		s.Go(func() {
			_ = s.Sleep(t.Context(), time.Second)
			ended = s.Now().Sub(start)
		})
	})
	for s.Step(start.Add(time.Hour)) {
	}
	if want := 61 * time.Second; ended != want {
		t.Errorf("the inner routine ended after %v, want %v", ended, want)
	}
}

func TestSimulationSleepKnowsContexts(t *testing.T) {
	s, why := NewSimulation(start), errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	var during, after error
	s.Go(func() {
		during = s.Sleep(ctx, time.Minute)
		after = s.Sleep(ctx, time.Minute)
	})
	s.Step(start)
	cancel(why)
	for s.Step(start.Add(time.Minute)) {
	}
	if !errors.Is(during, why) || !errors.Is(after, why) {
		t.Errorf("sleeps ended with %v and %v, want the cause for both", during, after)
	}
}

func TestSimulationRoutinesWaitAtGates(t *testing.T) {
	s := NewSimulation(start)
	var passed []time.Duration
	late, open := s.NewEvent(), s.NewEvent()
	open.Set()
	s.Go(func() {
		for _, g := range []Event{open, late, late} {
			if err := g.Wait(t.Context()); err != nil {
				t.Error(err)
			}
			passed = append(passed, s.Now().Sub(start))
		}
	})
	s.Go(func() {
		_ = s.Sleep(t.Context(), time.Minute)
		late.Set()
	})
	for s.Step(start.Add(time.Hour)) {
	}
	if want := []time.Duration{0, time.Minute, time.Minute}; !slices.Equal(passed, want) {
		t.Errorf("events happened after %v, want %v", passed, want)
	}
}

func TestWorldGate(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g, why := Real{}.NewEvent(), errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		if err := g.Wait(ctx); !errors.Is(err, why) {
			t.Errorf("waiting ended with %v, want the cause", err)
		}
		time.AfterFunc(time.Second, g.Set)
		for range 2 {
			if err := g.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestSimulationCloseEndsSleeps(t *testing.T) {
	s := NewSimulation(start)
	var errs []error
	s.Go(func() {
		errs = append(errs, s.NewEvent().Wait(t.Context()))
	})
	for range 2 {
		s.Go(func() {
			errs = append(errs, s.Sleep(t.Context(), time.Hour))
		})
	}
	for s.Step(start) {
	}
	s.Close()
	if len(errs) != 3 || slices.Contains(errs, nil) {
		t.Errorf("sleeps ended with %v, want three errors", errs)
	}
	if s.Step(start.Add(24 * time.Hour)) {
		t.Error("something runs after the end")
	}
}

func TestWorldSleeps(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		begin, clock := time.Now(), Or(nil)
		if err := clock.Sleep(t.Context(), time.Hour); err != nil || clock.Now().Sub(begin) != time.Hour {
			t.Errorf("an hour's sleep took %v and ended with %v", clock.Now().Sub(begin), err)
		}
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		if err := clock.Sleep(ctx, time.Hour); !errors.Is(err, why) || clock.Now().Sub(begin) != time.Hour+time.Second {
			t.Errorf("a sleep that was cut short took %v and ended with %v", clock.Now().Sub(begin), err)
		}
		if err := clock.Sleep(ctx, -1); !errors.Is(err, why) {
			t.Errorf("a sleep after the end ended with %v", err)
		}
	})
}
