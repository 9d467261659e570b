package service

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
)

// TestReadiness takes a service through what /readyz tells.
func TestReadiness(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var broken error
		probes, floor := 0, ""
		r := &readiness{log: slog.New(slog.DiscardHandler), degraded: func(context.Context) string { return floor }, quiet: fileQuiet}
		r.probe = func(context.Context) error {
			probes++
			r.noteCommit(broken) // as the job table does
			return broken
		}
		want := func(when string, ready bool, text string) {
			t.Helper()
			if got, why := r.check(t.Context()); got != ready || !strings.Contains(why, text) {
				t.Errorf("%s: %v, %q; want %v, %q", when, got, why, ready, text)
			}
		}
		want("at the beginning", true, "ok")
		for range 30 {
			time.Sleep(time.Second)
			r.noteCommit(nil)
			want("at work", true, "ok")
		}
		if probes != 1 {
			t.Errorf("%d probes, want one at the beginning: there were transactions", probes)
		}
		r.noteCommit(errors.New("a conflict"))
		want("after an error that is not the table's", true, "ok")
		broken = job.ErrFull
		r.noteCommit(broken)
		if r.writable() {
			t.Error("the job table counts as writable after ErrFull")
		}
		for range 20 {
			want("full", false, "the disk is full")
		}
		if probes != 2 {
			t.Errorf("%d probes, want one a second", probes)
		}
		broken = nil
		time.Sleep(2 * time.Second)
		want("with room again, before anybody has written", true, "ok")
		broken = job.ErrUnavailable
		time.Sleep(2 * time.Minute) // nobody writes
		want("unavailable on a quiet service", false, "cannot be written")
		broken = nil
		time.Sleep(2 * time.Second)
		floor = "the disk has less than 1 GiB free"
		want("below the floor", true, "degraded: the disk has less than 1 GiB free")
		broken = job.ErrFull
		time.Sleep(2 * time.Second)
		want("below the floor, and full by now", false, "the disk is full")
		broken = nil
		time.Sleep(2 * time.Second)
		want("below the floor again", true, "degraded")
		r.stopping.Store(true)
		want("stopping", false, "stopping")
	})
}

// TestReadinessOfDatabase has a database be away: for a moment, as while it fails over, and for longer.
func TestReadinessOfDatabase(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		answers := func(context.Context) error { return nil }
		r := &readiness{log: slog.New(slog.DiscardHandler), quiet: databaseQuiet, patience: databasePatience}
		r.probe = func(ctx context.Context) error {
			err := answers(ctx)
			if !errors.Is(err, context.DeadlineExceeded) { // a transaction that still waits is not over
				r.noteCommit(err)
			}
			return err
		}
		// ask asks once a second for a while, and returns for how long of it the service was not ready.
		ask := func(seconds int) (away int) {
			for range seconds {
				if ready, _ := r.check(t.Context()); !ready {
					away++
				}
				time.Sleep(time.Second)
			}
			return away
		}
		if n := ask(10); n != 0 {
			t.Errorf("not ready for %d seconds", n)
		}
		answers = func(context.Context) error { return job.ErrUnavailable }
		if n := ask(4); n != 0 {
			t.Errorf("not ready for %d seconds while the database fails over", n)
		}
		answers = func(context.Context) error { return nil }
		if n := ask(10); n != 0 {
			t.Errorf("not ready for %d seconds after the database was back", n)
		}
		for name, down := range map[string]func(context.Context) error{
			"it refuses": func(context.Context) error { return job.ErrUnavailable },
			"it hangs": func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			},
		} {
			answers = down
			ask(7)
			if ready, why := r.check(t.Context()); ready || !strings.Contains(why, "cannot be written") {
				t.Errorf("%s: ready %t, %q", name, ready, why)
			}
			answers = func(context.Context) error { return nil }
			time.Sleep(time.Second)
			if ready, why := r.check(t.Context()); !ready {
				t.Errorf("%s: not ready when it is back: %q", name, why)
			}
		}
	})
}
