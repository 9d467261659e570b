package storetest

import (
	"errors"

	"github.com/stokerd/stoker/job"
)

func selectJobs(f *fixture) {
	b := f.submit(12, nil)                         // keys k1 to k12
	f.update(b, 2, append(started, failedOnce)...) // WAITING, ENCODING, DOWNLOAD
	f.update(b, 3, append(started, failed)...)     // FAILED, ENCODING, no category
	f.update(b, 5, cancel)
	f.update(b, 11, started...)
	f.submit(3, nil) // of another batch
	for _, tt := range []struct {
		name string
		sel  job.Selection
		want []int64
	}{
		{"states", job.Selection{States: []job.State{job.Queued, job.Cancelled, job.Queued}}, []int64{5, 11}},
		{"prefix", job.Selection{States: []job.State{job.Waiting, job.Queued}, KeyPrefix: "k1"}, []int64{1, 10, 11, 12}},
		{"a prefix is no pattern", job.Selection{States: []job.State{job.Waiting}, KeyPrefix: "k%"}, nil},
		{"failure", job.Selection{States: []job.State{job.Waiting, job.Failed}, FailureKinds: []job.FailureKind{job.FailedEncoding}}, []int64{2, 3}},
		{"category", job.Selection{States: []job.State{job.Waiting, job.Failed}, Categories: []string{"DOWNLOAD"}}, []int64{2}},
		{"text", job.Selection{States: []job.State{job.Waiting, job.Queued}, Text: "/1"}, []int64{1, 10, 11, 12}},
		{"text and failure", job.Selection{States: []job.State{job.Waiting, job.Failed}, Text: "IN/", FailureKinds: []job.FailureKind{job.FailedEncoding}}, []int64{2, 3}},
		{"text and category", job.Selection{States: []job.State{job.Waiting, job.Failed}, Text: "k", Categories: []string{"DOWNLOAD"}}, []int64{2}},
		{"text and prefix", job.Selection{States: []job.State{job.Waiting}, Text: "2", KeyPrefix: "k1"}, []int64{12}},
		{"unknown cause", job.Selection{States: []job.State{job.Waiting, job.Failed}, Causes: []string{"x"}}, nil},
	} {
		tt.sel.BatchID = b.ID
		got, err := f.store.SelectJobNumbers(f.Context(), tt.sel, 0, 100)
		f.ok(err)
		f.same(tt.name, got, tt.want)
		n, err := f.store.CountSelectedJobs(f.Context(), tt.sel)
		f.ok(err)
		var want job.Counts
		for _, number := range tt.want {
			*want.Of(f.job(b, number).State)++
		}
		f.same(tt.name+": count", n, want)
	}
	waiting := job.Selection{BatchID: b.ID, States: []job.State{job.Waiting, job.Cancelled}}
	page, err := f.store.SelectJobNumbers(f.Context(), waiting, 2, 3)
	f.ok(err)
	f.same("page", page, []int64{4, 5, 6})
	waiting.Text = "out/"
	page, err = f.store.SelectJobNumbers(f.Context(), waiting, 2, 3)
	f.ok(err)
	f.same("page by text", page, []int64{4, 5, 6})
}

func updateNumbered(f *fixture) {
	b := f.submit(4, nil)
	n, err := f.store.UpdateJobsByNumber(f.Context(), b.ID, []int64{1, 3}, now, cancel)
	f.ok(err)
	f.same("changed", n, int64(2))
	n, err = f.store.UpdateJobsByNumber(f.Context(), b.ID, []int64{1, 2}, now, cancel)
	f.ok(err)
	f.same("changed again", n, int64(1))
	f.same("counts", f.batch(b.ID).Counts, job.Counts{Waiting: 1, Cancelled: 3})

	objection := errors.New("objection")
	_, err = f.store.UpdateJobsByNumber(f.Context(), b.ID, []int64{4, 1}, now, func(u *job.Update) error {
		if u.Job.ID.Number == 1 {
			return objection
		}
		return cancel(u)
	})
	f.same("objection", errors.Is(err, objection), true)
	_, err = f.store.UpdateJobsByNumber(f.Context(), b.ID, []int64{4, 5}, now, cancel)
	f.same("no such job", errors.Is(err, job.ErrNotFound), true)
	f.same("state of job 4", f.job(b, 4).State, job.Waiting)
}
