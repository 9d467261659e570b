package storetest

import (
	"errors"
	"time"

	"github.com/stokerd/stoker/job"
)

// rerun is a batch that skips what has succeeded, of a list like that of [fixture.submit].
func (f *fixture) rerun(jobs []job.Spec, edit func(*job.Batch)) (b job.Batch, left int64) {
	f.Helper()
	b = job.Batch{AccountID: "default", Priority: 50, SkipSucceeded: true}
	if edit != nil {
		edit(&b)
	}
	left, err := f.store.CountSucceeded(f.Context(), b, jobs)
	f.ok(err)
	b, _, err = f.store.Submit(f.Context(), job.Submission{Batch: b, Jobs: jobs}, now)
	f.ok(err)
	f.same("jobs skipped, as foretold", b.Skipped, left)
	return b, left
}

// succeed has a job succeed.
func (f *fixture) succeed(b job.Batch, number int64) {
	f.Helper()
	f.update(b, number, append(started, finished)...)
}

// keys are the keys of a batch's jobs, by number.
func (f *fixture) keys(b job.Batch) []string {
	f.Helper()
	jobs, err := f.store.Jobs(f.Context(), job.Filter{BatchID: b.ID})
	f.ok(err)
	var list []string
	for _, j := range jobs {
		list = append(list, j.Key)
	}
	return list
}

func skipSucceeded(f *fixture) {
	first := f.submit(1500, nil)
	f.succeed(first, 1)
	f.succeed(first, 700)
	f.succeed(first, 1499)
	f.update(first, 3, append(started, failed)...)
	f.update(first, 4, cancel)
	again, left := f.rerun(specs(1500), nil)
	f.same("skipped", left, int64(3))
	f.same("counts", again.Counts, job.Counts{Waiting: 1497})
	keys := f.keys(again)
	f.same("first keys", keys[:3], []string{"k2", "k3", "k4"})
	f.same("last key", keys[1496], "k1500")

	plain := f.submit(5, nil)
	f.same("without being asked", plain.Skipped+plain.Counts.Waiting, int64(5))

	// A third time: jobs that succeeded in either batch are skipped.
	f.succeed(again, 1)
	third, _ := f.rerun(specs(4), nil)
	f.same("third time", f.keys(third), []string{"k3", "k4"})
	f.same("stored", f.batch(third.ID), third)
}

func skipNothingElse(f *fixture) {
	ladder := job.DefaultRecipe()
	ladder.Videos = ladder.Videos[:1]
	base := func(b *job.Batch) {
		recipe := job.DefaultRecipe()
		b.Profile, b.Recipe = "default", &recipe
		b.Input, b.Output = job.StorageRef{Name: "in"}, job.StorageRef{Name: "out"}
	}
	first := f.submit(1, base)
	f.succeed(first, 1)
	for _, tt := range []struct {
		name string
		edit func(*job.Batch)
		spec func(*job.Spec)
		want int64
	}{
		{"the same", nil, nil, 1},
		{"another name of the profile, priority and label", func(b *job.Batch) {
			b.Profile, b.Priority, b.Labels = "", 1, map[string]string{"a": "b"}
		}, func(j *job.Spec) { j.Name = "new name" }, 1},
		{"account", func(b *job.Batch) { b.AccountID = "other" }, nil, 0},
		{"recipe", func(b *job.Batch) { b.Recipe = &ladder }, nil, 0},
		{"template", func(b *job.Batch) { b.Recipe, b.Template = nil, &job.Template{Text: "metadata: {}"} }, nil, 0},
		{"input storage", func(b *job.Batch) { b.Input = job.StorageRef{ID: "in"} }, nil, 0},
		{"output storage", func(b *job.Batch) { b.Output.Name = "elsewhere" }, nil, 0},
		{"key", nil, func(j *job.Spec) { j.Key = "other" }, 0},
		{"no key", nil, func(j *job.Spec) { j.Key = "" }, 0},
		{"asset", nil, func(j *job.Spec) { j.InputPath = "in/recut.mp4" }, 0},
		{"output path", nil, func(j *job.Spec) { j.OutputPath = "out/elsewhere" }, 0},
		{"variables", nil, func(j *job.Spec) { j.Variables = map[string]string{"a": "b"} }, 0},
	} {
		jobs := specs(1)
		if tt.spec != nil {
			tt.spec(&jobs[0])
		}
		_, left := f.rerun(jobs, func(b *job.Batch) {
			base(b)
			if tt.edit != nil {
				tt.edit(b)
			}
		})
		f.same(tt.name+": skipped", left, tt.want)
	}
}

