package storetest

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/stokerd/stoker/job"
)

// stall keeps the writes that come meanwhile waiting, so that they share transactions.
func (f *fixture) stall() (goOn func()) {
	busy, free, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		defer close(done)
		_, err := f.store.UpdateAccountSettings(f.Context(), "stalled", now, func(*job.AccountSettings) error {
			once.Do(func() { close(busy) })
			<-free
			return nil
		})
		if err != nil {
			f.Error(err)
		}
	}()
	<-busy
	return func() { close(free); <-done }
}

// toggle cancels a job that waits, and has one that was cancelled wait again.
func toggle(u *job.Update) error {
	if u.Job.State == job.Cancelled {
		return u.Retry(now)
	}
	return u.Cancel("enough", now)
}

func groupedMoves(f *fixture) {
	const callers, rounds, jobs = 32, 6, 2
	b := f.submit(jobs, nil)
	goOn := f.stall()
	var group sync.WaitGroup
	for c := range callers {
		group.Go(func() {
			for r := range rounds {
				id := job.ID{Batch: b.ID, Number: int64((c+r)%jobs) + 1}
				if _, err := f.store.UpdateJob(f.Context(), id, now, toggle); err != nil {
					f.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	goOn()
	group.Wait()
	const moves = callers * rounds / jobs // of each job
	for n := int64(1); n <= jobs; n++ {
		j := f.job(b, n)
		f.same("version", j.Version, int64(1+moves))
		f.same("state", j.State, job.Waiting)
		events, err := f.store.Events(f.Context(), j.ID)
		f.ok(err)
		f.same("events", len(events), moves)
		for i, e := range events {
			want := [2]job.State{job.Waiting, job.Cancelled}
			if i%2 == 1 {
				want = [2]job.State{job.Cancelled, job.Waiting}
			}
			f.same("move", [2]job.State{e.From, e.To}, want)
			f.same("version of the event", e.Version, int64(i)+2)
		}
	}
	got := f.batch(b.ID)
	f.same("counts", got.Counts, job.Counts{Waiting: jobs})
	f.same("revisions", got.Revision-b.Revision, int64(callers*rounds))
}

func groupedSelections(f *fixture) {
	const callers, jobs = 24, 120
	b := f.submit(jobs, nil)
	goOn := f.stall()
	var group sync.WaitGroup
	var cancelled atomic.Int64
	for c := range callers {
		group.Go(func() {
			id := job.ID{Batch: b.ID, Number: int64(c) + 1}
			if _, err := f.store.UpdateJob(f.Context(), id, now, configured); err != nil {
				f.Errorf("%s: %v", id, err)
			}
			filter := job.Filter{BatchID: b.ID, States: []job.State{job.Waiting}, Limit: 7}
			n, err := f.store.UpdateJobs(f.Context(), filter, now, func(u *job.Update) error {
				if u.Job.State != job.Waiting {
					return errors.New("it does not wait")
				}
				return u.Cancel("enough", now)
			})
			if err != nil {
				f.Errorf("selection: %v", err)
			}
			cancelled.Add(n)
		})
	}
	goOn()
	group.Wait()
	f.same("cancelled", cancelled.Load(), int64(jobs))
	f.same("counts", f.batch(b.ID).Counts, job.Counts{Cancelled: jobs})
}

func panics(f *fixture) {
	b := f.submit(3, nil)
	_, jobErr := f.store.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: 1}, now, func(u *job.Update) error {
		f.ok(u.Cancel("enough", now))
		panic("oh")
	})
	calls := 0
	_, jobsErr := f.store.UpdateJobs(f.Context(), job.Filter{BatchID: b.ID}, now, func(u *job.Update) error {
		if calls++; calls%3 == 0 {
			panic("oh")
		}
		return u.Cancel("enough", now)
	})
	_, batchErr := f.store.UpdateBatch(f.Context(), b.ID, now, func(b *job.Batch) error {
		b.Priority = 99
		panic("oh")
	})
	_, settingsErr := f.store.UpdateAccountSettings(f.Context(), "default", now, func(s *job.AccountSettings) error {
		s.Paused = true
		panic("oh")
	})
	for what, err := range map[string]error{"job": jobErr, "jobs": jobsErr, "batch": batchErr, "settings": settingsErr} {
		if err == nil || !strings.Contains(err.Error(), "oh") {
			f.Errorf("%s: %v, want an error that names the panic", what, err)
		}
	}
	f.same("batch", f.batch(b.ID), b)
	f.same("job", f.job(b, 1).State, job.Waiting)
	settings, err := f.store.AccountSettings(f.Context(), "default")
	f.ok(err)
	f.same("settings", settings, job.AccountSettings{})
	f.update(b, 1, cancel)
}
