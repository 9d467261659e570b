package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// endpoint makes an endpoint that is told of events of some accounts; of all accounts if none is named.
func (f *fixture) endpoint(name string, events []notification.Event, accounts ...string) store.NotificationTable {
	f.Helper()
	table := store.NewNotificationTable(f.store)
	f.ok(table.CreateEndpoint(f.Context(), notification.Endpoint{
		Name: name, URL: "https://example.com/" + name, Events: events, Accounts: accounts, CreatedBy: "local", CreateTime: now, UpdateTime: now,
	}))
	return table
}

// deliveries are those to an endpoint, the oldest first.
func (f *fixture) deliveries(endpoint string) []notification.Delivery {
	f.Helper()
	list, err := store.NewNotificationTable(f.store).Deliveries(f.Context(), notification.DeliveryFilter{Endpoint: endpoint})
	f.ok(err)
	slices.Reverse(list)
	return list
}

// told says what an endpoint is told, in order: event, jobs and revision of each delivery.
func (f *fixture) told(endpoint string) []string {
	f.Helper()
	var told []string
	for _, d := range f.deliveries(endpoint) {
		told = append(told, fmt.Sprintf("%s %d %v at %d", d.Event, d.JobCount, d.JobNumbers, d.Revision))
	}
	return told
}

// endpointsAreKept makes, changes and deletes endpoints.
func endpointsAreKept(f *fixture) {
	table := store.NewNotificationTable(f.store)
	e := notification.Endpoint{
		Name: "ops", URL: "https://example.com/ops", Events: notification.DefaultEvents(), Accounts: []string{"archive", "lab"}, AllowPrivate: true,
		Keys:      []notification.SecretKey{{Salt: "s", Fingerprint: "f", CreateTime: now, ExpireTime: now.Add(time.Hour)}},
		CreatedBy: "token:ops", CreateTime: now, UpdateTime: now,
	}
	f.ok(table.CreateEndpoint(f.Context(), e))
	if err := table.CreateEndpoint(f.Context(), e); !errors.Is(err, job.ErrExists) {
		f.Errorf("the same name once more: %v, want %v", err, job.ErrExists)
	}
	f.reopen()
	table = store.NewNotificationTable(f.store)
	got, err := table.Endpoint(f.Context(), "ops")
	f.ok(err)
	f.same("an endpoint", got, e)
	e.Disable("gone", now)
	e.FailingSince = now
	got, err = table.UpdateEndpoint(f.Context(), "ops", func(o *notification.Endpoint) error { *o = e; return nil })
	f.ok(err)
	f.same("a changed endpoint", got, e)
	objected := errors.New("no")
	_, err = table.UpdateEndpoint(f.Context(), "ops", func(o *notification.Endpoint) error { o.URL = ""; return objected })
	f.same("an objection is returned as it is", err == objected, true) //nolint:errorlint // not wrapped
	if _, err := table.UpdateEndpoint(f.Context(), "none", func(*notification.Endpoint) error { return nil }); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("an endpoint that does not exist: %v, want %v", err, job.ErrNotFound)
	}

	configured := []notification.Endpoint{
		{Name: "chat", URL: "https://example.com/chat", Events: notification.Events()}, {Name: "ops", URL: e.URL, Events: notification.Events()},
	}
	if err := table.ConfigureEndpoints(f.Context(), configured, now); !errors.Is(err, job.ErrExists) {
		f.Errorf("a configured endpoint of a name that somebody has given: %v, want %v", err, job.ErrExists)
	}
	list, err := table.Endpoints(f.Context())
	f.ok(err)
	f.same("endpoints after that", list, []notification.Endpoint{e})
	allow := func(notification.Endpoint) error { return nil }
	f.ok(table.DeleteEndpoint(f.Context(), "ops", now, allow))
	f.ok(table.ConfigureEndpoints(f.Context(), configured, now))
	_, err = table.UpdateEndpoint(f.Context(), "ops", func(o *notification.Endpoint) error { o.Disable("gone", now); return nil })
	f.ok(err)
	f.ok(table.ConfigureEndpoints(f.Context(), configured, now))
	list, err = table.Endpoints(f.Context())
	f.ok(err)
	f.same("endpoints", []any{len(list), list[0].Name, list[1].Configured, list[1].Keys, list[1].Disabled}, []any{2, "chat", true, []notification.SecretKey(nil), true})
	f.ok(table.ConfigureEndpoints(f.Context(), []notification.Endpoint{{Name: "ops", URL: "https://example.com/new", Events: notification.Events()}}, now))
	list, err = table.Endpoints(f.Context())
	f.ok(err)
	f.same("endpoints of another configuration", []any{len(list), list[0].URL, list[0].Disabled}, []any{1, "https://example.com/new", false})

	for n := range notification.MaxEndpoints - 1 {
		f.endpoint(fmt.Sprint("e", n), notification.Events())
	}
	full := table.CreateEndpoint(f.Context(), notification.Endpoint{Name: "more", URL: "https://example.com", Events: notification.Events()})
	if _, ok := errors.AsType[*job.InvalidError](full); !ok {
		f.Errorf("one endpoint more than may be: %v", full)
	}
	f.ok(table.DeleteEndpoint(f.Context(), "ops", now, allow))
	if err := table.DeleteEndpoint(f.Context(), "ops", now, allow); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("deleted twice: %v, want %v", err, job.ErrNotFound)
	}
}

