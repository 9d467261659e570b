package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

func sharedWakeups(f *sharedFixture) {
	heard := make(chan job.Change, 1000)
	f.other.store.SetOnChange(func(changes []job.Change) {
		for _, c := range changes {
			heard <- c
		}
	})
	f.eventually("that wakeups arrive", func() bool { return f.store.Listening() && f.other.store.Listening() })
	await := func(what string, ok func(job.Change) bool) {
		f.Helper()
		limit := time.After(20 * time.Second)
		for {
			select {
			case c := <-heard:
				if ok(c) {
					return
				}
			case <-limit:
				f.Fatalf("not told of %s", what)
			}
		}
	}
	b := f.submit(3, nil)
	await("a submission", func(c job.Change) bool { return c.BatchID == b.ID && c.AccountID == "default" && c.Dispatch })
	f.update(b, 2, cancel)
	await("a cancellation", func(c job.Change) bool { return c.BatchID == b.ID && slices.Equal(c.Numbers, []int64{2}) })
	f.update(b, 1, started...)
	await("a start", func(c job.Change) bool { return c.BatchID == b.ID && c.Starts == 1 })
	f.store.HintEncoding("default", "encoding-1")
	await("a hint", func(c job.Change) bool { return c.EncodingID == "encoding-1" && c.AccountID == "default" })
	_, err := f.store.UpdateAccountSettings(f.Context(), "default", now, func(a *job.AccountSettings) error { a.Pause("", now); return nil })
	f.ok(err)
	await("a pause", func(c job.Change) bool { return c.BatchID == "" && c.AccountID == "default" && c.Dispatch })
}

func sharedStatus(f *sharedFixture) {
	for _, g := range []*fixture{f.fixture, f.other} {
		g.store.PublishAccountStatus(job.AccountStatus{ID: "default", QueueTarget: 3, PlatformQueuedCount: -1})
	}
	driver := func(g *fixture) job.Driver {
		a, ok := g.store.AccountStatus("default")
		if !ok || a.Driver == nil {
			f.Fatalf("status %+v, %t", a, ok)
		}
		return *a.Driver
	}
	f.same("driver at first", driver(f.other), job.Driver{})
	term, err := f.store.Campaign(f.Context(), []string{"default"})
	f.ok(err)
	id := job.ID{Batch: "b", Number: 7}
	status := job.AccountStatus{
		ID: "default", QueueTarget: 5, RunningCount: 4, PlatformQueuedCount: 6, Problem: "none", Settle: time.Minute,
		Notes: map[job.ID]job.Note{id: {}}, Waits: map[job.ID]job.Wait{id: {}}, Webhooks: &job.Webhooks{UsedCount: 2},
	}
	f.store.As(term).PublishAccountStatus(status)
	var seen job.AccountStatus
	f.eventually("the status with its driver", func() bool {
		seen, _ = f.other.store.AccountStatus("default")
		return seen.QueueTarget == 5 && seen.Driver.Epoch == 1 && driver(f.fixture).Epoch == 1
	})
	if d := driver(f.other); d.Address == "" || d.Since.IsZero() {
		f.Errorf("driver %+v", d)
	}
	seen.Driver = nil
	f.same("status", seen, status)
	if history, ok := f.other.store.AccountHistory("default", time.Now().Add(-time.Hour), job.HistoryStep); !ok || len(history.Samples) == 0 {
		f.Errorf("history %+v, %t", history, ok)
	}
	_, err = f.other.store.UpdateAccountSettings(f.Context(), "default", now, func(a *job.AccountSettings) error { a.Pause("by the other", now); return nil })
	f.ok(err)
	f.eventually("a pause by the other", func() bool {
		a, _ := f.store.AccountStatus("default")
		return a.Paused && a.PausedReason == "by the other"
	})
	_, err = f.store.UpdateAccountSettings(f.Context(), "default", now, func(a *job.AccountSettings) error { a.Resume(); return nil })
	f.ok(err)
	f.eventually("that it is resumed", func() bool {
		a, _ := f.other.store.AccountStatus("default")
		return !a.Paused
	})
	term.Release()
	f.eventually("that nobody drives it", func() bool { return driver(f.other) == job.Driver{} })
}

// lateStatus has a process learn of an account after it has looked at what the driver has published.
func lateStatus(f *sharedFixture) {
	term, err := f.store.Campaign(f.Context(), []string{"default", "known"})
	f.ok(err)
	f.other.store.PublishAccountStatus(job.AccountStatus{ID: "known"})
	for _, g := range []string{"default", "known"} { // in one publication, or one after the other
		f.store.As(term).PublishAccountStatus(job.AccountStatus{ID: g, RunningCount: 5})
	}
	running := func(account string) bool {
		a, _ := f.other.store.AccountStatus(account)
		return a.RunningCount == 5
	}
	f.eventually("the status of an account that both know", func() bool { return running("known") })
	f.other.store.PublishAccountStatus(job.AccountStatus{ID: "default"})
	f.eventually("the status of an account that the other one knows since then", func() bool { return running("default") })
}

func sharedTerms(f *sharedFixture) {
	b := f.submit(3, nil)
	term, err := f.store.Campaign(f.Context(), []string{"default"})
	f.ok(err)
	view := f.store.As(term)
	f.ok(view.Trusted())
	if err := f.store.Trusted(); err == nil {
		f.Error("trusted without a term")
	}
	_, err = view.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: 1}, now, configured)
	f.ok(err)
	gained := make(chan *store.Term, 1)
	go func() {
		term, err := f.other.store.Campaign(f.Context(), []string{"default"})
		if err != nil {
			f.Error(err)
		}
		gained <- term
	}()
	term.Release()
	next := <-gained
	f.ok(next.Trusted())
	if cause := context.Cause(term.Context()); !errors.Is(cause, store.ErrReleased) {
		f.Errorf("cause %v", cause)
	}
	if err := view.Trusted(); err == nil {
		f.Error("trusted after the term")
	}
	if _, err := view.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: 2}, now, configured); !errors.Is(err, store.ErrDeposed) {
		f.Errorf("a write after the term: %v, want %v", err, store.ErrDeposed)
	}
	if err := view.SaveResource(f.Context(), "default", "input", "h", "remote", now); !errors.Is(err, store.ErrDeposed) {
		f.Errorf("another one: %v, want %v", err, store.ErrDeposed)
	}
	_, err = f.other.store.As(next).UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: 2}, now, configured)
	f.ok(err)
	if _, err := f.store.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: 3}, now, cancel); err != nil {
		f.Errorf("a caller's write: %v", err)
	}
}
