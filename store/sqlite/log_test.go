package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// mustCopy copies files of a table, by the ends of their names, to the path of another.
func mustCopy(t *testing.T, from, to string, suffixes ...string) {
	t.Helper()
	for _, suffix := range suffixes {
		content, err := os.ReadFile(from + suffix)
		if err == nil {
			err = os.WriteFile(to+suffix, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Who copies the main file alone of a quiet service gets all but its last seconds.
func TestLogIsFolded(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path, copied := filepath.Join(dir, "stoker.db"), filepath.Join(dir, "copy.db")
		s, err := openTable(t.Context(), path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer mustClose(t, s)
		b := mustSubmitTo(t, s, job.Spec{Key: "a"})
		time.Sleep(foldAfter + time.Second)
		mustCopy(t, path, copied, "")
		c, err := openTable(t.Context(), copied, store.Options{AcceptNoLog: true})
		if err != nil {
			t.Fatal(err)
		}
		defer mustClose(t, c)
		if _, err := c.Job(t.Context(), job.ID{Batch: b.ID, Number: 1}); err != nil {
			t.Errorf("the job is not in the copy: %v", err)
		}
	})
}

// A busy service folds its log once a minute.
func TestBusyLogIsFolded(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "stoker.db")
		s, err := openTable(t.Context(), path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer mustClose(t, s)
		mustSubmitTo(t, s, job.Spec{Key: "a"})
		before := mustRead(t, path)
		var changed time.Duration
		for began := time.Now(); time.Since(began) < 2*foldAtLeast && changed == 0; {
			for range busyCommits + 10 {
				s.db.folder.noteCommit(0)
			}
			time.Sleep(foldAfter)
			synctest.Wait()
			if !bytes.Equal(before, mustRead(t, path)) {
				changed = time.Since(began)
			}
		}
		if changed < foldAtLeast || changed > foldAtLeast+2*foldAfter {
			t.Errorf("folded after %v, want after some %v", changed, foldAtLeast)
		}
	})
}

// A service is not begun on the main file alone that was copied from one in use: its latest changes are
// missing. A copy with the log, a backup, and a table that was closed are whole.
func TestMissingLog(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "stoker.db")
	s, err := openTable(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := mustSubmitTo(t, s, job.Spec{Key: "a"})
	bare, whole, backup := filepath.Join(dir, "bare.db"), filepath.Join(dir, "whole.db"), filepath.Join(dir, "backup.db")
	mustCopy(t, path, bare, "")
	mustCopy(t, path, whole, "", logSuffix)
	if err := Backup(t.Context(), path, backup); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)

	if s, err := openTable(t.Context(), bare, store.Options{}); !errors.Is(err, ErrNoLog) {
		t.Errorf("the main file alone: %v, %v, want %v", s, err, ErrNoLog)
	}
	bareTable, err := openTable(t.Context(), bare, store.Options{AcceptNoLog: true})
	if err != nil {
		t.Fatalf("the main file alone, which is accepted: %v", err)
	}
	mustClose(t, bareTable)
	for _, file := range []string{path, whole, backup} {
		s, err := openTable(t.Context(), file, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Job(t.Context(), job.ID{Batch: b.ID, Number: 1}); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
		mustClose(t, s)
	}
	if s, err := openTable(t.Context(), bare, store.Options{}); err != nil {
		t.Errorf("after it was accepted: %v", err)
	} else {
		mustClose(t, s)
	}
}

// A backup of a table whose service was killed leaves its files as they are: without its log, the table
// would not be opened again.
func TestBackupKeepsTheLog(t *testing.T) {
	dir := t.TempDir()
	path, killed := filepath.Join(dir, "stoker.db"), filepath.Join(dir, "killed.db")
	s, err := openTable(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustSubmitTo(t, s, job.Spec{Key: "a"})
	mustCopy(t, path, killed, "", logSuffix)
	mustClose(t, s)
	if err := Backup(t.Context(), killed, filepath.Join(dir, "backup.db")); err != nil {
		t.Fatal(err)
	}
	again, err := openTable(t.Context(), killed, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, again)
}

// A backup that is put in the place of a table finds the table's log there, which is not its own.
func TestForeignLog(t *testing.T) {
	dir := t.TempDir()
	path, restored, backup := filepath.Join(dir, "stoker.db"), filepath.Join(dir, "restored.db"), filepath.Join(dir, "backup.db")
	s, err := openTable(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := mustSubmitTo(t, s, job.Spec{Key: "a"})
	if err := Backup(t.Context(), path, backup); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		mustSubmitTo(t, s, job.Spec{Key: "later"})
	}
	mustCopy(t, path, restored, "", logSuffix, "-shm", identitySuffix)
	mustClose(t, s)
	mustRename(t, backup, restored)

	r, err := openTable(t.Context(), restored, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, r)
	checkWhole(t, r)
	if _, err := r.Job(t.Context(), job.ID{Batch: b.ID, Number: 1}); err != nil {
		t.Errorf("the job is not in the backup: %v", err)
	}
	if renamed, err := filepath.Glob(restored + logSuffix + ".foreign-*"); err != nil || len(renamed) != 1 {
		t.Errorf("the foreign log was kept as %v, %v", renamed, err)
	}
}
