package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/stokerd/stoker/job"
)

// jobKeepsFields fills every field by reflection, so it covers new fields of a job as well.
func jobKeepsFields(f *fixture) {
	b := f.submit(1, nil)
	want := f.job(b, 1)
	keep := []string{"ID", "Spec", "State", "Version", "Revision", "CreateTime"}
	fill := func(j *job.Job) {
		v := reflect.ValueOf(j).Elem()
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if slices.Contains(keep, name) {
				continue
			}
			switch field := v.Field(i).Addr().Interface().(type) {
			case *string:
				*field = "a " + name
			case *int:
				*field = 10 + i
			case *time.Time:
				*field = now.Add(time.Duration(i) * time.Second)
			case *job.Step:
				*field = job.StepCreate
			case *[]job.ManifestRef:
				*field = []job.ManifestRef{{Format: job.HLS, ID: "m1"}, {Format: job.DASH, ID: "m2"}}
			case **job.Failure:
				*field = &job.Failure{
					Kind: job.FailedStart, Code: 8004, HTTPStatus: 403, Category: "c", Text: "t", Hint: job.HintRetry,
					Messages: []string{"m"}, RequestID: "r", Time: now, Permanent: true,
				}
			default:
				f.Fatalf("this test cannot fill %s, a %T", name, field)
			}
		}
	}
	fill(&want)
	want.State, want.FinishTime, want.Version = job.Waiting, time.Time{}, 2
	got := f.update(b, 1, func(u *job.Update) error {
		fill(&u.Job)
		u.Job.FinishTime = time.Time{} // not of a job that waits
		u.Orphan = "makes it a change"
		return nil
	})
	f.same("answer", got, want)
	f.same("job", f.job(b, 1), want)
}

func updateMoves(f *fixture) {
	b := f.submit(3, nil)
	j := f.update(b, 2, configured)
	f.same("version, revision when configured", []int64{j.Version, j.Revision}, []int64{2, 2})
	j = f.update(b, 2, begin)
	f.same("answer", j, f.job(b, 2))
	f.same("counts", f.batch(b.ID).Counts, job.Counts{Waiting: 2, Starting: 1})
	f.same("start time before it was accepted", f.batch(b.ID).StartTime, time.Time{})
	j = f.update(b, 2, accepted, running, cancel)
	f.same("version, revision", []int64{j.Version, j.Revision}, []int64{6, 6})
	f.update(b, 2, func(u *job.Update) error { return observe(u, job.RemoteCanceled) })

	got := f.batch(b.ID)
	f.same("counts", got.Counts, job.Counts{Waiting: 2, Cancelled: 1})
	f.same("revision of the batch", got.Revision, int64(7))
	f.same("start time of the batch", got.StartTime, now)
	events, err := f.store.Events(f.Context(), job.ID{Batch: b.ID, Number: 2})
	f.ok(err)
	event := func(version int64, from, to job.State, reason string) job.Event {
		return job.Event{Job: job.ID{Batch: b.ID, Number: 2}, Version: version, Time: now, From: from, To: to, Attempt: 1, Reason: reason}
	}
	f.same("events", events, []job.Event{
		event(3, job.Waiting, job.Starting, "a place is free"),
		event(4, job.Starting, job.Queued, "start accepted"),
		event(5, job.Queued, job.Running, "an encoder took it"),
		event(6, job.Running, job.Cancelling, "enough"),
		event(7, job.Cancelling, job.Cancelled, "enough"),
	})
}

func updateInvisible(f *fixture) {
	b := f.submit(1, nil)
	var told int
	f.store.SetOnChange(func([]job.Change) { told++ })
	j := f.update(b, 1, func(u *job.Update) error { return u.BeginCreate(now) })
	f.same("version, revision", []int64{j.Version, j.Revision}, []int64{2, 1})
	f.same("step", f.job(b, 1).Step, job.StepCreate)
	f.same("batch", f.batch(b.ID), b)
	f.same("told", told, 0)
}

func updateNothing(f *fixture) {
	b := f.submit(1, nil)
	before := f.update(b, 1, configured)
	after := f.update(b, 1, accepted) // nothing was started
	f.same("job", after, before)
	f.same("revision", f.batch(b.ID).Revision, before.Revision)
}

func updateObjects(f *fixture) {
	b := f.submit(1, nil)
	before := f.update(b, 1, configured)
	boom := errors.New("boom")
	_, err := f.store.UpdateJob(f.Context(), before.ID, now, func(u *job.Update) error {
		if err := u.BeginStart(now); err != nil {
			return err
		}
		return boom
	})
	if err != boom { //nolint:errorlint // returned as it is is the guarantee
		f.Errorf("update: %v, want %v itself", err, boom)
	}
	f.same("job", f.job(b, 1), before)
	for _, id := range []job.ID{{Batch: b.ID, Number: 2}, {Batch: "nobody's", Number: 1}} {
		_, err := f.store.UpdateJob(f.Context(), id, now, begin)
		if !errors.Is(err, job.ErrNotFound) {
			f.Errorf("update %s: %v, want %v", id, err, job.ErrNotFound)
		}
	}
}

