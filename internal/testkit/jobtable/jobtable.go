// Package jobtable opens job tables for tests.
package jobtable

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// Open opens the job table at path, without flushing its commits to the disk. It makes a file that does not exist
// like [sqlite.Open], with an instance id of its own, but migrates only the first one of a test binary and copies
// that: migrations would take most of the time of a short test.
func Open(t testing.TB, path string) *store.Store {
	t.Helper()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := copyEmpty(t, path); err != nil {
			t.Fatal(err)
		}
	}
	table, err := sqlite.Open(t.Context(), path, store.Options{Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// empty is the content of a job table that has nothing but its schema.
var empty struct {
	mu      sync.Mutex
	content []byte
}

// copyEmpty writes an empty job table to path.
func copyEmpty(t testing.TB, path string) error {
	empty.mu.Lock()
	defer empty.mu.Unlock()
	if empty.content == nil {
		content, err := makeEmpty(t, filepath.Join(t.TempDir(), "empty.db"))
		if err != nil {
			return err
		}
		empty.content = content
	}
	return os.WriteFile(path, empty.content, 0o600)
}

// makeEmpty returns the content of a job table without an instance id, which whoever opens it gives it.
func makeEmpty(t testing.TB, path string) (content []byte, err error) {
	table, err := sqlite.Open(t.Context(), path, store.Options{Unsafe: true})
	if err != nil {
		return nil, err
	}
	if err := table.Close(); err != nil {
		return nil, err
	}
	if err := forgetInstance(t, path); err != nil {
		return nil, fmt.Errorf("forget the instance of an empty job table: %w", err)
	}
	return os.ReadFile(path)
}

func forgetInstance(t testing.TB, path string) (err error) {
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(t.Context(), `DELETE FROM meta WHERE name = 'instance_id'`)
	return err
}
