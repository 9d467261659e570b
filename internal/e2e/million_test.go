package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

const (
	hundredThousand = 100_000
	million         = 1_000_000
)

// TestMillion measures the service with a batch of a million jobs: how long its clients take to submit,
// to list and to watch, how much memory that takes, and how soon work goes on after a restart. Run it
// with `make bench`; it takes some minutes.
func TestMillion(t *testing.T) {
	if os.Getenv("STOKER_FIGURES") != "1" {
		t.Skip("a measurement of some minutes; run it with make bench")
	}
	t.Run("submit", measureSubmit)
	t.Run("lists", measureLists)
	t.Run("start", measureStart)
}

// specs are n jobs, numbered from first on.
func specs(first, n int) []*stokerv1.JobSpec {
	list := make([]*stokerv1.JobSpec, n)
	for i := range list {
		title := fmt.Sprintf("title-%07d", first+i)
		list[i] = &stokerv1.JobSpec{Key: title, InputPath: "masters/2026/" + title + ".mp4", OutputPath: "vod/" + title}
	}
	return list
}

// paused starts a service whose account is paused, so that it starts no jobs.
func paused(t *testing.T) (*service, *process) {
	t.Helper()
	s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
	life := s.run()
	if _, err := s.client.Accounts().PauseAccount(t.Context(), &stokerv1.PauseAccountRequest{AccountId: "default"}); err != nil {
		t.Fatal(err)
	}
	return s, life
}

// measureSubmit submits 100,000 jobs three times and then a million, each time next to
// bare inserts of the same rows.
func measureSubmit(t *testing.T) {
	indexed, plain := newBare(t, true), newBare(t, false)
	s, life := paused(t)
	var took, withIndexes, without []time.Duration
	for i := range 3 {
		list := specs(1+i*hundredThousand, hundredThousand)
		withIndexes = append(withIndexes, indexed.insert(list))
		without = append(without, plain.insert(list))
		began := time.Now()
		if _, err := s.client.Batches().SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: list}); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	t.Logf("100,000 jobs, SubmitBatch        %v", took)
	t.Logf("bare inserts, all indexes        %v", withIndexes)
	t.Logf("bare inserts, primary key alone  %v", without)
	t.Logf("medians %v, %v and %v: SubmitBatch takes %.2f of the first and %.2f of the second", median(took), median(withIndexes), median(without),
		ratio(median(took), median(withIndexes)), ratio(median(took), median(without)))
	t.Logf("memory of the service: %s", memory(t, life.cmd.Process.Pid))

	indexed, s, life = newBare(t, true), nil, nil
	s, life = paused(t)
	reference := time.Duration(0)
	for i := range million / hundredThousand {
		reference += indexed.insert(specs(1+i*hundredThousand, hundredThousand))
	}
	began := time.Now()
	s.submitMillion()
	all := time.Since(began)
	t.Logf("1,000,000 jobs, SubmitBatch, AddJobs and CloseBatch: %v; bare inserts %v; ratio %.2f", all, reference, ratio(all, reference))
	t.Logf("memory of the service: %s", memory(t, life.cmd.Process.Pid))
}

// submitMillion submits a batch of a million jobs and returns its id.
func (s *service) submitMillion() string {
	s.t.Helper()
	answer, err := s.client.Batches().SubmitBatch(s.t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs(1, hundredThousand), KeepOpen: true})
	if err != nil {
		s.t.Fatal(err)
	}
	id := answer.GetBatch().GetId()
	for n := hundredThousand; n < million; n += hundredThousand {
		if _, err := s.client.Batches().AddJobs(s.t.Context(), &stokerv1.AddJobsRequest{BatchId: id, Jobs: specs(n+1, hundredThousand)}); err != nil {
			s.t.Fatal(err)
		}
	}
	if _, err := s.client.Batches().CloseBatch(s.t.Context(), &stokerv1.CloseBatchRequest{BatchId: id}); err != nil {
		s.t.Fatal(err)
	}
	return id
}

