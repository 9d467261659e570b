package job

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	t0    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rules = Rules{Retry: RetryPolicy{MaxRetries: 2, InitialBackoff: 10 * time.Second}, Settle: 30 * time.Second}
)

// life applies facts to a job, one second after the other, each in an update of its own.
type life struct {
	t   *testing.T
	job Job
	now time.Time

	ended   []Attempt
	orphans []string
}

func newLife(t *testing.T) *life {
	return &life{t: t, now: t0, job: Job{
		ID: ID{Batch: "b", Number: 1}, State: Waiting, CreateTime: t0,
		Spec: Spec{InputPath: "in/a.mp4", OutputPath: "out/a"},
	}}
}

// do applies one fact and returns its error.
func (l *life) do(fact func(u *Update, now time.Time) error) error {
	l.t.Helper()
	l.now = l.now.Add(time.Second)
	u := NewUpdate(l.job)
	if err := fact(u, l.now); err != nil {
		return err
	}
	if u.Changed() {
		l.job = u.Job
	}
	if u.Ended != nil {
		l.ended = append(l.ended, *u.Ended)
	}
	if u.Orphan != "" {
		l.orphans = append(l.orphans, u.Orphan)
	}
	return nil
}

func (l *life) must(fact func(u *Update, now time.Time) error) {
	l.t.Helper()
	if err := l.do(fact); err != nil {
		l.t.Fatal(err)
	}
}

// prepare configures an encoding for the job.
func (l *life) prepare(encoding string) {
	l.t.Helper()
	l.must((*Update).BeginCreate)
	l.must(func(u *Update, now time.Time) error { return u.Configured(encoding, nil, now) })
}

// start puts the job on the queue.
func (l *life) start() {
	l.t.Helper()
	l.must((*Update).BeginStart)
	l.must((*Update).StartAccepted)
}

// see applies an observation of the job's current encoding.
func (l *life) see(o Observation) {
	l.t.Helper()
	o.EncodingID = l.job.EncodingID
	l.must(func(u *Update, now time.Time) error { return u.Observe(o, rules, now) })
}

func (l *life) want(s State) {
	l.t.Helper()
	if l.job.State != s {
		l.t.Fatalf("job is %s, want %s", l.job.State, s)
	}
}

// failed is an ERROR of the run queued at second n.
func failed(n int, hint RetryHint) Observation {
	at := t0.Add(time.Duration(n) * time.Minute)
	return Observation{
		Status: RemoteError, QueuedAt: at, FinishedAt: at.Add(time.Second),
		Failure: &Failure{Code: 10006, Category: "DECODING ERROR", Text: "broken", Hint: hint},
	}
}

func TestHappyLife(t *testing.T) {
	l := newLife(t)
	l.prepare("e1")
	l.start()
	l.want(Queued)
	if l.job.Attempt != 1 || l.job.StartTime.IsZero() {
		t.Errorf("attempt %d started at %v, want attempt 1 with a time", l.job.Attempt, l.job.StartTime)
	}
	l.see(Observation{Status: RemoteRunning, Progress: 40})
	l.want(Running)
	l.see(Observation{Status: RemoteQueued}) // late
	l.see(Observation{Status: RemoteRunning, Progress: 30})
	l.want(Running)
	if l.job.Progress != 40 {
		t.Errorf("progress went back to %d", l.job.Progress)
	}
	l.see(Observation{Status: RemoteFinished})
	l.want(Succeeded)
	if l.job.Progress != 100 || l.job.FinishTime.IsZero() {
		t.Errorf("progress %d, finished at %v", l.job.Progress, l.job.FinishTime)
	}
	l.see(Observation{Status: RemoteError}) // stale: nothing moves a finished job
	l.want(Succeeded)
}

