package storetest

import (
	"errors"
	"reflect"
	"time"

	"github.com/stokerd/stoker/job"
)

// fullBatch has a value in every field that a submission may set.
func fullBatch() job.Batch {
	recipe := job.DefaultRecipe()
	return job.Batch{
		ID: "0192f0c1-0000-7000-8000-000000000001", DisplayName: "night run", AccountID: "default", Priority: 70,
		State: job.BatchPaused, StateReason: "not yet", Profile: "default", Recipe: &recipe,
		Template: &job.Template{Name: "ladder", Text: "metadata: {}"},
		Input:    job.StorageRef{Name: "mezzanine"}, Output: job.StorageRef{ID: "an-output"},
		Retry:        job.RetryPolicy{MaxRetries: 3, InitialBackoff: time.Second, MaxBackoff: time.Minute, RetryTransferErrors: true},
		FailureLimit: job.FailureLimit{Count: 5, Percent: 10, MinFinished: 30},
		Labels:       map[string]string{"team": "vod", "tier": "gold"}, Open: true, SkipSucceeded: true, DistinctBy: job.ByTemplate, CreatedBy: "token:ci",
		CallID: "film-411", TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}
}

func submitStoresAll(f *fixture) {
	sub := job.Submission{Batch: fullBatch(), Jobs: []job.Spec{
		{Key: "a", Name: "A", InputPath: "in/a.mp4", OutputPath: "out/a", Variables: map[string]string{"crf": "23"}},
		{InputPath: "in/b.mp4", OutputPath: "out/b"},
		{InputPath: "in/c.mp4", OutputPath: "out/c"},
	}}
	for i, v := 0, reflect.ValueOf(sub.Batch); i < v.NumField(); i++ {
		switch name := v.Type().Field(i).Name; name {
		case "Seq", "Counts", "FailuresForgiven", "Skipped", "Revision", "CreateTime", "UpdateTime", "StartTime", "StateTime", "FinishTime":
		default:
			if v.Field(i).IsZero() {
				f.Fatalf("this test submits no %s", name)
			}
		}
	}
	got, created, err := f.store.Submit(f.Context(), sub, now)
	f.ok(err)
	f.same("created", created, true)
	want := sub.Batch
	want.Seq, want.Revision, want.CreateTime, want.UpdateTime, want.StateTime = got.Seq, 1, now, now, now
	want.Counts.Waiting = 3
	f.same("answer", got, want)
	f.same("batch", f.batch(want.ID), want)

	jobs, err := f.store.Jobs(f.Context(), job.Filter{BatchID: want.ID})
	f.ok(err)
	var wantJobs []job.Job
	for i, spec := range sub.Jobs {
		wantJobs = append(wantJobs, job.Job{
			ID: job.ID{Batch: want.ID, Number: int64(i) + 1}, Spec: spec, State: job.Waiting,
			Version: 1, Revision: 1, CreateTime: now, UpdateTime: now,
		})
	}
	f.same("jobs", jobs, wantJobs)

	next := f.submit(1, nil)
	if next.Seq <= got.Seq || next.ID == "" || next.State != job.BatchActive {
		f.Errorf("second batch: seq %d after %d, id %q, state %s", next.Seq, got.Seq, next.ID, next.State)
	}
}

func submitStoresNothing(f *fixture) {
	twice := append(specs(300), job.Spec{Key: "k7"})
	b := job.Batch{ID: "b", AccountID: "default"}
	_, _, err := f.store.Submit(f.Context(), job.Submission{Batch: b, Jobs: twice, RequestID: "r"}, now)
	if !errors.Is(err, job.ErrExists) {
		f.Fatalf("submit with a repeated key: %v, want %v", err, job.ErrExists)
	}
	if _, err := f.store.Batch(f.Context(), "b"); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("batch: %v, want %v", err, job.ErrNotFound)
	}
	if _, err := f.store.Job(f.Context(), job.ID{Batch: "b", Number: 1}); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("job: %v, want %v", err, job.ErrNotFound)
	}
	_, created, err := f.store.Submit(f.Context(), job.Submission{Batch: b, Jobs: specs(300), RequestID: "r"}, now)
	f.ok(err)
	f.same("created after the mistake was put right", created, true)

	_, _, err = f.store.Submit(f.Context(), job.Submission{Batch: b}, now)
	if !errors.Is(err, job.ErrExists) {
		f.Errorf("submit with a repeated batch id: %v, want %v", err, job.ErrExists)
	}
}

