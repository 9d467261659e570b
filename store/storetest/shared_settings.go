package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

func sharedSettings(f *sharedFixture) {
	const rounds = 20
	f.both(rounds, func(s *store.Store, _ int) {
		_, err := s.UpdateAccountSettings(f.Context(), "default", now, func(a *job.AccountSettings) error {
			a.Target.Number++
			return nil
		})
		if err != nil {
			f.Error(err)
		}
	})
	got, err := f.other.store.AccountSettings(f.Context(), "default")
	f.ok(err)
	f.same("changes of the target", got.Target.Number, 2*rounds)
}

func sharedStarts(f *sharedFixture) {
	const rounds = 10
	batches := []job.Batch{
		f.submit(2*rounds, func(b *job.Batch) { b.CreatedBy = "alice" }), f.submit(2*rounds, func(b *job.Batch) { b.AccountID, b.CreatedBy = "other", "alice" }),
	}
	f.both(rounds, func(s *store.Store, n int) {
		for i := range batches {
			b := batches[(i+n)%2]
			for _, fact := range []func(*job.Update) error{configured, begin} {
				if _, err := s.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: int64(n + 1)}, now, fact); err != nil {
					f.Error(err)
				}
			}
		}
	})
	for _, account := range []string{"default", "other"} {
		starts, err := f.other.store.DailyStarts(f.Context(), account, now)
		f.ok(err)
		f.same("starts of "+account, starts.Made, 2*rounds)
	}
	starts, err := f.store.PrincipalStarts(f.Context(), "alice", now)
	f.ok(err)
	f.same("starts of the principal", starts.Made, 4*rounds)
}

func sharedEndpoints(f *sharedFixture) {
	const rounds = 10
	var mu sync.Mutex
	made := 0
	f.both(rounds, func(s *store.Store, n int) {
		table := store.NewNotificationTable(s)
		name := fmt.Sprint("e", n/2)
		err := table.CreateEndpoint(f.Context(), notification.Endpoint{Name: name, URL: fmt.Sprint("https://example.com/", n), Events: notification.DefaultEvents(), CreatedBy: "local", CreateTime: now, UpdateTime: now})
		if err != nil && !errors.Is(err, job.ErrExists) {
			f.Error(err)
		}
		_, err2 := table.UpdateEndpoint(f.Context(), name, func(e *notification.Endpoint) error {
			e.Accounts = append(e.Accounts, fmt.Sprint("account-", n))
			return nil
		})
		if err2 != nil {
			f.Error(err2)
		}
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			made++
		}
	})
	f.same("made", made, rounds)
	list, err := store.NewNotificationTable(f.other.store).Endpoints(f.Context())
	f.ok(err)
	for _, e := range list {
		if len(e.Accounts) != 2 {
			f.Errorf("endpoint %s: a change was lost: %v", e.Name, e.Accounts)
		}
	}
}

func sharedNotifications(f *sharedFixture) {
	events := []notification.Event{notification.BatchFinished, notification.JobFailed}
	for n := range 5 {
		b := f.submit(1, nil)
		g, h := f.fixture, f.other
		if n%2 == 1 {
			g, h = h, g
		}
		name := fmt.Sprint("e", n)
		h.endpoint(name, events)
		g.update(b, 1, append(started, failed)...)
		told := h.told(name)
		f.same("told", len(told), 2)
		// One that is deleted is told of nothing.
		f.ok(store.NewNotificationTable(h.store).DeleteEndpoint(f.Context(), name, now, func(notification.Endpoint) error { return nil }))
	}
	b := f.submit(1, nil)
	f.update(b, 1, append(started, failed)...)
	backlogs, err := store.NewNotificationTable(f.store).Backlogs(f.Context())
	f.ok(err)
	f.same("deliveries to deleted endpoints", backlogs, []notification.Backlog(nil))
}

func sharedJoining(f *sharedFixture) {
	const jobs = 40
	b := f.submit(jobs, nil)
	table := f.endpoint("ops", []notification.Event{notification.JobFailed})
	done := make(chan struct{})
	var sealing sync.WaitGroup
	sealing.Go(func() {
		for ended := false; !ended; {
			select {
			case <-done:
				ended = true
			default:
			}
			list, err := table.DueDeliveries(f.Context(), "ops", now.Add(time.Hour), now.Add(time.Hour), 10)
			if err != nil {
				f.Error(err)
			}
			for _, d := range list {
				if _, err := table.SealDelivery(f.Context(), d.Seq); err != nil {
					f.Error(err)
				}
			}
		}
	})
	f.both(jobs/2, func(s *store.Store, n int) {
		for _, fact := range append(slices.Clone(started), failed) {
			if _, err := s.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: int64(n + 1)}, now, fact); err != nil {
				f.Error(err)
			}
		}
	})
	close(done)
	sealing.Wait()
	var told []int64
	for _, d := range f.other.deliveries("ops") {
		told = append(told, d.JobNumbers...)
		f.same("count", d.JobCount, int64(len(d.JobNumbers)))
	}
	slices.Sort(told)
	f.same("jobs that were told of", len(slices.Compact(told)), jobs)
}

func sharedTokens(f *sharedFixture) {
	mine, theirs := store.NewAccessTable(f.store), store.NewAccessTable(f.other.store)
	var last int64
	for range 5 {
		token, _, err := access.NewToken("ci", access.Operator, nil, time.Hour, "local", now)
		f.ok(err)
		f.ok(mine.CreateToken(f.Context(), token))
		list, err := theirs.Tokens(f.Context(), last)
		f.ok(err)
		f.same("new tokens", len(list), 1)
		last = list[0].Change
		_, err = mine.RevokeToken(f.Context(), token.ID, now)
		f.ok(err)
		list, err = theirs.Tokens(f.Context(), last)
		f.ok(err)
		f.same("revoked tokens", len(list), 1)
		f.same("revoked", list[0].RevokeTime, now)
		last = list[0].Change
	}
	// One who reads by change misses none, though two make them.
	seen := map[string]bool{}
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for ended := false; !ended; {
			select {
			case <-done:
				ended = true
			default:
			}
			list, err := theirs.Tokens(f.Context(), last)
			if err != nil {
				f.Error(err)
			}
			for _, t := range list {
				seen[t.ID], last = true, t.Change
			}
		}
	})
	f.both(20, func(s *store.Store, _ int) {
		token, _, err := access.NewToken("ci", access.Operator, nil, time.Hour, "local", now)
		if err == nil {
			err = store.NewAccessTable(s).CreateToken(f.Context(), token)
		}
		if err != nil {
			f.Error(err)
		}
	})
	close(done)
	reader.Wait()
	f.same("tokens that were seen", len(seen), 40)
}
