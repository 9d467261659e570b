package ui

import (
	"testing"
	"time"
)

func TestFinishRate(t *testing.T) {
	var r finishRate
	start := time.Now()
	if _, ok := r.perMinute(start); ok {
		t.Error("a measurement without samples tells a rate")
	}
	for second := range 120 { // one job per second, then one per two seconds
		r.add(start.Add(time.Duration(second)*time.Second), int64(second))
	}
	if got, ok := r.perMinute(start.Add(119 * time.Second)); !ok || got < 59 || got > 61 {
		t.Errorf("perMinute = %v, %v, want about 60", got, ok)
	}
	if n := len(r.samples); n > 62 {
		t.Errorf("%d samples are kept for a window of 60 s", n)
	}
	if got, ok := r.perMinute(start.Add(179 * time.Second)); !ok || got > 31 {
		t.Errorf("perMinute after a minute of nothing = %v, %v, want about 30", got, ok)
	}
}
