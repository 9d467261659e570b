package job

import (
	"errors"
	"testing"
	"time"
)

func TestDerive(t *testing.T) {
	for _, tt := range []struct {
		name  string
		batch Batch
		want  BatchState
	}{
		{"work left", Batch{State: BatchActive, Counts: Counts{Waiting: 1, Succeeded: 1}}, BatchActive},
		{"all succeeded", Batch{State: BatchActive, Counts: Counts{Succeeded: 2}}, BatchSucceeded},
		{"one failed", Batch{State: BatchActive, Counts: Counts{Succeeded: 2, Failed: 1}}, BatchFailed},
		{"one cancelled by itself", Batch{State: BatchActive, Counts: Counts{Succeeded: 1, Cancelled: 1}}, BatchSucceeded},
		{"all cancelled one by one", Batch{State: BatchActive, Counts: Counts{Cancelled: 2}}, BatchCancelled},
		{"ends while paused", Batch{State: BatchPaused, Counts: Counts{Succeeded: 1}}, BatchSucceeded},
		{"cancelled", Batch{State: BatchCancelling, Counts: Counts{Succeeded: 1, Cancelled: 1}}, BatchCancelled},
		{"cancelled too late", Batch{State: BatchCancelling, Counts: Counts{Succeeded: 2}}, BatchSucceeded},
		{"cancelled before it had jobs", Batch{State: BatchCancelling}, BatchCancelled},
		{"open batches do not end", Batch{State: BatchOpen, Open: true, Counts: Counts{Succeeded: 2}}, BatchOpen},
		{"paused open batches neither", Batch{State: BatchPaused, Open: true}, BatchPaused},
		{"retried", Batch{State: BatchFailed, Counts: Counts{Waiting: 1, Failed: 1}}, BatchActive},
		{"too many failed", Batch{
			State: BatchActive, Counts: Counts{Waiting: 9, Failed: 3}, FailureLimit: FailureLimit{Count: 3},
		}, BatchPaused},
		{"forgiven failures", Batch{
			State: BatchActive, Counts: Counts{Waiting: 9, Failed: 3}, FailureLimit: FailureLimit{Count: 3}, FailuresForgiven: 3,
		}, BatchActive},
		{"too large a share failed", Batch{
			State: BatchActive, Counts: Counts{Waiting: 9, Failed: 3, Succeeded: 17}, FailureLimit: FailureLimit{Percent: 10},
		}, BatchPaused},
		{"retried after too many had failed", Batch{
			State: BatchFailed, Counts: Counts{Waiting: 1, Failed: 5}, FailureLimit: FailureLimit{Count: 3}, FinishTime: t0,
		}, BatchActive},
		{"too few to judge the share", Batch{
			State: BatchActive, Counts: Counts{Waiting: 9, Failed: 3}, FailureLimit: FailureLimit{Percent: 10},
		}, BatchActive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.batch
			changed := b.Derive(t0)
			if b.State != tt.want || changed != (tt.want != tt.batch.State) {
				t.Errorf("got %s (changed: %v), want %s", b.State, changed, tt.want)
			}
			if b.State.Terminal() == b.FinishTime.IsZero() {
				t.Errorf("%s, finished at %v", b.State, b.FinishTime)
			}
			if b.State == BatchPaused && tt.batch.State != BatchPaused && b.StateReason == "" {
				t.Error("paused without a reason")
			}
		})
	}
}

func TestSteerBatch(t *testing.T) {
	b := Batch{State: BatchOpen, Open: true, Counts: Counts{Waiting: 1}}
	steps := []struct {
		name string
		do   func() error
		want BatchState
	}{
		{"pause", func() error { return b.Pause("lunch") }, BatchPaused},
		{"pause again", func() error { return b.Pause("tea") }, BatchPaused},
		{"resume", func() error { return b.Resume(t0) }, BatchOpen},
		{"close", b.Close, BatchActive},
		{"close again", b.Close, BatchActive},
		{"cancel", func() error { return b.Cancel("enough") }, BatchCancelling},
		{"cancel again", func() error { return b.Cancel("really") }, BatchCancelling},
	}
	for _, s := range steps {
		if err := s.do(); err != nil || b.State != s.want {
			t.Fatalf("%s: %v, %s, want %s", s.name, err, b.State, s.want)
		}
	}
	if err := b.Resume(t0); !errors.Is(err, ErrIllegalTransition) {
		t.Errorf("resume of a cancelled batch: %v", err)
	}
	if b.StateReason != "enough" {
		t.Errorf("reason %q: the first one counts", b.StateReason)
	}
}

// Somebody who retries jobs of a batch that failed knows that they have failed: what
// counts towards the limit is what fails from then on.
func TestFailuresForgiven(t *testing.T) {
	b := Batch{State: BatchFailed, FinishTime: t0, Counts: Counts{Failed: 15}, FailureLimit: FailureLimit{Count: 10}}
	move := func(from, to State, times int) {
		for range times {
			b.Counts.Move(from, to)
			b.Derive(t0)
		}
	}
	move(Failed, Waiting, 12)
	move(Waiting, Failed, 9)
	if b.State != BatchActive {
		t.Errorf("%s (%s) after 9 more have failed, the limit is 10", b.State, b.StateReason)
	}
	move(Waiting, Failed, 1)
	if b.State != BatchPaused {
		t.Errorf("%s after 10 more have failed", b.State)
	}
}

func TestBackoff(t *testing.T) {
	p := RetryPolicy{InitialBackoff: 10 * time.Second, MaxBackoff: time.Minute}
	for _, tt := range []struct {
		failures int
		jitter   float64
		want     time.Duration
	}{
		{1, 0, 5 * time.Second},
		{1, 0.5, 7500 * time.Millisecond},
		{2, 0, 10 * time.Second},
		{3, 0, 20 * time.Second},
		{9, 0, 30 * time.Second},
		{1_000_000, 0, 30 * time.Second},
	} {
		if got := p.Backoff(tt.failures, tt.jitter); got != tt.want {
			t.Errorf("Backoff(%d, %g) = %v, want %v", tt.failures, tt.jitter, got, tt.want)
		}
	}
	if got := (RetryPolicy{}).Backoff(1, 0); got != DefaultInitialBackoff/2 {
		t.Errorf("default back-off %v", got)
	}
}
