package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/internal/testkit/relay"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// pair is a primary with a standby, and a migrated database.
type pair struct {
	primary, standby *pgserver.Host
	between          *relay.Relay // what the standby follows the primary through
	database         string       // its name
}

// newPair makes a pair. With synchronous the primary waits for the standby before it confirms a commit.
func newPair(t *testing.T, synchronous bool) *pair {
	t.Helper()
	p := &pair{primary: pgserver.StartHost(t)}
	p.database = p.primary.NewDatabase(t)
	if _, _, err := Migrate(t.Context(), p.primary.URL(p.database)); err != nil {
		t.Fatal(err)
	}
	p.between = relay.Start(t, p.primary.Address)
	p.standby = p.primary.Standby(t, "standby", p.between.Address)
	if synchronous {
		p.primary.RequireStandby(t, "standby")
	}
	return p
}

// url names both hosts, and asks for the one that takes writes.
func (p *pair) url() string {
	return fmt.Sprintf("postgres://postgres@%s,%s/%s?target_session_attrs=read-write&connect_timeout=2", p.primary.Address, p.standby.Address, p.database)
}

// writing submits batches one after the other, as a client does that does not give up.
type writing struct {
	mu           sync.Mutex
	acknowledged []string // ids of batches
	times        []time.Time
	stop         context.CancelCauseFunc
	done         chan struct{}
}

func startWriting(t *testing.T, url string) *writing {
	t.Helper()
	s := mustOpen(t, url)
	ctx, stop := context.WithCancelCause(t.Context())
	w := &writing{stop: stop, done: make(chan struct{})}
	go w.run(ctx, s)
	t.Cleanup(w.end)
	return w
}

// end ends the writing, and returns when nothing more is written.
func (w *writing) end() {
	w.stop(errors.New("the test has seen enough"))
	<-w.done
}

func (w *writing) run(ctx context.Context, s *table) {
	defer close(w.done)
	for ctx.Err() == nil {
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		b, _, err := s.Submit(asking, job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: make([]job.Spec, 1)}, time.Now())
		cancel()
		if err == nil {
			w.mu.Lock()
			w.acknowledged, w.times = append(w.acknowledged, b.ID), append(w.times, time.Now())
			w.mu.Unlock()
		}
	}
}

// count is how many batches were acknowledged.
func (w *writing) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acknowledged)
}

// await returns when n more batches are acknowledged.
func (w *writing) await(t *testing.T, n int) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for want := w.count() + n; w.count() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d batches are acknowledged, want %d", w.count(), want)
		}
	}
}

// firstAfter is when the first batch was acknowledged after a time.
func (w *writing) firstAfter(after time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.times {
		if at.After(after) {
			return at
		}
	}
	return time.Time{}
}

// missing are the acknowledged batches that a database does not have.
func (w *writing) missing(t *testing.T, database string) (ids []string) {
	t.Helper()
	conn := connectTo(t, database)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.acknowledged {
		var there bool
		if err := conn.QueryRow(t.Context(), `SELECT count(*) > 0 FROM batches WHERE id = $1`, id).Scan(&there); err != nil {
			t.Fatal(err)
		}
		if !there {
			ids = append(ids, id)
		}
	}
	return ids
}

// With a synchronous standby a promotion loses nothing that was acknowledged, and writes go on within seconds.
func TestFailover(t *testing.T) {
	t.Parallel()
	p := newPair(t, true)
	w := startWriting(t, p.url())
	w.await(t, 50)
	p.primary.Kill(t)
	p.standby.Exec(t, `ALTER SYSTEM SET synchronous_standby_names = ''`)
	p.standby.Promote(t)
	promoted := time.Now()
	w.await(t, 50)
	w.end()
	took := w.firstAfter(promoted).Sub(promoted)
	t.Logf("%d batches acknowledged; the first one %v after the promotion", w.count(), took.Round(time.Millisecond))
	if missing := w.missing(t, p.standby.URL(p.database)); len(missing) > 0 {
		t.Errorf("%d of %d acknowledged batches are missing", len(missing), w.count())
	}
}

