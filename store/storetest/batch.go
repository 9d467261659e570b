package storetest

import (
	"errors"
	"time"

	"github.com/stokerd/stoker/job"
)

func updateBatch(f *fixture) {
	sub := job.Submission{Batch: fullBatch(), Jobs: specs(2)}
	b, _, err := f.store.Submit(f.Context(), sub, now)
	f.ok(err)
	later := now.Add(time.Second)
	want := b
	want.DisplayName, want.Priority, want.Retry.MaxRetries, want.FailureLimit.Count = "day run", 3, 1, 9
	want.Labels = map[string]string{"team": "live"}
	want.State, want.StateReason, want.FailuresForgiven, want.Open = job.BatchActive, "", 0, false
	want.Revision, want.UpdateTime, want.StateTime = 2, later, later
	got, err := f.store.UpdateBatch(f.Context(), b.ID, later, func(b *job.Batch) error {
		b.DisplayName, b.Priority, b.Retry.MaxRetries, b.FailureLimit.Count = "day run", 3, 1, 9
		delete(b.Labels, "tier")
		b.Labels["team"] = "live"
		if err := b.Close(); err != nil {
			return err
		}
		return b.Resume(later)
	})
	f.ok(err)
	f.same("answer", got, want)
	f.same("batch", f.batch(b.ID), want)

	got, err = f.store.UpdateBatch(f.Context(), b.ID, later.Add(time.Second), func(b *job.Batch) error { return b.Resume(later) })
	f.ok(err)
	f.same("update that changes nothing", got, want)

	want.Labels, want.Revision = map[string]string{"team": "live", "new": ""}, 3
	got, err = f.store.UpdateBatch(f.Context(), b.ID, later, func(b *job.Batch) error { b.Labels["new"] = ""; return nil })
	f.ok(err)
	f.same("update of nothing but a label", got, want)

	boom := errors.New("boom")
	_, err = f.store.UpdateBatch(f.Context(), b.ID, later, func(b *job.Batch) error { b.Priority = 99; return boom })
	if err != boom { //nolint:errorlint // returned as it is is the guarantee
		f.Errorf("update that objects: %v, want %v itself", err, boom)
	}
	f.same("batch after an objection", f.batch(b.ID), want)

	_, err = f.store.UpdateBatch(f.Context(), "nobody's", now, func(*job.Batch) error { return nil })
	if !errors.Is(err, job.ErrNotFound) {
		f.Errorf("unknown batch: %v, want %v", err, job.ErrNotFound)
	}

	// With the counts of jobs that move in the meantime.
	f.update(b, 1, configured, begin)
	got, err = f.store.UpdateBatch(f.Context(), b.ID, later, func(b *job.Batch) error { b.Priority = 4; return nil })
	f.ok(err)
	f.same("counts", got.Counts, job.Counts{Waiting: 1, Starting: 1})
	f.same("revision", got.Revision, int64(6))
}

