package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// heldUp holds up whoever inserts jobs, and nobody else, until release is called.
func heldUp(t *testing.T, database string) (release func()) {
	t.Helper()
	conn := connectTo(t, database)
	tx, err := conn.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), `LOCK TABLE job_texts IN SHARE MODE`)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// awaitHeldUp returns when somebody inserts jobs.
func awaitHeldUp(t *testing.T, database string) {
	t.Helper()
	pgserver.Await(t, database, `SELECT count(*) > 0 FROM pg_locks WHERE relation = 'job_texts'::regclass AND NOT granted`)
}

// A submission that takes long holds up no other write, and is counted and told of like any other.
func TestLargeSubmissionHoldsNobodyUp(t *testing.T) {
	database := migrated(t)
	submitted, told := make(chan int64, 10), make(chan job.Change, 100)
	o := store.Options{
		OnCommit: func(c store.Commit) {
			if n := c.Submitted["default"]; n > 1 {
				submitted <- n
			}
		},
		OnChange: func(changes []job.Change) {
			for _, c := range changes {
				if c.BatchID != "" { // others are about wakeups that may have been lost
					told <- c
				}
			}
		},
	}
	s, err := openTable(t.Context(), database, o, defaultLease)
	if err != nil {
		t.Fatal(err)
	}
	b := submit(t, s, 1)
	<-told
	for _, what := range []string{"submit", "add"} {
		open, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default", Open: true}}, testTime)
		if err != nil {
			t.Fatal(err)
		}
		<-told
		release := heldUp(t, database)
		done := make(chan job.Batch, 1)
		go func() {
			var large job.Batch
			var err error
			if what == "submit" {
				large, _, err = s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: titles(2000)}, testTime)
			} else {
				large, _, _, err = s.AddJobs(t.Context(), open.ID, titles(2000), testTime)
			}
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			done <- large
		}()
		awaitHeldUp(t, database)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		j, err := s.UpdateJob(ctx, job.ID{Batch: b.ID, Number: 1}, testTime, cancelOrRetry)
		cancel()
		if err != nil {
			t.Fatalf("a change beside %s: %v", what, err)
		}
		if c := <-told; c.BatchID != b.ID || len(done) > 0 {
			t.Errorf("%s: told of %s, job %s", what, c.BatchID, j.State)
		}
		release()
		large := <-done
		if large.Counts.Waiting != 2000 {
			t.Errorf("%s: %+v", what, large.Counts)
		}
		if n := <-submitted; n != 2000 {
			t.Errorf("%s: %d jobs are counted", what, n)
		}
		if c := <-told; c.BatchID != large.ID || !c.Dispatch {
			t.Errorf("%s: told of %+v", what, c)
		}
	}
	release := heldUp(t, database)
	done := make(chan error, 1)
	go func() {
		_, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: titles(2000)}, testTime)
		done <- err
	}()
	awaitHeldUp(t, database)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	release()
	if err := <-done; err != nil {
		t.Errorf("a submission that was under way when the table was closed: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// A change of a batch to which many jobs are being added waits for that, and holds up no change of another batch.
func TestChangeOfAGrowingBatchHoldsNobodyUp(t *testing.T) {
	database := migrated(t)
	s := mustOpen(t, database)
	b := submit(t, s, 1)
	open, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default", Open: true}}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	pgserver.Exec(t, database, `
CREATE TABLE go_on (now boolean);
CREATE FUNCTION await_go_on() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN WHILE NOT EXISTS (SELECT FROM go_on) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NEW; END';
CREATE TRIGGER await_go_on BEFORE INSERT ON job_texts FOR EACH ROW EXECUTE FUNCTION await_go_on()`)
	added, renamed := make(chan error, 1), make(chan error, 1)
	go func() {
		_, _, _, err := s.AddJobs(t.Context(), open.ID, titles(2000), testTime)
		added <- err
	}()
	pgserver.Await(t, database, `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`)
	go func() {
		_, err := s.UpdateBatch(t.Context(), open.ID, testTime, func(b *job.Batch) error {
			b.DisplayName = "renamed"
			return nil
		})
		renamed <- err
	}()
	for range 50 { // the change of the batch is among them
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := s.UpdateJob(ctx, job.ID{Batch: b.ID, Number: 1}, testTime, cancelOrRetry)
		cancel()
		if err != nil {
			t.Errorf("a change of another batch: %v", err)
			break
		}
	}
	pgserver.Exec(t, database, `INSERT INTO go_on VALUES (true)`)
	if err := <-added; err != nil {
		t.Error(err)
	}
	if err := <-renamed; err != nil {
		t.Error(err)
	}
	if got, err := s.Batch(t.Context(), open.ID); err != nil || got.DisplayName != "renamed" || got.Counts.Waiting != 2000 {
		t.Errorf("%q with %+v, %v", got.DisplayName, got.Counts, err)
	}
}

// cancelOrRetry moves a job to CANCELLED, or back.
func cancelOrRetry(u *job.Update) error {
	if u.Job.State.Terminal() {
		return u.Retry(testTime)
	}
	return u.Cancel("", testTime)
}
