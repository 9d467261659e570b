package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// stall keeps the writer busy until the returned function is called. Writes that
// are handed in meanwhile share the next transaction.
func stall(t *testing.T, s *table) (goOn func()) {
	t.Helper()
	free := make(chan struct{})
	done := hand(t, s, func(*transaction) error {
		<-free
		return nil
	})
	var once sync.Once
	return func() { once.Do(func() { close(free); <-done }) } //nolint:errcheck // always nil
}

// hand gives the writer a write without waiting for its outcome. It is for bubbles.
func hand(t *testing.T, s *table, f func(*transaction) error) <-chan error {
	t.Helper()
	return handOver(func() error { return s.inTransaction(t.Context(), f) })
}

func handOver(write func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- write() }()
	synctest.Wait() // until it has been handed in
	return done
}

func addOrphanTo(t *testing.T, s *table, encoding string) error {
	t.Helper()
	return s.AddOrphan(t.Context(), job.Orphan{AccountID: "a", EncodingID: encoding})
}

func handOrphan(t *testing.T, s *table, encoding string) <-chan error {
	t.Helper()
	return handOver(func() error { return addOrphanTo(t, s, encoding) })
}

func orphanIDs(t *testing.T, s *table) string {
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
	bubble.Test(t, func(t *testing.T) {
		s := mustOpen(t)
		var first *transaction
		goOn := stall(t, s)
		var outcomes []<-chan error
		for range 3 {
			outcomes = append(outcomes, hand(t, s, func(t *transaction) error {
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
		for _, done := range outcomes {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// One that fails after it has written takes back its own writes, and only those.
func TestGroupSurvivesAMember(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := mustOpen(t)
		goOn := stall(t, s)
		good := handOrphan(t, s, "1")
		bad := hand(t, s, func(tx *transaction) error {
			for _, encoding := range []string{"2", ""} { // the second is refused by the table
				rows := store.Rows{Orphans: []job.Orphan{{AccountID: "a", EncodingID: encoding}}}
				if err := tx.Write(t.Context(), &rows); err != nil {
					return err
				}
			}
			return nil
		})
		errObjection := errors.New("it objects")
		objects := handOver(func() error {
			_, err := s.UpdateAccountSettings(t.Context(), "a", testTime, func(*job.AccountSettings) error { return errObjection })
			return err
		})
		last := handOrphan(t, s, "3")
		goOn()
		for name, done := range map[string]<-chan error{"first": good, "last": last} {
			if err := <-done; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := <-bad; err == nil {
			t.Error("the bad one succeeded")
		}
		if err := <-objects; err != errObjection { //nolint:errorlint // as it is
			t.Errorf("the one that objects: %v", err)
		}
		if got := orphanIDs(t, s); got != "1 3" {
			t.Errorf("orphans %q, want %q", got, "1 3")
		}
	})
}

// A function that panics in a group harms nobody else.
func TestGroupSurvivesAPanic(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := mustOpen(t)
		b := mustSubmitTo(t, s, make([]job.Spec, 2)...)
		goOn := stall(t, s)
		update := func(number int64, f func(*job.Update) error) <-chan error {
			return handOver(func() error {
				_, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: number}, testTime, f)
				return err
			})
		}
		cancel := func(u *job.Update) error { return u.Cancel("enough", testTime) }
		first := update(1, cancel)
		bad := update(2, func(u *job.Update) error {
			if err := cancel(u); err != nil {
				return err
			}
			panic("what is this?")
		})
		last := handOrphan(t, s, "1")
		goOn()
		if err := errors.Join(<-first, <-last); err != nil {
			t.Errorf("the others: %v", err)
		}
		if err := <-bad; err == nil || !strings.Contains(err.Error(), "what is this?") {
			t.Errorf("the one that panics: %v", err)
		}
		want := job.Counts{Waiting: 1, Cancelled: 1}
		if got := mustBatch(t, s, b.ID); got.Counts != want || got.Revision != 2 {
			t.Errorf("counts %+v, revision %d, want %+v, 2", got.Counts, got.Revision, want)
		}
		checkWhole(t, s)
	})
}

func TestCommitFails(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := mustOpen(t)
		b := mustSubmitTo(t, s, job.Spec{})
		var told int
		s.SetOnChange(func([]job.Change) { told++ })
		goOn := stall(t, s)
		good := handOver(func() error {
			_, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, func(u *job.Update) error { return u.Cancel("enough", testTime) })
			return err
		})
		bad := hand(t, s, func(tx *transaction) error { // found out by COMMIT
			for _, text := range []string{`PRAGMA defer_foreign_keys = 1`, `INSERT INTO batch_labels (name, value, batch) VALUES ('', '', 77)`} {
				if _, err := tx.exec(t.Context(), text); err != nil {
					return err
				}
			}
			return nil
		})
		goOn()
		for name, done := range map[string]<-chan error{"good": good, "bad": bad} {
			if err := <-done; err == nil {
				t.Errorf("%s: no error although nothing was committed", name)
			}
		}
		if told != 0 {
			t.Error("somebody was told of a change")
		}
		if err := addOrphanTo(t, s, "2"); err != nil {
			t.Fatalf("next write: %v", err)
		}
		if got := orphanIDs(t, s); got != "2" {
			t.Errorf("orphans %q, want %q", got, "2")
		}
		if got := mustBatch(t, s, b.ID); got.Counts.Waiting != 1 {
			t.Errorf("counts %+v, want one job in WAITING", got.Counts)
		}
	})
}

