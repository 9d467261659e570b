package postgres

import (
	"errors"
	"sync"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/job"
)

// terminate ends all sessions of a database but that of the statement.
const terminate = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`

// Sessions that the server ends are replaced, and writes whose transaction was not committed happen.
func TestConnectionsAreReplaced(t *testing.T) {
	database := migrated(t)
	s := mustOpen(t, database)
	b := submit(t, s, 20)
	for number := range int64(20) {
		pgserver.Exec(t, database, terminate)
		_, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: number + 1}, testTime, func(u *job.Update) error { return u.Cancel("", testTime) })
		if err != nil {
			t.Fatalf("job %d: %v", number+1, err)
		}
	}
	got, err := s.Batch(t.Context(), b.ID)
	if err != nil || got.State != job.BatchCancelled || got.Counts.Cancelled != 20 {
		t.Errorf("batch %s %+v, %v", got.State, got.Counts, err)
	}
}

// A session that is ended in the middle of a transaction takes nothing of it along.
func TestConnectionLostInTransaction(t *testing.T) {
	database := migrated(t)
	s := mustOpen(t, database)
	b := submit(t, s, 1)
	var once sync.Once
	_, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, func(u *job.Update) error {
		once.Do(func() { pgserver.Exec(t, database, terminate) })
		return u.Cancel("", testTime)
	})
	if err != nil {
		t.Fatal(err)
	}
	if events, err := s.Events(t.Context(), job.ID{Batch: b.ID, Number: 1}); len(events) != 1 || err != nil {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// A database that is full loses nothing, says so, and takes writes when there is room again.
func TestDatabaseFull(t *testing.T) {
	database := migrated(t)
	s := mustOpen(t, database)
	b := submit(t, s, 1)
	pgserver.Exec(t, database, `
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''could not extend file'' USING ERRCODE = ''53100''; END';
CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON jobs EXECUTE FUNCTION no_room()`)
	cancel := func(u *job.Update) error { return u.Cancel("", testTime) }
	if _, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, cancel); !errors.Is(err, job.ErrFull) {
		t.Errorf("update: %v, want %v", err, job.ErrFull)
	}
	if _, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: make([]job.Spec, 1)}, testTime); !errors.Is(err, job.ErrFull) {
		t.Errorf("submit: %v, want %v", err, job.ErrFull)
	}
	pgserver.Exec(t, database, `DROP TRIGGER no_room ON jobs`)
	if j, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, cancel); err != nil || j.Version != 2 {
		t.Errorf("version %d, %v", j.Version, err)
	}
}

// Texts that PostgreSQL cannot keep are kept as far as it can, and stop no job.
func TestUnstorableTexts(t *testing.T) {
	s := mustOpen(t, migrated(t))
	b := submit(t, s, 1)
	id := job.ID{Batch: b.ID, Number: 1}
	const odd = "a\x00b \xff \\u0000 \\\\"
	j, err := s.UpdateJob(t.Context(), id, testTime, func(u *job.Update) error { return u.Cancel(odd, testTime) })
	if err != nil {
		t.Fatal(err)
	}
	j, err = s.Job(t.Context(), j.ID)
	if err != nil {
		t.Fatal(err)
	}
	if want := "a\uFFFDb \uFFFD \\u0000 \\\\"; j.Reason != want {
		t.Errorf("reason %q, want %q", j.Reason, want)
	}
	for text, want := range map[string]string{
		odd: `"a\ufffdb \ufffd \\u0000 \\\\"`,
	} {
		if got := encode(text); got != want {
			t.Errorf("encode %q: %s, want %s", text, got, want)
		}
	}
	if _, err := s.UpdateJob(t.Context(), id, testTime, func(u *job.Update) error { return u.Retry(testTime) }); err != nil {
		t.Fatal(err)
	}
	_, err = s.UpdateJob(t.Context(), id, testTime, func(u *job.Update) error {
		return u.ConfigureRefused("", job.Failure{Kind: job.FailedConfigure, Text: odd}, job.Rules{}, testTime)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A write that reads what another session is changing waits for it, and is run again after a deadlock.
func TestDeadlock(t *testing.T) {
	database := migrated(t)
	s := mustOpen(t, database)
	b := submit(t, s, 2)
	other := connectTo(t, database)
	run := func(text string) {
		t.Helper()
		if _, err := other.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	run(`SET deadlock_timeout = '1h'`) // the other one finds it
	run(`BEGIN`)
	run(`INSERT INTO orphans (account, encoding_id, create_time) VALUES ('default', 'e', 0)`)
	var once sync.Once
	released := make(chan error, 1)
	_, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, func(u *job.Update) error {
		once.Do(func() {
			go func() { // waits for the head, which this transaction has locked
				_, err := other.Exec(t.Context(), `UPDATE batch_heads SET update_time = update_time`)
				_, commitErr := other.Exec(t.Context(), `COMMIT`)
				released <- errors.Join(err, commitErr)
			}()
			awaitLockWait(t, database)
		})
		u.Orphan = "e" // waits for the row of the other one
		return u.Cancel("", testTime)
	})
	if err != nil {
		t.Errorf("update: %v", err)
	}
	if err := <-released; err != nil {
		t.Errorf("the other session: %v", err)
	}
}
