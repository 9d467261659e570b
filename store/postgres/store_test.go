package postgres

import (
	"context"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/storetest"
)

func TestStore(t *testing.T) {
	urls := map[*testing.T]string{} // the database of each test
	storetest.Run(t, func(t *testing.T) *store.Store {
		if urls[t] == "" {
			urls[t] = migrated(t)
		}
		s, err := Open(t.Context(), urls[t], store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		term, err := s.Campaign(t.Context(), []string{store.Housekeeping})
		if err != nil {
			t.Fatal(err)
		}
		go s.As(term).Housekeep(term.Context())
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

// migrated returns the URL of a new database with an empty job table.
func migrated(t testing.TB) string {
	t.Helper()
	return pgserver.Prepared(t, func(ctx context.Context, url string) error {
		_, _, err := Migrate(ctx, url)
		return err
	})
}

func TestShared(t *testing.T) {
	storetest.RunShared(t, func(t *testing.T) (a, b *store.Store) {
		database := migrated(t)
		return mustOpen(t, database).Store, mustOpen(t, database).Store
	})
}