func TestRetries(t *testing.T) {
	t.Run("two retries are three attempts of the same encoding", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		for n := 1; n <= 3; n++ {
			l.start()
			l.see(failed(n, HintRetry))
			if n < 3 {
				l.want(Waiting)
				if !l.job.NextAttemptTime.After(l.now) || l.job.EncodingID != "e1" {
					t.Fatalf("after failure %d: next attempt %v, encoding %q", n, l.job.NextAttemptTime, l.job.EncodingID)
				}
			}
		}
		l.want(Failed)
		if l.job.Attempt != 3 || len(l.ended) != 3 || l.job.Failure.Code != 10006 {
			t.Errorf("attempt %d, %d ended, failure %v", l.job.Attempt, len(l.ended), l.job.Failure)
		}
	})
	t.Run("an ERROR of the run before is stale", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		l.start()
		l.see(failed(1, HintRetry))
		l.start()
		l.see(failed(1, HintRetry))
		l.want(Queued)
		l.see(failed(2, HintRetry))
		l.want(Waiting)
		if l.job.Failures != 2 {
			t.Errorf("%d failures counted, want 2", l.job.Failures)
		}
	})
	for _, tt := range []struct {
		name string
		seen Observation
		kind FailureKind
	}{
		{"NO_RETRY is permanent", failed(1, HintNoRetry), FailedEncoding},
		{"no error object is permanent", Observation{Status: RemoteError, Messages: []string{"m"}}, FailedEncoding},
		{"a transfer error was paid for", Observation{Status: RemoteTransferError}, FailedTransfer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLife(t)
			l.prepare("e1")
			l.start()
			l.see(tt.seen)
			l.want(Failed)
			if l.job.Failure.Kind != tt.kind || l.job.Attempt != 1 {
				t.Errorf("failure %v after attempt %d", l.job.Failure, l.job.Attempt)
			}
		})
	}
	failInRegion := func(t *testing.T, maxRetries int) *life {
		t.Helper()
		l := newLife(t)
		l.prepare("e1")
		l.start()
		seen := failed(1, HintDifferentRegion)
		seen.EncodingID = "e1"
		r := rules
		r.FallbackRegionCount, r.Retry.MaxRetries = 1, maxRetries
		l.must(func(u *Update, now time.Time) error { return u.Observe(seen, r, now) })
		return l
	}
	t.Run("a different region gets a new encoding", func(t *testing.T) {
		l := failInRegion(t, rules.Retry.MaxRetries)
		l.want(Waiting)
		if l.job.EncodingID != "" || l.job.FallbackRegionIndex != 1 {
			t.Errorf("encoding %q, moved %d times", l.job.EncodingID, l.job.FallbackRegionIndex)
		}
	})
	t.Run("a retry by hand goes on in the different region", func(t *testing.T) {
		l := failInRegion(t, 0)
		l.want(Failed)
		if l.job.EncodingID != "e1" {
			t.Errorf("the failed job shows encoding %q, want e1", l.job.EncodingID)
		}
		l.must((*Update).Retry)
		l.want(Waiting)
		if l.job.EncodingID != "" || l.job.FallbackRegionIndex != 1 {
			t.Errorf("encoding %q, moved %d times", l.job.EncodingID, l.job.FallbackRegionIndex)
		}
	})
	t.Run("a vanished encoding is replaced and counted", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		l.start()
		l.see(Observation{Status: RemoteGone})
		l.want(Waiting)
		if l.job.EncodingID != "" || l.job.Failures != 1 || l.job.Failure.Kind != FailedGone {
			t.Errorf("encoding %q, %d failures, %v", l.job.EncodingID, l.job.Failures, l.job.Failure)
		}
	})
	t.Run("retry by hand restarts the count and keeps the attempts", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		l.start()
		l.see(failed(1, HintNoRetry))
		l.must((*Update).Retry)
		l.want(Waiting)
		if l.job.Failures != 0 || l.job.EncodingID != "e1" || !l.job.FinishTime.IsZero() {
			t.Errorf("failures %d, encoding %q, finished %v", l.job.Failures, l.job.EncodingID, l.job.FinishTime)
		}
		l.start()
		if l.job.Attempt != 2 {
			t.Errorf("attempt %d, want 2", l.job.Attempt)
		}
		l.see(Observation{Status: RemoteFinished})
		if err := l.do((*Update).Retry); !errors.Is(err, ErrIllegalTransition) {
			t.Errorf("retry of a job that succeeded: %v", err)
		}
	})
}

