package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/history"
	"github.com/stokerd/stoker/internal/testkit/transcript"
)

// TestHistories kills the service again and again while watchers of every kind follow a batch: of all
// jobs, of some, of none, fast and slow, some that hang up themselves. Each comes back with its cursor,
// and all of its messages together make one history.
func TestHistories(t *testing.T) {
	const seed = 11
	jobs, deaths := 150, 12
	if testing.Short() {
		jobs, deaths = 60, 4
	}
	s := newService(t, false)
	c := connect(t, s.address)
	request := &stokerv1.SubmitBatchRequest{}
	for n := range jobs {
		request.Jobs = append(request.Jobs, &stokerv1.JobSpec{
			Key: fmt.Sprintf("k-%d", n), InputPath: fmt.Sprintf("in/%d.mp4", n), OutputPath: fmt.Sprintf("out/%d", n),
		})
	}
	// One more runs until it is cancelled, so that the batch does not end before the service has died often enough.
	request.Jobs = append(request.Jobs, &stokerv1.JobSpec{Key: "last", InputPath: "in/long.mp4", OutputPath: "out/last"})
	batch, err := c.Submit(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}

	all := watchers(batch.GetId())
	seen := make(chan struct{}, 1_000)
	var begun, watching sync.WaitGroup
	for _, w := range all {
		begun.Add(1)
		first := sync.OnceFunc(begun.Done)
		watching.Go(func() {
			defer first()
			w.watch(t.Context(), c, func() {
				first()
				select {
				case seen <- struct{}{}:
				default:
				}
			})
		})
	}
	begun.Wait() // from now on they outlive the service
	ended := make(chan struct{})
	go func() {
		watching.Wait()
		close(ended)
	}()
	times := s.killRepeatedly(rand.New(rand.NewPCG(seed, 0)), deaths, seen, ended)
	last := &stokerv1.CancelJobRequest{JobId: fmt.Sprintf("%s/%d", batch.GetId(), jobs+1)}
	if _, err := c.Batches().CancelJob(t.Context(), last, grpc.WaitForReady(true)); err != nil {
		t.Fatal(err)
	}
	<-ended
	if times != deaths {
		t.Errorf("the service died %d times, want %d: the batch has ended too early", times, deaths)
	}
	judge(t, c, batch.GetId(), all)
}

// killRepeatedly kills the service and starts it again, each time after some messages, until
// it has died often enough or all watches have ended. It returns how often it died.
func (s *service) killRepeatedly(random *rand.Rand, deaths int, seen, ended <-chan struct{}) int {
	for n := range deaths {
		for range 5 + random.IntN(60) {
			select {
			case <-seen:
			case <-ended:
				return n
			}
		}
		s.kill()
		s.start()
	}
	return deaths
}

// connect makes a client that reconnects quickly.
func connect(t *testing.T, address string) *client.Client {
	t.Helper()
	soon := backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: 200 * time.Millisecond}
	c, err := client.Dial(address, client.Options{DialOptions: []grpc.DialOption{
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: soon, MinConnectTimeout: time.Second}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the service is gone as well
	return c
}

// watcher is a watch and its history.
type watcher struct {
	name    string
	request *stokerv1.WatchBatchRequest
	dawdle  time.Duration // after each message
	stay    int           // messages after which it hangs up and comes back; 0: never does
	history *history.History
}

func watchers(batch string) []*watcher {
	ended := []stokerv1.JobState{stokerv1.JobState_JOB_STATE_SUCCEEDED, stokerv1.JobState_JOB_STATE_FAILED}
	under := []stokerv1.JobState{stokerv1.JobState_JOB_STATE_QUEUED, stokerv1.JobState_JOB_STATE_RUNNING}
	var all []*watcher
	add := func(name string, dawdle time.Duration, stay int, jobs bool, states []stokerv1.JobState) {
		all = append(all, &watcher{
			name: name, dawdle: dawdle, stay: stay, history: history.New(states...),
			request: &stokerv1.WatchBatchRequest{
				BatchId: batch, IncludeJobs: jobs, States: states, MinInterval: durationpb.New(50 * time.Millisecond),
			},
		})
	}
	for _, kind := range []struct {
		name   string
		dawdle time.Duration
		stay   int
	}{{"steady", 0, 0}, {"slow", 300 * time.Millisecond, 0}, {"restless", 0, 3}} {
		add(kind.name+", all jobs", kind.dawdle, kind.stay, true, nil)
		add(kind.name+", jobs that ended", kind.dawdle, kind.stay, true, ended)
		add(kind.name+", jobs under way", kind.dawdle, kind.stay, true, under)
		add(kind.name+", no jobs", kind.dawdle, kind.stay, false, nil)
	}
	return all
}

// watch watches to the end of the batch. It calls seen after each message.
func (w *watcher) watch(ctx context.Context, c *client.Client, seen func()) {
	take := func(m *stokerv1.WatchBatchResponse) {
		w.history.Add(m)
		seen()
		time.Sleep(w.dawdle)
	}
	if w.stay > 0 {
		w.visit(ctx, c, take)
		return
	}
	for m, err := range c.Watch(ctx, w.request) {
		if err != nil {
			w.history.AddViolation("the watch ended with %v", err)
			return
		}
		take(m)
	}
}

// visit watches without the help of the client: it hangs up and comes back.
func (w *watcher) visit(ctx context.Context, c *client.Client, take func(*stokerv1.WatchBatchResponse)) {
	for {
		visit, leave := context.WithCancelCause(ctx)
		stream, err := c.Batches().WatchBatch(visit, w.request)
		for n := 0; err == nil && n < w.stay; n++ {
			var m *stokerv1.WatchBatchResponse
			if m, err = stream.Recv(); err == nil {
				w.request.Cursor = m.GetCursor()
				take(m)
			}
		}
		leave(errLeft)
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil && status.Code(err) != codes.Unavailable:
			w.history.AddViolation("the watch ended with %v", err)
			return
		case err != nil:

			time.Sleep(20 * time.Millisecond) // the service is being started again
		}
	}
}

var errLeft = errors.New("left the watch")

// judge checks the histories against the batch as it ended.
func judge(t *testing.T, c *client.Client, id string, all []*watcher) {
	t.Helper()
	got, err := c.Batches().GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: id})
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Batches().ListJobs(t.Context(), &stokerv1.ListJobsRequest{BatchId: id, PageSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	messages := 0
	for _, w := range all {
		jobs := list.GetJobs()
		if !w.request.GetIncludeJobs() {
			jobs = nil
		}
		w.history.End(got.GetBatch(), jobs)
		for _, wrong := range w.history.Violations {
			t.Errorf("%s: %s", w.name, wrong)
		}
		messages += w.history.Messages
	}
	transcript.Add(t, "%d histories of watches through kill -9 of the service, %d messages", len(all), messages)
}
