package job

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever happens, in whatever order, a job follows the table and keeps its invariants.
func TestAnyOrderOfFacts(t *testing.T) { rapid.Check(t, anyOrderOfFacts) }

// FuzzFacts looks for an order of facts that chance alone does not find.
func FuzzFacts(f *testing.F) {
	for seed := range byte(16) {
		random := make([]byte, 4000)                        // as much as a long life draws
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(random) // it never fails
		f.Add(random)
	}
	f.Fuzz(rapid.MakeFuzz(anyOrderOfFacts))
}

func anyOrderOfFacts(t *rapid.T) {
	j := Job{ID: ID{Batch: "b", Number: 1}, State: Waiting}
	rules := rules
	rules.Template = rapid.Bool().Draw(t, "template")
	rules.FreshEncoding = rapid.Bool().Draw(t, "fresh encoding")
	now := t0
	created, manual := 0, 0
	for range rapid.IntRange(1, 60).Draw(t, "facts") {
		now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
		u := NewUpdate(j)
		err := anyFact(t, u, rules, now, &created, manual)
		_, wrong := errors.AsType[*StateError](err)
		if err != nil && !errors.Is(err, ErrConflict) && !wrong {
			t.Fatalf("%v", err)
		}
		if err != nil || !u.Changed() {
			continue
		}
		if j.State.Terminal() && u.Job.State == Waiting {
			manual++
		}
		checkMove(t, j, u)
		j = u.Job
		checkInvariants(t, j, rules, manual)
	}
}

func anyFact(t *rapid.T, u *Update, rules Rules, now time.Time, created *int, manual int) error {
	seen := Observation{
		EncodingID: u.Job.EncodingID,
		Status: rapid.SampledFrom([]Remote{
			RemoteCreated, RemoteQueued, RemoteRunning, RemoteFinished, RemoteError,
			RemoteCanceled, RemoteTransferError, RemoteGone, "NEW_STATUS",
		}).Draw(t, "status"),
		Progress:   rapid.IntRange(-5, 200).Draw(t, "progress"),
		QueuedAt:   now.Add(-time.Duration(rapid.IntRange(0, 3).Draw(t, "queued")) * time.Minute),
		FinishedAt: now,
		Failure:    &Failure{Hint: rapid.SampledFrom([]RetryHint{HintRetry, HintNoRetry, HintDifferentRegion, "", "MAYBE"}).Draw(t, "hint")},
	}
	if rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
		seen.Unknown = "PAUSED"
	}
	fact := rapid.IntRange(0, 15).Draw(t, "fact")
	if rules.Template {
		switch fact {
		case 0, 2, 3:
			return nil // there is nothing to configure
		case 1:
			*created++
			return u.TemplateAccepted(fmt.Sprint("e", *created), now)
		case 4:
			return u.BeginTemplateStart(now)
		case 12:
			*created++
			attempt := u.Job.Attempt + rapid.IntRange(0, 1).Draw(t, "attempt")
			if attempt > (rules.Retry.MaxRetries+1)*(manual+1) {
				return nil // made behind the table's back
			}
			return u.TemplateFound(fmt.Sprint("e", *created), attempt, now)
		}
	}
	switch fact {
	case 0:
		return u.BeginCreate(now)
	case 1:
		*created++
		return u.Configured(fmt.Sprint("e", *created), nil, now)
	case 2:
		return u.CreateAbandoned("", now)
	case 3:
		return u.ConfigureRefused("", Failure{}, rules, now)
	case 4:
		return u.BeginStart(now)
	case 5:
		return u.StartAccepted(now)
	case 6:
		return u.StartNotMade("full", now)
	case 7:
		return u.StartUnknown(now)
	case 8:
		return u.StartRefused(Failure{}, rules, now)
	case 9:
		return u.Cancel("enough", now)
	case 10:
		return u.BeginStop(now)
	case 11:
		return u.Retry(now)
	case 13:
		return u.RestartRefused("no", now)
	case 14:
		return u.Renew(now)
	case 12:
		*created++
		seen.EncodingID = fmt.Sprint("e", *created)
		adopted := *u
		if err := adopted.Adopt(seen, now); err != nil || adopted.Job.Attempt > (rules.Retry.MaxRetries+1)*(manual+1) {
			return err // more attempts than the policy allows were made behind the table's back
		}
		*u = adopted
		return nil
	}
	return u.Observe(seen, rules, now)
}

func checkMove(t *rapid.T, before Job, u *Update) {
	after := u.Job
	if before.State != after.State {
		if err := before.State.To(after.State); err != nil {
			t.Fatal(err)
		}
	}
	if before.State.Terminal() && before.State == after.State && after.Attempt != before.Attempt {
		t.Fatalf("a finished job changed its attempt from %d to %d", before.Attempt, after.Attempt)
	}
	if u.Orphan != "" && u.Orphan == after.EncodingID && !after.State.Terminal() {
		t.Fatalf("encoding %s is given away and kept", u.Orphan)
	}
}

func checkInvariants(t *rapid.T, j Job, rules Rules, manual int) {
	if j.State.Terminal() != !j.FinishTime.IsZero() {
		t.Fatalf("%s, finished at %v", j.State, j.FinishTime)
	}
	if j.State == Starting && j.Step != StepStart {
		t.Fatalf("STARTING without a recorded start")
	}
	if j.Step == StepStart && j.State != Starting && j.State != Cancelling {
		t.Fatalf("a start is recorded in %s", j.State)
	}
	// A template's encoding is unknown as long as its start is not answered, and no longer.
	if j.State.OnPlatform() && j.EncodingID == "" && (!rules.Template || j.Step != StepStart) {
		t.Fatalf("%s without an encoding", j.State)
	}
	if limit := (rules.Retry.MaxRetries + 1) * (manual + 1); j.Attempt < 0 || j.Attempt > limit {
		t.Fatalf("attempt %d after %d retries by hand, want at most %d", j.Attempt, manual, limit)
	}
	if j.Failures > rules.Retry.MaxRetries+1 {
		t.Fatalf("%d failures", j.Failures)
	}
	if j.PlatformStatus != "" && !j.State.OnPlatform() || (j.PlatformStatus == "") != j.PlatformStatusTime.IsZero() {
		t.Fatalf("%s with the status %q since %v", j.State, j.PlatformStatus, j.PlatformStatusTime)
	}
	if j.Progress < 0 || j.Progress > 100 {
		t.Fatalf("progress %d", j.Progress)
	}
}
