package sqlite

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// BenchmarkNotifications takes jobs from WAITING to SUCCEEDED, in four durable changes each, by one caller and by many:
// without an endpoint of notifications, with one that is told of batches, and with two that are told of each job.
func BenchmarkNotifications(b *testing.B) {
	for _, tt := range []struct {
		name      string
		endpoints int
		events    []notification.Event
	}{{"no_endpoint", 0, nil}, {"batches", 1, notification.DefaultEvents()}, {"every_job_twice", 2, notification.Events()}} {
		for _, callers := range []int{1, 64} {
			b.Run(tt.name+map[int]string{1: "/one_caller", 64: "/64_callers"}[callers], func(b *testing.B) {
				s := openDurable(b)
				table := store.NewNotificationTable(s)
				for i := range tt.endpoints {
					if err := table.CreateEndpoint(b.Context(), notification.Endpoint{Name: string(rune('a' + i)), URL: "https://example.com", Events: tt.events, CreateTime: benchTime}); err != nil {
						b.Fatal(err)
					}
				}
				finishJobs(b, s, callers)
			})
		}
	}
}

// finishJobs takes b.N jobs to SUCCEEDED.
func finishJobs(b *testing.B, s *store.Store, callers int) {
	batch := mustSubmit(b, s, specs(b.N))
	facts := []func(*job.Update) error{
		func(u *job.Update) error { return u.Configured("e-"+u.Job.ID.String(), nil, benchTime) },
		func(u *job.Update) error { return u.BeginStart(benchTime) },
		func(u *job.Update) error { return u.StartAccepted(benchTime) },
		func(u *job.Update) error {
			return u.Observe(job.Observation{EncodingID: u.Job.EncodingID, Status: job.RemoteFinished}, job.Rules{}, benchTime)
		},
	}
	var last atomic.Int64
	var working sync.WaitGroup
	b.ResetTimer()
	for range callers {
		working.Go(func() {
			for n := last.Add(1); n <= int64(b.N); n = last.Add(1) {
				for _, fact := range facts {
					if _, err := s.UpdateJob(b.Context(), job.ID{Batch: batch.ID, Number: n}, benchTime, fact); err != nil {
						b.Error(err)
					}
				}
			}
		})
	}
	working.Wait()
	b.ReportMetric(float64(4*b.N)/b.Elapsed().Seconds(), "changes/s")
}