func updateIllegal(f *fixture) {
	b := f.submit(2, nil)
	before := f.job(b, 1)
	_, err := f.store.UpdateJob(f.Context(), before.ID, now, func(u *job.Update) error {
		if err := u.Configured("e", nil, now); err != nil {
			return err
		}
		u.Job.State = job.Running
		return nil
	})
	if !errors.Is(err, job.ErrIllegalTransition) {
		f.Errorf("WAITING to RUNNING: %v, want %v", err, job.ErrIllegalTransition)
	}
	f.same("job", f.job(b, 1), before)
	f.same("batch", f.batch(b.ID), b)
	f.update(b, 2, configured) // the table still works
}

func attemptsAreKept(f *fixture) {
	b := f.submit(1, nil)
	id := job.ID{Batch: b.ID, Number: 1}
	f.update(b, 1, append(started, running, failedOnce, begin, accepted, failed)...)
	got, err := f.store.Attempts(f.Context(), id)
	f.ok(err)
	if len(got) != 2 {
		f.Fatalf("%d attempts, want 2", len(got))
	}
	f.same("number, state, encoding, start", []any{got[0].Number, got[0].State, got[0].EncodingID, got[0].StartTime},
		[]any{1, job.Failed, encodingOf(id), now})
	f.same("first failure", got[0].Failure.Text, "no bytes")
	f.same("second failure", got[1].Failure, f.job(b, 1).Failure)

	again := job.Attempt{Number: 2, EncodingID: "e", State: job.Cancelled, FinishTime: now}
	f.update(b, 1, func(u *job.Update) error {
		u.Ended, u.Orphan = &again, "makes it a change"
		return nil
	})
	got, err = f.store.Attempts(f.Context(), id)
	f.ok(err)
	f.same("replaced", got[1:], []job.Attempt{again})
}

func orphansAreKept(f *fixture) {
	b := f.submit(3, nil)
	f.update(b, 1, configured, cancel)
	f.update(b, 2, cancel, configured) // the cancellation was faster
	f.ok(f.store.AddOrphan(f.Context(), job.Orphan{AccountID: "default", EncodingID: "found", CreateTime: now.Add(-time.Hour)}))
	f.ok(f.store.AddOrphan(f.Context(), job.Orphan{AccountID: "default", EncodingID: "found", CreateTime: now}))
	f.ok(f.store.AddOrphan(f.Context(), job.Orphan{AccountID: "other", EncodingID: "found", CreateTime: now}))
	want := []job.Orphan{
		{AccountID: "default", EncodingID: "found", CreateTime: now.Add(-time.Hour)},
		{AccountID: "default", EncodingID: encodingOf(job.ID{Batch: b.ID, Number: 1}), CreateTime: now},
		{AccountID: "default", EncodingID: encodingOf(job.ID{Batch: b.ID, Number: 2}), CreateTime: now},
	}
	got, err := f.store.Orphans(f.Context(), "default", 10)
	f.ok(err)
	f.same("orphans", got, want)
	for range 2 {
		f.ok(f.store.DeleteOrphan(f.Context(), "default", "found"))
	}
	got, err = f.store.Orphans(f.Context(), "default", 1)
	f.ok(err)
	f.same("orphans after one was deleted", got, want[1:2])
}

func updateJobsLimit(f *fixture) {
	b := f.submit(7, nil)
	f.update(b, 2, started...)
	pending := job.Filter{BatchID: b.ID, States: []job.State{job.Queued, job.Waiting}, Limit: 4}
	for _, want := range []int64{4, 3, 0} {
		n, err := f.store.UpdateJobs(f.Context(), pending, now, cancel)
		f.ok(err)
		f.same("changed", n, want)
		jobs, err := f.store.Jobs(f.Context(), job.Filter{BatchID: b.ID})
		f.ok(err)
		for _, j := range jobs {
			told := j.State == job.Cancelled || j.State == job.Cancelling
			f.same(fmt.Sprintf("job %d told after %d", j.ID.Number, want), told, want < 4 || j.ID.Number <= 4)
		}
	}
	f.same("counts", f.batch(b.ID).Counts, job.Counts{Cancelling: 1, Cancelled: 6})
	_, changed, err := f.store.Changes(f.Context(), b.ID, b.Revision+3, 100) // after the start of job 2
	f.ok(err)
	f.same("each has a revision of its own", numbers(changed), []int64{1, 2, 3, 4, 5, 6, 7})
	n, err := f.store.UpdateJobs(f.Context(), job.Filter{BatchID: b.ID, Limit: 3}, now, cancel)
	f.ok(err)
	f.same("changed when there is nothing left to do", n, int64(0))
}