// batchEventsAreWritten ends and pauses batches in every way.
func batchEventsAreWritten(f *fixture) {
	events := []notification.Event{notification.BatchFinished, notification.BatchPaused}
	f.endpoint("all", events)
	f.endpoint("lab", events, "lab")
	f.endpoint("failures", []notification.Event{notification.JobFailed})
	b := f.submit(2, func(b *job.Batch) { b.FailureLimit = job.FailureLimit{Count: 1} })
	f.update(b, 1, append(started, running, failed)...)
	paused := f.deliveries("all")
	f.same("deliveries", len(paused), 1)
	f.same("paused", paused[0].Content, notification.Content{
		State: "PAUSED", Reason: "failure limit of 1 reached", Counts: &job.Counts{Waiting: 1, Failed: 1},
	})
	f.same("about", []any{paused[0].BatchID, paused[0].BatchSeq, paused[0].AccountID, paused[0].State}, []any{b.ID, b.Seq, "default", notification.Pending})
	f.same("revision", paused[0].Revision, f.batch(b.ID).Revision)
	f.update(b, 2, cancel)
	f.update(b, 2, retry) // it goes on, and ends once more
	f.update(b, 2, cancel)
	var states []string
	for _, d := range f.deliveries("all") {
		states = append(states, fmt.Sprint(d.Event, d.Content.State))
	}
	f.same("told", states, []string{"batch.pausedPAUSED", "batch.finishedFAILED", "batch.finishedFAILED"})

	empty := f.submit(0, func(b *job.Batch) { b.AccountID = "lab" }) // it ends at once
	open := f.submit(0, func(b *job.Batch) { b.AccountID, b.Open, b.State = "lab", true, job.BatchPaused })
	_, err := f.store.UpdateBatch(f.Context(), open.ID, now, func(b *job.Batch) error { return b.Pause("by hand") }) // concerns nobody
	f.ok(err)
	_, err = f.store.UpdateBatch(f.Context(), open.ID, now, (*job.Batch).Close)
	f.ok(err)
	lab := f.deliveries("lab")
	f.same("told of the account", []any{len(lab), lab[0].BatchID, lab[1].BatchID}, []any{2, empty.ID, open.ID})
	f.same("told of failures", f.told("failures"), []string{fmt.Sprintf("job.failed 1 [1] at %d", paused[0].Revision)})

	// What is rolled back leaves nothing.
	before := len(f.deliveries("all"))
	more := f.submit(1, nil)
	_, err = f.store.UpdateJob(f.Context(), job.ID{Batch: more.ID, Number: 1}, now, func(u *job.Update) error {
		if err := u.Cancel("", now); err != nil {
			return err
		}
		panic("after the change")
	})
	if err == nil {
		f.Error("a panic was no error")
	}
	f.same("after a panic", len(f.deliveries("all")), before)
}

