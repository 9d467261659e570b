package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// RunShared holds two stores of one job table, as two processes have them, to what concerns both. open returns two
// stores of a new table and closes them when the test ends. Nobody drives an account.
func RunShared(t *testing.T, open func(t *testing.T) (a, b *store.Store)) {
	for _, guarantee := range []struct {
		name  string
		check func(*sharedFixture)
	}{
		{"no change is lost, whoever makes it", sharedChanges},
		{"watchers see every change in order, whoever makes it", sharedWatches},
		{"a repeated submission gets the first answer from anybody", sharedSubmissions},
		{"a submission is a repeat of one before anybody was asked for a name, also at the same moment", sharedCreators},
		{"large submissions are made once, and told of", sharedLarge},
		{"jobs are added once per key, whoever adds them", sharedKeys},
		{"no two jobs write to one place, whoever adds them", sharedPaths},
		{"a batch that one deletes is gone for the other", sharedDeletion},
		{"places in line follow the changes of others", sharedRanks},
		{"settings are changed one after the other", sharedSettings},
		{"starts are counted by all", sharedStarts},
		{"an endpoint is made once", sharedEndpoints},
		{"an endpoint that one has made is told of what the other does", sharedNotifications},
		{"no job is lost between two notifications", sharedJoining},
		{"a token is revoked for all", sharedTokens},
		{"everybody is told of a change", sharedWakeups},
		{"the status of an account is seen by all, with who drives it", sharedStatus},
		{"so is one that was published before the account was known", lateStatus},
		{"a term that is over writes nothing", sharedTerms},
	} {
		t.Run(guarantee.name, func(t *testing.T) {
			a, b := open(t)
			guarantee.check(&sharedFixture{fixture: &fixture{T: t, store: a}, other: &fixture{T: t, store: b}})
		})
	}
}

// sharedFixture is a fixture for each of two stores of one table.
type sharedFixture struct {
	*fixture
	other *fixture
}

// both runs f with each of the stores at the same time, some times over.
func (f *sharedFixture) both(times int, do func(s *store.Store, n int)) {
	var group sync.WaitGroup
	for i, s := range []*store.Store{f.store, f.other.store} {
		group.Go(func() {
			for n := range times {
				do(s, 2*n+i)
			}
		})
	}
	group.Wait()
}

// eventually waits until ok returns true.
func (f *sharedFixture) eventually(what string, ok func() bool) {
	f.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(end) {
			f.Fatalf("not seen: %s", what)
		}
		<-time.After(5 * time.Millisecond) // the other one needs the processor as well
	}
}

// giveBack moves a job to STARTING, or back.
func giveBack(u *job.Update) error {
	switch {
	case u.Job.State == job.Starting:
		return u.StartNotMade("given back", now)
	case u.Job.Prepared():
		return u.BeginStart(now)
	}
	return u.Configured(encodingOf(u.Job.ID), nil, now)
}

