package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/job"
)

var historyBegin = time.Date(2026, 3, 14, 15, 9, 23, 0, time.UTC)

// TestAccountHistory records an account for two minutes.
func TestAccountHistory(t *testing.T) {
	h := &accountHistory{}
	at := func(seconds int) time.Time { return historyBegin.Add(time.Duration(seconds) * time.Second) }
	step := func(n int) time.Time { return time.Date(2026, 3, 14, 15, 9, 20+10*n, 0, time.UTC) }
	h.record(&job.AccountStatus{QueueTarget: 3, PlatformQueuedCount: -1, Breaker: job.BreakerClosed}, at(0))
	h.record(&job.AccountStatus{QueueTarget: 3, PlatformQueuedCount: 5, QueuedCount: 2, RunningCount: 7, Breaker: job.BreakerClosed}, at(1))
	h.record(&job.AccountStatus{QueueTarget: 3, PlatformQueuedCount: 1, QueuedCount: 1, RunningCount: 8, Breaker: job.BreakerClosed}, at(8))
	h.count(2, 1, at(9))
	h.record(&job.AccountStatus{QueueTarget: 4, PlatformQueuedCount: 4, QueuedCount: 4, RunningCount: 8, Breaker: job.BreakerOpen}, at(12))
	h.record(&job.AccountStatus{QueueTarget: 4, PlatformQueuedCount: 4, QueuedCount: 4, RunningCount: 8, Breaker: job.BreakerClosed, Paused: true}, at(31))
	h.count(1, 5, at(44))
	want := []job.AccountSample{
		{Time: step(0), QueueTarget: 3, PlatformQueuedCount: 5, MinPlatformQueuedCount: 5, QueuedCount: 2, RunningCount: 7},
		{Time: step(1), QueueTarget: 4, PlatformQueuedCount: 4, MinPlatformQueuedCount: 1, QueuedCount: 4, RunningCount: 8, StartCount: 2, EndCount: 1, BreakerOpen: true},
		{Time: step(2), QueueTarget: 4, PlatformQueuedCount: 4, MinPlatformQueuedCount: 4, QueuedCount: 4, RunningCount: 8, BreakerOpen: true},
		{Time: step(3), QueueTarget: 4, PlatformQueuedCount: 4, MinPlatformQueuedCount: 4, QueuedCount: 4, RunningCount: 8, Paused: true},
		{Time: step(4), QueueTarget: 4, PlatformQueuedCount: 4, MinPlatformQueuedCount: 4, QueuedCount: 4, RunningCount: 8, StartCount: 1, EndCount: 5, Paused: true},
	}
	got := h.since(at(-1000), job.HistoryStep, at(44))
	if diff := cmp.Diff(want, got.Samples); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if !got.RecordingSince.Equal(historyBegin) {
		t.Errorf("recording since %v", got.RecordingSince)
	}
	joined := want[3]
	joined.Time, joined.MinPlatformQueuedCount, joined.StartCount, joined.EndCount, joined.BreakerOpen = step(0), 1, 2, 1, true
	minutes := h.since(at(-1000), time.Minute, at(44)).Samples
	if diff := cmp.Diff([]job.AccountSample{joined, want[4]}, minutes); diff != "" {
		t.Errorf("samples of minutes (-want +got):\n%s", diff)
	}
}

// TestAccountHistoryForgets records an account for three days.
func TestAccountHistoryForgets(t *testing.T) {
	h := &accountHistory{}
	for hour := range 72 {
		h.record(&job.AccountStatus{QueuedCount: hour, Breaker: job.BreakerClosed}, historyBegin.Add(time.Duration(hour)*time.Hour))
	}
	now := historyBegin.Add(72 * time.Hour)
	got := h.since(time.Time{}, job.HistoryStep, now)
	if n := int64(len(got.Samples)); n != historySteps {
		t.Errorf("%d samples, want %d", n, historySteps)
	}
	if first, want := got.Samples[0], now.Add(-job.HistoryLength); first.Time.Before(want.Add(-job.HistoryStep)) || first.QueuedCount != 48 || !got.RecordingSince.Equal(first.Time) {
		t.Errorf("the first sample is %+v, recorded since %v", first, got.RecordingSince)
	}
	for i, s := range got.Samples[1:] {
		if s.Time.Sub(got.Samples[i].Time) != job.HistoryStep {
			t.Fatalf("%v follows %v", s.Time, got.Samples[i].Time)
		}
	}
	h.advance(now.Add(100 * time.Hour))
	if n := int64(len(h.since(time.Time{}, job.HistoryStep, now.Add(100*time.Hour)).Samples)); n != historySteps {
		t.Errorf("%d samples after days without a change, want %d", n, historySteps)
	}
}

