package jobtable_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// A job table has an id of its own, keeps it, and is one that needs no migration.
func TestOpen(t *testing.T) {
	ids := map[string]bool{}
	for _, name := range []string{"a.db", "b.db"} {
		path := filepath.Join(t.TempDir(), name)
		table := jobtable.Open(t, path)
		id := table.InstanceID()
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
		if id == "" || ids[id] {
			t.Errorf("%s has the instance id %q, want one of its own", name, id)
		}
		ids[id] = true
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		again, err := sqlite.Open(t.Context(), path, store.Options{Unsafe: true})
		if err != nil {
			t.Fatal(err)
		}
		if again.InstanceID() != id {
			t.Errorf("%s has the instance id %q after it was opened again, want %q", name, again.InstanceID(), id)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("%s was changed by opening it: %v", name, err)
		}
	}
}