func submitRepeats(f *fixture) {
	sub := job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: specs(2), RequestID: "r", PayloadHash: []byte{1}}
	first, created, err := f.store.Submit(f.Context(), sub, now)
	f.ok(err)
	f.same("created", created, true)
	f.update(first, 1, cancel)

	again, created, err := f.store.Submit(f.Context(), sub, now.Add(time.Hour))
	f.ok(err)
	f.same("created again", created, false)
	f.same("second answer", again, f.batch(first.ID))
	f.same("counts as they are now", again.Counts, job.Counts{Waiting: 1, Cancelled: 1})

	sub.PayloadHash = []byte{2}
	if _, _, err := f.store.Submit(f.Context(), sub, now); !errors.Is(err, job.ErrExists) {
		f.Errorf("other payload: %v, want %v", err, job.ErrExists)
	}

	sub.RequestID = ""
	for range 2 {
		_, created, err := f.store.Submit(f.Context(), sub, now)
		f.ok(err)
		f.same("created without request id", created, true)
	}
}

func submitEmpty(f *fixture) {
	closed := f.submit(0, nil)
	f.same("closed batch", closed.State, job.BatchSucceeded)
	f.same("its end", closed.FinishTime, now)
	open := f.submit(0, func(b *job.Batch) { b.Open = true })
	f.same("open batch", open.State, job.BatchOpen)
}

func addJobsOnce(f *fixture) {
	b := f.submit(2, func(b *job.Batch) { b.Open = true })
	more := []job.Spec{
		{Key: "k2", InputPath: "ignored"},
		{Key: "k3", InputPath: "in/3.mp4"},
		{Key: "k3", InputPath: "ignored"},
		{InputPath: "in/4.mp4"},
		{InputPath: "in/4.mp4"},
	}
	later := now.Add(time.Second)
	got, added, skipped, err := f.store.AddJobs(f.Context(), b.ID, more, later)
	f.ok(err)
	f.same("added, skipped", []int64{added, skipped}, []int64{3, 2})
	f.same("answer", got, f.batch(b.ID))
	f.same("counts", got.Counts, job.Counts{Waiting: 5})

	_, jobs, err := f.store.Changes(f.Context(), b.ID, b.Revision, 10)
	f.ok(err)
	var paths []string
	for i, j := range jobs {
		paths = append(paths, j.InputPath)
		f.same("number", j.ID.Number, int64(3+i))
		f.same("revision", j.Revision, b.Revision+int64(i)+1)
		f.same("create time", j.CreateTime, later)
	}
	f.same("jobs added", paths, []string{"in/3.mp4", "in/4.mp4", "in/4.mp4"})
	f.same("revision of the batch", got.Revision, jobs[len(jobs)-1].Revision)

	again, added, skipped, err := f.store.AddJobs(f.Context(), b.ID, more[:3], later.Add(time.Second))
	f.ok(err)
	f.same("added, skipped the second time", []int64{added, skipped}, []int64{0, 3})
	f.same("batch after adding nothing", again, got)
}

func addJobsToOpen(f *fixture) {
	b := f.submit(1, nil)
	_, _, _, err := f.store.AddJobs(f.Context(), b.ID, specs(1), now)
	if e, ok := errors.AsType[*job.StateError](err); !ok || e.State != "ACTIVE" {
		f.Errorf("add to a closed batch: %v, want a StateError for ACTIVE", err)
	}
	_, _, _, err = f.store.AddJobs(f.Context(), "nobody's", specs(1), now)
	if !errors.Is(err, job.ErrNotFound) {
		f.Errorf("add to an unknown batch: %v, want %v", err, job.ErrNotFound)
	}
	paused := f.submit(1, func(b *job.Batch) { b.Open = true })
	_, err = f.store.UpdateBatch(f.Context(), paused.ID, now, func(b *job.Batch) error { return b.Pause("lunch") })
	f.ok(err)
	_, added, _, err := f.store.AddJobs(f.Context(), paused.ID, []job.Spec{{}}, now)
	f.ok(err)
	f.same("added to a paused, open batch", added, int64(1))
}