// TestAccountProblems has problems come, change and go.
func TestAccountProblems(t *testing.T) {
	h := &accountHistory{}
	at := func(minutes float64) time.Time {
		return historyBegin.Add(time.Duration(minutes * float64(time.Minute)))
	}
	closed := job.AccountStatus{Breaker: job.BreakerClosed}
	h.record(&closed, at(0))
	h.record(&job.AccountStatus{Breaker: job.BreakerOpen, BreakerReason: "502", BreakerSince: at(0.5), NextProbeTime: at(2)}, at(1))
	h.record(&job.AccountStatus{Breaker: job.BreakerProbing, BreakerReason: "503", BreakerSince: at(0.5)}, at(2))
	h.record(&closed, at(3))
	h.record(&job.AccountStatus{Breaker: job.BreakerOpen, BreakerReason: "504", BreakerSince: at(3.5)}, at(3.5)) // within a minute: the same one
	h.record(&closed, at(4))
	h.record(&job.AccountStatus{
		Breaker: job.BreakerClosed, Paused: true, PausedReason: "update", PausedSince: at(9), QueueFullUntil: at(10.1),
		Budgets: []job.Budget{{Class: "other", PausedUntil: at(11)}, {Class: "start"}},
	}, at(10))
	got := h.since(at(0), job.HistoryStep, at(10.5)).Problems
	want := []job.AccountProblem{
		{Kind: job.ProblemQueueFull, Start: at(10), Finish: at(10.1)},
		{Kind: job.ProblemPaused, Text: "update", Start: at(9)},
		{Kind: job.ProblemCallsRefused, Subject: "other", Start: at(10), Until: at(11)},
		{Kind: job.ProblemBreaker, Text: "504", Start: at(0.5), Finish: at(4)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if got := h.since(at(5), job.HistoryStep, at(10.5)).Problems; len(got) != 3 {
		t.Errorf("problems of the last minutes: %+v", got)
	}
	h.record(&closed, at(20))
	h.record(&closed, at(60*30))
	if got := h.since(time.Time{}, job.HistoryStep, at(60*30)).Problems; len(got) != 0 {
		t.Errorf("problems after a day: %+v", got)
	}
	for i := range 300 {
		h.record(&job.AccountStatus{Breaker: job.BreakerClosed, Paused: true}, at(float64(60*30+4*i)))
		h.record(&closed, at(float64(60*30+4*i+1)))
	}
	if got := h.since(time.Time{}, job.HistoryStep, at(60*50+100)).Problems; len(got) != job.MaxAccountProblems {
		t.Errorf("%d problems are kept, want %d", len(got), job.MaxAccountProblems)
	}
}

// A clock that was ahead for a moment leaves nothing of the future behind, whether it was ahead by hours or by days.
func TestAccountHistoryClockAhead(t *testing.T) {
	for _, ahead := range []time.Duration{3 * time.Hour, 3 * job.HistoryLength} {
		h := &accountHistory{}
		h.record(&job.AccountStatus{QueuedCount: 1}, historyBegin)
		h.record(&job.AccountStatus{QueuedCount: 2}, historyBegin.Add(ahead))
		now := historyBegin.Add(2 * time.Minute)
		h.record(&job.AccountStatus{QueuedCount: 3}, now)
		h.count(1, 0, now.Add(job.HistoryStep))
		got := h.since(historyBegin, job.HistoryStep, now.Add(job.HistoryStep))
		last := len(got.Samples) - 1
		if s := got.Samples[last]; s.Time.After(now.Add(job.HistoryStep)) || s.QueuedCount != 3 || s.StartCount != 1 {
			t.Errorf("ahead by %v: the last sample is %+v", ahead, s)
		}
		if s := got.Samples[last-1]; s.QueuedCount != 3 || s.StartCount != 0 {
			t.Errorf("ahead by %v: the sample before is %+v", ahead, s)
		}
		if got.RecordingSince.After(now) {
			t.Errorf("ahead by %v: recording since %v", ahead, got.RecordingSince)
		}
	}
}