func TestFullDisk(t *testing.T) {
	s := mustOpen(t)
	b := mustSubmitTo(t, s, job.Spec{})
	pages := func(limit string) {
		t.Helper()
		// Past the writer's goroutine, which is idle: inside a transaction it has no effect.
		if _, err := s.db.writer.conn.ExecContext(t.Context(), `PRAGMA max_page_count = `+limit); err != nil {
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
		left := handOver(func() error { return s.AddOrphan(ctx, job.Orphan{AccountID: "a", EncodingID: "left"}) })
		stays := handOrphan(t, s, "stays")
		cancel(enough)
		if err := <-left; !errors.Is(err, enough) {
			t.Errorf("%v, want %v", err, enough)
		}
		goOn()
		if err := <-stays; err != nil {
			t.Error(err)
		}
		if got := orphanIDs(t, s); got != "left stays" {
			t.Errorf("orphans %q, want %q", got, "left stays")
		}
	})
}

// The request id of a batch is remembered from its deletion on, not only when its rows are removed.
func TestDeleteRemembersRequestID(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := mustOpen(t)
		sub := job.Submission{RequestID: "r"} // without jobs: it ends at once
		first, _, err := s.Submit(t.Context(), sub, testTime)
		if err != nil {
			t.Fatal(err)
		}
		goOn := stall(t, s)
		deleted := handOver(func() error { return s.DeleteBatch(t.Context(), first.ID, testTime) })
		submitted := handOver(func() error { // both are in one group, ahead of any removal
			_, _, err := s.Submit(t.Context(), sub, testTime)
			if gone, ok := errors.AsType[*job.DeletedError](err); !ok || gone.ID != first.ID {
				return fmt.Errorf("submitted again: %w, want that the batch was deleted", err)
			}
			return nil
		})
		goOn()
		if err := errors.Join(<-deleted, <-submitted); err != nil {
			t.Error(err)
		}
	})
}

func TestClose(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "stoker.db")
		s := mustOpenAt(t, path)
		goOn := stall(t, s)
		handedIn := handOrphan(t, s, "1")
		closed := handOver(s.Close)
		if err := addOrphanTo(t, s, "2"); !errors.Is(err, job.ErrUnavailable) {
			t.Errorf("write after Close: %v, want %v", err, job.ErrUnavailable)
		}
		goOn()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if err := <-handedIn; err != nil {
			t.Errorf("write before Close: %v", err)
		}
		if got := orphanIDs(t, mustOpenAt(t, path)); got != "1" {
			t.Errorf("orphans %q, want %q", got, "1")
		}
	})
}
