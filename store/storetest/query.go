package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stokerd/stoker/job"
)

func listJobs(f *fixture) {
	b := f.submit(8, nil)
	f.update(b, 2, append(started, failedOnce)...) // WAITING, ENCODING, DOWNLOAD
	f.update(b, 3, append(started, failed)...)     // FAILED, ENCODING, no category
	f.update(b, 5, cancel)
	f.update(b, 6, started...)
	f.update(b, 7, cancel)
	f.submit(3, nil) // of another batch
	for _, tt := range []struct {
		name   string
		filter job.Filter
		want   []int64
	}{
		{"all", job.Filter{}, []int64{1, 2, 3, 4, 5, 6, 7, 8}},
		{"page", job.Filter{AfterNumber: 2, Limit: 3}, []int64{3, 4, 5}},
		{"state", job.Filter{States: []job.State{job.Cancelled}}, []int64{5, 7}},
		{"states", job.Filter{States: []job.State{job.Queued, job.Cancelled, job.Failed, job.Cancelled}}, []int64{3, 5, 6, 7}},
		{"states, page", job.Filter{States: []job.State{job.Queued, job.Waiting, job.Cancelled}, AfterNumber: 1, Limit: 3}, []int64{2, 4, 5}},
		{"keys", job.Filter{Keys: []string{"k7", "k1", "nobody's", "k7", ""}}, []int64{1, 7}},
		{"keys and state", job.Filter{Keys: []string{"k7", "k1"}, States: []job.State{job.Cancelled}}, []int64{7}},
		{"failure kind", job.Filter{FailureKinds: []job.FailureKind{job.FailedGone, job.FailedEncoding}}, []int64{2, 3}},
		{"failure kind and state", job.Filter{FailureKinds: []job.FailureKind{job.FailedEncoding}, States: []job.State{job.Failed}}, []int64{3}},
		{"category", job.Filter{Categories: []string{"DOWNLOAD", "UPLOAD"}}, []int64{2}},
		{"unknown category", job.Filter{Categories: []string{"UPLOAD"}}, nil},
	} {
		tt.filter.BatchID = b.ID
		got, err := f.store.Jobs(f.Context(), tt.filter)
		f.ok(err)
		f.same(tt.name, numbers(got), tt.want)
	}
	unknown, err := f.store.Jobs(f.Context(), job.Filter{BatchID: "nobody's"})
	f.ok(err)
	f.same("unknown batch", unknown, []job.Job(nil))
}

func latestRuns(f *fixture) {
	b := f.submit(9, nil)
	for number := range int64(4) {
		f.update(b, number+1, append(started, running, finished)...)
		f.update(b, number+5, append(started, running)...)
	}
	runs, err := f.store.RecentRuns(f.Context(), b.ID, 3, 2)
	f.ok(err)
	var got []int64
	for _, r := range runs {
		got = append(got, r.Number)
		j := f.job(b, r.Number)
		f.same("the run of a job", r, job.Run{Number: j.ID.Number, Began: j.RunningTime, Ended: j.FinishTime, Progress: j.Progress, Seen: j.UpdateTime})
	}
	f.same("the latest runs", got, []int64{8, 7, 6, 4, 3})
	none, err := f.store.RecentRuns(f.Context(), "nobody's", 10, 10)
	f.ok(err)
	f.same("unknown batch", none, []job.Run(nil))
}

func jobsInFlight(f *fixture) {
	b := f.submit(10, nil)
	create := func(u *job.Update) error { return u.BeginCreate(now) }
	f.update(b, 1, configured)                     // prepared
	f.update(b, 2, create)                         // being configured
	f.update(b, 3, configured, begin)              // STARTING
	f.update(b, 4, started...)                     // QUEUED
	f.update(b, 5, append(started, running)...)    // RUNNING
	f.update(b, 6, append(started, cancel)...)     // CANCELLING
	f.update(b, 7, create, cancel)                 // CANCELLED while being configured
	f.update(b, 8, append(started, finished)...)   // done
	f.update(b, 9, append(started, failedOnce)...) // waits for the next start of its encoding
	other := f.submit(1, func(b *job.Batch) { b.AccountID = "other" })
	f.update(other, 1, started...)
	got, err := f.store.JobsInFlight(f.Context(), "default")
	f.ok(err)
	f.same("live", numbers(got), []int64{1, 2, 3, 4, 5, 6, 7, 9})
}