// An asynchronous standby that is behind loses what was acknowledged last. That is noticed by the timeline: all
// accounts are compared with the platform before anything is started.
func TestFailoverLoses(t *testing.T) {
	t.Parallel()
	p := newPair(t, false)
	w := startWriting(t, p.url())
	w.await(t, 20)
	pgserver.Exec(t, p.primary.URL(p.database), `DELETE FROM unreconciled`) // which the start has noted
	pgserver.Await(t, p.standby.URL(p.database), `SELECT count(*) = 0 FROM unreconciled`)
	p.between.Freeze()
	w.await(t, 20)
	p.primary.Kill(t)
	p.between.Cut()
	p.standby.Promote(t)
	w.await(t, 20)
	w.end()
	missing := w.missing(t, p.standby.URL(p.database))
	if len(missing) == 0 {
		t.Error("nothing was lost: the standby was not behind")
	}
	t.Logf("%d of %d acknowledged batches were lost", len(missing), w.count())
	var unreconciled int
	if err := connectTo(t, p.standby.URL(p.database)).QueryRow(t.Context(), `SELECT count(*) FROM unreconciled`).Scan(&unreconciled); err != nil || unreconciled != 1 {
		t.Errorf("%d accounts are to be compared with the platform, want 1 (%v)", unreconciled, err)
	}
}

// After a failover nobody takes an account over while the one who drove it before may still make a call that costs
// money: it may not have noticed, and the table may have lost what it did last.
func TestFailoverWaitsForTrust(t *testing.T) {
	t.Parallel()
	server, database := startMigrated(t)
	between := relay.Start(t, server.Address)
	first, second := mustOpen(t, strings.Replace(database, server.Address, between.Address, 1)), mustOpen(t, database)
	term := campaign(t, first, "default")
	between.Freeze() // the first one does not hear of it
	pgserver.Exec(t, database, `UPDATE meta SET value = 'before' WHERE name = 'timeline'`)
	conn, err := second.db.connector.connect(t.Context()) // finds another timeline
	if err != nil {
		t.Fatal(err)
	}
	conn.close()
	campaign(t, second, "default")
	err = term.Trusted()
	between.Thaw()
	if err == nil {
		t.Error("two processes may make calls that cost money")
	}
}

// A commit that waits for a standby that is away is never cancelled: callers are told that the outcome is not known,
// the service trusts itself no more, and when the standby is back the commit has happened and work goes on.
func TestCommitNotConfirmed(t *testing.T) {
	t.Parallel()
	p := newPair(t, true)
	s := mustOpen(t, p.url())
	term := campaign(t, s, "default")
	b := submit(t, s, 3)
	p.standby.Kill(t)
	cancelJob := func(number int64) error {
		_, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: number}, testTime, func(u *job.Update) error { return u.Cancel("", testTime) })
		return err
	}
	began := time.Now()
	if err := cancelJob(1); !errors.Is(err, errUnknown) {
		t.Errorf("got %v, want %v", err, errUnknown)
	}
	// It may have waited behind a write of the store itself.
	if took := time.Since(began); took < commitLimit {
		t.Errorf("the caller waited %v, want %v at least", took, commitLimit)
	}
	if err := term.Trusted(); err == nil {
		t.Error("a call that costs money may be made")
	}
	d, _, err := store.ReadDatabase(t.Context(), s.Store)
	if err != nil || !d.Synchronous || d.Figures.UnknownCommits == 0 || d.Timeline != "00000001" || d.Version == "" || d.ClockOffset.Abs() > 2*time.Second {
		t.Errorf("the database stands as %+v, %v", d, err)
	}
	const waiting = `SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = 'COMMIT'`
	p.primary.Await(t, waiting) // it was not cancelled
	if j, err := s.Job(t.Context(), job.ID{Batch: b.ID, Number: 1}); err != nil || j.State != job.Waiting {
		t.Errorf("before the standby has it, the job is seen in %s, %v", j.State, err)
	}
	p.standby.Start(t)
	goesOn(t, s, job.Batch{ID: b.ID, Counts: job.Counts{Waiting: 2}}, job.ID{Batch: b.ID, Number: 1})
	if err := campaign(t, s, "default").Trusted(); err != nil { // the first term has ended
		t.Errorf("it is not trusted again: %v", err)
	}
}

