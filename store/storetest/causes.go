package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/stokerd/stoker/job"
)

// causesGroup checks that failures which differ in the job's own paths and encoding have one cause.
func causesGroup(f *fixture) {
	b := f.submit(6, nil)
	give := func(number int64, failure job.Failure) {
		f.update(b, number, append(started, func(u *job.Update) error {
			failure.Hint = job.HintNoRetry
			return u.Observe(job.Observation{EncodingID: u.Job.EncodingID, Status: job.RemoteError, Failure: &failure}, job.Rules{}, now)
		})...)
	}
	for n := range int64(3) {
		j := f.job(b, n+1)
		give(n+1, job.Failure{Category: "DOWNLOAD", Text: "input answered 403: " + j.InputPath + ", wanted for " + j.OutputPath})
	}
	give(4, job.Failure{Category: "DOWNLOAD", Text: "input answered 404"})
	f.update(b, 5, append(started, failedOnce)...) // it is tried again, and has not failed
	causes, err := f.store.FailureCauses(f.Context(), b.ID, 10)
	f.ok(err)
	var got []int64
	for _, c := range causes {
		got = append(got, c.Count, c.First.Number)
		numbers, err := f.store.SelectJobNumbers(f.Context(), job.Selection{BatchID: b.ID, States: []job.State{job.Failed}, Causes: []string{c.ID}}, 0, 10)
		f.ok(err)
		f.same("jobs of a cause", int64(len(numbers)), c.Count)
		f.same("first of them", numbers[0], c.First.Number)
		f.same("its failure", f.job(b, numbers[0]).Failure, &c.Failure)
	}
	f.same("counts and first jobs", got, []int64{3, 1, 1, 4})
	causes, err = f.store.FailureCauses(f.Context(), b.ID, 1)
	f.ok(err)
	f.same("the most frequent one", len(causes), 1)
}

// causesCount makes random changes, alone and many in one transaction, and compares the counts with the
// jobs again and again.
func causesCount(f *fixture) {
	const jobs, rounds, steps = 30, 12, 25
	random := rand.New(rand.NewPCG(1, 2))
	batches := []job.Batch{f.submit(jobs, nil), f.submit(jobs, nil)}
	for range rounds {
		goOn := f.stall()
		var group sync.WaitGroup
		for range steps {
			change := randomChange(f, random, batches[random.IntN(len(batches))])
			group.Go(change)
		}
		goOn()
		group.Wait()
		for _, b := range batches {
			f.causesAgree(b)
		}
	}
	f.reopen()
	corrected, err := f.store.Recount(f.Context(), now)
	f.ok(err)
	f.same("batches with wrong counts", corrected, 0)

	gone, left := batches[0], batches[1]
	_, err = f.store.UpdateJobs(f.Context(), job.Filter{BatchID: gone.ID}, now, cancelUnlessFailed)
	f.ok(err)
	f.ok(f.store.DeleteBatch(f.Context(), gone.ID, now))
	causes, err := f.store.FailureCauses(f.Context(), gone.ID, jobs)
	f.ok(err)
	f.same("causes of a deleted batch", len(causes), 0)
	f.causesAgree(left)
	f.causesAgree(f.submit(3, nil))
}

// causesAgree compares the causes of a batch with those of its jobs.
func (f *fixture) causesAgree(b job.Batch) {
	f.Helper()
	failed, err := f.store.Jobs(f.Context(), job.Filter{BatchID: b.ID, States: []job.State{job.Failed}})
	f.ok(err)
	var want []job.Cause
	var ids []string
	counts := map[string]int64{}
	for _, j := range failed {
		i := slices.IndexFunc(want, func(c job.Cause) bool { return c.ID == j.Failure.Cause })
		if i < 0 {
			i = len(want)
			want = append(want, job.Cause{ID: j.Failure.Cause, First: j.ID, Key: j.Key, Failure: *j.Failure, BatchSeq: b.Seq, Batches: 1})
			ids = append(ids, j.Failure.Cause)
		}
		want[i].Count++
		counts[j.Failure.Cause]++
	}
	slices.SortStableFunc(want, func(a, b job.Cause) int { return cmp.Compare(b.Count, a.Count) })
	got, err := f.store.FailureCauses(f.Context(), b.ID, 1000)
	f.ok(err)
	f.same("causes", got, want)
	known, err := f.store.CountCauses(f.Context(), b.ID, append(ids, "none"))
	f.ok(err)
	f.same("counts of causes", known, counts)
	byID := func(a, b job.Cause) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(want, byID)
	for _, search := range []job.Search{{BatchSeq: b.Seq}, {BatchSeq: b.Seq, KeyPrefix: "k"}} { // by what is stored, and by the jobs
		found, n, err := f.store.FindCauses(f.Context(), search, 1000)
		f.ok(err)
		slices.SortFunc(found, byID)
		f.same("found causes", found, want)
		f.same("found failures", n, int64(len(failed)))
	}
}

