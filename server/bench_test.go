package server_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// benchWorld is a client of a server on a loopback port over a durable job table.
func benchWorld(b *testing.B) stokerv1.BatchServiceClient {
	b.Helper()
	_, batches := benchTable(b)
	return batches
}

// benchTable is benchWorld with its job table.
func benchTable(b *testing.B) (*store.Store, stokerv1.BatchServiceClient) {
	b.Helper()
	table, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "stoker.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = table.Close() }) // nothing is read from it any more
	s, err := server.New(server.Config{Store: table, Access: store.NewAccessTable(table), Catalog: catalog(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	newAccounts(table)
	table.SetOnChange(s.Changed)
	g := grpc.NewServer(s.Options()...)
	s.Register(g)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = g.Serve(listener) }) // ends when g is stopped
	b.Cleanup(func() {
		s.Stop(g, 0)
		serving.Wait()
	})
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() }) // the server goes as well
	return table, stokerv1.NewBatchServiceClient(conn)
}

// BenchmarkSubmit100k is one durable submission of as many jobs as fit a message,
// as a client sees it.
func BenchmarkSubmit100k(b *testing.B) {
	batches := benchWorld(b)
	req := submission(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := batches.SubmitBatch(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWatchFanOut changes one job and waits until every watcher has seen it.
func BenchmarkWatchFanOut(b *testing.B) {
	for _, watchers := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("watchers=%d", watchers), func(b *testing.B) {
			batches := benchWorld(b)
			resp, err := batches.SubmitBatch(b.Context(), submission(10))
			if err != nil {
				b.Fatal(err)
			}
			id := resp.GetBatch().GetId()
			ctx, stop := context.WithCancelCause(b.Context())
			defer stop(errHungUp)
			var seen sync.WaitGroup
			for range watchers {
				s, err := batches.WatchBatch(ctx, &stokerv1.WatchBatchRequest{BatchId: id, MinInterval: durationpb.New(50 * time.Millisecond)})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Recv(); err != nil {
					b.Fatal(err)
				}
				go func() {
					name := ""
					for {
						m, err := s.Recv()
						if err != nil {
							return // the benchmark is over
						}
						if next := m.GetBatch().GetDisplayName(); next != "" && next != name {
							name = next
							seen.Done()
						}
					}
				}()
			}
			n := 0
			for b.Loop() {
				n++
				seen.Add(watchers)
				if _, err := batches.UpdateBatch(b.Context(), &stokerv1.UpdateBatchRequest{
					Batch: &stokerv1.Batch{Id: id, DisplayName: fmt.Sprintf("name %d", n)}, UpdateMask: mask("display_name"),
				}); err != nil {
					b.Fatal(err)
				}
				seen.Wait()
			}
			b.ReportMetric(float64(watchers)*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkListWaiting lists a thousand jobs from the midst of twenty thousand that wait.
func BenchmarkListWaiting(b *testing.B) {
	batches := benchWorld(b)
	resp, err := batches.SubmitBatch(b.Context(), submission(20_000))
	if err != nil {
		b.Fatal(err)
	}
	request := &stokerv1.ListJobsRequest{BatchId: resp.GetBatch().GetId(), PageSize: 1000}
	for range 10 {
		page, err := batches.ListJobs(b.Context(), request)
		if err != nil {
			b.Fatal(err)
		}
		request.PageToken = page.GetNextPageToken()
	}
	for b.Loop() {
		if page, err := batches.ListJobs(b.Context(), request); err != nil || len(page.GetJobs()) < 1000 {
			b.Fatal(err, len(page.GetJobs()))
		}
	}
}

// BenchmarkWalk lists all jobs of a batch, a thousand on a page: half of them wait, the others have
// succeeded.
func BenchmarkWalk(b *testing.B) {
	const jobs = 50_000
	table, batches := benchTable(b)
	resp, err := batches.SubmitBatch(b.Context(), submission(jobs))
	if err != nil {
		b.Fatal(err)
	}
	id := resp.GetBatch().GetId()
	numbers := make([]int64, jobs/2)
	for i := range numbers {
		numbers[i] = int64(i + 1)
	}
	finishJobs(b, table, id, numbers)
	b.ReportAllocs()
	for b.Loop() {
		listed := 0
		for request := (&stokerv1.ListJobsRequest{BatchId: id, PageSize: job.MaxPageSize}); ; {
			page, err := batches.ListJobs(b.Context(), request)
			if err != nil {
				b.Fatal(err)
			}
			listed += len(page.GetJobs())
			if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
				break
			}
		}
		if listed != jobs {
			b.Fatalf("listed %d jobs, want %d", listed, jobs)
		}
	}
	b.ReportMetric(float64(b.N)*jobs/b.Elapsed().Seconds(), "jobs/s")
}

// finishJobs takes waiting jobs through all states to SUCCEEDED.
func finishJobs(b *testing.B, table *store.Store, batchID string, numbers []int64) {
	b.Helper()
	now := time.Now()
	for _, change := range []func(*job.Update) error{
		func(u *job.Update) error { return u.Configured("enc-"+u.Job.ID.String(), nil, now) },
		func(u *job.Update) error { return u.BeginStart(now) },
		func(u *job.Update) error { return u.StartAccepted(now) },
		func(u *job.Update) error {
			o := job.Observation{EncodingID: u.Job.EncodingID, Status: job.RemoteFinished, QueuedAt: now, RunningAt: now, FinishedAt: now}
			return u.Observe(o, job.Rules{}, now)
		},
	} {
		if _, err := table.UpdateJobsByNumber(b.Context(), batchID, numbers, now, change); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWatchWaiting shows a watcher all of twenty thousand jobs that wait.
func BenchmarkWatchWaiting(b *testing.B) {
	batches := benchWorld(b)
	resp, err := batches.SubmitBatch(b.Context(), submission(20_000))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		ctx, stop := context.WithCancelCause(b.Context())
		s, err := batches.WatchBatch(ctx, &stokerv1.WatchBatchRequest{BatchId: resp.GetBatch().GetId(), IncludeJobs: true})
		if err != nil {
			b.Fatal(err)
		}
		for seen := 0; seen < 20_000; {
			m, err := s.Recv()
			if err != nil {
				b.Fatal(err)
			}
			seen += len(m.GetJobs())
		}
		stop(errHungUp)
	}
}

// BenchmarkListRunningBatches lists a page of a hundred batches that all run. Of each batch 20 jobs
// run, 300 have succeeded and the others wait. The two sizes show that the answer does not take
// longer if more jobs wait.
func BenchmarkListRunningBatches(b *testing.B) {
	for _, jobs := range []int{1_000, 4_000} {
		b.Run(fmt.Sprintf("jobs=%d", jobs), func(b *testing.B) {
			table, batches := benchTable(b)
			for range 100 {
				submitRunning(b, table, batches, jobs)
			}
			request := &stokerv1.ListBatchesRequest{PageSize: 100}
			percent := math.Round(10_000*308/float64(jobs)) / 100
			b.ReportAllocs()
			for b.Loop() {
				page, err := batches.ListBatches(b.Context(), request)
				if err != nil || len(page.GetBatches()) != 100 {
					b.Fatal(err, len(page.GetBatches()))
				}
				if m := page.GetBatches()[50]; m.GetEstimatedFinishTime() == nil || m.GetPercent() != percent {
					b.Fatalf("the batch is shown as %v", m)
				}
			}
		})
	}
}

// submitRunning submits a batch of which 300 jobs have succeeded and 20 run, at 40 percent.
func submitRunning(b *testing.B, table *store.Store, batches stokerv1.BatchServiceClient, jobs int) {
	b.Helper()
	resp, err := batches.SubmitBatch(b.Context(), submission(jobs))
	if err != nil {
		b.Fatal(err)
	}
	numbers := make([]int64, 320)
	for i := range numbers {
		numbers[i] = int64(i + 1)
	}
	now := time.Now()
	began := func(u *job.Update) time.Time { return now.Add(-time.Duration(600+u.Job.ID.Number%60) * time.Second) }
	start := func(u *job.Update) error {
		return errors.Join(u.Configured(fmt.Sprintf("enc-%s", u.Job.ID), nil, began(u)), u.BeginStart(began(u)))
	}
	observe := func(u *job.Update) error {
		o := job.Observation{EncodingID: u.Job.EncodingID, Status: job.RemoteRunning, Progress: 40, QueuedAt: began(u), RunningAt: began(u)}
		if u.Job.ID.Number <= 300 {
			o.Status, o.FinishedAt = job.RemoteFinished, now
		}
		return errors.Join(u.StartAccepted(began(u)), u.Observe(o, job.Rules{}, now))
	}
	for _, change := range []func(*job.Update) error{start, observe} {
		if _, err := table.UpdateJobsByNumber(b.Context(), resp.GetBatch().GetId(), numbers, now, change); err != nil {
			b.Fatal(err)
		}
	}
}
