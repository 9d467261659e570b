package dispatcher

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
)

// waitServer is a gRPC server on the world's job table, to ask for wait codes, with clients of it.
type waitServer struct {
	*world
	batches  stokerv1.BatchServiceClient
	accounts stokerv1.AccountServiceClient
}

func (w *world) waitServer() *waitServer {
	w.t.Helper()
	s, err := server.New(server.Config{Store: w.store, Access: store.NewAccessTable(w.store)})
	if err != nil {
		w.t.Fatal(err)
	}
	listener := bufconn.Listen(1 << 20)
	g := grpc.NewServer(s.Options()...)
	s.Register(g)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := g.Serve(listener); err != nil {
			w.t.Error(err)
		}
	})
	conn, err := grpc.NewClient("passthrough:///stoker", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = conn.Close() // nothing is under way on it
		s.Stop(g, 0)
		serving.Wait()
	})
	return &waitServer{w, stokerv1.NewBatchServiceClient(conn), stokerv1.NewAccountServiceClient(conn)}
}

func (a *waitServer) job(b job.Batch, number int64) *stokerv1.Job {
	a.t.Helper()
	resp, err := a.batches.GetJob(a.ctx, &stokerv1.GetJobRequest{JobId: job.ID{Batch: b.ID, Number: number}.String()})
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.GetJob()
}

func (a *waitServer) batch(b job.Batch) *stokerv1.Batch {
	a.t.Helper()
	resp, err := a.batches.GetBatch(a.ctx, &stokerv1.GetBatchRequest{BatchId: b.ID})
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.GetBatch()
}

func (a *waitServer) account() *stokerv1.Account {
	a.t.Helper()
	resp, err := a.accounts.GetAccount(a.ctx, &stokerv1.GetAccountRequest{AccountId: "default"})
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.GetAccount()
}

// waits checks the wait code of a job, and that the job has a wait reason only with a code.
func (a *waitServer) waits(b job.Batch, number int64, want stokerv1.WaitCode) *stokerv1.Wait {
	a.t.Helper()
	j := a.job(b, number)
	if got := j.GetWait().GetCode(); got != want || (j.GetWaitReason() == "") != (want == 0) {
		a.t.Errorf("job %d is %s and waits for %s, want %s: %q", number, j.GetState(), got, want, j.GetWaitReason())
	}
	return j.GetWait()
}

// firstIn finds the first job in a state.
func (w *world) firstIn(b job.Batch, state job.State) int64 {
	w.t.Helper()
	jobs, err := w.store.Jobs(w.ctx, job.Filter{BatchID: b.ID, States: []job.State{state}, Limit: 1})
	if err != nil || len(jobs) == 0 {
		w.t.Fatalf("no job is %s, %v", state, err)
	}
	return jobs[0].ID.Number
}

const (
	notWaiting    = stokerv1.WaitCode_WAIT_CODE_UNSPECIFIED
	queueFull     = stokerv1.WaitCode_WAIT_CODE_QUEUE_FULL
	priorityFirst = stokerv1.WaitCode_WAIT_CODE_PRIORITY
)