func updateJobsObjects(f *fixture) {
	b := f.submit(3, nil)
	f.update(b, 1, cancel)
	_, err := f.store.UpdateJobs(f.Context(), job.Filter{BatchID: b.ID}, now, retry)
	if !errors.Is(err, job.ErrIllegalTransition) {
		f.Errorf("retry all: %v, want %v", err, job.ErrIllegalTransition)
	}
	f.same("counts", f.batch(b.ID).Counts, job.Counts{Waiting: 2, Cancelled: 1})
	_, err = f.store.UpdateJobs(f.Context(), job.Filter{BatchID: "nobody's"}, now, retry)
	if !errors.Is(err, job.ErrNotFound) {
		f.Errorf("unknown batch: %v, want %v", err, job.ErrNotFound)
	}
}

// concurrentChanges lets many callers change few jobs at once, some in ways that
// are refused, and compares versions, revisions and counts afterwards.
func concurrentChanges(f *fixture) {
	const callers, rounds, jobs = 8, 40, 5
	b := f.submit(jobs, nil)
	var group sync.WaitGroup
	for c := range callers {
		group.Go(func() {
			for r := range rounds {
				id := job.ID{Batch: b.ID, Number: int64((c*7+r)%jobs) + 1}
				_, err := f.store.UpdateJob(f.Context(), id, now, func(u *job.Update) error {
					switch {
					case u.Job.State == job.Starting:
						return u.StartNotMade("given back", now)
					case u.Job.Prepared():
						return u.BeginStart(now)
					}
					return u.Configured(encodingOf(id), nil, now)
				})
				if err != nil {
					f.Errorf("%s: %v", id, err)
				}
				_, err = f.store.UpdateJob(f.Context(), id, now, func(u *job.Update) error {
					u.Job.Progress = -1
					return u.Configured("refused by the table", nil, now)
				})
				if err == nil {
					f.Errorf("%s: a progress of -1 was accepted", id)
				}
			}
		})
	}
	group.Wait()
	got := f.batch(b.ID)
	f.same("revisions", got.Revision-b.Revision, int64(callers*rounds))
	list, err := f.store.Jobs(f.Context(), job.Filter{BatchID: b.ID})
	f.ok(err)
	var versions int64
	var counts job.Counts
	for _, j := range list {
		versions += j.Version - 1
		counts.Move("", j.State)
	}
	f.same("versions", versions, int64(callers*rounds))
	f.same("counts", got.Counts, counts)
}

func changesAreTold(f *fixture) {
	var mu sync.Mutex
	var heard []job.Change
	f.store.SetOnChange(func(changes []job.Change) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range changes {
			if !c.Everything { // on a shared table all is looked at now and then, and when wakeups begin to arrive
				heard = append(heard, c)
			}
		}
	})
	expect := func(what string, want ...job.Change) {
		f.Helper()
		mu.Lock()
		defer mu.Unlock()
		f.same(what, heard, want)
		heard = nil
	}
	b := f.submit(2, func(b *job.Batch) { b.Open = true })
	quiet := job.Change{BatchID: b.ID, AccountID: "default"}
	loud := quiet
	loud.Dispatch = true
	expect("submit", loud)
	_, _, _, err := f.store.AddJobs(f.Context(), b.ID, []job.Spec{{Key: "new"}}, now)
	f.ok(err)
	expect("add jobs", loud)
	_, _, _, err = f.store.AddJobs(f.Context(), b.ID, []job.Spec{{Key: "new"}}, now)
	f.ok(err)
	expect("add nothing")
	f.update(b, 1, configured)
	expect("configured", quiet)
	f.update(b, 1, begin)
	expect("start", quiet)
	f.update(b, 1, accepted)
	counted := quiet
	counted.Starts = 1
	expect("accepted", counted)
	about := func(numbers ...int64) job.Change {
		c := loud
		c.Numbers = numbers
		return c
	}
	f.update(b, 1, cancel)
	expect("cancel", about(1))
	_, err = f.store.UpdateJobs(f.Context(), job.Filter{BatchID: b.ID, States: []job.State{job.Waiting}}, now, cancel)
	f.ok(err)
	expect("cancel many", about(2, 3))
	f.update(b, 2, retry)
	expect("retry", about(2))
	_, err = f.store.UpdateBatch(f.Context(), b.ID, now, func(b *job.Batch) error { return b.Pause("lunch") })
	f.ok(err)
	expect("pause", loud)
	_, err = f.store.UpdateBatch(f.Context(), b.ID, now, func(b *job.Batch) error { return b.Pause("lunch") })
	f.ok(err)
	expect("pause again")
	f.store.SetOnChange(nil)
	f.submit(1, nil)
	expect("nobody listens")
}
