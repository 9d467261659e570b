package sqlite

import (
	"fmt"
	"hash/fnv"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// BenchmarkSkipSucceeded submits 100,000 jobs beside a million that have finished:
// without asking what has succeeded, and asking when none of them, or all, have.
func BenchmarkSkipSucceeded(b *testing.B) {
	const jobs = 100_000
	s := openWithFinished(b, 1_000_000)
	list := func(first int) []job.Spec {
		all := make([]job.Spec, jobs)
		for i := range all {
			n := first + i
			all[i] = job.Spec{Key: fmt.Sprint("key-", n), InputPath: fmt.Sprintf("masters/%d.mp4", n), OutputPath: fmt.Sprint("vod/", n)}
		}
		return all
	}
	for _, tt := range []struct {
		name    string
		ask     bool
		first   int
		skipped int64
	}{
		{"not asked", false, 2_000_000, 0},
		{"asked, none has", true, 2_000_000, 0},
		{"asked, all have", true, 500_000, jobs},
	} {
		b.Run(tt.name, func(b *testing.B) {
			sub := job.Submission{Batch: job.Batch{AccountID: "default", SkipSucceeded: tt.ask}, Jobs: list(tt.first)}
			for b.Loop() {
				batch, _, err := s.Submit(b.Context(), sub, testTime)
				if err != nil || batch.Skipped != tt.skipped {
					b.Fatalf("%d skipped, %v", batch.Skipped, err)
				}
			}
		})
	}
}

// BenchmarkFinish measures what the index of succeeded jobs costs those that
// finish, 256 at a time, each change flushed, beside a table without it. Keys in the order
// of the jobs touch the same page again and again; random ones touch others each time.
func BenchmarkFinish(b *testing.B) {
	for _, keys := range []string{"ordered", "random"} {
		for _, indexed := range []bool{false, true} {
			b.Run(fmt.Sprintf("keys=%s/index=%t", keys, indexed), func(b *testing.B) { benchmarkFinish(b, keys == "random", indexed) })
		}
	}
}

func benchmarkFinish(b *testing.B, random, indexed bool) {
	s, err := openTable(b.Context(), filepath.Join(b.TempDir(), "stoker.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	if !indexed {
		if _, err := s.exec(b, `DROP INDEX jobs_succeeded`); err != nil {
			b.Fatal(err)
		}
	}
	jobs := make([]job.Spec, b.N)
	for i := range jobs {
		key := fmt.Sprintf("title-%07d", i)
		if random {
			h := fnv.New128a()
			_, _ = h.Write([]byte(key)) // never fails
			key = fmt.Sprintf("%x", h.Sum(nil))
		}
		jobs[i] = job.Spec{Key: key, InputPath: "masters/2026/" + key + ".mp4", OutputPath: "vod/" + key}
	}
	batch, _, err := s.Submit(b.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: jobs}, testTime)
	if err != nil {
		b.Fatal(err)
	}
	for _, fact := range []func(*job.Update) error{
		func(u *job.Update) error { return u.Configured("e"+fmt.Sprint(u.Job.ID.Number), nil, testTime) },
		func(u *job.Update) error { return u.BeginStart(testTime) },
		func(u *job.Update) error { return u.StartAccepted(testTime) },
	} {
		if _, err := s.UpdateJobs(b.Context(), job.Filter{BatchID: batch.ID}, testTime, fact); err != nil {
			b.Fatal(err)
		}
	}
	finished := func(u *job.Update) error {
		return u.Observe(job.Observation{EncodingID: u.Job.EncodingID, Status: job.RemoteFinished}, job.Rules{}, testTime)
	}
	var turn atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for range 256 {
		group.Go(func() {
			for n := turn.Add(1); n <= int64(b.N); n = turn.Add(1) {
				if _, err := s.UpdateJob(b.Context(), job.ID{Batch: batch.ID, Number: n}, testTime, finished); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}
