package storetest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// titles are n jobs as long as those of a real list.
func titles(n int) []job.Spec {
	list := make([]job.Spec, n)
	for i := range list {
		list[i] = job.Spec{Key: fmt.Sprintf("title-%07d", i+1), InputPath: fmt.Sprintf("masters/2026/title-%07d.mp4", i+1), OutputPath: fmt.Sprintf("vod/title-%07d", i+1)}
	}
	return list
}

func mustSubmit(b *testing.B, s *store.Store, batch job.Batch, jobs []job.Spec) job.Batch {
	b.Helper()
	stored, _, err := s.Submit(b.Context(), job.Submission{Batch: batch, Jobs: jobs}, now)
	if err != nil {
		b.Fatal(err)
	}
	return stored
}

// BenchSubmit submits batches of 100,000 jobs.
func BenchSubmit(b *testing.B, s *store.Store) {
	jobs := titles(100_000)
	for b.Loop() {
		mustSubmit(b, s, job.Batch{AccountID: "default", Priority: 50}, jobs)
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "jobs/s")
}

// BenchAddJobs adds as many jobs to an open batch, in parts as the client cuts them.
func BenchAddJobs(b *testing.B, s *store.Store) {
	jobs := titles(100_000)
	for b.Loop() {
		open := mustSubmit(b, s, job.Batch{AccountID: "default", Open: true}, nil)
		for part := range slices.Chunk(jobs, 10_000) {
			if _, _, _, err := s.AddJobs(b.Context(), open.ID, part, now); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "jobs/s")
}

// BenchChanges makes durable changes of state by many callers at once, and returns how many a second.
func BenchChanges(b *testing.B, s *store.Store, callers int) float64 {
	batch := mustSubmit(b, s, job.Batch{AccountID: "default", Priority: 50}, titles(10_000))
	var turn atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for range callers {
		group.Go(func() {
			for n := turn.Add(1); n <= int64(b.N); n = turn.Add(1) {
				id := job.ID{Batch: batch.ID, Number: n%10_000 + 1}
				if _, err := s.UpdateJob(b.Context(), id, now, step); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	perSecond := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(perSecond, "changes/s")
	return perSecond
}

// step moves a job on, round and round: start, give the start back.
func step(u *job.Update) error {
	if u.Job.State == job.Starting {
		return u.StartNotMade("round and round", now)
	}
	if u.Job.EncodingID == "" {
		if err := u.Configured("encoding", nil, now); err != nil {
			return err
		}
	}
	return u.BeginStart(now)
}