// A COMMIT that somebody cancels succeeds, with nothing but a warning that no standby has it. It is not taken for
// an acknowledgement.
func TestCommitCancelled(t *testing.T) {
	t.Parallel()
	p := newPair(t, true)
	s := mustOpen(t, p.url())
	b := submit(t, s, 3)
	p.standby.Kill(t)
	failed := make(chan error, 1)
	go func() {
		_, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, func(u *job.Update) error { return u.Cancel("", testTime) })
		failed <- err
	}()
	p.primary.Await(t, `SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = 'COMMIT'`)
	p.primary.Exec(t, `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = 'COMMIT'`)
	if err := <-failed; !errors.Is(err, errUnknown) || !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, errUnknown)
	}
	p.standby.Start(t)
	goesOn(t, s, job.Batch{ID: b.ID, Counts: job.Counts{Waiting: 2}}, job.ID{Batch: b.ID, Number: 1})
}

// A connection that is cut before COMMIT arrives, or before its answer does, leaves the caller without an answer, and
// the table in one of the two states. The next change is made on another connection.
func TestCommitCutOff(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		committed bool
	}{{"before it arrives", false}, {"before its answer arrives", true}} {
		t.Run(tt.name, func(t *testing.T) {
			server, database := startMigrated(t)
			between := relay.Start(t, server.Address)
			s := mustOpen(t, strings.Replace(database, server.Address, between.Address, 1))
			b := submit(t, s, 3)
			part := []byte("COMMIT\x00") // the statement, or the server's word for what it did
			// cutCommits cuts that of the update, and of the store itself meanwhile.
			cutCommits := func() {
				between.CutWhen(func(fromServer bool, data []byte) bool {
					return fromServer == tt.committed && bytes.Contains(data, part)
				})
			}
			_, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, func(u *job.Update) error {
				cutCommits()
				return u.Cancel("", testTime)
			})
			between.CutWhen(nil)
			if !errors.Is(err, errUnknown) {
				t.Errorf("got %v, want %v", err, errUnknown)
			}
			j, err := s.Job(t.Context(), job.ID{Batch: b.ID, Number: 1})
			if err != nil || (j.State == job.Cancelled) != tt.committed {
				t.Errorf("job %s, %v", j.State, err)
			}
			if tt.committed {
				b.Counts.Waiting--
				goesOn(t, s, b, j.ID)
				return
			}
			goesOn(t, s, b)
		})
	}
}

// A caller that does not want to wait for a database that does not answer need not.
func TestFrozen(t *testing.T) {
	t.Parallel()
	server, database := startMigrated(t)
	between := relay.Start(t, server.Address)
	s := mustOpen(t, strings.Replace(database, server.Address, between.Address, 1))
	term := campaign(t, s, "default")
	b := submit(t, s, 3)
	between.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := s.Job(ctx, job.ID{Batch: b.ID, Number: 1}); err == nil {
		t.Error("a job is read from a database that does not answer")
	}
	if _, err := s.UpdateJob(ctx, job.ID{Batch: b.ID, Number: 3}, testTime, func(*job.Update) error { return nil }); err == nil {
		t.Error("a job is changed in a database that does not answer")
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the callers waited %v", took)
	}
	for began := time.Now(); term.Trusted() == nil; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("a call that costs money may still be made")
		}
	}
	between.Thaw()
	goesOn(t, s, b)
}

// A primary that becomes a standby under a service has all of its connections dropped: reads from it would be stale.
func TestDemoted(t *testing.T) {
	t.Parallel()
	server, database := startMigrated(t)
	s := mustOpen(t, database)
	b := submit(t, s, 3)
	if _, err := s.Batch(t.Context(), b.ID); err != nil { // there is a connection that reads
		t.Fatal(err)
	}
	demote := func(on string) {
		server.Exec(t, `ALTER SYSTEM SET default_transaction_read_only = `+on)
		server.Exec(t, `SELECT pg_reload_conf()`)
		server.Await(t, `SELECT current_setting('default_transaction_read_only') = '`+on+`'`)
	}
	demote("on")
	_, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, func(u *job.Update) error { return u.Cancel("", testTime) })
	if !errors.Is(err, ErrReadOnly) {
		t.Errorf("write: %v, want %v", err, ErrReadOnly)
	}
	if _, err := s.Batch(t.Context(), b.ID); !errors.Is(err, ErrReadOnly) {
		t.Errorf("read: %v, want %v", err, ErrReadOnly)
	}
	conn := connectTo(t, database)
	for _, text := range []string{`SET default_transaction_read_only = off`, `ALTER SYSTEM RESET default_transaction_read_only`, `SELECT pg_reload_conf()`} {
		if _, err := conn.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	goesOn(t, s, b)
}