// findCauses counts failures of several batches.
func findCauses(f *fixture) {
	fail := func(text string) func(*job.Update) error {
		return func(u *job.Update) error {
			return u.ConfigureRefused("", job.Failure{Text: text, Permanent: true}, job.Rules{}, now)
		}
	}
	one := f.submit(3, nil)
	two := f.submit(3, func(b *job.Batch) { b.AccountID = "other" })
	for _, number := range []int64{1, 2, 3} {
		f.update(one, number, fail("no bytes"))
	}
	f.update(two, 2, fail("no bytes"))
	f.update(two, 3, fail("no picture"))
	bytes, picture := f.job(two, 2), f.job(two, 3)
	noBytes := job.Cause{ID: bytes.Failure.Cause, Count: 4, First: bytes.ID, Key: "k2", Failure: *bytes.Failure, BatchSeq: two.Seq, Batches: 2}
	noPicture := job.Cause{ID: picture.Failure.Cause, Count: 1, First: picture.ID, Key: "k3", Failure: *picture.Failure, BatchSeq: two.Seq, Batches: 1}
	found := func(name string, search job.Search, limit int, failed int64, want ...job.Cause) {
		got, n, err := f.store.FindCauses(f.Context(), search, limit)
		f.ok(err)
		f.same(name, got, want)
		f.same(name+": all failures", n, failed)
	}
	found("of all batches", job.Search{}, 10, 5, noBytes, noPicture)
	found("the most frequent one", job.Search{}, 1, 5, noBytes)
	since := job.TimeRange{Since: now}
	found("since a time", job.Search{Finished: since}, 10, 5, noBytes, noPicture)
	found("before it", job.Search{Finished: job.TimeRange{Until: now}}, 10, 0)
	noBytes.Count, noBytes.Batches = 1, 1
	found("of an account", job.Search{Accounts: []string{"other"}}, 10, 2, noPicture, noBytes)
	found("of a key", job.Search{Accounts: []string{"other"}, KeyPrefix: "k3"}, 10, 1, noPicture)
}

// randomChange returns a change of a batch: of one job or of several, one that a member of the transaction
// objects to, or one that panics.
func randomChange(f *fixture, random *rand.Rand, b job.Batch) func() {
	fact := randomFact(random)
	number, limit := 1+random.Int64N(b.Counts.Total()), random.IntN(20)
	objection := errors.New("objection")
	switch random.IntN(10) {
	case 0:
		return func() {
			_, err := f.store.UpdateJobs(f.Context(), job.Filter{BatchID: b.ID, AfterNumber: number - 1, Limit: 1 + limit}, now, fact)
			if err != nil {
				f.Error(err)
			}
		}
	case 1:
		return func() {
			_, err := f.store.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: number}, now, func(u *job.Update) error {
				return cmp.Or(fact(u), objection)
			})
			if !errors.Is(err, objection) {
				f.Error(err)
			}
		}
	case 2:
		return func() {
			_, err := f.store.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: number}, now, func(u *job.Update) error {
				_ = fact(u)
				panic("a mistake")
			})
			if err == nil {
				f.Error("a panic is no error")
			}
		}
	}
	return func() {
		if _, err := f.store.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: number}, now, fact); err != nil {
			f.Error(err)
		}
	}
}

// randomFact returns a fact that a job in any state takes: one of four failures, or the end of one.
func randomFact(random *rand.Rand) func(*job.Update) error {
	failure := job.Failure{Text: fmt.Sprintf("no such codec: %d", random.IntN(4)), Permanent: random.IntN(4) > 0}
	switch random.IntN(6) {
	case 0:
		return cancelUnlessFailed
	case 1, 2:
		return func(u *job.Update) error {
			if u.Job.State != job.Failed && u.Job.State != job.Cancelled {
				return nil
			}
			return u.Retry(now)
		}
	}
	return func(u *job.Update) error {
		return u.ConfigureRefused("", failure, job.Rules{Retry: job.RetryPolicy{MaxRetries: 2}}, now)
	}
}

func cancelUnlessFailed(u *job.Update) error {
	if u.Job.State == job.Failed {
		return nil
	}
	return u.Cancel("enough", now)
}