func TestStartWithoutAnswer(t *testing.T) {
	unknown := func(t *testing.T) *life {
		l := newLife(t)
		l.prepare("e1")
		l.must((*Update).BeginStart)
		l.must((*Update).StartUnknown)
		l.want(Starting)
		return l
	}
	t.Run("found queued", func(t *testing.T) {
		l := unknown(t)
		l.see(Observation{Status: RemoteQueued, QueuedAt: l.now})
		l.want(Queued)
		l.must((*Update).StartAccepted) // the answer comes late
		l.want(Queued)
	})
	t.Run("found finished", func(t *testing.T) {
		l := unknown(t)
		l.see(Observation{Status: RemoteFinished})
		l.want(Succeeded)
	})
	t.Run("not started counts only once it has settled, and costs no attempt", func(t *testing.T) {
		l := unknown(t)
		l.see(Observation{Status: RemoteCreated})
		l.want(Starting)
		l.now = l.now.Add(rules.Settle)
		l.see(Observation{Status: RemoteCreated})
		l.want(Waiting)
		if l.job.Attempt != 0 || l.job.Failures != 0 || l.job.EncodingID != "e1" {
			t.Errorf("attempt %d, failures %d, encoding %q", l.job.Attempt, l.job.Failures, l.job.EncodingID)
		}
	})
	t.Run("the old ERROR of a restart is not taken for the new one", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		l.start()
		l.see(failed(1, HintRetry))
		l.must((*Update).BeginStart)
		l.must((*Update).StartUnknown)
		l.see(failed(1, HintRetry))
		l.want(Starting)
		l.now = l.now.Add(rules.Settle)
		l.see(failed(1, HintRetry))
		l.want(Waiting)
		if l.job.Attempt != 1 || l.job.Failures != 1 {
			t.Errorf("attempt %d, failures %d, want 1 and 1", l.job.Attempt, l.job.Failures)
		}
	})
	t.Run("cancelled meanwhile, and not started", func(t *testing.T) {
		l := unknown(t)
		l.must(func(u *Update, now time.Time) error { return u.Cancel("enough", now) })
		l.want(Cancelling)
		if err := l.do((*Update).BeginStop); !errors.Is(err, ErrConflict) {
			t.Errorf("stop before the start is resolved: %v", err)
		}
		l.now = l.now.Add(rules.Settle)
		l.see(Observation{Status: RemoteCreated})
		l.want(Cancelled)
		if diff := cmp.Diff([]string{"e1"}, l.orphans); diff != "" {
			t.Errorf("orphans (-want +got):\n%s", diff)
		}
	})
	t.Run("cancelled meanwhile, and started", func(t *testing.T) {
		l := unknown(t)
		l.must(func(u *Update, now time.Time) error { return u.Cancel("enough", now) })
		l.see(Observation{Status: RemoteQueued})
		l.must((*Update).BeginStop)
		l.see(Observation{Status: RemoteCanceled})
		l.want(Cancelled)
		if l.job.Reason != "enough" || l.job.Attempt != 1 {
			t.Errorf("reason %q, attempt %d", l.job.Reason, l.job.Attempt)
		}
	})
}

func TestCancel(t *testing.T) {
	cancel := func(u *Update, now time.Time) error { return u.Cancel("enough", now) }
	t.Run("before anything happened", func(t *testing.T) {
		l := newLife(t)
		l.must(cancel)
		l.want(Cancelled)
		l.must(cancel) // again
	})
	t.Run("prepared: the encoding is an orphan", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		l.must(cancel)
		l.want(Cancelled)
		if diff := cmp.Diff([]string{"e1"}, l.orphans); diff != "" || l.job.EncodingID != "" {
			t.Errorf("encoding %q, orphans %s", l.job.EncodingID, diff)
		}
	})
	t.Run("while it is configured", func(t *testing.T) {
		l := newLife(t)
		l.must((*Update).BeginCreate)
		l.must(cancel)
		l.must(func(u *Update, now time.Time) error { return u.Configured("e1", nil, now) })
		l.want(Cancelled)
		if diff := cmp.Diff([]string{"e1"}, l.orphans); diff != "" || l.job.Step != StepNone {
			t.Errorf("step %q, orphans %s", l.job.Step, diff)
		}
	})
	t.Run("a job that finishes first stays SUCCEEDED", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		l.start()
		l.must(cancel)
		l.want(Cancelling)
		l.see(Observation{Status: RemoteFinished})
		l.want(Succeeded)
		if err := l.do(cancel); !errors.Is(err, ErrIllegalTransition) {
			t.Errorf("cancel of a job that succeeded: %v", err)
		}
	})
	t.Run("retried after a cancel it gets a new encoding", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		l.start()
		l.must(cancel)
		l.see(Observation{Status: RemoteCanceled})
		l.must((*Update).Retry)
		if l.job.EncodingID != "" {
			t.Errorf("encoding %q is CANCELED at the platform and cannot be started", l.job.EncodingID)
		}
	})
	t.Run("by somebody else at the platform", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		l.start()
		l.see(Observation{Status: RemoteCanceled})
		l.want(Cancelled)
		if l.job.Reason == "" {
			t.Error("no reason")
		}
	})
}

