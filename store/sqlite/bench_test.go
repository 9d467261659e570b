package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/storetest"
)

var benchTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// openDurable opens a store that flushes every commit, as in production.
func openDurable(b *testing.B) *store.Store {
	b.Helper()
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "stoker.db"), store.Options{})
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

func specs(n int) []job.Spec {
	list := make([]job.Spec, n)
	for i := range list {
		list[i] = job.Spec{Key: fmt.Sprintf("title-%07d", i+1), InputPath: fmt.Sprintf("masters/2026/title-%07d.mp4", i+1), OutputPath: fmt.Sprintf("vod/title-%07d", i+1)}
	}
	return list
}

func mustSubmit(tb testing.TB, s *store.Store, jobs []job.Spec) job.Batch {
	tb.Helper()
	b, _, err := s.Submit(tb.Context(), job.Submission{Batch: job.Batch{AccountID: "default", Priority: 50}, Jobs: jobs}, benchTime)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func BenchmarkSubmit100k(b *testing.B) { storetest.BenchSubmit(b, openDurable(b)) }

// BenchmarkAddJobs100k is as many jobs added to an open batch.
func BenchmarkAddJobs100k(b *testing.B) { storetest.BenchAddJobs(b, openDurable(b)) }

// BenchmarkUpdateJob measures durable changes of state: one caller has every
// commit to itself, many share them. Beside them are the same rows written by nothing
// but SQL, with a commit for each change; x-bare is how many times as fast.
func BenchmarkUpdateJob(b *testing.B) {
	var bare float64 // changes a second
	b.Run("bare_commit_each", func(b *testing.B) {
		change := bareChanges(b)
		n := 0
		for b.Loop() {
			change(n)
			n++
		}
		bare = float64(b.N) / b.Elapsed().Seconds()
		b.ReportMetric(bare, "changes/s")
	})
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			perSecond := storetest.BenchChanges(b, openDurable(b), callers)
			if bare > 0 {
				b.ReportMetric(perSecond/bare, "x-bare")
			}
		})
	}
}