func addSkipsSucceeded(f *fixture) {
	first := f.submit(4, nil)
	f.succeed(first, 1)
	f.succeed(first, 3)
	open, _ := f.rerun(specs(2), func(b *job.Batch) { b.Open = true })
	f.same("skipped at submission", open.Skipped, int64(1))
	b, added, skipped, err := f.store.AddJobs(f.Context(), open.ID, specs(4), now.Add(time.Second))
	f.ok(err)
	f.same("counts", b.Counts, job.Counts{Waiting: 2})
	f.same("skipped in all", b.Skipped, int64(2))
	f.same("of four jobs: added, there, succeeded", []int64{added, skipped, 4 - added - skipped}, []int64{1, 1, 2})
	f.same("revision", b.Revision, open.Revision+1)
	f.same("stored", f.batch(b.ID), b)

	// As a caller does that did not get the answer: a skipped job is skipped again, although the
	// batch in which it succeeded is deleted.
	f.ok(f.endAndDelete(first))
	again, added, skipped, err := f.store.AddJobs(f.Context(), open.ID, specs(4), now.Add(time.Minute))
	f.ok(err)
	f.same("the second time: added, there", []int64{added, skipped}, []int64{0, 2})
	f.same("batch after adding nothing", again, b)
	f.same("keys", f.keys(b), []string{"k2", "k4"})

	only := f.submit(1, func(b *job.Batch) { b.AccountID = "other" })
	f.succeed(only, 1)
	open, _ = f.rerun(nil, func(b *job.Batch) { b.AccountID, b.Open = "other", true })
	b, added, _, err = f.store.AddJobs(f.Context(), open.ID, specs(1), now.Add(time.Hour))
	f.ok(err)
	f.same("added", added, int64(0))
	f.same("a watcher sees what was left out", b.Revision, open.Revision+1)
	f.same("changed", b.UpdateTime, now.Add(time.Hour))
}

// endAndDelete ends a batch and deletes it.
func (f *fixture) endAndDelete(b job.Batch) error {
	f.Helper()
	for {
		n, err := f.store.UpdateJobs(f.Context(), job.Filter{BatchID: b.ID, States: []job.State{job.Waiting}, Limit: 100}, now, cancel)
		f.ok(err)
		if n == 0 {
			return f.store.DeleteBatch(f.Context(), b.ID, now)
		}
	}
}

func skipAll(f *fixture) {
	first := f.submit(2, nil)
	f.succeed(first, 1)
	f.succeed(first, 2)
	all, _ := f.rerun(specs(2), nil)
	f.same("state", all.State, job.BatchSucceeded)
	f.same("end", all.FinishTime, now)
	f.same("jobs", all.Counts, job.Counts{})
	open, _ := f.rerun(specs(2), func(b *job.Batch) { b.Open = true })
	f.same("state of an open one", open.State, job.BatchOpen)
	closed, err := f.store.UpdateBatch(f.Context(), open.ID, now, (*job.Batch).Close)
	f.ok(err)
	f.same("its state when it is closed", closed.State, job.BatchSucceeded)
	f.same("what it skipped", closed.Skipped, int64(2))
}

func skipRemembers(f *fixture) {
	first := f.submit(3, nil)
	f.succeed(first, 1)
	f.succeed(first, 3)
	f.ok(f.endAndDelete(first))
	again, left := f.rerun(specs(3), nil)
	f.same("skipped, of a deleted batch", left, int64(2))
	f.same("keys of the others", f.keys(again), []string{"k2"})

	f.succeed(again, 1)
	skips, _ := f.rerun(specs(3), nil)
	f.same("skipped", skips.Skipped, int64(3))
	f.ok(f.store.DeleteBatch(f.Context(), skips.ID, now)) // with the keys that it has skipped
	if _, err := f.store.Batch(f.Context(), skips.ID); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("deleted batch: %v", err)
	}
	f.ok(f.store.DeleteBatch(f.Context(), again.ID, now))
	f.reopen()
	f.remove()
	_, left = f.rerun(specs(3), nil)
	f.same("skipped after a restart", left, int64(3))
	for _, other := range []struct {
		name string
		edit func(*job.Batch)
		spec func(*job.Spec)
	}{
		{"account", func(b *job.Batch) { b.AccountID = "other" }, nil},
		{"input storage", func(b *job.Batch) { b.Input.ID = "in" }, nil},
		{"key", nil, func(j *job.Spec) { j.Key = "other" }},
		{"no key", nil, func(j *job.Spec) { j.Key = "" }},
		{"asset", nil, func(j *job.Spec) { j.InputPath = "in/recut.mp4" }},
		{"output path", nil, func(j *job.Spec) { j.OutputPath = "out/elsewhere" }},
		{"variables", nil, func(j *job.Spec) { j.Variables = map[string]string{"a": "b"} }},
	} {
		jobs := specs(1)
		if other.spec != nil {
			other.spec(&jobs[0])
		}
		_, left := f.rerun(jobs, other.edit)
		f.same("another "+other.name+": skipped, of deleted batches", left, int64(0))
	}
}
