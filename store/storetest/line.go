package storetest

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
)

// places compares the place of every waiting job of a batch with its place in the list of all next
// jobs, which is right.
func (f *fixture) places(at time.Time, b job.Batch) {
	f.Helper()
	next, err := f.store.NextJobs(f.Context(), b.AccountID, at, math.MaxInt32, job.Except{})
	f.ok(err)
	var numbers, want []int64
	for i, j := range next {
		if j.ID.Batch == b.ID {
			numbers, want = append(numbers, j.ID.Number), append(want, int64(i)+1)
		}
	}
	if len(numbers) == 0 {
		f.Fatal("no job of the batch is due")
	}
	line, err := f.store.AccountLine(f.Context(), b.AccountID, at)
	f.ok(err)
	place, ok := line.PlaceOf(b.Seq)
	f.same("in line", ok, true)
	ranks, err := f.store.JobRanks(f.Context(), b.Seq, at, numbers)
	f.ok(err)
	got := make([]int64, len(ranks))
	for i, rank := range ranks {
		got[i] = place.Position(rank)
	}
	first, err := f.store.NextJobOfBatch(f.Context(), b.Seq, at)
	f.ok(err)
	f.same("the first of them", first.ID.Number, numbers[0])
	f.same("places of batch "+b.DisplayName, got, want)
}

func linePlaces(f *fixture) {
	a := f.submit(7, named("a", 50))
	b := f.submit(4, named("b", 50))
	urgent := f.submit(3, named("urgent", 90))
	idle := f.submit(3, named("idle", 10))
	f.submit(9, func(b *job.Batch) { b.AccountID = "other" })
	everywhere := func(at time.Time) {
		f.Helper()
		for _, batch := range []job.Batch{a, b, urgent, idle} {
			f.places(at, batch)
		}
	}
	everywhere(now)

	// Of some jobs are in flight, some have ended, one is prepared.
	f.update(a, 1, started...)
	f.update(a, 2, started...)
	f.update(a, 4, cancel)
	f.update(b, 2, append(started, finished)...)
	f.update(b, 3, configured)
	f.update(urgent, 1, append(started, failed)...)
	everywhere(now)

	// One waits out its back-off, and is then in its old place.
	retryAt := f.update(a, 3, append(started, failedOnce)...).NextAttemptTime
	everywhere(retryAt.Add(-time.Millisecond))
	everywhere(retryAt)
	f.update(urgent, 1, retry)
	everywhere(retryAt)

	line, err := f.store.AccountLine(f.Context(), "default", now)
	f.ok(err)
	share, _ := line.ShareOf(a.Seq)
	f.same("share", share, job.Share{
		Seq: a.Seq, CreatedBy: "local", Priority: 50, InFlight: 2, Ended: 1, Due: 3, BackedOff: 1, NextDue: retryAt,
	})

	// A batch that is paused is in no line, nor is one that does not exist.
	_, err = f.store.UpdateBatch(f.Context(), urgent.ID, now, func(b *job.Batch) error { return b.Pause("lunch") })
	f.ok(err)
	line, err = f.store.AccountLine(f.Context(), "default", now)
	f.ok(err)
	_, found := line.PlaceOf(urgent.Seq)
	f.same("a paused batch is in line", found, false)
	f.places(retryAt, idle)

	// A batch that has been left out is not in the way of others.
	line = line.Without(func(s job.Share) bool { return s.Seq == b.Seq || s.Seq == idle.Seq })
	_, found = line.PlaceOf(b.Seq)
	f.same("what is left out is in line", found, false)
	place, _ := line.PlaceOf(a.Seq)
	f.same("the first of the rest", place.Position(0), int64(1))
}

func linePlacesOfMany(f *fixture) {
	many := 20_000
	if testing.Short() {
		many = 9_100 // under the race detector
	}
	big := f.submit(many, named("big", 50))
	others := []job.Batch{
		big, f.submit(700, named("above", 60)), f.submit(3000, named("beside", 50)), f.submit(1, named("single", 50)), f.submit(300, named("below", 10)),
	}
	// Holes: every third job of a part is cancelled, some of the first have ended, are in
	// flight, wait out a back-off, or are due again.
	for n := int64(1); n <= 60; n++ {
		switch n % 4 {
		case 0:
			f.update(big, n, started...)
		case 1:
			f.update(big, n, append(started, finished)...)
		case 2:
			f.update(big, n, append(started, failedOnce)...)
		}
	}
	for from := int64(2000); from < 9000; from += 1000 {
		var numbers []int64
		for n := from; n < from+1000; n += 3 {
			numbers = append(numbers, n)
		}
		_, err := f.store.UpdateJobsByNumber(f.Context(), big.ID, numbers, now, cancel)
		f.ok(err)
	}
	f.update(others[2], 5, started...)
	for _, b := range others {
		f.places(now, b)
		f.places(now.Add(time.Hour), b) // all back-offs are over
	}

	// However many jobs there are, a place is found in a moment: reading them all would take longer.
	line, err := f.store.AccountLine(f.Context(), "default", now)
	f.ok(err)
	began := time.Now()
	const asked = 200
	for n := range int64(asked) {
		number := int64(many) - n*(int64(many)/asked-3)
		ranks, err := f.store.JobRanks(f.Context(), big.Seq, now, []int64{number})
		f.ok(err)
		if place, ok := line.PlaceOf(big.Seq); !ok || place.Position(ranks[0]) < 2 {
			f.Fatalf("job %d is at %d", number, place.Position(ranks[0]))
		}
	}
	f.Logf("%s for a place in %d jobs", time.Since(began)/asked, many)
}

// linePlacesOfPages compares the ranks that are read in pages, as lists do, with those that are read at
// once. Between the pages jobs before and after them change.
func linePlacesOfPages(f *fixture) {
	const many, page = 3000, 100
	b := f.submit(many, nil)
	other := f.submit(many, nil)
	for first := int64(1); first <= many; first += page {
		due, err := f.store.Jobs(f.Context(), job.Filter{BatchID: b.ID, States: []job.State{job.Waiting}})
		f.ok(err)
		all := numbers(due)
		want, err := f.store.JobRanks(f.Context(), b.Seq, now, all)
		f.ok(err)
		for i, n := range all {
			if n < first || n >= first+page {
				all[i] = 0
			}
		}
		from := slices.IndexFunc(all, func(n int64) bool { return n > 0 })
		to := from + slices.IndexFunc(append(all[from:], 0), func(n int64) bool { return n == 0 })
		for range 2 { // the second time goes on from the first
			got, err := f.store.JobRanks(f.Context(), b.Seq, now, all[from:to])
			f.ok(err)
			f.same(fmt.Sprintf("ranks from job %d on", first), got, want[from:to])
		}
		switch first / page % 4 {
		case 0:
			f.update(b, 1+first/2, cancel)
		case 1:
			f.update(b, 1+first/2, started...)
		case 2:
			f.update(other, first, cancel)
		}
	}
}
