package job

import (
	"testing"
	"time"
)

// A status that nobody knows moves a job nowhere, whatever it says besides, and is kept with
// since when until a known one is seen.
func TestUnknownStatusIsKept(t *testing.T) {
	for _, state := range []State{Starting, Queued, Running, Cancelling} {
		for _, odd := range []Observation{
			{Status: "PAUSED"},
			{Status: "running", Progress: 90},
			{Status: "", Progress: 100, FinishedAt: t0},
			{Status: RemoteGone, Unknown: "GONE", Failure: &Failure{Hint: HintNoRetry}}, // the platform's word, not a 404
			{Status: RemoteCreated, Unknown: "CREATED ", QueuedAt: t0},
		} {
			j := Job{ID: ID{Batch: "b", Number: 1}, State: state, EncodingID: "e", Attempt: 1, Progress: 10, StartTime: t0}
			if state == Starting {
				j.Step, j.StepTime, j.StartTime, j.StaleMark = StepStart, t0, time.Time{}, odd.Mark()
			}
			odd.EncodingID = "e"
			u := NewUpdate(j)
			if err := u.Observe(odd, rules, t0.Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			got := u.Job
			word := odd.Unknown
			if word == "" {
				word = string(odd.Status)
			}
			if word == "" {
				word = "(none)"
			}
			if got.State != state || got.Progress != 10 || u.Ended != nil || u.Orphan != "" {
				t.Errorf("%s, %+v: %s, %d %%, ended %v, orphan %q", state, odd, got.State, got.Progress, u.Ended, u.Orphan)
			}
			if got.PlatformStatus != word || !got.PlatformStatusTime.Equal(t0.Add(time.Minute)) || !u.Visible() {
				t.Errorf("%s, %+v: %q since %v, visible %v", state, odd, got.PlatformStatus, got.PlatformStatusTime, u.Visible())
			}
			u = NewUpdate(got)
			if err := u.Observe(odd, rules, t0.Add(time.Hour)); err != nil || u.Changed() {
				t.Errorf("%s, %+v: seen again, changed %v, %v", state, odd, u.Changed(), err)
			}
			u = NewUpdate(got)
			if err := u.Observe(Observation{EncodingID: "e", Status: RemoteRunning}, rules, t0.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			if u.Job.PlatformStatus != "" || !u.Job.PlatformStatusTime.IsZero() || !u.Visible() {
				t.Errorf("%s, %+v: still %q after a known status", state, odd, u.Job.PlatformStatus)
			}
		}
	}
}

// The encoding of a template would not exist without an accepted start.
func TestUnknownStatusOfATemplate(t *testing.T) {
	rules := rules
	rules.Template = true
	u := NewUpdate(Job{State: Starting, Step: StepStart, StepTime: t0, EncodingID: "e", Attempt: 1})
	if err := u.Observe(Observation{EncodingID: "e", Status: "PAUSED"}, rules, t0); err != nil {
		t.Fatal(err)
	}
	if u.Job.State != Queued || u.Job.PlatformStatus != "PAUSED" {
		t.Errorf("%s with status %q", u.Job.State, u.Job.PlatformStatus)
	}
}

// A cancelled job whose start was not answered can be stopped once that start must have arrived,
// even if nobody knows what its status means.
func TestUnknownStatusCanBeStopped(t *testing.T) {
	j := Job{State: Cancelling, Step: StepStart, StepTime: t0, EncodingID: "e", Attempt: 1}
	for _, tt := range []struct {
		after time.Duration
		stop  bool
	}{{rules.Settle - time.Second, false}, {rules.Settle, true}} {
		u := NewUpdate(j)
		if err := u.Observe(Observation{EncodingID: "e", Status: "PAUSED"}, rules, t0.Add(tt.after)); err != nil {
			t.Fatal(err)
		}
		if err := NewUpdate(u.Job).BeginStop(t0.Add(tt.after)); (err == nil) != tt.stop {
			t.Errorf("after %v: stop: %v, want it possible: %v", tt.after, err, tt.stop)
		}
	}
}

// A job table older than the platform has a job go on with whatever carries its name, unless
// that is known not to have been started.
func TestAdoptUnknownStatus(t *testing.T) {
	u := NewUpdate(Job{State: Waiting, EncodingID: "e"})
	if err := u.Adopt(Observation{EncodingID: "e", Status: RemoteGone, Unknown: "GONE"}, t0); err != nil {
		t.Fatal(err)
	}
	if u.Job.State != Starting || u.Job.PlatformStatus != "GONE" || u.Job.Attempt != 1 {
		t.Errorf("%s, attempt %d, status %q", u.Job.State, u.Job.Attempt, u.Job.PlatformStatus)
	}
}

// A hint that nobody knows is kept, and another run may succeed for all that is known.
func TestUnknownHint(t *testing.T) {
	for _, hint := range []RetryHint{"MAYBE", "no_retry", "7", HintUndefined, ""} {
		u := NewUpdate(Job{State: Running, EncodingID: "e", Attempt: 1, StartTime: t0})
		failed := Observation{EncodingID: "e", Status: RemoteError, Failure: &Failure{Code: 1, Hint: hint}}
		r := rules
		r.FallbackRegionCount = 1
		if err := u.Observe(failed, r, t0); err != nil {
			t.Fatal(err)
		}
		if u.Job.State != Waiting || u.Job.Failure.Permanent || u.Job.Failure.Hint != hint || u.Job.FallbackRegionIndex != 0 {
			t.Errorf("hint %q: %s, %+v", hint, u.Job.State, u.Job.Failure)
		}
	}
}