func unreconciled(f *fixture) {
	since := func(when string, want map[string]time.Time) {
		f.Helper()
		for account, want := range want {
			got, err := f.store.ReconcileSince(f.Context(), account)
			f.ok(err)
			f.same(account+" "+when, got, want)
		}
	}
	b := f.submit(1, nil)
	f.submit(1, func(b *job.Batch) { b.AccountID = "other" })
	f.reopen()
	later := now.Add(time.Hour)
	_, err := f.store.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: 1}, later, configured)
	f.ok(err)
	since("after a change by this process", map[string]time.Time{"default": now, "other": now, "nobody's": {}})
	f.reopen()
	since("after a process that did not reconcile", map[string]time.Time{"default": now, "other": now})
	f.ok(f.store.MarkReconciled(f.Context(), "default"))
	since("once it is reconciled", map[string]time.Time{"default": later, "other": now})
	f.ok(f.store.MarkReconciled(f.Context(), "default"))
	f.reopen()
	since("in the next process", map[string]time.Time{"default": later, "other": now})
}

func listParameters(f *fixture) {
	search := job.ListParameter{Name: "search", Fault: job.ParameterRefused, Time: now}
	name := job.ListParameter{Name: "name", Fault: job.ParameterMisses, Time: now}
	for _, p := range []job.ListParameter{search, name, {Name: "limit", Fault: job.ParameterIgnored, Time: now}} {
		f.ok(f.store.SaveListParameter(f.Context(), "default", p))
	}
	f.ok(f.store.DeleteListParameter(f.Context(), "default", "limit"))
	f.ok(f.store.DeleteListParameter(f.Context(), "other", "search"))
	search.Fault, search.Time = job.ParameterUnanswered, now.Add(time.Hour)
	f.ok(f.store.SaveListParameter(f.Context(), "default", search))
	f.reopen()
	for account, want := range map[string][]job.ListParameter{"default": {name, search}, "other": nil} {
		got, err := f.store.ListParameters(f.Context(), account)
		f.ok(err)
		f.same("parameters of "+account, got, want)
	}
}

func cancellingBatches(f *fixture) {
	b := f.submit(2, nil)
	f.submit(1, nil)
	f.update(b, 1, started...)
	_, err := f.store.UpdateBatch(f.Context(), b.ID, now, func(b *job.Batch) error { return b.Cancel("enough") })
	f.ok(err)
	for n, want := range [][]string{{b.ID}, {b.ID}, nil} {
		if n > 0 {
			f.update(b, int64(n), cancel)
		}
		got, err := f.store.CancellingBatches(f.Context())
		f.ok(err)
		f.same("batches", got, want)
	}
	f.same("state until the last is confirmed", f.batch(b.ID).State, job.BatchCancelling)
}

func encodingJobs(f *fixture) {
	b := f.submit(3, nil)
	gone := func(u *job.Update) error {
		return u.Observe(job.Observation{EncodingID: u.Job.EncodingID, Status: job.RemoteGone},
			job.Rules{Retry: job.RetryPolicy{MaxRetries: 1}}, now)
	}
	f.update(b, 1, configured)
	f.update(b, 2, append(started, gone)...)
	f.update(b, 2, func(u *job.Update) error { return u.Configured("second", nil, now) })
	other := f.submit(1, func(b *job.Batch) { b.AccountID = "other" })
	f.update(other, 1, configured)
	one, two := job.ID{Batch: b.ID, Number: 1}, job.ID{Batch: b.ID, Number: 2}
	got, err := f.store.EncodingJobs(f.Context(), "default", []string{
		encodingOf(one), encodingOf(two), "second", "nobody's", "", encodingOf(job.ID{Batch: other.ID, Number: 1}),
	})
	f.ok(err)
	f.same("owners", got, map[string]job.ID{encodingOf(one): one, encodingOf(two): two, "second": two})
	got, err = f.store.EncodingJobs(f.Context(), "default", nil)
	f.ok(err)
	f.same("owners of nothing", got, map[string]job.ID{})
}

