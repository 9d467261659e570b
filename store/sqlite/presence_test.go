package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// A file of a table in use that is moved, deleted or replaced is noticed by the next write, which fails, as
// do all writes after it, also when the file is back.
func TestMoved(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"moved":       func(path string) error { return os.Rename(path, path+".old") },
		"deleted":     os.Remove,
		"log deleted": func(path string) error { return os.Remove(path + logSuffix) },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".new", make([]byte, 4096), 0o600), os.Rename(path+".new", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stoker.db")
			var told []error
			s, err := openTable(t.Context(), path, store.Options{OnLost: func(err error) { told = append(told, err) }})
			if err != nil {
				t.Fatal(err)
			}
			before := mustSubmitTo(t, s, job.Spec{Key: "before"})
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			submit := func() error {
				_, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: []job.Spec{{Key: "after"}}}, testTime)
				return err
			}
			if err := submit(); !errors.Is(err, ErrMoved) || !errors.Is(err, job.ErrUnavailable) {
				t.Errorf("the next write: %v, want %v", err, ErrMoved)
			}
			if name == "moved" {
				if err := os.Rename(path+".old", path); err != nil {
					t.Fatal(err)
				}
			}
			if err := submit(); !errors.Is(err, ErrMoved) {
				t.Errorf("a later write: %v, want %v", err, ErrMoved)
			}
			if len(told) != 1 || !errors.Is(told[0], ErrMoved) {
				t.Errorf("told %v, want once that the file was moved", told)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			rescued, err := filepath.Glob(path + rescuedSuffix + "*")
			if err != nil || len(rescued) != 1 {
				t.Fatalf("rescued %v, %v, want one copy", rescued, err)
			}
			c := mustOpenAt(t, rescued[0])
			if _, err := c.Job(t.Context(), job.ID{Batch: before.ID, Number: 1}); err != nil {
				t.Errorf("the job is not in the copy: %v", err)
			}
		})
	}
}

// Where a table was, no other one is begun, and none is opened that is another.
func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "stoker.db")
	if s, err := openTable(t.Context(), path, store.Options{MustExist: true}); !errors.Is(err, ErrMissing) {
		t.Fatalf("a new table that must exist: %v, %v, want %v", s, err, ErrMissing)
	}
	s := mustOpenAt(t, path)
	instance := s.InstanceID()
	mustClose(t, s)
	info, err := os.Stat(path + identitySuffix)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file with its identity: %v, %v, want one that nobody else may read", info, err)
	}
	mustRename(t, path, path+".away")
	refuses := func(what string, want error) {
		t.Helper()
		if s, err := openTable(t.Context(), path, store.Options{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, %v, want %v", what, s, err, want)
		}
	}
	refuses("moved away", ErrMissing)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a table was begun all the same: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refuses("an empty file in its place", ErrMissing)
	other := mustOpenAt(t, filepath.Join(dir, "other.db"))
	mustClose(t, other)
	mustRename(t, filepath.Join(dir, "other.db"), path)
	refuses("another table in its place", ErrOtherTable)
	mustRename(t, path+".away", path)
	s = mustOpenAt(t, path)
	if s.InstanceID() != instance {
		t.Errorf("the instance is %q, and was %q", s.InstanceID(), instance)
	}
	mustClose(t, s)
	if err := os.Remove(path + identitySuffix); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpenAt(t, path))
	if id, err := readIdentity(path); id != instance || err != nil {
		t.Errorf("the identity %q was not kept again: %q, %v", instance, id, err)
	}
}

func mustRename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// A damaged table is never taken for something else than a job table: who names another file pays for
// everything once more.
func TestDamaged(t *testing.T) {
	for name, damage := range map[string]func(content []byte){
		"its beginning": func(content []byte) { clear(content[:100]) },
		"its pages": func(content []byte) {
			for i := 4096; i < len(content); i++ {
				content[i] = 0xAA
			}
		},
	} {
		path := filepath.Join(t.TempDir(), "stoker.db")
		s := mustOpenAt(t, path)
		mustSubmitTo(t, s, job.Spec{Key: "a"})
		mustClose(t, s)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		damage(content)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := openTable(t.Context(), path, store.Options{}); !errors.Is(err, job.ErrDamaged) {
			t.Errorf("%s: %v, %v, want %v", name, s, err, job.ErrDamaged)
		}
	}
}