func TestQueueFullCostsNothing(t *testing.T) {
	l := newLife(t)
	l.prepare("e1")
	for range 10 {
		l.must((*Update).BeginStart)
		l.must(func(u *Update, now time.Time) error { return u.StartNotMade("queue full", now) })
	}
	l.want(Waiting)
	if l.job.Attempt != 0 || l.job.Failures != 0 || !l.job.Prepared() {
		t.Errorf("attempt %d, failures %d, prepared %v", l.job.Attempt, l.job.Failures, l.job.Prepared())
	}
}

func TestRefusedStartsAreLimited(t *testing.T) {
	l := newLife(t)
	l.prepare("e1")
	for range 3 {
		l.must((*Update).BeginStart)
		l.must(func(u *Update, now time.Time) error {
			return u.StartRefused(Failure{HTTPStatus: 400, Text: "no"}, rules, now)
		})
	}
	l.want(Failed)
	if l.job.Attempt != 3 || l.job.Failure.Kind != FailedStart {
		t.Errorf("attempt %d, failure %v", l.job.Attempt, l.job.Failure)
	}
}

func TestRefusedRestartsCostNothing(t *testing.T) {
	for name, seen := range map[string]Observation{
		"with times":    failed(1, HintRetry),
		"without times": {Status: RemoteError, Failure: &Failure{Hint: HintRetry}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t)
			l.prepare("e1")
			l.start()
			l.see(seen)
			l.must((*Update).BeginStart)
			if seen.EncodingID = "e1"; !l.job.Ran(seen) {
				t.Error("the run before is not recognised")
			}
			l.must(func(u *Update, now time.Time) error { return u.RestartRefused("no", now) })
			l.want(Waiting)
			if l.job.Attempt != 1 || l.job.Failures != 1 || l.job.EncodingID != "" || len(l.orphans) != 0 {
				t.Errorf("attempt %d, failures %d, encoding %q, orphans %v", l.job.Attempt, l.job.Failures, l.job.EncodingID, l.orphans)
			}
		})
	}
	t.Run("nothing of it happens to an encoding that has not run", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		l.must((*Update).BeginStart)
		l.must(func(u *Update, now time.Time) error { return u.RestartRefused("no", now) })
		l.want(Starting)
		if l.job.Ran(Observation{EncodingID: "e1", Status: RemoteCreated}) {
			t.Error("said to have run")
		}
	})
}

func TestLostStart(t *testing.T) {
	l := newLife(t)
	l.prepare("e1")
	l.start()
	l.see(Observation{Status: RemoteCreated})
	l.want(Queued)
	l.now = l.now.Add(staleEndLimit)
	l.see(Observation{Status: RemoteCreated})
	l.want(Waiting)
	if l.job.Failures != 1 {
		t.Errorf("%d failures, want 1", l.job.Failures)
	}
}

func TestAdopt(t *testing.T) {
	adopt := func(l *life, o Observation) {
		l.t.Helper()
		l.must(func(u *Update, now time.Time) error { return u.Adopt(o, now) })
		l.see(o)
	}
	t.Run("finished while nobody knew", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		adopt(l, Observation{EncodingID: "e2", Status: RemoteFinished})
		l.want(Succeeded)
		if l.job.EncodingID != "e2" || l.job.Attempt != 1 {
			t.Errorf("encoding %q, attempt %d", l.job.EncodingID, l.job.Attempt)
		}
		if diff := cmp.Diff([]string{"e1"}, l.orphans); diff != "" {
			t.Errorf("orphans (-want +got):\n%s", diff)
		}
	})
	t.Run("its own prepared encoding was started", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		adopt(l, Observation{EncodingID: "e1", Status: RemoteQueued, QueuedAt: t0})
		l.want(Queued)
		if len(l.orphans) != 0 {
			t.Errorf("orphans %v", l.orphans)
		}
	})
	t.Run("the failure that the table knows of is not adopted", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		l.start()
		l.see(failed(1, HintRetry))
		seen := failed(1, HintRetry)
		seen.EncodingID = "e1"
		adopt(l, seen)
		l.want(Waiting)
		seen = failed(2, HintRetry)
		seen.EncodingID = "e1"
		adopt(l, seen)
		if l.job.Failures != 2 || l.job.Attempt != 2 {
			t.Errorf("%d failures after attempt %d, want 2 and 2", l.job.Failures, l.job.Attempt)
		}
	})
	t.Run("a job under way is left alone", func(t *testing.T) {
		l := newLife(t)
		l.prepare("e1")
		l.start()
		l.must(func(u *Update, now time.Time) error {
			return u.Adopt(Observation{EncodingID: "e2", Status: RemoteFinished}, now)
		})
		l.want(Queued)
	})
}
