package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stokerd/stoker/job"
)

// submitRefused adds jobs that have to be refused, and returns the violations.
func (f *fixture) submitRefused(b job.Batch, jobs ...job.Spec) []job.Violation {
	f.Helper()
	before := f.batch(b.ID)
	_, added, _, err := f.store.AddJobs(f.Context(), b.ID, jobs, now.Add(time.Minute))
	invalid, ok := errors.AsType[*job.InvalidError](err)
	if !ok {
		f.Fatalf("added %d of %v, %v; want an InvalidError", added, jobs, err)
	}
	f.same("batch after the refusal", f.batch(b.ID), before)
	return invalid.Violations
}

func (f *fixture) add(b job.Batch, want int64, jobs ...job.Spec) {
	f.Helper()
	_, added, _, err := f.store.AddJobs(f.Context(), b.ID, jobs, now.Add(time.Minute))
	f.ok(err)
	f.same("added", added, want)
}

func to(key, path string) job.Spec {
	return job.Spec{Key: key, InputPath: "in/" + key, OutputPath: path}
}

func oneOutputEach(f *fixture) {
	b := f.submit(2, func(b *job.Batch) { b.Open = true })
	taken := func(i int, path, writer string) job.Violation {
		return job.Violation{
			Field:   fmt.Sprintf("jobs[%d].output_path", i),
			Message: fmt.Sprintf("%q is written to by %s already; one would overwrite the other", path, writer),
		}
	}
	second := fmt.Sprintf("job %s/2, key %q,", b.ID, "k2")
	f.same("another job's path", f.submitRefused(b, to("a", "out/a"), to("k1", "out/2"), to("b", "out/2"), to("", "out/2")),
		[]job.Violation{taken(2, "out/2", second), taken(3, "out/2", "jobs[2]")})
	f.same("a path twice", f.submitRefused(b, to("a", "out/a"), to("c", "out/c"), to("d", "out/c")), []job.Violation{taken(2, "out/c", "jobs[1]")})

	f.add(b, 2, to("k2", "out/2"), to("a", "out/a"), to("", "out/nameless"))
	f.add(b, 0, to("k2", "out/2"), to("a", "out/a")) // as a caller does that did not get the answer
	f.same("a path that was added", f.submitRefused(b, to("e", "out/nameless")), []job.Violation{taken(0, "out/nameless", "job "+b.ID+"/4")})
	f.reopen()
	f.same("after a restart", f.submitRefused(b, to("e", "out/a")), []job.Violation{taken(0, "out/a", fmt.Sprintf("job %s/3, key %q,", b.ID, "a"))})
	f.add(b, 3, to("e", "out/e"), to("", ""), to("", ""))

	other := f.submit(1, func(b *job.Batch) { b.Open = true })
	f.add(other, 1, to("a", "out/a")) // another batch may write there
}

func manyOutputs(f *fixture) {
	b := f.submit(0, func(b *job.Batch) { b.Open = true })
	const parts, size = 5, 700
	part := func(n int) []job.Spec {
		list := make([]job.Spec, size)
		for i := range list {
			list[i] = to(fmt.Sprintf("%d-%d", n, i), fmt.Sprintf("out/%d", (i*7919+n)%1_000_003))
		}
		return list
	}
	for n := range parts {
		f.add(b, size, part(n)...)
		again := part(n)
		for i := range again {
			again[i].Key += "+"
		}
		invalid := f.submitRefused(b, again...)
		f.same("violations told", len(invalid), 100)
		f.same("the first", invalid[0].Field, "jobs[0].output_path")
	}
	for i, j := range part(2) {
		j.Key = "new"
		if wrong := f.submitRefused(b, j); !strings.Contains(wrong[0].Message, fmt.Sprintf("/%d, key %q", 2*size+i+1, fmt.Sprintf("2-%d", i))) {
			f.Fatalf("%v does not name job %d", wrong, 2*size+i+1)
		}
	}
}

func sharedOutputs(f *fixture) {
	b := f.submit(2, func(b *job.Batch) { b.Open, b.DistinctBy = true, job.ByTemplate })
	f.add(b, 3, to("a", "out/1"), to("b", "out/1"), to("c", ""))
	f.reopen()
	f.add(b, 1, to("d", "out/1"))
}

func oneJobAlone(f *fixture) {
	b := f.submit(0, func(b *job.Batch) { b.Open, b.DistinctBy = true, job.ByNothing })
	wrong := f.submitRefused(b, to("a", "out/a"), to("b", "out/b"))
	f.same("two at once", wrong[0].Field, "jobs[1].output_path")
	f.add(b, 1, to("a", "out/a"))
	f.add(b, 0, to("a", "out/a"))
	f.reopen()
	wrong = f.submitRefused(b, to("a", "out/a"), to("b", "out/b"))
	f.same("another one later", wrong[0].Field, "jobs[1].output_path")
}

func outputsOfSkipped(f *fixture) {
	first := f.submit(2, nil)
	f.succeed(first, 1)
	b, _ := f.rerun(specs(1), func(b *job.Batch) { b.Open = true })
	f.same("skipped", b.Skipped, int64(1))
	want := job.Violation{
		Field:   "jobs[0].output_path",
		Message: `"out/1" is where the job with key "k1" has written, which this batch skips; one would overwrite the other`,
	}
	f.same("the path of a job skipped at submission", f.submitRefused(b, to("a", "out/1")), []job.Violation{want})
	f.reopen()
	f.same("after a restart", f.submitRefused(b, to("a", "out/1")), []job.Violation{want})
	f.add(b, 0, specs(1)...)

	later, _ := f.rerun(nil, func(b *job.Batch) { b.Open = true })
	f.add(later, 0, specs(1)...)
	f.same("the path of a job skipped later", f.submitRefused(later, to("a", "out/1")), []job.Violation{want})

	mixed, _ := f.rerun([]job.Spec{to("a", "out/1")}, func(b *job.Batch) { b.Open = true })
	wrong := f.submitRefused(mixed, specs(2)...)
	f.same("a job that would be skipped", len(wrong), 1)
	f.same("its field", wrong[0].Field, "jobs[0].output_path")
}
