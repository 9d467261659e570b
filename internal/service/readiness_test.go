package service

import (
	"context"
	"errors"
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
		r := &readiness{degraded: func(context.Context) string { return floor }}
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
