package storetest

import (
	"errors"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// requestIDsBelongToTheirCreator submits with one request id by several callers.
func requestIDsBelongToTheirCreator(f *fixture) {
	submit := func(by, account string, hash byte) (string, bool, error) {
		b, created, err := f.store.Submit(f.Context(), job.Submission{
			Batch: job.Batch{AccountID: account, CreatedBy: by}, Jobs: specs(1), RequestID: "r", PayloadHash: []byte{hash},
		}, now)
		return b.ID, created, err
	}
	must := func(by, account string, hash byte) (string, bool) {
		f.Helper()
		id, created, err := submit(by, account, hash)
		f.ok(err)
		return id, created
	}
	local, _ := must("local", "default", 1)
	ci, created := must("token:ci", "default", 1)
	f.same("the id that was everybody's, in the account: created", created, false)
	f.same("the id that was everybody's, in the account: batch", ci, local)
	if _, _, err := submit("token:ci", "default", 2); !errors.Is(err, job.ErrExists) {
		f.Errorf("another payload: %v, want %v", err, job.ErrExists)
	}
	elsewhere, created := must("token:ci", "archive", 2)
	f.same("in another account: created", created, true)
	other, created := must("token:other", "archive", 2)
	f.same("the same of another caller: created", created, true)
	if other == elsewhere {
		f.Error("two callers have one batch")
	}
	again, created := must("token:ci", "archive", 2)
	f.same("repeated: created", created, false)
	f.same("repeated: batch", again, elsewhere)
	f.same("who submitted", f.batch(again).CreatedBy, "token:ci")
	got, err := f.store.BatchByRequestID(f.Context(), job.RequestKey{CreatedBy: "local", AccountID: "archive", ID: "r", PayloadHash: []byte{1}})
	f.ok(err)
	f.same("local's own", got.ID, local)

	// When nobody is asked any more, the same submission of anybody is a repeat.
	solo, _, err := f.store.Submit(f.Context(), job.Submission{
		Batch: job.Batch{AccountID: "default", CreatedBy: "token:ci"}, Jobs: specs(1), RequestID: "s", PayloadHash: []byte{7},
	}, now)
	f.ok(err)
	key := job.RequestKey{CreatedBy: "local", AccountID: "default", ID: "s", PayloadHash: []byte{7}}
	got, err = f.store.BatchByRequestID(f.Context(), key)
	f.ok(err)
	f.same("a caller's, for local", got.ID, solo.ID)
	key.PayloadHash = []byte{8}
	if _, err := f.store.BatchByRequestID(f.Context(), key); !errors.Is(err, job.ErrNotFound) {
		f.Errorf("another submission with a caller's id, for local: %v, want %v", err, job.ErrNotFound)
	}
}

// tokensAreKept makes, uses and revokes tokens.
func tokensAreKept(f *fixture) {
	table := store.NewAccessTable(f.store)
	var made []access.Token
	for i, name := range []string{"ci", "ops", "ci"} {
		t, _, err := access.NewToken(name, access.Operator, []string{"lab", "archive"}, time.Hour, "token:ops", now)
		f.ok(err)
		f.ok(table.CreateToken(f.Context(), t))
		t.Change = int64(i + 1)
		made = append(made, t)
	}
	list, err := table.Tokens(f.Context(), 0)
	f.ok(err)
	f.same("tokens", list, made)
	list, err = table.Tokens(f.Context(), 2)
	f.ok(err)
	f.same("tokens made since", list, made[2:])

	later := now.Add(time.Minute)
	revoked, err := table.RevokeToken(f.Context(), made[0].ID, later)
	f.ok(err)
	f.same("revoked at", revoked.RevokeTime, later)
	again, err := table.RevokeToken(f.Context(), made[0].ID, later.Add(time.Hour))
	f.ok(err)
	f.same("revoked once more at", again.RevokeTime, later)
	list, err = table.Tokens(f.Context(), 3)
	f.ok(err)
	f.same("tokens changed since", len(list), 1)
	f.same("the token changed since", list[0].ID, made[0].ID)
	for _, id := range []string{"none", "a\x00b", "\xff"} {
		if _, err := table.RevokeToken(f.Context(), id, later); !errors.Is(err, job.ErrNotFound) {
			f.Errorf("token %q, which does not exist: %v, want %v", id, err, job.ErrNotFound)
		}
	}

	f.ok(table.NoteTokenUses(f.Context(), map[string]time.Time{made[1].ID: later}))
	f.ok(table.NoteTokenUses(f.Context(), map[string]time.Time{made[1].ID: now}))
	f.reopen()
	list, err = store.NewAccessTable(f.store).Tokens(f.Context(), 1)
	f.ok(err)
	f.same("last use", list[0].LastUseTime, later)
	f.same("no use", list[1].LastUseTime, time.Time{})
}

// entriesComeWithTheirChange writes entries of the audit log with changes that are made, and that are not.
func entriesComeWithTheirChange(f *fixture) {
	table := store.NewAccessTable(f.store)
	b := f.submit(2, nil)
	record := func(method string) *access.Record {
		return access.NewRecord(access.Entry{ID: access.NewEntryID(now), Time: now, Principal: "token:ci", Kind: access.TokenKind, Method: method, Target: b.ID, CallID: "c"})
	}
	entries := func() []access.Entry {
		f.Helper()
		list, err := table.Entries(f.Context(), access.EntryFilter{})
		f.ok(err)
		return list
	}
	refused := record("refused")
	_, err := f.store.UpdateBatch(access.WithRecord(f.Context(), refused), b.ID, now, func(*job.Batch) error { return job.ErrConflict })
	if !errors.Is(err, job.ErrConflict) {
		f.Fatal(err)
	}
	f.same("entries of a change that was not made", entries(), []access.Entry(nil))
	f.same("written", refused.Written(), false)

	paused := record("PauseBatch")
	_, err = f.store.UpdateBatch(access.WithRecord(f.Context(), paused), b.ID, now, func(b *job.Batch) error {
		paused.Describe("", "paused")
		return b.Pause("")
	})
	f.ok(err)
	list := entries()
	f.same("entries", len(list), 1)
	f.same("detail", list[0].Detail, "paused")
	f.same("outcome", list[0].Outcome, access.OutcomeOK)
	if _, write := paused.End(access.OutcomeOK, ""); write {
		f.Error("an entry that was written with its change is to be written once more")
	}

	// The entry of a call that makes many changes is one.
	many := record("CancelJobs")
	ctx := access.WithRecord(f.Context(), many)
	for number := range int64(2) {
		_, err := f.store.UpdateJob(ctx, job.ID{Batch: b.ID, Number: number + 1}, now, func(u *job.Update) error { return u.Cancel("", now) })
		f.ok(err)
	}
	e, write := many.End(access.OutcomeOK, "2 jobs")
	f.same("to be written at the end", write, true)
	f.ok(table.WriteEntry(f.Context(), e))
	list = entries()
	f.same("entries", len(list), 2)
	f.same("the newest", list[0].Method+" "+list[0].Detail, "CancelJobs 2 jobs")

	for target, want := range map[string]int{b.ID: 2, b.ID[:len(b.ID)-1]: 0, b.ID + "/1": 0} {
		list, err := table.Entries(f.Context(), access.EntryFilter{Target: target})
		f.ok(err)
		f.same("entries about "+target, len(list), want)
	}

	n, err := table.DeleteEntries(f.Context(), now)
	f.ok(err)
	f.same("entries from before now", n, int64(0))
	n, err = table.DeleteEntries(f.Context(), now.Add(time.Second))
	f.ok(err)
	f.same("entries from before a second later", n, int64(2))
	f.same("entries left", entries(), []access.Entry(nil))
}
