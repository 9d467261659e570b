package postgres

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

var testTime = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// submit submits a batch of n jobs.
func submit(t testing.TB, s *table, n int) job.Batch {
	t.Helper()
	b, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default", Priority: 50}, Jobs: make([]job.Spec, n)}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// campaign gains a term that is free.
func campaign(t *testing.T, s *table, accounts ...string) *store.Term {
	t.Helper()
	term, err := s.Campaign(t.Context(), accounts)
	if err != nil {
		t.Fatal(err)
	}
	return term
}

// epoch is how often an account was gained.
func epoch(t *testing.T, s *table, account string) int64 {
	t.Helper()
	epoch, err := one(t.Context(), s.db.reader, scalar[int64], `SELECT epoch FROM leases WHERE name = $1`, account)
	if err != nil {
		t.Fatal(err)
	}
	return epoch
}

// cancel cancels a job.
func cancel(t *testing.T, s *store.Store, b job.Batch, number int64) error {
	t.Helper()
	_, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: number}, testTime, func(u *job.Update) error { return u.Cancel("", testTime) })
	return err
}

// One process at a time drives an account, and the next one need not wait once it is given back.
func TestTermIsExclusive(t *testing.T) {
	database := migrated(t)
	long := quick
	long.length = time.Hour // nobody waits for its end
	first, second := openFor(t, database, long), openFor(t, database, long)
	term := campaign(t, first, "default")
	if err := term.Trusted(); err != nil {
		t.Errorf("trusted: %v", err)
	}
	gained := make(chan *store.Term, 1)
	go func() { gained <- campaign(t, second, "default") }()
	campaign(t, second, "other") // meanwhile
	select {
	case <-gained:
		t.Fatal("two processes have one account")
	default:
	}
	term.Release()
	if cause := context.Cause(term.Context()); !errors.Is(cause, store.ErrReleased) || term.Trusted() == nil {
		t.Errorf("cause %v, trusted %v", cause, term.Trusted())
	}
	if next := <-gained; next.Trusted() != nil || epoch(t, first, "default") != 2 {
		t.Errorf("trusted %v, epoch %d", next.Trusted(), epoch(t, first, "default"))
	}
}

// A table that is closed gives back what it has.
func TestCloseReleases(t *testing.T) {
	database := migrated(t)
	long := quick
	long.length = time.Hour
	first, second := openFor(t, database, long), openFor(t, database, long)
	term := campaign(t, first, "a", "b", store.Housekeeping)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if term.Context().Err() == nil {
		t.Error("the term goes on")
	}
	campaign(t, second, store.Housekeeping, "b", "a")
	list, err := second.Replicas(t.Context())
	if err != nil || len(list) > 1 || len(list) == 1 && !list[0].Self {
		t.Errorf("replicas %+v, %v", list, err)
	}
}

// Accounts that share a key move together: nobody gains one of them while another one is held.
func TestAccountsMoveTogether(t *testing.T) {
	database := migrated(t)
	long := quick
	long.length = time.Hour
	first, second := openFor(t, database, long), openFor(t, database, long)
	term := campaign(t, first, "b")
	l, err := second.db.campaignOnce(t.Context(), []string{"a", "b"})
	if l != nil || err != nil {
		t.Fatalf("gained %v, %v", l, err)
	}
	campaign(t, first, "a").Release()
	term.Release()
	campaign(t, second, "b", "a")
	if a, b := epoch(t, first, "a"), epoch(t, first, "b"); a != 2 || b != 2 {
		t.Errorf("epochs %d and %d", a, b)
	}
}

// The lease of a process that has died is free after its end.
func TestLeaseOfTheDead(t *testing.T) {
	database := migrated(t)
	pgserver.Exec(t, database, `INSERT INTO leases (name, epoch, holder, address, since, expires)
	     VALUES ('default', 7, 'dead', 'elsewhere', clock_timestamp(), clock_timestamp() + interval '300 ms')`)
	s := openFor(t, database, quick)
	campaign(t, s, "default")
	if got := epoch(t, s, "default"); got != 8 {
		t.Errorf("epoch %d, want 8", got)
	}
}