func changesInOrder(f *fixture) {
	b := f.submit(20, nil)
	got, jobs, err := f.store.Changes(f.Context(), b.ID, b.Revision, 10)
	f.ok(err)
	f.same("batch", got, b)
	f.same("nothing changed", jobs, []job.Job(nil))

	for _, n := range []int64{9, 4, 7, 4, 1} { // 4 twice: only its last change is found
		f.update(b, n, func(u *job.Update) error {
			if u.Job.Prepared() {
				return u.BeginStart(now)
			}
			return u.Configured(encodingOf(u.Job.ID), nil, now)
		})
	}
	var seen []int64
	for after := b.Revision; ; {
		batch, jobs, err := f.store.Changes(f.Context(), b.ID, after, 3)
		f.ok(err)
		for _, j := range jobs {
			if j.Revision <= after || j.Revision > batch.Revision {
				f.Errorf("job %s: revision %d is not in (%d, %d]", j.ID, j.Revision, after, batch.Revision)
			}
			after = j.Revision
			f.same("job", j, f.job(b, j.ID.Number))
		}
		seen = append(seen, numbers(jobs)...)
		if len(jobs) < 3 {
			break
		}
	}
	f.same("changes", seen, []int64{9, 7, 4, 1})
	for _, tt := range []struct {
		states []job.State
		want   []int64
	}{
		{[]job.State{job.Starting}, []int64{4}},
		{[]job.State{job.Waiting}, []int64{9, 7, 1}},
		{[]job.State{job.Starting, job.Waiting, job.Starting}, []int64{9, 7, 4, 1}},
		{[]job.State{job.Failed}, nil},
	} {
		batch, jobs, err := f.store.Changes(f.Context(), b.ID, b.Revision, 10, tt.states...)
		f.ok(err)
		f.same(fmt.Sprintf("changes to %v", tt.states), numbers(jobs), tt.want)
		if batch.Revision <= b.Revision {
			f.Errorf("batch with changes to %v is at revision %d, want what all changes have come to", tt.states, batch.Revision)
		}
	}
	if _, _, err := f.store.Changes(f.Context(), "nobody's", 1, 1); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("unknown batch: %v, want %v", err, job.ErrNotFound)
	}
}

func resources(f *fixture) {
	get := func(account, kind, hash string) (string, time.Time, error) {
		return f.store.Resource(f.Context(), account, kind, hash)
	}
	if _, _, err := get("default", "input", "h"); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("unknown resource: %v, want %v", err, job.ErrNotFound)
	}
	f.ok(f.store.SaveResource(f.Context(), "default", "input", "h", "first", now))
	f.ok(f.store.SaveResource(f.Context(), "default", "input", "h", "second", now.Add(time.Second)))
	f.ok(f.store.SaveResource(f.Context(), "default", "output", "h", "third", now))
	f.ok(f.store.SaveResource(f.Context(), "other", "input", "h", "fourth", now))
	for _, tt := range []struct {
		account, kind, want string
		saved               time.Time
	}{
		{"default", "input", "second", now.Add(time.Second)},
		{"default", "output", "third", now},
		{"other", "input", "fourth", now},
	} {
		got, saved, err := get(tt.account, tt.kind, "h")
		f.ok(err)
		f.same(tt.account+" "+tt.kind, got, tt.want)
		f.same("when it was saved", saved, tt.saved)
	}
	for range 2 {
		f.ok(f.store.DeleteResource(f.Context(), "default", "input", "h"))
	}
	if _, _, err := get("default", "input", "h"); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("deleted resource: %v, want %v", err, job.ErrNotFound)
	}
}

func accountSettings(f *fixture) {
	got, err := f.store.AccountSettings(f.Context(), "default")
	f.ok(err)
	f.same("before anything was saved", got, job.AccountSettings{})
	for _, want := range []job.AccountSettings{{Paused: true, PausedReason: "billing", PausedSince: now, Target: job.TargetSetting{Number: 7}}, {Target: job.TargetSetting{Auto: true}}, {}, {Target: job.TargetSetting{Number: 2}}} {
		changed, err := f.store.UpdateAccountSettings(f.Context(), "default", now, func(a *job.AccountSettings) error {
			*a = want
			return nil
		})
		f.ok(err)
		f.same("what was saved", changed, want)
		got, err := f.store.AccountSettings(f.Context(), "default")
		f.ok(err)
		f.same("settings", got, want)
	}
	got, err = f.store.AccountSettings(f.Context(), "other")
	f.ok(err)
	f.same("other account", got, job.AccountSettings{})
}

// settingsAreShown changes settings from many sides at once: the status shows those that were saved last.
func settingsAreShown(f *fixture) {
	const rounds, callers = 20, 8
	f.store.PublishAccountStatus(job.AccountStatus{ID: "default"})
	for round := range rounds {
		goOn := f.stall()
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				_, err := f.store.UpdateAccountSettings(f.Context(), "default", now, func(a *job.AccountSettings) error {
					a.Target.Number++
					return nil
				})
				if err != nil {
					f.Error(err)
				}
			})
		}
		goOn()
		group.Wait()
		saved, err := f.store.AccountSettings(f.Context(), "default")
		f.ok(err)
		f.same("saved", saved.Target.Number, (round+1)*callers)
		status, _ := f.store.AccountStatus("default")
		f.same("shown", status.TargetSetting, saved.Target)
	}
}