// jobEventsAreJoined fails jobs alone and many at a time.
func jobEventsAreJoined(f *fixture) {
	table := f.endpoint("failures", []notification.Event{notification.JobFailed, notification.JobSucceeded})
	f.endpoint("finished", []notification.Event{notification.BatchFinished})
	b, other := f.submit(130, nil), f.submit(1, nil)
	fail := func(numbers ...int64) {
		f.Helper()
		for _, facts := range [][]func(*job.Update) error{{configured}, {begin}, {accepted}, {running}, {failed}} {
			_, err := f.store.UpdateJobsByNumber(f.Context(), b.ID, numbers, now, facts[0])
			f.ok(err)
		}
	}
	fail(3)
	fail(1, 2)
	f.update(other, 1, append(started, running, finished)...)
	joined := f.deliveries("failures")
	f.same("told", []any{len(joined), joined[0].JobCount, joined[0].JobNumbers, joined[0].Joining}, []any{2, int64(3), []int64{3, 1, 2}, true})
	f.same("the other batch", []any{joined[1].Event, joined[1].BatchID, joined[1].JobNumbers}, []any{notification.JobSucceeded, other.ID, []int64{1}})
	f.same("the latest revision", joined[0].Revision, f.batch(b.ID).Revision)
	f.same("due", joined[0].NextTime, now.Add(notification.JoinTime))

	sealed, err := table.SealDelivery(f.Context(), joined[0].Seq)
	f.ok(err)
	f.same("sealed", []any{sealed.Joining, sealed.JobCount}, []any{false, int64(3)})
	var rest []int64
	for n := int64(4); n <= 130; n++ {
		rest = append(rest, n)
	}
	fail(rest[:60]...)
	fail(rest[60:]...)
	f.reopen()
	joined = f.deliveries("failures")
	f.same("after sealing", []any{len(joined), joined[0].JobCount, joined[2].JobCount, len(joined[2].JobNumbers)}, []any{3, int64(3), int64(127), notification.MaxJobNumbers})
	f.same("the first of them", joined[2].JobNumbers, rest[:notification.MaxJobNumbers])
	f.same("the end of the batch", len(f.deliveries("finished")), 2)

	// What is asked for is sent at once, also to an endpoint that fails, for which jobs are joined for longer.
	table = store.NewNotificationTable(f.store)
	_, err = table.Redeliver(f.Context(), notification.DeliveryFilter{Endpoint: "failures", IDs: []string{joined[2].ID}}, now)
	f.ok(err)
	due, err := table.DueDeliveries(f.Context(), "failures", now, now.Add(-time.Hour), 1)
	f.ok(err)
	f.same("due", len(due), 1)
}

