package store

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
)

// stall keeps the writer busy until the returned function is called. Writes that
// are handed in meanwhile share the next transaction.
func stall(t *testing.T, s *Store) (goOn func()) {
	t.Helper()
	busy, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	o := &op{done: make(chan error, 1), run: func(*tx) error {
		close(busy)
		<-free
		return nil
	}}
	s.writer.ops <- o
	<-busy
	return func() { once.Do(func() { close(free); <-o.done }) } //nolint:errcheck // always nil
}

// hand gives the writer a write without waiting for it.
func hand(s *Store, run func(*tx) error) *op {
	o := &op{run: run, done: make(chan error, 1)}
	s.writer.ops <- o
	return o
}

func addOrphan(encoding string) func(*tx) error {
	return func(t *tx) error { return t.addOrphan(job.Orphan{AccountID: "a", EncodingID: encoding}) }
}

func orphanIDs(t *testing.T, s *Store) string {
	t.Helper()
	list, err := s.Orphans(t.Context(), "a", 100)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, o := range list {
		ids = append(ids, o.EncodingID)
	}
	return strings.Join(ids, " ")
}

func TestGroupSharesATransaction(t *testing.T) {
	s := mustOpen(t)
	var first *tx
	goOn := stall(t, s)
	var ops []*op
	for range 3 {
		ops = append(ops, hand(s, func(t *tx) error {
			if first == nil {
				first = t
			}
			if t != first {
				return errors.New("another transaction")
			}
			return nil
		}))
	}
	goOn()
	for _, o := range ops {
		if err := <-o.done; err != nil {
			t.Error(err)
		}
	}
}

// One that fails after it has written takes back its own writes, and only those.
func TestGroupSurvivesAMember(t *testing.T) {
	s := mustOpen(t)
	goOn := stall(t, s)
	good := hand(s, addOrphan("1"))
	bad := hand(s, func(t *tx) error {
		if err := addOrphan("2")(t); err != nil {
			return err
		}
		return addOrphan("")(t) // refused by the table
	})
	objects := hand(s, func(*tx) error { return errClosed })
	last := hand(s, addOrphan("3"))
	goOn()
	for name, o := range map[string]*op{"first": good, "last": last} {
		if err := <-o.done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := <-bad.done; err == nil {
		t.Error("the bad one succeeded")
	}
	if err := <-objects.done; err != errClosed { //nolint:errorlint // as it is
		t.Errorf("the one that objects: %v", err)
	}
	if got := orphanIDs(t, s); got != "1 3" {
		t.Errorf("orphans %q, want %q", got, "1 3")
	}
}

func TestCommitFails(t *testing.T) {
	s := mustOpen(t)
	var rung int
	s.SetOnChange(func([]job.Change) { rung++ })
	goOn := stall(t, s)
	good := hand(s, func(t *tx) error {
		t.bell(&head{})
		return addOrphan("1")(t)
	})
	bad := hand(s, func(t *tx) error { // found out by COMMIT
		for _, text := range []string{`PRAGMA defer_foreign_keys = 1`, `INSERT INTO batch_labels (name, value, batch) VALUES ('', '', 77)`} {
			if _, err := t.exec(text); err != nil {
				return err
			}
		}
		return nil
	})
	goOn()
	for name, o := range map[string]*op{"good": good, "bad": bad} {
		if err := <-o.done; err == nil {
			t.Errorf("%s: no error although nothing was committed", name)
		}
	}
	if rung != 0 {
		t.Error("the bell rang")
	}
	if err := s.AddOrphan(t.Context(), job.Orphan{AccountID: "a", EncodingID: "2"}); err != nil {
		t.Fatalf("next write: %v", err)
	}
	if got := orphanIDs(t, s); got != "2" {
		t.Errorf("orphans %q, want %q", got, "2")
	}
}

func TestFullDisk(t *testing.T) {
	s := mustOpen(t)
	b := mustSubmitTo(t, s, job.Spec{})
	pages := func(limit string) {
		t.Helper()
		// Past the writer's goroutine, which is idle: inside a transaction it has no effect.
		if _, err := s.writer.conn.ExecContext(t.Context(), `PRAGMA max_page_count = `+limit); err != nil {
			t.Fatal(err)
		}
	}
	pages("1") // means: no more than there are
	many := job.Submission{Batch: job.Batch{ID: "many"}, Jobs: make([]job.Spec, 5000)}
	if _, _, err := s.Submit(t.Context(), many, testTime); !errors.Is(err, job.ErrFull) {
		t.Fatalf("submit: %v, want %v", err, job.ErrFull)
	}
	if _, err := s.Batch(t.Context(), "many"); !errors.Is(err, job.ErrNotFound) {
		t.Errorf("batch: %v, want %v", err, job.ErrNotFound)
	}
	if _, err := s.Batch(t.Context(), b.ID); err != nil {
		t.Errorf("what was there before: %v", err)
	}
	pages("1000000")
	if _, _, err := s.Submit(t.Context(), many, testTime); err != nil {
		t.Errorf("submit when there is room again: %v", err)
	}
}

// A caller that stops waiting neither stops its write nor harms the others.
func TestCallerLeaves(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := mustOpen(t)
		goOn := stall(t, s)
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		left := make(chan error, 1)
		go func() { left <- s.AddOrphan(ctx, job.Orphan{AccountID: "a", EncodingID: "left"}) }()
		synctest.Wait() // until it has been handed in
		stays := hand(s, addOrphan("stays"))
		cancel(enough)
		if err := <-left; !errors.Is(err, enough) {
			t.Errorf("%v, want %v", err, enough)
		}
		goOn()
		if err := <-stays.done; err != nil {
			t.Error(err)
		}
		if got := orphanIDs(t, s); got != "left stays" {
			t.Errorf("orphans %q, want %q", got, "left stays")
		}
	})
}

// A batch gives its request id free at once, not when its rows are cleared away.
func TestDeleteFreesRequestID(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := mustOpen(t)
		sub := job.Submission{RequestID: "r"} // without jobs: it ends at once
		first, _, err := s.Submit(t.Context(), sub, testTime)
		if err != nil {
			t.Fatal(err)
		}
		goOn := stall(t, s)
		deleted, submitted := make(chan error, 1), make(chan error, 1)
		go func() { deleted <- s.DeleteBatch(t.Context(), first.ID) }()
		synctest.Wait()
		go func() {
			second, created, err := s.Submit(t.Context(), sub, testTime)
			if err == nil && (!created || second.ID == first.ID) {
				err = errors.New("got the deleted batch")
			}
			submitted <- err
		}()
		synctest.Wait() // both are in one group, ahead of any clearing
		goOn()
		if err := errors.Join(<-deleted, <-submitted); err != nil {
			t.Error(err)
		}
	})
}

func TestClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	s := mustOpenAt(t, path)
	goOn := stall(t, s)
	handedIn := hand(s, addOrphan("1"))
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	<-s.writer.closing
	if err := s.AddOrphan(t.Context(), job.Orphan{AccountID: "a", EncodingID: "2"}); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("write after Close: %v, want %v", err, job.ErrUnavailable)
	}
	goOn()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := <-handedIn.done; err != nil {
		t.Errorf("write before Close: %v", err)
	}
	if got := orphanIDs(t, mustOpenAt(t, path)); got != "1" {
		t.Errorf("orphans %q, want %q", got, "1")
	}
}
