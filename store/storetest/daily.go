package storetest

import (
	"time"

	"github.com/stokerd/stoker/job"
)

func dailyStarts(f *fixture) {
	today, tomorrow := job.Day(now), job.Day(now).Add(24*time.Hour)
	on := func(at time.Time) job.DailyStarts {
		f.Helper()
		got, err := f.store.DailyStarts(f.Context(), "default", at)
		f.ok(err)
		return got
	}
	f.same("before any start", on(now), job.DailyStarts{Day: today})

	b := f.submit(5, nil)
	f.update(b, 1, started...)
	f.update(b, 2, configured, begin)
	f.same("two starts", on(now), job.DailyStarts{Day: today, Made: 2})
	f.update(b, 2, func(u *job.Update) error { return u.StartNotMade("the queue is full", now) })
	f.same("one given back", on(now), job.DailyStarts{Day: today, Made: 1})
	f.update(b, 1, running, finished)
	f.same("an end changes nothing", on(now), job.DailyStarts{Day: today, Made: 1})

	f.ok(f.store.ForgiveStarts(f.Context(), "default", now))
	f.update(b, 2, begin)
	f.same("forgiven", on(now), job.DailyStarts{Day: today, Made: 2, Forgiven: 1})
	f.reopen()
	f.same("after a restart", on(now), job.DailyStarts{Day: today, Made: 2, Forgiven: 1})
	f.same("on the next day", on(now.Add(24*time.Hour)), job.DailyStarts{Day: tomorrow})

	f.same("another account", func() job.DailyStarts {
		got, err := f.store.DailyStarts(f.Context(), "other", now)
		f.ok(err)
		return got
	}(), job.DailyStarts{Day: today})

	at := func(n int64, at time.Time, fact func(*job.Update) error) {
		f.Helper()
		_, err := f.store.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: n}, at, fact)
		f.ok(err)
	}
	at(3, tomorrow, configured)
	at(3, tomorrow, func(u *job.Update) error { return u.BeginStart(tomorrow) })
	f.same("a day begins anew", on(tomorrow), job.DailyStarts{Day: tomorrow, Made: 1})
	at(2, tomorrow, func(u *job.Update) error { return u.StartNotMade("the start was not accepted", tomorrow) })
	at(4, tomorrow, configured)
	f.same("never less than none", on(tomorrow), job.DailyStarts{Day: tomorrow})
	at(4, now, func(u *job.Update) error { return u.BeginStart(now) })
	f.same("a clock that is set back does not begin a day anew", on(now), job.DailyStarts{Day: tomorrow, Made: 1})
}

func principalStarts(f *fixture) {
	today, tomorrow := job.Day(now), job.Day(now).Add(24*time.Hour)
	on := func(principal string, at time.Time) job.DailyStarts {
		f.Helper()
		got, err := f.store.PrincipalStarts(f.Context(), principal, at)
		f.ok(err)
		return got
	}
	f.same("before any start", on("token:ci", now), job.DailyStarts{Day: today})

	one := f.submit(2, func(b *job.Batch) { b.CreatedBy = "token:ci" })
	two := f.submit(2, func(b *job.Batch) { b.CreatedBy, b.AccountID = "token:ci", "other" })
	local := f.submit(1, nil)
	for _, b := range []job.Batch{one, two, local} {
		f.update(b, 1, started...)
	}
	f.same("on two accounts", on("token:ci", now), job.DailyStarts{Day: today, Made: 2})
	f.same("of nobody who was asked", on("local", now), job.DailyStarts{Day: today, Made: 1})
	f.update(two, 2, configured, begin)
	f.update(two, 2, func(u *job.Update) error { return u.StartNotMade("the queue is full", now) })
	f.same("one given back", on("token:ci", now), job.DailyStarts{Day: today, Made: 2})
	f.ok(f.store.ForgiveStarts(f.Context(), "other", now))
	f.same("accounts are forgiven, and principals are not", on("token:ci", now), job.DailyStarts{Day: today, Made: 2})
	f.reopen()
	f.same("after a restart", on("token:ci", now), job.DailyStarts{Day: today, Made: 2})
	f.same("on the next day", on("token:ci", tomorrow), job.DailyStarts{Day: tomorrow})
}