// deliveriesAreRetried notes attempts, gives up, redelivers and removes.
func deliveriesAreRetried(f *fixture) {
	table := f.endpoint("ops", []notification.Event{notification.BatchFinished})
	f.endpoint("slow", []notification.Event{notification.JobFailed})
	for range 3 {
		f.submit(0, nil)
	}
	due, err := table.DueDeliveries(f.Context(), "ops", now, now, 2)
	f.ok(err)
	f.same("due", len(due), 2)
	if none, err := table.DueDeliveries(f.Context(), "ops", now.Add(-time.Second), now, 2); err != nil || len(none) > 0 {
		f.Errorf("due before: %v, %v", none, err)
	}
	d, e, err := table.NoteAttempt(f.Context(), due[0], notification.Attempt{Time: now, HTTPStatus: 500, Problem: "answered 500"})
	f.ok(err)
	f.same("an attempt that failed", []any{d.State, d.Attempts, d.NextTime, d.Problem, e.FailingSince}, []any{notification.Pending, 1, now.Add(5 * time.Second), "answered 500", now})
	next, err := table.NextDeliveryTime(f.Context(), "ops", now)
	f.ok(err)
	f.same("the next one", next, now.Add(5*time.Second))
	later := now.Add(time.Minute)
	d, e, err = table.NoteAttempt(f.Context(), due[1], notification.Attempt{Time: later, HTTPStatus: 204})
	f.ok(err)
	f.same("one that succeeded", []any{d.State, d.FinishTime, e.FailingSince, e.LastSuccessTime}, []any{notification.Delivered, later, time.Time{}, later})
	backlogs, err := table.Backlogs(f.Context())
	f.ok(err)
	f.same("backlog", backlogs, []notification.Backlog{{Endpoint: "ops", Pending: 2, Oldest: now}})

	d, e, err = table.NoteAttempt(f.Context(), due[0], notification.Attempt{Time: later, HTTPStatus: 410, Problem: "answered 410 Gone"})
	f.ok(err)
	f.same("gone", []any{d.State, e.Disabled, e.DisabledReason}, []any{notification.Failed, true, "it answered 410 Gone"})
	f.submit(0, nil)
	f.same("nothing new for an endpoint that is disabled", len(f.deliveries("ops")), 3)
	givenUp, err := table.TrimOutbox(f.Context(), later)
	f.ok(err)
	f.same("given up", []any{len(givenUp), givenUp[0].Problem}, []any{1, "the endpoint is disabled: it answered 410 Gone"})

	n, err := table.Redeliver(f.Context(), notification.DeliveryFilter{Endpoint: "ops", States: []notification.DeliveryState{notification.Failed}}, later)
	f.ok(err)
	f.same("redelivered", n, int64(2))
	for _, d := range f.deliveries("ops") {
		if d.State == notification.Failed || d.State == notification.Pending && (d.Attempts != 0 || !d.NextTime.Equal(later)) {
			f.Errorf("after redelivery: %+v", d)
		}
	}
	_, err = table.UpdateEndpoint(f.Context(), "ops", func(e *notification.Endpoint) error { e.Enable(); return nil })
	f.ok(err)
	_, err = table.TrimOutbox(f.Context(), later.Add(store.KeepDeliveries+time.Second))
	f.ok(err)
	f.same("a week later", len(f.deliveries("ops")), 2) // what is pending stays
	f.ok(table.DeleteEndpoint(f.Context(), "ops", later, func(notification.Endpoint) error { return nil }))
	if _, _, err := table.NoteAttempt(f.Context(), due[0], notification.Attempt{Time: later}); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("an attempt at what was deleted: %v, want %v", err, job.ErrNotFound)
	}
}

// availabilityIsToldOnce tells that an account is unavailable, and that it is available again.
func availabilityIsToldOnce(f *fixture) {
	table := f.endpoint("ops", notification.DefaultEvents(), "lab")
	tell := func(account string, unavailable, want bool) {
		f.Helper()
		told, err := table.TellAvailability(f.Context(), notification.Availability{AccountID: account, Told: unavailable, Since: now}, "503", now.Add(time.Minute))
		f.ok(err)
		f.same("told", told, want)
	}
	tell("lab", false, false) // nobody was told otherwise
	tell("lab", true, true)
	f.reopen()
	table = store.NewNotificationTable(f.store)
	tell("lab", true, false)
	tell("default", true, false)
	tell("lab", false, true)
	tell("lab", false, false)
	list := f.deliveries("ops")
	f.same("events", []any{len(list), list[0].Event, list[1].Event}, []any{2, notification.AccountUnavailable, notification.AccountAvailable})
	f.same("unavailable", list[0].Content, notification.Content{Reason: "503", Since: now})
	f.same("available", list[1].Content.Since, now)
}

