package storetest

import (
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// nextJobs reads the next jobs as "<display name of the batch><number>".
func (f *fixture) nextJobs(at time.Time, limit int, except ...int64) []string {
	f.Helper()
	jobs, err := f.store.NextJobs(f.Context(), "default", at, limit, job.Except{Batches: except})
	f.ok(err)
	var list []string
	for _, j := range jobs {
		list = append(list, fmt.Sprintf("%s%d", f.batch(j.ID.Batch).DisplayName, j.ID.Number))
		f.same("job", j, f.job(job.Batch{ID: j.ID.Batch}, j.ID.Number))
	}
	return list
}

func named(name string, priority int) func(*job.Batch) {
	return func(b *job.Batch) { b.DisplayName, b.Priority = name, priority }
}

func nextJobsOrder(f *fixture) {
	a := f.submit(4, named("a", 50))
	b := f.submit(5, named("b", 50))
	f.submit(1, named("urgent", 90))
	f.submit(3, named("idle", 10))
	f.submit(9, func(b *job.Batch) { b.AccountID = "other" })
	f.same("fair shares", f.nextJobs(now, 100), []string{
		"urgent1", "a1", "b1", "a2", "b2", "a3", "b3", "a4", "b4", "b5", "idle1", "idle2", "idle3",
	})
	f.same("limit", f.nextJobs(now, 4), []string{"urgent1", "a1", "b1", "a2"})
	f.same("without a batch", f.nextJobs(now, 4, a.Seq), []string{"urgent1", "b1", "b2", "b3"})
	f.same("no room", f.nextJobs(now, 0), []string(nil))
	ci := f.submit(1, func(b *job.Batch) { b.DisplayName, b.Priority, b.CreatedBy = "ci", 95, "token:ci" })
	jobs, err := f.store.NextJobs(f.Context(), "default", now, 1, job.Except{Principals: []string{"token:nobody"}})
	f.ok(err)
	f.same("without the batches of nobody", jobs[0].ID.Batch, ci.ID)
	jobs, err = f.store.NextJobs(f.Context(), "default", now, 100, job.Except{Principals: []string{"token:ci"}})
	f.ok(err)
	f.same("without the batches of a principal", len(jobs), 13)
	_, err = f.store.UpdateJobs(f.Context(), job.Filter{BatchID: ci.ID}, now, cancel)
	f.ok(err)

	// What a short batch leaves over goes to the long one.
	short, long := f.submit(1, named("s", 80)), f.submit(9, named("l", 80))
	f.same("uneven", f.nextJobs(now, 9), []string{"urgent1", "s1", "l1", "l2", "l3", "l4", "l5", "l6", "l7"})
	for _, b := range []job.Batch{short, long} {
		_, err := f.store.UpdateJobs(f.Context(), job.Filter{BatchID: b.ID}, now, cancel)
		f.ok(err)
	}

	// Two of a are in flight: b catches up first. What is prepared stays in its place.
	f.update(a, 1, started...)
	f.update(a, 3, started...)
	f.update(b, 2, configured)
	f.same("shares count what is in flight", f.nextJobs(now, 7), []string{"urgent1", "b1", "b2", "a2", "b3", "a4", "b4"})

	// A later batch with nothing in flight catches up as well.
	f.submit(2, named("late", 50))
	f.same("latecomer", f.nextJobs(now, 6), []string{"urgent1", "b1", "late1", "b2", "late2", "a2"})

	_, err = f.store.UpdateBatch(f.Context(), a.ID, now, func(b *job.Batch) error { b.Priority = 99; return nil })
	f.ok(err)
	f.same("new priority", f.nextJobs(now, 4), []string{"a2", "a4", "urgent1", "b1"})
}

func nextJobsWait(f *fixture) {
	b := f.submit(4, named("b", 50))
	f.update(b, 2, append(started, failedOnce)...)
	f.update(b, 4, cancel)
	retryAt := f.job(b, 2).NextAttemptTime
	f.same("during the back-off", f.nextJobs(retryAt.Add(-time.Millisecond), 10), []string{"b1", "b3"})
	f.same("afterwards it has its old place", f.nextJobs(retryAt, 10), []string{"b1", "b2", "b3"})
	f.same("and is found behind a limit", f.nextJobs(retryAt, 2), []string{"b1", "b2"})

	_, err := f.store.UpdateBatch(f.Context(), b.ID, now, func(b *job.Batch) error { return b.Pause("lunch") })
	f.ok(err)
	f.same("paused", f.nextJobs(retryAt, 10), []string(nil))
	open := f.submit(1, func(b *job.Batch) { b.Open, b.DisplayName = true, "open" })
	f.same("open", f.nextJobs(now, 10), []string{"open1"})
	_, err = f.store.UpdateBatch(f.Context(), open.ID, now, func(b *job.Batch) error { return b.Cancel("enough") })
	f.ok(err)
	f.same("cancelling", f.nextJobs(now, 10), []string(nil))
}

func nextDue(f *fixture) {
	due := func(at time.Time) time.Time {
		f.Helper()
		got, err := f.store.NextDueTime(f.Context(), "default", at)
		f.ok(err)
		return got
	}
	b, paused := f.submit(3, nil), f.submit(1, nil)
	f.same("no back-off", due(now), time.Time{})
	failAt := func(b job.Batch, number int64, wait time.Duration) {
		f.update(b, number, append(started, func(u *job.Update) error {
			o := job.Observation{EncodingID: u.Job.EncodingID, Status: job.RemoteError, Failure: &job.Failure{Hint: job.HintRetry}}
			return u.Observe(o, job.Rules{Retry: job.RetryPolicy{MaxRetries: 1, InitialBackoff: 2 * wait}}, now)
		})...)
	}
	failAt(b, 1, time.Minute)
	failAt(b, 2, time.Second)
	failAt(paused, 1, time.Millisecond)
	_, err := f.store.UpdateBatch(f.Context(), paused.ID, now, func(b *job.Batch) error { return b.Pause("lunch") })
	f.ok(err)
	f.same("the first", due(now), now.Add(time.Second))
	f.same("when it is due, the next", due(now.Add(time.Second)), now.Add(time.Minute))
	f.same("after all", due(now.Add(time.Hour)), time.Time{})
}