// The transaction that gains an account notes since when the platform may have encodings that the table does not know.
func TestGainingNotes(t *testing.T) {
	database := migrated(t)
	s := openFor(t, database, quick)
	submit(t, s, 1)
	other := openFor(t, database, quick)
	view := other.As(campaign(t, other, "default", "unused"))
	for account, want := range map[string]time.Time{"default": testTime.Truncate(time.Millisecond), "unused": {}} {
		since, err := one(t.Context(), s.db.reader, scalar[int64], `SELECT coalesce((SELECT since FROM unreconciled WHERE account = $1), 0)`, account)
		if got := stamp(since).time(); err != nil || !got.Equal(want) {
			t.Errorf("account %s: since %v, %v, want %v", account, got, err, want)
		}
	}
	if err := view.MarkReconciled(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
}

// After a takeover nothing of the old driver is written, its term ends, and it trusts itself no more. What callers ask it
// for is written all the same.
func TestDeposed(t *testing.T) {
	for name, takeover := range map[string]string{
		"by another process":                       `UPDATE leases SET epoch = epoch + 1, holder = 'another' WHERE name = 'default'`,
		"in the same epoch, after a lost failover": `UPDATE leases SET holder = 'another' WHERE name = 'default'`,
	} {
		t.Run(name, func(t *testing.T) {
			database := migrated(t)
			slow := defaultLease
			slow.renew = time.Hour // the fence alone tells it
			s := openFor(t, database, slow)
			b := submit(t, s, 3)
			term, other := campaign(t, s, "default"), campaign(t, s, "other")
			view := s.As(term)
			if err := cancel(t, view, b, 1); err != nil {
				t.Fatal(err)
			}
			pgserver.Exec(t, database, takeover)
			if err := cancel(t, view, b, 2); !errors.Is(err, store.ErrDeposed) || !errors.Is(err, job.ErrUnavailable) {
				t.Errorf("update: %v, want %v", err, store.ErrDeposed)
			}
			<-term.Context().Done()
			if err := term.Trusted(); !errors.Is(err, store.ErrDeposed) {
				t.Errorf("trusted: %v", err)
			}
			if err := other.Trusted(); err != nil {
				t.Errorf("the other term: %v", err)
			}
			if err := cancel(t, s.Store, b, 3); err != nil {
				t.Errorf("a caller's write: %v", err)
			}
			got, err := s.Batch(t.Context(), b.ID)
			if err != nil || got.Counts.Waiting != 1 || got.Counts.Cancelled != 2 {
				t.Errorf("batch %+v, %v", got, err)
			}
		})
	}
}

// A group with the writes of several terms and of callers loses only what belongs to a term that has ended.
func TestDeposedInAGroup(t *testing.T) {
	database := migrated(t)
	slow := defaultLease
	slow.renew = time.Hour
	s := openFor(t, database, slow)
	b := submit(t, s, 3)
	gone, mine := s.As(campaign(t, s, "gone")), s.As(campaign(t, s, "default"))
	pgserver.Exec(t, database, `UPDATE leases SET epoch = epoch + 1, holder = 'another' WHERE name = 'gone'`)
	errs := make([]chan error, 3)
	began, group := make(chan struct{}), make(chan struct{})
	go func() {
		_, err := s.UpdateBatch(t.Context(), b.ID, testTime, func(*job.Batch) error {
			close(began)
			<-group
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}()
	<-began
	for i, view := range []*store.Store{gone, mine, s.Store} {
		errs[i] = make(chan error, 1)
		go func() { errs[i] <- cancel(t, view, b, int64(i+1)) }()
	}
	close(group)
	got := []error{<-errs[0], <-errs[1], <-errs[2]}
	if !errors.Is(got[0], store.ErrDeposed) || got[1] != nil || got[2] != nil {
		t.Errorf("got %v", got)
	}
}

// A takeover waits for the transactions of the old driver, and what these have written stays.
func TestTakeoverWaits(t *testing.T) {
	database := migrated(t)
	s := mustOpen(t, database)
	b := submit(t, s, 1)
	view := s.As(campaign(t, s, "default"))
	other := connectTo(t, database)
	taken := make(chan error, 1)
	_, err := view.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, func(u *job.Update) error {
		go func() {
			_, err := other.Exec(t.Context(), `UPDATE leases SET epoch = epoch + 1, holder = 'another' WHERE name = 'default'`)
			taken <- err
		}()
		awaitLockWait(t, database)
		return u.Cancel("", testTime)
	})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	if err := <-taken; err != nil {
		t.Fatal(err)
	}
	if j, err := s.Job(t.Context(), job.ID{Batch: b.ID, Number: 1}); err != nil || j.State != job.Cancelled {
		t.Errorf("job %s, %v", j.State, err)
	}
}

// A driver that is frozen in a transaction holds nobody up for longer than the server allows it to be idle.
func TestFrozenInATransaction(t *testing.T) {
	database := migrated(t)
	frozen, next := openFor(t, database, quick), openFor(t, database, quick)
	b := submit(t, frozen, 1)
	term := campaign(t, frozen, "default")
	view := frozen.As(term)
	thawed := make(chan struct{})
	outcome := make(chan error, 1)
	inside := make(chan struct{})
	go func() {
		first := true
		_, err := view.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, func(u *job.Update) error {
			if first {
				first = false
				frozen.db.keeper.use.Lock() // nobody renews
				close(inside)
				<-thawed
				frozen.db.keeper.use.Unlock()
			}
			return u.Cancel("", testTime)
		})
		outcome <- err
	}()
	<-inside
	began := time.Now()
	campaign(t, next, "default")
	t.Logf("took over after %v", time.Since(began))
	close(thawed)
	if err := <-outcome; !errors.Is(err, store.ErrDeposed) {
		t.Errorf("the frozen write: %v, want %v", err, store.ErrDeposed)
	}
	if j, err := next.Job(t.Context(), job.ID{Batch: b.ID, Number: 1}); err != nil || j.State != job.Waiting {
		t.Errorf("job %s, %v", j.State, err)
	}
	<-term.Context().Done()
}

// A server that goes on from another history ends all terms, has every account be compared with the platform, and gives
// watchers another word. The process that drove an account, and has heard of it, need not wait for its own term to end.
func TestHistoryChanges(t *testing.T) {
	database := migrated(t)
	long := quick
	long.length = time.Hour
	s := openFor(t, database, long)
	submit(t, s, 1)
	term := campaign(t, s, "default")
	if err := s.As(term).MarkReconciled(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	before := s.db.connector.history.read()
	pgserver.Exec(t, database, `UPDATE meta SET value = '00000000' WHERE name = 'timeline'`)
	pgserver.Exec(t, database, terminate)
	<-term.Context().Done()
	if cause := context.Cause(term.Context()); !errors.Is(cause, store.ErrDeposed) {
		t.Errorf("cause: %v", cause)
	}
	if word := s.db.connector.history.read(); word == before || len(word) != 4 {
		t.Errorf("word %q after %q", word, before)
	}
	var since int64
	if err := connectTo(t, database).QueryRow(t.Context(), `SELECT since FROM unreconciled WHERE account = 'default'`).Scan(&since); err != nil {
		t.Errorf("unreconciled: %v", err)
	}
	campaign(t, s, "default")
	if got := epoch(t, s, "default"); got != 3 {
		t.Errorf("epoch %d, want 3", got)
	}
}

// What a process drives is seen by the others.
func TestReplicasAreListed(t *testing.T) {
	database := migrated(t)
	first, second := openFor(t, database, defaultLease), openFor(t, database, defaultLease)
	campaign(t, first, "default")
	for {
		list, err := second.Replicas(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		driving := slices.IndexFunc(list, func(r job.Replica) bool { return len(r.Terms) > 0 })
		if len(list) < 2 || driving < 0 {
			continue
		}
		if got := list[driving]; got.Self || got.Terms[0].AccountID != "default" || got.Terms[0].Epoch != 1 || got.Terms[0].Since.IsZero() || got.Address == "" {
			t.Errorf("got %+v", got)
		}
		return
	}
}

// awaitLockWait returns when a session of the database waits for a lock.
func awaitLockWait(t *testing.T, database string) {
	t.Helper()
	conn := connectTo(t, database)
	for {
		var waiting bool
		const query = `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
		if err := conn.QueryRow(t.Context(), query).Scan(&waiting); err != nil {
			t.Error(err)
			return
		}
		if waiting {
			return
		}
	}
}

// Trust ends before the lease does, by either clock.
func TestTrustEnds(t *testing.T) {
	l := &lease{keeper: &keeper{times: defaultLease}, ctx: t.Context()}
	for _, tt := range []struct {
		name    string
		renewed time.Time
		want    bool
	}{
		{"just renewed", time.Now(), true},
		{"two seconds ago", time.Now().Add(-2 * time.Second), true},
		{"almost at its end", time.Now().Add(-2600 * time.Millisecond), false},
		{"by the wall clock alone", time.Now().Round(0).Add(-time.Minute), false},
	} {
		l.renewed = tt.renewed
		if got := l.Trusted() == nil; got != tt.want {
			t.Errorf("%s: trusted %t, want %t", tt.name, got, tt.want)
		}
	}
}