// measureLists measures how long reading pages of jobs and the batch takes, while jobs change 500 times a
// second, without and with watchers.
func measureLists(t *testing.T) {
	s, life := paused(t)
	id := s.submitMillion()
	pid := life.cmd.Process.Pid
	t.Logf("memory with a million jobs waiting: %s", memory(t, pid))
	middle := s.pageToken(id, million/2)
	for _, changes := range []int{0, 500} {
		stop := s.churn(id, changes)
		for _, read := range []struct {
			name string
			run  func(context.Context) error
		}{
			{"GetBatch", func(ctx context.Context) error {
				_, err := s.client.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: id})
				return err
			}},
			{"ListJobs, first page", s.lister(&stokerv1.ListJobsRequest{BatchId: id, PageSize: 100})},
			{"ListJobs, in the middle", s.lister(&stokerv1.ListJobsRequest{BatchId: id, PageSize: 100, PageToken: middle})},
			{"ListJobs, cancelled", s.lister(&stokerv1.ListJobsRequest{BatchId: id, PageSize: 100, States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_CANCELLED}})},
			{"ListJobs, failed (none)", s.lister(&stokerv1.ListJobsRequest{BatchId: id, PageSize: 100, States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED}})},
			{"ListJobs, one key", s.lister(&stokerv1.ListJobsRequest{BatchId: id, Keys: []string{"title-0700000"}})},
			{"ListBatches", func(ctx context.Context) error {
				_, err := s.client.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{})
				return err
			}},
		} {
			p50, p99 := percentiles(t, read.run)
			t.Logf("%3d changes/s  %-24s p50 %8v  p99 %8v", changes, read.name, p50, p99)
		}
		if n, seconds := stop(); n > 0 {
			t.Logf("%3d changes/s  were %.0f changes a second", changes, float64(n)/seconds)
		}
	}
	t.Logf("memory after lists and changes: %s", memory(t, pid))
	for _, format := range []string{"csv", "jsonl"} {
		rows, took, peak := s.export(id, format)
		if rows < million {
			t.Errorf("stoker jobs -o %s printed %d lines", format, rows)
		}
		t.Logf("stoker jobs -o %-5s %d lines in %v, %.0f a second; the command's %s", format, rows, took, float64(rows)/took.Seconds(), peak)
	}
	s.measureWatchers(id, pid)
}

// export prints a batch with the real command. It returns how many lines were printed, how long that
// took, and how much memory the command used near the end.
func (s *service) export(batch, format string) (rows int, took time.Duration, peak string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), binary(s.t), "jobs", batch, "-o", format, "--server", s.address)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if rows++; rows == million*9/10 {
			peak = memory(s.t, cmd.Process.Pid)
		}
	}
	if err := cmd.Wait(); err != nil {
		s.t.Fatal(err)
	}
	return rows, time.Since(began), peak
}

// pageToken is the token after the first n jobs of a list, in pages of 1,000.
func (s *service) pageToken(batch string, n int) string {
	s.t.Helper()
	request := &stokerv1.ListJobsRequest{BatchId: batch, PageSize: 1000}
	began := time.Now()
	for range n / 1000 {
		page, err := s.client.Batches().ListJobs(s.t.Context(), request)
		if err != nil {
			s.t.Fatal(err)
		}
		request.PageToken = page.GetNextPageToken()
	}
	s.t.Logf("listed %d jobs, 1,000 a page, in %v: %.0f jobs/s", n, time.Since(began), float64(n)/time.Since(began).Seconds())
	return request.GetPageToken()
}

func (s *service) lister(request *stokerv1.ListJobsRequest) func(context.Context) error {
	// A token is good for pages of any size.
	return func(ctx context.Context) error {
		_, err := s.client.Batches().ListJobs(ctx, request)
		return err
	}
}