// lateAttemptsAreNoted ends attempts that were under way when their deliveries were given up.
func lateAttemptsAreNoted(f *fixture) {
	table := f.endpoint("ops", []notification.Event{notification.BatchFinished})
	for range 2 {
		f.submit(0, nil)
	}
	due, err := table.DueDeliveries(f.Context(), "ops", now, now, 2)
	f.ok(err)
	_, err = table.UpdateEndpoint(f.Context(), "ops", func(e *notification.Endpoint) error { e.Disable("by hand", now); return nil })
	f.ok(err)
	_, err = table.TrimOutbox(f.Context(), now)
	f.ok(err)
	later := now.Add(10 * time.Second)
	d, _, err := table.NoteAttempt(f.Context(), due[0], notification.Attempt{Time: later, Problem: "no answer within 10s"})
	f.ok(err)
	f.same("one that failed", []any{d.State, d.Attempts, d.LastTime, d.FinishTime, d.Problem}, []any{notification.Failed, 1, later, now, "the endpoint is disabled: by hand"})
	d, _, err = table.NoteAttempt(f.Context(), due[1], notification.Attempt{Time: later, HTTPStatus: 204})
	f.ok(err)
	f.same("one that was accepted", []any{d.State, d.Attempts, d.FinishTime, d.Problem}, []any{notification.Delivered, 1, later, ""})
}

// endpointsForgetAccounts binds endpoints to an account after they were told of others.
func endpointsForgetAccounts(f *fixture) {
	finished := []notification.Event{notification.BatchFinished}
	table := f.endpoint("ops", finished)
	chat := notification.Endpoint{Name: "chat", URL: "https://example.com/chat", Events: finished}
	f.ok(table.ConfigureEndpoints(f.Context(), []notification.Endpoint{chat}, now))
	inLab := func(b *job.Batch) { b.AccountID = "lab" }
	for _, change := range []func(*job.Batch){nil, inLab, nil, inLab} {
		f.submit(0, change)
	}
	due, err := table.DueDeliveries(f.Context(), "ops", now, now, 1)
	f.ok(err)
	_, _, err = table.NoteAttempt(f.Context(), due[0], notification.Attempt{Time: now, HTTPStatus: 204}) // about the other account
	f.ok(err)
	accounts := func(endpoint string) (list []string) {
		for _, d := range f.deliveries(endpoint) {
			list = append(list, d.AccountID)
		}
		return list
	}
	for name, bind := range map[string]func(accounts ...string) error{
		"ops": func(accounts ...string) error {
			_, err := table.UpdateEndpoint(f.Context(), "ops", func(e *notification.Endpoint) error { e.Accounts = accounts; return nil })
			return err
		},
		"chat": func(accounts ...string) error {
			chat.Accounts = accounts
			return table.ConfigureEndpoints(f.Context(), []notification.Endpoint{chat}, now)
		},
	} {
		f.ok(bind("default", "lab"))
		f.same(name+" of both accounts", accounts(name), []string{"default", "lab", "default", "lab"})
		f.ok(bind("lab"))
		f.same(name+" of one account", accounts(name), []string{"lab", "lab"})
		f.ok(bind())
		f.same(name+" of all accounts again", accounts(name), []string{"lab", "lab"})
	}
}

// misdatedDeliveriesAreSent has a clock put deliveries years away, and puts it right.
func misdatedDeliveriesAreSent(f *fixture) {
	table := f.endpoint("ops", []notification.Event{notification.BatchFinished})
	f.submit(0, nil)
	f.submit(0, nil)
	list := f.deliveries("ops")
	for i, wrong := range []time.Time{now.Add(24 * 365 * time.Hour), now.Add(9 * time.Hour)} {
		_, err := table.Redeliver(f.Context(), notification.DeliveryFilter{Endpoint: "ops", IDs: []string{list[i].ID}}, wrong)
		f.ok(err)
	}
	_, err := table.TrimOutbox(f.Context(), now)
	f.ok(err)
	due, err := table.DueDeliveries(f.Context(), "ops", now, now, 2)
	f.ok(err)
	if len(due) != 1 || due[0].ID != list[0].ID {
		f.Errorf("due: %v, want %s", due, list[0].ID)
	}
}