func listBatches(f *fixture) {
	label := func(labels map[string]string) func(*job.Batch) {
		return func(b *job.Batch) { b.Labels = labels }
	}
	one := f.submit(1, label(map[string]string{"team": "vod", "tier": "gold"}))
	two := f.submit(1, func(b *job.Batch) {
		b.AccountID, b.Labels, b.CreatedBy = "other", map[string]string{"team": "vod"}, "token:ci"
	})
	three := f.submit(0, label(map[string]string{"team": "live", "tier": "gold"}))
	four := f.submit(1, func(b *job.Batch) { b.CreatedBy, b.DisplayName = "token:ci", "Night run" })
	for _, tt := range []struct {
		name   string
		filter job.BatchFilter
		want   []job.Batch
	}{
		{"all", job.BatchFilter{}, []job.Batch{four, three, two, one}},
		{"limit", job.BatchFilter{Limit: 2}, []job.Batch{four, three}},
		{"page", job.BatchFilter{Limit: 2, BeforeSeq: three.Seq}, []job.Batch{two, one}},
		{"state", job.BatchFilter{States: []job.BatchState{job.BatchSucceeded, job.BatchPaused}}, []job.Batch{three}},
		{"account", job.BatchFilter{Accounts: []string{"other"}}, []job.Batch{two}},
		{"label", job.BatchFilter{Labels: map[string]string{"team": "vod"}}, []job.Batch{two, one}},
		{"labels", job.BatchFilter{Labels: map[string]string{"team": "vod", "tier": "gold"}}, []job.Batch{one}},
		{"label and page", job.BatchFilter{Labels: map[string]string{"tier": "gold"}, BeforeSeq: three.Seq}, []job.Batch{one}},
		{"unknown label", job.BatchFilter{Labels: map[string]string{"team": "gold"}}, nil},
		{"label and state", job.BatchFilter{Labels: map[string]string{"tier": "gold"}, States: []job.BatchState{job.BatchActive}}, []job.Batch{one}},
		{"creator", job.BatchFilter{CreatedBy: "token:ci"}, []job.Batch{four, two}},
		{"creator and limit", job.BatchFilter{CreatedBy: "token:ci", Limit: 1}, []job.Batch{four}},
		{"creator and page", job.BatchFilter{CreatedBy: "token:ci", BeforeSeq: four.Seq}, []job.Batch{two}},
		{"creator and label", job.BatchFilter{CreatedBy: "token:ci", Labels: map[string]string{"team": "vod"}}, []job.Batch{two}},
		{"creator and account", job.BatchFilter{CreatedBy: "token:ci", Accounts: []string{"default"}}, []job.Batch{four}},
		{"creator and state", job.BatchFilter{CreatedBy: "token:ci", States: []job.BatchState{job.BatchPaused, job.BatchSucceeded}}, nil},
		{"creator and name", job.BatchFilter{CreatedBy: "token:ci", Text: "night"}, []job.Batch{four}},
		{"creator and id", job.BatchFilter{CreatedBy: "token:ci", IDPrefix: one.ID}, nil},
		{"nobody's", job.BatchFilter{CreatedBy: "token:nobody"}, nil},
		{"those of before anybody was asked", job.BatchFilter{CreatedBy: "local"}, []job.Batch{three, one}},
	} {
		got, err := f.store.Batches(f.Context(), tt.filter)
		f.ok(err)
		f.same(tt.name, got, tt.want)
		if tt.filter.Limit == 0 && tt.filter.BeforeSeq == 0 {
			n, err := f.store.CountBatches(f.Context(), tt.filter)
			f.ok(err)
			f.same("number of "+tt.name, n, int64(len(tt.want)))
		}
	}
}

func deleteBatch(f *fixture) {
	sub := job.Submission{Batch: job.Batch{AccountID: "default", Labels: map[string]string{"a": "b"}}, Jobs: specs(2), RequestID: "r"}
	b, _, err := f.store.Submit(f.Context(), sub, now)
	f.ok(err)
	f.update(b, 1, append(started, failed)...)
	if err := f.store.DeleteBatch(f.Context(), b.ID, now); !errors.Is(err, job.ErrIllegalTransition) {
		f.Errorf("delete a live batch: %v, want %v", err, job.ErrIllegalTransition)
	}
	f.update(b, 2, cancel)
	id := job.ID{Batch: b.ID, Number: 1}
	f.ok(f.store.DeleteBatch(f.Context(), b.ID, now))

	_, batchErr := f.store.Batch(f.Context(), b.ID)
	_, jobErr := f.store.Job(f.Context(), id)
	_, _, changesErr := f.store.Changes(f.Context(), b.ID, 1, 10)
	_, updateErr := f.store.UpdateJob(f.Context(), id, now, retry)
	deleteErr := f.store.DeleteBatch(f.Context(), b.ID, now)
	for what, err := range map[string]error{"batch": batchErr, "job": jobErr, "changes": changesErr, "update": updateErr, "delete": deleteErr} {
		if !errors.Is(err, job.ErrNotFound) {
			f.Errorf("%s: %v, want %v", what, err, job.ErrNotFound)
		}
	}
	for _, filter := range []job.BatchFilter{{}, {Labels: map[string]string{"a": "b"}}} {
		list, err := f.store.Batches(f.Context(), filter)
		f.ok(err)
		f.same("batches", list, []job.Batch(nil))
	}
	jobs, err := f.store.Jobs(f.Context(), job.Filter{BatchID: b.ID})
	f.ok(err)
	f.same("jobs", jobs, []job.Job(nil))

	_, _, err = f.store.Submit(f.Context(), sub, now)
	if deleted, ok := errors.AsType[*job.DeletedError](err); !ok || deleted.ID != b.ID || deleted.BatchNumber != b.Seq {
		f.Errorf("the same request id again: %v, want that its batch was deleted", err)
	}
	sub.PayloadHash = []byte{1}
	if _, _, err := f.store.Submit(f.Context(), sub, now); !errors.Is(err, job.ErrExists) {
		f.Errorf("the request id with another payload: %v, want %v", err, job.ErrExists)
	}
	sub.RequestID, sub.PayloadHash = "other", nil
	_, created, err := f.store.Submit(f.Context(), sub, now)
	f.ok(err)
	f.same("another request id: created", created, true)
}

