package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// ended submits a batch of n jobs that end with an outcome, at a time.
func (f *fixture) ended(n int, outcome job.State, at time.Time) job.Batch {
	f.Helper()
	b := f.submit(n, nil)
	facts := map[job.State][]func(*job.Update) error{
		job.Succeeded: append(started, finished), job.Failed: append(started, failed), job.Cancelled: {cancel},
	}[outcome]
	for _, fact := range facts {
		_, err := f.store.UpdateJobs(f.Context(), job.Filter{BatchID: b.ID}, at, fact)
		f.ok(err)
	}
	return f.batch(b.ID)
}

// remove removes what is left of deleted batches.
func (f *fixture) remove() {
	f.Helper()
	f.ok(store.NewKeeper(f.store).Remove(f.Context()))
}

// exist returns which of the batches exist.
func (f *fixture) exist(batches ...job.Batch) (list []bool) {
	f.Helper()
	for _, b := range batches {
		_, err := f.store.Batch(f.Context(), b.ID)
		if err != nil && !errors.Is(err, job.ErrNotFound) {
			f.Fatal(err)
		}
		list = append(list, err == nil)
	}
	return list
}

const day = 24 * time.Hour

func retainByAge(f *fixture) {
	k := store.NewKeeper(f.store)
	old, young := now.Add(-31*day), now.Add(-29*day)
	oldDone, youngDone := f.ended(2, job.Succeeded, old), f.ended(2, job.Succeeded, young)
	oldFailed, oldCancelled := f.ended(2, job.Failed, old), f.ended(2, job.Cancelled, old)
	live := f.submit(1, nil)
	all := []job.Batch{oldDone, youngDone, oldFailed, oldCancelled, live}

	done, err := k.Retain(f.Context(), store.Retention{}, now)
	f.ok(err)
	f.same("deleted for ever", done, store.Retained{})
	done, err = k.Retain(f.Context(), store.Retention{Succeeded: 30 * day, Cancelled: 40 * day}, now)
	f.ok(err)
	f.same("deleted", done, store.Retained{Batches: 1, Jobs: 2})
	f.same("left", f.exist(all...), []bool{false, true, true, true, true})

	// A batch that was retried has not ended.
	f.update(oldFailed, 1, retry)
	done, err = k.Retain(f.Context(), store.Retention{Failed: day, Cancelled: 30 * day}, now)
	f.ok(err)
	f.same("deleted later", done, store.Retained{Batches: 1, Jobs: 2})
	f.same("left later", f.exist(all...), []bool{false, true, true, false, true})
	done, err = k.Retain(f.Context(), store.Retention{Succeeded: 30 * day}, now.Add(2*day))
	f.ok(err)
	f.same("deleted after two days", done, store.Retained{Batches: 1, Jobs: 2})

	// More than fit one write.
	for range 230 {
		f.ended(0, job.Succeeded, now)
	}
	done, err = k.Retain(f.Context(), store.Retention{Succeeded: day}, now.Add(2*day))
	f.ok(err)
	f.same("deleted of many", done, store.Retained{Batches: 230})
}

func retainByCount(f *fixture) {
	k := store.NewKeeper(f.store)
	first, second := f.ended(10, job.Failed, now.Add(-4*day)), f.ended(10, job.Succeeded, now.Add(-3*day))
	third, live := f.ended(10, job.Cancelled, now.Add(-2*day)), f.submit(10, nil)
	for _, tt := range []struct {
		most int64
		want []bool
	}{
		{40, []bool{true, true, true, true}},
		{39, []bool{false, true, true, true}},
		{21, []bool{false, false, true, true}},
		{1, []bool{false, false, false, true}},
	} {
		_, err := k.Retain(f.Context(), store.Retention{Jobs: tt.most}, now)
		f.ok(err)
		f.same("left", f.exist(first, second, third, live), tt.want)
	}
}

func forgetInTime(f *fixture) {
	k := store.NewKeeper(f.store)
	sub := job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: specs(1), RequestID: "r"}
	b, _, err := f.store.Submit(f.Context(), sub, now)
	f.ok(err)
	f.succeed(b, 1)
	f.ok(f.store.DeleteBatch(f.Context(), b.ID, now.Add(day)))
	f.remove()
	skipped := func() int64 {
		f.Helper()
		n, err := f.store.CountSucceeded(f.Context(), job.Batch{AccountID: "default", SkipSucceeded: true}, specs(1))
		f.ok(err)
		return n
	}
	deleted := func() bool {
		f.Helper()
		gone, err := f.store.WasDeleted(f.Context(), b.ID)
		f.ok(err)
		return gone
	}
	keep := store.Retention{Results: 30 * day}
	f.ok(k.ForgetRequests(f.Context(), now.Add(7*day)))
	f.same("after six days: deleted", deleted(), true)
	if _, _, err := f.store.Submit(f.Context(), sub, now.Add(8*day)); err == nil {
		f.Error("the request id made a second batch within a week")
	}
	f.ok(k.ForgetRequests(f.Context(), now.Add(9*day)))
	f.same("after eight days: deleted", deleted(), false)
	again, created, err := f.store.Submit(f.Context(), sub, now.Add(9*day))
	f.ok(err)
	f.same("after eight days: created", created, true)
	f.same("its jobs", again.Counts.Waiting, int64(1))
	f.same("skipped after nine days", skipped(), int64(1))
	f.ok(k.ForgetResults(f.Context(), store.Retention{}, now.Add(100*day)))
	f.same("skipped, kept for ever", skipped(), int64(1))
	f.ok(k.ForgetResults(f.Context(), keep, now.Add(29*day)))
	f.same("skipped after 29 days", skipped(), int64(1))
	f.ok(k.ForgetResults(f.Context(), keep, now.Add(31*day)))
	f.same("skipped after 31 days", skipped(), int64(0))
}

// A job that has succeeded twice is remembered from its latest success on, whichever of its batches goes first.
func forgetLatest(f *fixture) {
	k := store.NewKeeper(f.store)
	early, late := f.submit(1, nil), f.submit(1, nil)
	for b, at := range map[string]time.Time{early.ID: now.Add(-29 * day), late.ID: now} {
		f.update(job.Batch{ID: b}, 1, append(slices.Clone(started), func(u *job.Update) error {
			return u.Observe(job.Observation{EncodingID: u.Job.EncodingID, Status: job.RemoteFinished}, job.Rules{}, at)
		})...)
	}
	for _, b := range []job.Batch{late, early} {
		f.ok(f.store.DeleteBatch(f.Context(), b.ID, now))
		f.remove()
	}
	for _, tt := range []struct {
		after time.Duration
		want  int64
	}{{29 * day, 1}, {31 * day, 0}} {
		f.ok(k.ForgetResults(f.Context(), store.Retention{Results: 30 * day}, now.Add(tt.after)))
		n, err := f.store.CountSucceeded(f.Context(), job.Batch{AccountID: "default", Priority: 50, SkipSucceeded: true}, specs(1))
		f.ok(err)
		f.same("skipped after "+tt.after.String(), n, tt.want)
	}
}

func reconcileAfterDeletion(f *fixture) {
	b := f.ended(1, job.Succeeded, now)
	f.ok(f.store.DeleteBatch(f.Context(), b.ID, now.Add(time.Hour)))
	f.remove()
	f.reopen()
	since, err := f.store.ReconcileSince(f.Context(), "default")
	f.ok(err)
	f.same("compared since", since, now.Add(time.Hour))
}