// Sampled jobs of a batch of twenty thousand show their wait code, position and earliest start.
func TestWhyTwentyThousandWait(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 5, Duration: 10 * time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		const many = 20_000
		b := w.submit(many, nil)
		b = w.await(b.ID, time.Minute, "a full queue", func(b job.Batch) bool { return b.Counts.Queued == 3 && b.Counts.Running == 5 })
		time.Sleep(5 * time.Second)
		a := w.waitServer()

		a.waits(b, 1, notWaiting) // job 1 runs
		a.waits(b, 6, stokerv1.WaitCode_WAIT_CODE_ENCODER)
		for _, number := range []int64{9, 10, 137, 2_000, 9_999, many} {
			got := a.waits(b, number, queueFull)
			if want := number - 8; got.GetPosition() != want || got.GetCount() != 3 || got.GetLimit() != 3 {
				t.Errorf("job %d waits for %v, want it at %d", number, got, want)
			}
		}
		if got := a.batch(b); got.GetWait().GetPosition() != 1 || got.GetWaitReason() != "waiting for a free place (3 of 3 queued)" {
			t.Errorf("the batch waits for %v: %q", got.GetWait(), got.GetWaitReason())
		}
		if got := a.account(); got.GetPlatformQueuedCount() != 3 || got.GetPlatformQueuedTime() == nil || got.GetWait().GetCode() != queueFull {
			t.Errorf("the account has %d queued, and waits for %v", got.GetPlatformQueuedCount(), got.GetWait())
		}

		// More urgent jobs go first.
		urgent := w.submit(500, func(b *job.Batch) { b.Priority = 90 })
		if got := a.waits(b, 9_999, priorityFirst); got.GetCount() != 500 || got.GetPosition() != 500+9_999-8 {
			t.Errorf("behind others a job waits for %v", got)
		}
		if got := a.waits(urgent, 20, queueFull); got.GetPosition() != 20 {
			t.Errorf("one of the urgent ones waits for %v", got)
		}
		if _, err := w.store.UpdateBatch(w.ctx, urgent.ID, time.Now(), func(b *job.Batch) error { return b.Pause("lunch") }); err != nil {
			t.Fatal(err)
		}
		paused := a.waits(urgent, 20, stokerv1.WaitCode_WAIT_CODE_BATCH_PAUSED)
		if paused.GetText() != "lunch" || !paused.GetSince().AsTime().Equal(time.Now()) {
			t.Errorf("one of a paused batch waits for %v", paused)
		}

		// A job is started at its earliest start time, or after at most twice as long.
		time.Sleep(31 * time.Minute) // the drain rate is known
		const watched = 60
		told := a.waits(b, watched, queueFull)
		if told.GetEarliestStartTime() == nil {
			t.Fatalf("no earliest time: %v", told)
		}
		began := time.Now()
		w.await(b.ID, 6*time.Hour, "the start", func(job.Batch) bool { return w.job(b, watched).State != job.Waiting })
		earliest, took := told.GetEarliestStartTime().AsTime().Sub(began), time.Since(began)
		if earliest > took || earliest < took/2 {
			t.Errorf("the earliest start at position %d was %v ahead, the start came after %v", told.GetPosition(), earliest, took)
		}

		// ListJobs and GetJob show the same wait reason.
		page, err := a.batches.ListJobs(w.ctx, &stokerv1.ListJobsRequest{BatchId: b.ID, PageSize: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(page.GetJobs()); i += 37 {
			j := page.GetJobs()[i]
			if alone := a.job(b, int64(i)+1); alone.GetWaitReason() != j.GetWaitReason() {
				t.Errorf("job %d: %q on a page, %q alone", i+1, j.GetWaitReason(), alone.GetWaitReason())
			}
		}

		if err := w.pause("default", "invoice"); err != nil {
			t.Fatal(err)
		}
		if got := a.waits(b, many, stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED); got.GetText() != "invoice" || got.GetSince() == nil {
			t.Errorf("on a paused account a job waits for %v", got)
		}
		running := w.firstIn(b, job.Running)
		if _, err := a.batches.CancelJob(w.ctx, &stokerv1.CancelJobRequest{JobId: job.ID{Batch: b.ID, Number: running}.String()}); err != nil {
			t.Fatal(err)
		}
		a.waits(b, running, stokerv1.WaitCode_WAIT_CODE_STOP)
	})
}

// Whatever an account's jobs wait for, a job shows the right wait code.
func TestWhyJobsWait(t *testing.T) {
	const startRoute, configRoute = "POST /encoding/encodings/{id}/start", "POST /encoding/encodings/{id}/streams"
	on := func(route string, f simulator.Fault) func(simulator.Call) simulator.Fault {
		return func(c simulator.Call) simulator.Fault {
			if route == "" || c.Route == route {
				return f
			}
			return simulator.Fault{}
		}
	}
	for _, tt := range []struct {
		name   string
		fault  func(simulator.Call) simulator.Fault
		batch  func(*job.Batch)
		after  time.Duration
		number int64
		want   stokerv1.WaitCode
		until  bool // the wait has an end
	}{
		{
			name: "an outage", fault: on("", simulator.Fault{Kind: simulator.ResetFault}), after: time.Minute,
			number: 20, want: stokerv1.WaitCode_WAIT_CODE_BREAKER, until: true,
		},
		{
			name: "a refused storage", fault: on("POST /encoding/outputs/gcs", simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusBadRequest}),
			batch: func(b *job.Batch) { b.Output.Name = "gcs" }, after: time.Minute,
			number: 20, want: stokerv1.WaitCode_WAIT_CODE_STORAGE, until: true,
		},
		{
			name: "a start without an answer", fault: on(startRoute, simulator.Fault{Kind: simulator.HTMLFault, Status: http.StatusGatewayTimeout}),
			after: 20 * time.Second, number: 1, want: stokerv1.WaitCode_WAIT_CODE_UNKNOWN_START, until: true,
		},
		{
			name: "a start that takes its time", fault: on(startRoute, simulator.Fault{Kind: simulator.HangFault, Delay: 20 * time.Second}),
			after: 15 * time.Second, number: 1, want: stokerv1.WaitCode_WAIT_CODE_START,
		},
		{
			name: "configuring takes its time", fault: on(configRoute, simulator.Fault{Kind: simulator.HangFault, Delay: 20 * time.Second}),
			after: 15 * time.Second, number: 1, want: stokerv1.WaitCode_WAIT_CODE_CONFIGURING,
		},
		{
			name: "starts are throttled", fault: on(startRoute, simulator.Fault{Kind: simulator.RateLimitFault}),
			after: 15 * time.Second, number: 5, want: stokerv1.WaitCode_WAIT_CODE_BUDGET, until: true,
		},
		{
			name: "a refused start", fault: on(startRoute, simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusBadRequest}),
			after: 4 * time.Second, number: 1, want: stokerv1.WaitCode_WAIT_CODE_BACKOFF, until: true,
		},
		{
			name: "the platform's queue is full", fault: on(startRoute, simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusBadRequest, Code: simulator.CodeQueueFull}),
			after: time.Minute, number: 20, want: stokerv1.WaitCode_WAIT_CODE_PLATFORM_FULL, until: true,
		},
		{
			name: "the comparison takes its time", fault: on("GET /encoding/encodings", simulator.Fault{Kind: simulator.HangFault, Delay: time.Minute}),
			after: 5 * time.Second, number: 20, want: stokerv1.WaitCode_WAIT_CODE_RECONCILING,
		},
		{
			name: "the account is not configured", batch: func(b *job.Batch) { b.AccountID = "gone" }, after: time.Second,
			number: 20, want: stokerv1.WaitCode_WAIT_CODE_ACCOUNT_MISSING,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: 10 * time.Minute, Fault: tt.fault}
			inWorld(t, sim, func(w *world) {
				w.run()
				b := w.submit(20, tt.batch)
				time.Sleep(tt.after)
				a := w.waitServer()
				got := a.waits(b, tt.number, tt.want)
				if tt.until != (got.GetUntil() != nil) {
					t.Errorf("until is %v", got.GetUntil())
				}
				if got.GetUntil() != nil && !got.GetUntil().AsTime().After(time.Now()) {
					t.Errorf("it is over since %v", time.Since(got.GetUntil().AsTime()))
				}
			})
		})
	}
}