func batchEnds(f *fixture) {
	for _, tt := range []struct {
		name  string
		first []func(*job.Update) error
		last  []func(*job.Update) error
		want  job.BatchState
	}{
		{"all succeeded", append(started, finished), append(started, running, finished), job.BatchSucceeded},
		{"one failed", append(started, failed), append(started, finished), job.BatchFailed},
		{"all cancelled", []func(*job.Update) error{cancel}, []func(*job.Update) error{cancel}, job.BatchCancelled},
	} {
		b := f.submit(2, nil)
		f.update(b, 1, tt.first...)
		f.same(tt.name+": state before the end", f.batch(b.ID).State, job.BatchActive)
		f.update(b, 2, tt.last...)
		got := f.batch(b.ID)
		f.same(tt.name+": state", got.State, tt.want)
		f.same(tt.name+": finish time", got.FinishTime, now)
		f.same(tt.name+": started", got.StartTime.IsZero(), tt.want == job.BatchCancelled)
	}
	b := f.submit(2, nil)
	f.update(b, 1, started...)
	f.update(b, 2, configured, begin)
	_, err := f.store.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: 2}, now.Add(time.Hour), accepted)
	f.ok(err)
	f.same("start time is the first job's", f.batch(b.ID).StartTime, now)

	open := f.submit(1, func(b *job.Batch) { b.Open = true })
	f.update(open, 1, append(started, finished)...)
	f.same("open batch", f.batch(open.ID).State, job.BatchOpen)
	closed, err := f.store.UpdateBatch(f.Context(), open.ID, now, (*job.Batch).Close)
	f.ok(err)
	f.same("after it was closed", closed.State, job.BatchSucceeded)
}

func batchReopens(f *fixture) {
	b := f.submit(2, nil)
	f.update(b, 1, append(started, failed)...)
	f.update(b, 2, append(started, finished)...)
	f.same("state", f.batch(b.ID).State, job.BatchFailed)
	f.update(b, 1, retry)
	got := f.batch(b.ID)
	f.same("state after retry", got.State, job.BatchActive)
	f.same("finish time after retry", got.FinishTime, time.Time{})
	f.same("counts after retry", got.Counts, job.Counts{Waiting: 1, Succeeded: 1})
	next, err := f.store.NextJobs(f.Context(), "default", now, 10, job.Except{})
	f.ok(err)
	f.same("next", numbers(next), []int64{1})
}

// After more jobs had failed than the limit allows, and all had ended.
func batchRetriedBeyondItsLimit(f *fixture) {
	b := f.submit(4, func(b *job.Batch) { b.FailureLimit.Count = 2 })
	for n := range int64(4) {
		f.update(b, n+1, started...)
	}
	for n := range int64(4) {
		f.update(b, n+1, failed)
	}
	f.same("state", f.batch(b.ID).State, job.BatchFailed)
	f.update(b, 1, retry)
	f.same("state after retry", f.batch(b.ID).State, job.BatchActive)
	f.update(b, 2, retry)
	got := f.batch(b.ID)
	f.same("state after another", got.State, job.BatchActive)
	f.same("forgiven", got.FailuresForgiven, int64(2))
}

func batchPausesItself(f *fixture) {
	b := f.submit(4, func(b *job.Batch) { b.FailureLimit.Count = 2 })
	for n := range int64(2) {
		f.update(b, n+1, append(started, failed)...)
	}
	got := f.batch(b.ID)
	f.same("state", got.State, job.BatchPaused)
	if got.StateReason == "" {
		f.Error("it does not say why")
	}
	next, err := f.store.NextJobs(f.Context(), "default", now, 10, job.Except{})
	f.ok(err)
	f.same("next", numbers(next), []int64{})
}
