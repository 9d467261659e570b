package postgres

import (
	"errors"
	"strings"
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

// A second Stoker is refused while the first one renews its lease, and not once that has given it back.
func TestLeaseIsExclusive(t *testing.T) {
	database := migrated(t)
	first, err := openTable(t.Context(), database, store.Options{}, quick)
	if err != nil {
		t.Fatal(err)
	}
	_, err = openTable(t.Context(), database, store.Options{}, quick)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "process") {
		t.Errorf("got %v, want %v with the address", err, ErrLocked)
	}
	submit(t, first, 1)
	if err := first.Trusted(); err != nil {
		t.Errorf("trusted: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	long := quick
	long.length = time.Hour // it need not wait for its end
	second, err := openTable(t.Context(), database, store.Options{}, long)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	t.Logf("took over in %v", time.Since(began))
}

// The lease of a process that has died is free after its end.
func TestLeaseOfTheDead(t *testing.T) {
	database := migrated(t)
	pgserver.Exec(t, database, `INSERT INTO leases (name, epoch, holder, address, since, expires)
	     VALUES ('*', 7, 'dead', 'elsewhere', clock_timestamp(), clock_timestamp() + interval '300 ms')`)
	s, err := openTable(t.Context(), database, store.Options{}, quick)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if s.db.lease.epoch != 8 {
		t.Errorf("epoch %d, want 8", s.db.lease.epoch)
	}
}

// After a takeover nothing of the old holder is written, it is told once, and it trusts itself no more.
func TestDeposed(t *testing.T) {
	database := migrated(t)
	lost := make(chan error, 10)
	s, err := openTable(t.Context(), database, store.Options{OnLost: func(err error) { lost <- err }}, defaultLease)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	b := submit(t, s, 3)
	pgserver.Exec(t, database, `UPDATE leases SET epoch = epoch + 1, holder = 'another'`)
	_, err = s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, func(u *job.Update) error { return u.Cancel("", testTime) })
	if !errors.Is(err, ErrDeposed) || !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("update: %v, want %v", err, ErrDeposed)
	}
	if _, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: make([]job.Spec, 1)}, testTime); !errors.Is(err, ErrDeposed) {
		t.Errorf("submit: %v, want %v", err, ErrDeposed)
	}
	if err := <-lost; !errors.Is(err, ErrDeposed) {
		t.Errorf("told %v", err)
	}
	if err := s.Trusted(); !errors.Is(err, ErrDeposed) {
		t.Errorf("trusted: %v", err)
	}
	got, err := s.Batch(t.Context(), b.ID)
	if err != nil || got.Revision != b.Revision || got.Counts.Waiting != 3 {
		t.Errorf("batch %+v, %v", got, err)
	}
	if n, err := s.CountBatches(t.Context(), job.BatchFilter{}); n != 1 || err != nil {
		t.Errorf("%d batches, %v", n, err)
	}
	select {
	case err := <-lost:
		t.Errorf("told once more: %v", err)
	default:
	}
}

// The same epoch of another holder is another lease: a failover may have forgotten a takeover.
func TestDeposedInTheSameEpoch(t *testing.T) {
	database := migrated(t)
	s := mustOpen(t, database)
	pgserver.Exec(t, database, `UPDATE leases SET holder = 'another'`)
	if _, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}}, testTime); !errors.Is(err, ErrDeposed) {
		t.Errorf("submit: %v, want %v", err, ErrDeposed)
	}
}

// A takeover waits for the transactions of the old holder, and what these have written stays.
func TestTakeoverWaits(t *testing.T) {
	database := migrated(t)
	s := mustOpen(t, database)
	b := submit(t, s, 1)
	other := connectTo(t, database)
	taken := make(chan error, 1)
	_, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, func(u *job.Update) error {
		go func() {
			_, err := other.Exec(t.Context(), `UPDATE leases SET epoch = epoch + 1, holder = 'another'`)
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
	l := &lease{times: defaultLease}
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
		if got := l.trusted() == nil; got != tt.want {
			t.Errorf("%s: trusted %t, want %t", tt.name, got, tt.want)
		}
	}
}
