package postgres

import (
	"fmt"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/storetest"
)

// openDurable opens a store on a server that flushes every commit, as in production.
func openDurable(b *testing.B) *store.Store {
	b.Helper()
	url := pgserver.Start(b).URL(b)
	if _, _, err := Migrate(b.Context(), url); err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), url, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

func BenchmarkSubmit100k(b *testing.B) { storetest.BenchSubmit(b, openDurable(b)) }

// BenchmarkAddJobs100k is as many jobs added to an open batch.
func BenchmarkAddJobs100k(b *testing.B) { storetest.BenchAddJobs(b, openDurable(b)) }

// BenchmarkUpdateJob measures durable changes of state: one caller has every commit to itself, many share them.
func BenchmarkUpdateJob(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { storetest.BenchChanges(b, openDurable(b), callers) })
	}
}
