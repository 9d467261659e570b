package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

func mustSubmitTo(t *testing.T, s *table, jobs ...job.Spec) job.Batch {
	t.Helper()
	b, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: jobs}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustClose(t *testing.T, s *table) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a name? with & 100% odd # signs.db")
	s := mustOpenAt(t, path)
	instance := s.InstanceID()
	b := mustSubmitTo(t, s, job.Spec{Key: "a", InputPath: "in"}, job.Spec{Key: "b"})
	id := job.ID{Batch: b.ID, Number: 2}
	j, err := s.UpdateJob(t.Context(), id, testTime, func(u *job.Update) error { return u.Configured("e", nil, testTime) })
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is not where it should be: %v", err)
	}

	s = mustOpenAt(t, path)
	got, err := s.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(j, got); diff != "" {
		t.Errorf("job (-before +after):\n%s", diff)
	}
	if s.InstanceID() != instance {
		t.Errorf("instance id %q became %q", instance, s.InstanceID())
	}
	if !regexp.MustCompile(`^[a-z2-7]{16}$`).MatchString(instance) {
		t.Errorf("instance id %q is no word of 16 lower-case letters and digits", instance)
	}
	if other := mustOpen(t).InstanceID(); other == instance {
		t.Errorf("two files have the instance id %q", other)
	}
}

func TestOpenLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	s := mustOpenAt(t, path)
	if second, err := openTable(t.Context(), path, store.Options{}); !errors.Is(err, ErrLocked) {
		t.Fatalf("second Open: %v, %v, want %v", second, err, ErrLocked)
	}
	mustSubmitTo(t, s) // the first one is not disturbed
	mustClose(t, s)
	mustOpenAt(t, path)
}

// holdEnv names, for a process started by TestOpenAfterKill, the file to hold open.
const holdEnv = "STOKER_TEST_HOLD"

func TestOpenAfterKill(t *testing.T) {
	if path := os.Getenv(holdEnv); path != "" {
		hold(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "stoker.db")
	holder := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOpenAfterKill$")
	holder.Env = append(os.Environ(), holdEnv+"="+path)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the other process said %q: %v", line, err)
	}
	if _, err := openTable(t.Context(), path, store.Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("Open beside another process: %v, want %v", err, ErrLocked)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // reports the kill
	s := mustOpenAt(t, path)
	if _, err := s.Batch(t.Context(), "held"); err != nil {
		t.Errorf("what was acknowledged before the kill: %v", err)
	}
}

// hold is the other process: it writes, says so, and waits for its end.
func hold(t *testing.T, path string) {
	s, err := openTable(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{ID: "held"}, Jobs: []job.Spec{{}}}, testTime); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stdout.WriteString("holding\n"); err != nil {
		t.Fatal(err)
	}
	<-t.Context().Done()
}

func TestOpenRefuses(t *testing.T) {
	newer := func(t *testing.T, path string) {
		s := mustOpenAt(t, path)
		const migrated = `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, 1)`
		if _, err := s.exec(t, migrated, schemaVersion+1); err != nil {
			t.Fatal(err)
		}
		mustClose(t, s)
	}
	foreign := func(t *testing.T, path string) {
		if err := createPrivate(path); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", dsn(path, "journal_mode(DELETE)"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if _, err := db.ExecContext(t.Context(), `CREATE TABLE recipes (cake TEXT)`); err != nil {
			t.Fatal(err)
		}
	}
	text := func(t *testing.T, path string) {
		if err := os.WriteFile(path, bytes.Repeat([]byte("Dear diary, "), 100), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
	}{
		{"a newer schema", newer, ErrNewer},
		{"a database of another program", foreign, ErrNotDatabase},
		{"a text", text, ErrNotDatabase},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			tt.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the refusal leaves no lock behind
				if _, err := openTable(t.Context(), path, store.Options{}); !errors.Is(err, tt.want) {
					t.Errorf("Open: %v, want %v", err, tt.want)
				}
			}
			after, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOpenRefusesPlaces(t *testing.T) {
	dir := t.TempDir()
	if _, err := openTable(t.Context(), dir, store.Options{}); !errors.Is(err, ErrNotDatabase) {
		t.Errorf("a directory: %v, want %v", err, ErrNotDatabase)
	}
	if _, err := openTable(t.Context(), filepath.Join(dir, "missing", "stoker.db"), store.Options{}); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("a file in a missing directory: %v, want %v", err, job.ErrUnavailable)
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	path := filepath.Join(t.TempDir(), "stoker.db")
	if _, err := openTable(ctx, path, store.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v, want %v", err, context.Canceled)
	}
	mustOpenAt(t, path)
}

// What is left of a deleted batch is cleared away, by the next process if need be.
func TestDeleteClearsRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	s := mustOpenAt(t, path)
	gone := mustSubmitTo(t, s, make([]job.Spec, 1001)...)
	stays := mustSubmitTo(t, s, make([]job.Spec, 3)...)
	cancel := func(u *job.Update) error { return u.Cancel("enough", testTime) }
	for _, b := range []job.Batch{gone, stays} {
		if _, err := s.UpdateJobs(t.Context(), job.Filter{BatchID: b.ID}, testTime, cancel); err != nil {
			t.Fatal(err)
		}
	}
	// As DeleteBatch does, but with nobody to clear away after it.
	if _, err := s.exec(t, `UPDATE batches SET deleted = 1 WHERE id = $1`, gone.ID); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)

	s = mustOpenAt(t, path)
	if err := store.NewKeeper(s.Store).Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]int64{"batches": 1, "jobs": 3, "events": 3, "batch_labels": 0} {
		got, err := one(t.Context(), s.db.reader, scalar[int64], `SELECT count(*) FROM `+table)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%d rows in %s, want %d", got, table, want)
		}
	}
}

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenAt(t, filepath.Join(dir, "stoker.db"))
	b := mustSubmitTo(t, s, job.Spec{Key: "a"})
	path := filepath.Join(dir, "backup.db")
	if err := Backup(t.Context(), s.db.path, path); err != nil {
		t.Fatal(err)
	}
	if err := Backup(t.Context(), s.db.path, path); !errors.Is(err, job.ErrExists) {
		t.Errorf("second backup: %v, want %v", err, job.ErrExists)
	}
	mustSubmitTo(t, s) // not in the backup

	restored := mustOpenAt(t, path)
	list, err := restored.Batches(t.Context(), job.BatchFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]job.Batch{b}, list); diff != "" {
		t.Errorf("batches of the backup (-want +got):\n%s", diff)
	}
	if restored.InstanceID() != s.InstanceID() {
		t.Error("the backup has another instance id")
	}
}