// churn changes jobs, perSecond times a second, each by a call that cancels or retries one job. The
// function stop ends that, and returns how many changes there were and in how many seconds.
func (s *service) churn(batch string, perSecond int) (stop func() (n int, seconds float64)) {
	if perSecond == 0 {
		return func() (int, float64) { return 0, 0 }
	}
	const callers = 10
	done := make(chan struct{})
	var group sync.WaitGroup
	counts := make([]int, callers)
	began := time.Now()
	for i := range callers {
		group.Go(func() {
			tick := time.NewTicker(time.Second * callers / time.Duration(perSecond))
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				case <-tick.C:
				}
				job := fmt.Sprintf("%s/%d", batch, 1+(n/2*callers+i)*7919%million)
				var err error
				if n%2 == 0 {
					_, err = s.client.Batches().CancelJob(s.t.Context(), &stokerv1.CancelJobRequest{JobId: job})
				} else if n%20 != 1 { // some stay cancelled
					_, err = s.client.Batches().RetryJobs(s.t.Context(), &stokerv1.RetryJobsRequest{BatchId: batch, JobIds: []string{job}})
				}
				if err != nil {
					s.t.Errorf("change %s: %v", job, err)
					return
				}
				counts[i]++
			}
		})
	}
	return func() (n int, seconds float64) {
		close(done)
		group.Wait()
		for _, c := range counts {
			n += c
		}
		return n, time.Since(began).Seconds()
	}
}

// measureWatchers opens watches on the batch and reports the memory of the service.
func (s *service) measureWatchers(batch string, pid int) {
	s.t.Helper()
	ctx, stop := context.WithCancelCause(s.t.Context())
	defer stop(nil)
	open := func(n int, request *stokerv1.WatchBatchRequest, jobs int) time.Duration {
		began := time.Now()
		var group sync.WaitGroup
		for range n {
			stream, err := s.client.Batches().WatchBatch(ctx, request)
			if err != nil {
				s.t.Fatal(err)
			}
			group.Add(1)
			go s.drain(stream, jobs, group.Done)
		}
		group.Wait()
		return time.Since(began)
	}
	took := open(100, &stokerv1.WatchBatchRequest{BatchId: batch}, 0)
	s.t.Logf("100 watchers of the batch have their snapshots after %v: %s", took, memory(s.t, pid))
	quiet := s.churn(batch, 500)
	took = open(1, &stokerv1.WatchBatchRequest{BatchId: batch, IncludeJobs: true}, million)
	s.t.Logf("a watcher of all jobs has its snapshot after %v: %s", took, memory(s.t, pid))
	quiet()
}

// drain reads a watch to its end. It calls reached once, when so many jobs have come.
func (s *service) drain(stream grpc.ServerStreamingClient[stokerv1.WatchBatchResponse], jobs int, reached func()) {
	have, told := 0, false
	for {
		message, err := stream.Recv()
		if err != nil {
			if !told {
				s.t.Errorf("the watch ended after %d of %d jobs: %v", have, jobs, err)
				reached()
			}
			return
		}
		have += len(message.GetJobs())
		if !told && have >= jobs {
			told = true
			reached()
		}
	}
}

// percentiles calls run for two seconds, at least a hundred times, and returns how long it takes in the
// median and in the slowest hundredth.
func percentiles(t *testing.T, run func(context.Context) error) (p50, p99 time.Duration) {
	t.Helper()
	var all []time.Duration
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end) || len(all) < 100; {
		began := time.Now()
		if err := run(t.Context()); err != nil {
			t.Fatal(err)
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[len(all)/2].Round(time.Microsecond), all[len(all)*99/100].Round(time.Microsecond)
}

func median(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

func ratio(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }

// memory describes the resident set of a process: its maximum, its size now, and the parts of that which
// are memory and mapped files.
func memory(t *testing.T, pid int) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return fmt.Sprintf("(unknown: %v)", err)
	}
	var words []string
	for line := range strings.Lines(string(status)) {
		switch name, value, _ := strings.Cut(line, ":"); name {
		case "VmHWM", "VmRSS", "RssAnon", "RssFile":
			words = append(words, name+" "+strings.Join(strings.Fields(value), " "))
		}
	}
	return strings.Join(words, ", ")
}
