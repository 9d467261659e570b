package store_test

import (
	"path/filepath"
	"testing"

	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, dir string) *store.Store {
		s, err := store.Open(t.Context(), filepath.Join(dir, "stoker.db"), store.Options{Unsafe: true})
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
