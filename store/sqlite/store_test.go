package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/storetest"
)

func TestStore(t *testing.T) {
	paths := map[*testing.T]string{} // the file of each test
	storetest.Run(t, func(t *testing.T) *store.Store {
		if paths[t] == "" {
			paths[t] = filepath.Join(t.TempDir(), "stoker.db")
		}
		s, err := Open(t.Context(), paths[t], store.Options{Unsafe: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}