// A job whose encoding the platform does not know waits with code MISSING, and with ORGANISATION
// once all shared resources are missing as well.
func TestWhyMissing(t *testing.T) {
	ours := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: 10 * time.Minute}
	theirs := &simulator.Simulator{Seed: 2, Encoders: 3, Duration: 10 * time.Minute}
	inTwoOrganisations(t, ours, theirs, func(w *world, wrong *atomic.Bool) {
		w.run()
		b := w.submit(10, nil)
		w.await(b.ID, time.Minute, "all under way", func(b job.Batch) bool { return b.Counts.Queued == 3 && b.Counts.Running == 3 })
		wrong.Store(true)
		a := w.waitServer()
		w.await(b.ID, 30*time.Minute, "a missing encoding", func(job.Batch) bool {
			return a.job(b, 1).GetWait().GetCode() == stokerv1.WaitCode_WAIT_CODE_MISSING
		})
		w.await(b.ID, 30*time.Minute, "another organisation", func(job.Batch) bool {
			return a.job(b, 1).GetWait().GetCode() == stokerv1.WaitCode_WAIT_CODE_ORGANISATION
		})
	})
}

// The status never shows fewer queued encodings than ours, however old the last count is.
func TestQueuedIsNeverBelowOurs(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: 20 * time.Second}
	inWorld(t, sim, func(w *world) {
		w.target, w.poll = 6, time.Minute
		w.run()
		b := w.submit(40, nil)
		below, seen := 0, 0
		w.await(b.ID, time.Hour, "its end", func(b job.Batch) bool {
			if s, _ := w.store.AccountStatus("default"); s.PlatformQueuedCount >= 0 {
				seen++
				if s.PlatformQueuedCount < s.QueuedCount || s.PlatformQueuedTime.IsZero() {
					below++
				}
			}
			return b.State.Terminal()
		})
		if below > 0 || seen == 0 {
			t.Errorf("of %d counts %d were below our own, or without a time", seen, below)
		}
	})
}

// An account without jobs waits with code IDLE.
func TestWhyAnAccountIsIdle(t *testing.T) {
	inWorld(t, &simulator.Simulator{Seed: 1, Encoders: 2, Duration: 20 * time.Second}, func(w *world) {
		w.run()
		time.Sleep(time.Minute)
		if got := w.waitServer().account(); got.GetWait().GetCode() != stokerv1.WaitCode_WAIT_CODE_IDLE || got.GetWaitReason() == "" {
			t.Errorf("the account waits for %v", got.GetWait())
		}
	})
}

func (w *world) job(b job.Batch, number int64) job.Job {
	w.t.Helper()
	j, err := w.store.Job(context.WithoutCancel(w.ctx), job.ID{Batch: b.ID, Number: number})
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}