func sharedChanges(f *sharedFixture) {
	const callers, rounds, jobs = 4, 20, 5
	first, second := f.submit(jobs, nil), f.submit(jobs, nil)
	batches := []job.Batch{first, second}
	var group sync.WaitGroup
	for c := range 2 * callers {
		s := []*store.Store{f.store, f.other.store}[c%2]
		group.Go(func() {
			for r := range rounds {
				id := job.ID{Batch: batches[(c/2+r)%2].ID, Number: int64((c*7+r)%jobs) + 1}
				if _, err := s.UpdateJob(f.Context(), id, now, giveBack); err != nil {
					f.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	group.Wait()
	var revisions, versions int64
	for _, b := range batches {
		got, list := f.batch(b.ID), []job.Job(nil)
		f.same("the other store's batch", f.other.batch(b.ID), got)
		list, err := f.store.Jobs(f.Context(), job.Filter{BatchID: b.ID})
		f.ok(err)
		var counts job.Counts
		for _, j := range list {
			versions += j.Version - 1
			counts.Move("", j.State)
		}
		revisions += got.Revision - b.Revision
		f.same("counts", got.Counts, counts)
	}
	f.same("revisions", revisions, int64(2*callers*rounds))
	f.same("versions", versions, int64(2*callers*rounds))
}

func sharedWatches(f *sharedFixture) {
	const jobs, rounds = 8, 40
	b := f.submit(jobs, nil)
	done := make(chan struct{})
	var watchers sync.WaitGroup
	for _, s := range []*store.Store{f.store, f.other.store} {
		watchers.Go(func() {
			latest := map[int64]int64{} // revisions by number
			after := b.Revision
			for ended := false; ; {
				batch, changed, err := s.Changes(f.Context(), b.ID, after, 100)
				if err != nil {
					f.Error(err)
					return
				}
				for _, j := range changed {
					if j.Revision <= after || j.Revision > batch.Revision {
						f.Errorf("job %s: revision %d is not in (%d, %d]", j.ID, j.Revision, after, batch.Revision)
					}
					after, latest[j.ID.Number] = j.Revision, j.Revision
				}
				if ended {
					break
				}
				select {
				case <-done:
					ended = true
				default:
				}
			}
			list, err := s.Jobs(f.Context(), job.Filter{BatchID: b.ID})
			if err != nil {
				f.Error(err)
			}
			for _, j := range list {
				if latest[j.ID.Number] != j.Revision {
					f.Errorf("job %d: seen at revision %d, and it is at %d", j.ID.Number, latest[j.ID.Number], j.Revision)
				}
			}
		})
	}
	f.both(rounds, func(s *store.Store, n int) {
		if _, err := s.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: int64(n%jobs) + 1}, now, giveBack); err != nil {
			f.Error(err)
		}
	})
	close(done)
	watchers.Wait()
}

func sharedSubmissions(f *sharedFixture) {
	const submissions = 15
	var mu sync.Mutex
	ids, made := map[string][]string{}, 0
	f.both(submissions, func(s *store.Store, n int) {
		request := fmt.Sprint("request-", n/2)
		sub := job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: specs(3), RequestID: request, PayloadHash: []byte("one")}
		b, created, err := s.Submit(f.Context(), sub, now)
		if err != nil {
			f.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		ids[request] = append(ids[request], b.ID)
		if created {
			made++
		}
	})
	f.same("created", made, submissions)
	for request, list := range ids {
		if len(list) != 2 || list[0] != list[1] {
			f.Errorf("%s: answers %v", request, list)
		}
	}
	n, err := f.store.CountBatches(f.Context(), job.BatchFilter{})
	f.ok(err)
	f.same("batches", n, int64(submissions))
	sub := job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: specs(1), RequestID: "request-0", PayloadHash: []byte("another")}
	if _, _, err := f.other.store.Submit(f.Context(), sub, now); !errors.Is(err, job.ErrExists) {
		f.Errorf("another payload: %v, want %v", err, job.ErrExists)
	}
}

// The request ids of [access.LocalName] are everybody's who submits to the same account.
func sharedCreators(f *sharedFixture) {
	const submissions = 15
	var mu sync.Mutex
	made, ids := 0, map[string]bool{}
	f.both(submissions, func(s *store.Store, n int) {
		creators := []string{access.LocalName, "token:ci"}
		sub := job.Submission{
			Batch: job.Batch{AccountID: "default", CreatedBy: creators[n%2]}, Jobs: specs(3), RequestID: fmt.Sprint("request-", n/2), PayloadHash: []byte("one"),
		}
		b, created, err := s.Submit(f.Context(), sub, now)
		if err != nil {
			f.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		ids[b.ID] = true
		if created {
			made++
		}
	})
	f.same("created", made, submissions)
	f.same("batches that were answered", len(ids), submissions)
	n, err := f.store.CountBatches(f.Context(), job.BatchFilter{})
	f.ok(err)
	f.same("batches", n, int64(submissions))
}

// sharedLarge has both submit and add so many jobs that no other write waits for them.
func sharedLarge(f *sharedFixture) {
	const jobs = 1500
	list := make([]job.Spec, jobs)
	for i := range list {
		list[i] = job.Spec{Key: fmt.Sprint("k", i), OutputPath: fmt.Sprint("out/", i)}
	}
	var mu sync.Mutex
	made, added, duplicates := 0, int64(0), int64(0)
	var id string
	told := map[string]bool{}
	for _, s := range []*store.Store{f.store, f.other.store} {
		s.SetOnChange(func(changes []job.Change) {
			mu.Lock()
			defer mu.Unlock()
			for _, c := range changes {
				told[c.BatchID] = told[c.BatchID] || c.Dispatch
			}
		})
	}
	f.both(2, func(s *store.Store, _ int) {
		sub := job.Submission{
			Batch: job.Batch{AccountID: "default", Open: true, DistinctBy: job.ByOutputPath}, Jobs: list, RequestID: "large", PayloadHash: []byte("one"),
		}
		b, created, err := s.Submit(f.Context(), sub, now)
		if err != nil {
			f.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		id = b.ID
		if created {
			made++
		}
	})
	f.same("created", made, 1)
	f.both(1, func(s *store.Store, n int) { // the second halves of the lists are the same
		more := make([]job.Spec, jobs)
		for i := range more {
			number := jobs + i
			if i < jobs/2 {
				number += (n + 1) * jobs
			}
			more[i] = job.Spec{Key: fmt.Sprint("k", number), OutputPath: fmt.Sprint("out/", number)}
		}
		_, fresh, old, err := s.AddJobs(f.Context(), id, more, now)
		f.ok(err)
		mu.Lock()
		defer mu.Unlock()
		added, duplicates = added+fresh, duplicates+old
	})
	f.same("added", added, int64(jobs+jobs/2))
	f.same("duplicates", duplicates, int64(jobs/2))
	b, err := f.other.store.Batch(f.Context(), id)
	f.ok(err)
	f.same("waiting", b.Counts.Waiting, int64(2*jobs+jobs/2))
	f.same("revision", b.Revision, store.FirstRevision+added)
	mu.Lock()
	defer mu.Unlock()
	f.same("the dispatcher was told", told[id], true)
	_, _, _, err = f.store.AddJobs(f.Context(), id, []job.Spec{{Key: "another", OutputPath: "out/3"}}, now)
	if _, invalid := errors.AsType[*job.InvalidError](err); !invalid {
		f.Errorf("a path that the batch has: %v, want an InvalidError", err)
	}
}

func sharedKeys(f *sharedFixture) {
	const rounds, jobs = 10, 5
	b := f.submit(0, func(b *job.Batch) { b.Open = true })
	var mu sync.Mutex
	var added, duplicates int64
	f.both(rounds, func(s *store.Store, n int) {
		list := make([]job.Spec, jobs)
		for i := range list {
			list[i] = job.Spec{Key: fmt.Sprint("k", n/2*jobs+i), OutputPath: fmt.Sprint("out/", n/2*jobs+i)}
		}
		_, new, old, err := s.AddJobs(f.Context(), b.ID, list, now)
		if err != nil {
			f.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		added, duplicates = added+new, duplicates+old
	})
	f.same("added and duplicates", []int64{added, duplicates}, []int64{rounds * jobs, rounds * jobs})
	f.same("counts", f.other.batch(b.ID).Counts, job.Counts{Waiting: rounds * jobs})
}

func sharedPaths(f *sharedFixture) {
	b := f.submit(1, func(b *job.Batch) { b.Open, b.SkipSucceeded = true, true })
	add := func(g *fixture, key, path string) error {
		_, _, _, err := g.store.AddJobs(f.Context(), b.ID, []job.Spec{{Key: key, InputPath: "in/" + key, OutputPath: path}}, now)
		return err
	}
	refused := func(what string, err error) {
		f.Helper()
		if _, ok := errors.AsType[*job.InvalidError](err); !ok {
			f.Errorf("%s: %v, want an InvalidError", what, err)
		}
	}
	f.ok(add(f.fixture, "a", "out/a"))
	f.ok(add(f.other, "b", "out/b"))
	refused("the path of a job that the other has added", add(f.fixture, "c", "out/b"))
	refused("the path of a job of the submission", add(f.other, "c", "out/1"))
	f.ok(add(f.fixture, "c", "out/c"))
	refused("the path of a job that the other has just added", add(f.other, "d", "out/c"))

	// What has succeeded is skipped, and its path is taken all the same.
	earlier := f.submit(3, func(b *job.Batch) { b.SkipSucceeded = true })
	f.update(earlier, 3, append(started, finished)...)
	done := specs(3)[2]
	_, added, _, err := f.store.AddJobs(f.Context(), b.ID, []job.Spec{done}, now)
	f.ok(err)
	f.same("added of what has succeeded", added, int64(0))
	refused("the path of a job that the other has skipped", add(f.other, "e", done.OutputPath))
	refused("and so for the one itself", add(f.fixture, "e", done.OutputPath))
}

func sharedDeletion(f *sharedFixture) {
	b := f.submit(3, nil)
	cancelAll := func(u *job.Update) error { return u.Cancel("", now) }
	if _, err := f.store.UpdateJobs(f.Context(), job.Filter{BatchID: b.ID, Limit: 10}, now, cancelAll); err != nil {
		f.Fatal(err)
	}
	f.ok(f.other.store.DeleteBatch(f.Context(), b.ID, now))
	if _, err := f.store.Batch(f.Context(), b.ID); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("the batch: %v, want %v", err, job.ErrNotFound)
	}
	if _, err := f.store.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: 1}, now, retry); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("a job of it: %v, want %v", err, job.ErrNotFound)
	}
	term, err := f.store.Campaign(f.Context(), []string{store.Housekeeping})
	f.ok(err)
	var house sync.WaitGroup
	defer house.Wait()
	defer term.Release()
	house.Go(func() { f.store.As(term).Housekeep(term.Context()) })
	f.eventually("the removal of the rows", func() bool {
		list, err := f.other.store.Jobs(f.Context(), job.Filter{BatchID: b.ID})
		f.ok(err)
		return len(list) == 0
	})
}

func sharedRanks(f *sharedFixture) {
	b := f.submit(3000, nil)
	rank := func(g *fixture) int64 {
		list, err := g.store.JobRanks(f.Context(), b.Seq, now, []int64{2999})
		f.ok(err)
		return list[0]
	}
	f.same("rank", []int64{rank(f.fixture), rank(f.other)}, []int64{2998, 2998})
	for n := range int64(10) {
		f.update(b, n+1, cancel)
		f.same("rank after a cancellation by one", rank(f.other), 2997-n)
	}
}
