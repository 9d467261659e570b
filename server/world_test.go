package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
)

var _ server.Store = (*store.Store)(nil)

// world is a server over a real job table, and a client of it. The test plays
// the dispatcher.
type world struct {
	t           *testing.T
	store       *store.Store
	accounts    *accounts
	config      server.Config
	options     []grpc.ServerOption // beside the server's own
	server      *server.Server
	grpc        *grpc.Server
	serving     sync.WaitGroup
	mu          sync.Mutex
	listener    *bufconn.Listener // of the server that runs, or ran last; guarded by mu
	conn        *grpc.ClientConn
	batches     stokerv1.BatchServiceClient
	account     stokerv1.AccountServiceClient
	submissions stokerv1.SubmissionServiceClient
	catalog     stokerv1.CatalogServiceClient
}

// newWorld starts everything; the test's end stops it. change may alter the
// configuration first.
func newWorld(t *testing.T, change func(*server.Config)) *world {
	t.Helper()
	w := &world{t: t}
	w.store = jobtable.Open(t, filepath.Join(t.TempDir(), "stoker.db"))
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.accounts = newAccounts(w.store)
	w.config = server.Config{
		Store: w.store, Access: store.NewAccessTable(w.store), Catalog: catalog(),
		Notifications: store.NewNotificationTable(w.store), Sender: &fakeSender{key: notification.NewKey()},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(&w.config)
	}
	w.serve()
	t.Cleanup(func() { w.stop(time.Second) })
	w.conn = w.dial()
	w.batches, w.account = stokerv1.NewBatchServiceClient(w.conn), stokerv1.NewAccountServiceClient(w.conn)
	w.submissions = stokerv1.NewSubmissionServiceClient(w.conn)
	w.catalog = stokerv1.NewCatalogServiceClient(w.conn)
	return w
}

// dial makes a connection to the server, whichever runs.
func (w *world) dial(options ...grpc.DialOption) *grpc.ClientConn {
	w.t.Helper()
	conn, err := grpc.NewClient("passthrough:///stoker", append(options,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.listener.DialContext(ctx)
		}))...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() }) // twice in tests that hang up themselves
	return conn
}

// serve starts a server.
func (w *world) serve() {
	w.t.Helper()
	var err error
	w.server, err = server.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store.SetOnChange(w.server.Changed)
	w.grpc = grpc.NewServer(append(w.server.Options(), w.options...)...)
	w.server.Register(w.grpc)
	listener := bufconn.Listen(1 << 20)
	w.mu.Lock()
	w.listener = listener
	w.mu.Unlock()
	w.serving.Go(func() {
		if err := w.grpc.Serve(listener); err != nil {
			w.t.Error(err)
		}
	})
}

// stop stops the server. Calls under way have so long to finish.
func (w *world) stop(grace time.Duration) {
	w.server.Stop(w.grpc, grace)
	w.serving.Wait()
}

func catalog() server.Catalog {
	return server.Catalog{
		Profiles:  map[string]job.Recipe{"default": job.DefaultRecipe(), "hevc": job.DefaultRecipe()},
		Templates: templates(),
		Storages:  map[string]server.Storage{"default": {Input: true, Output: true}, "archive": {Input: true}},
		Retry:     job.RetryPolicy{MaxRetries: job.DefaultMaxRetries},
	}
}

// submit stores a batch of n jobs with keys k-1, k-2 and so on.
func (w *world) submit(n int) *stokerv1.Batch {
	w.t.Helper()
	resp, err := w.batches.SubmitBatch(w.t.Context(), submission(n))
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.GetBatch()
}

func submission(n int) *stokerv1.SubmitBatchRequest {
	return &stokerv1.SubmitBatchRequest{Jobs: specs(1, n)}
}

// specs are n jobs, numbered from first.
func specs(first, n int) []*stokerv1.JobSpec {
	var all []*stokerv1.JobSpec
	for i := first; i < first+n; i++ {
		all = append(all, &stokerv1.JobSpec{
			Key: fmt.Sprintf("k-%d", i), InputPath: fmt.Sprintf("in/%d.mp4", i), OutputPath: fmt.Sprintf("out/%d", i),
		})
	}
	return all
}

// update changes a job as the dispatcher would.
func (w *world) update(batch string, number int64, f func(u *job.Update, now time.Time) error) job.Job {
	w.t.Helper()
	now := time.Now()
	j, err := w.store.UpdateJob(w.t.Context(), job.ID{Batch: batch, Number: number}, now, func(u *job.Update) error { return f(u, now) })
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

// start brings a job to QUEUED, through the states in between.
func (w *world) start(batch string, number int64) {
	w.t.Helper()
	w.update(batch, number, func(u *job.Update, now time.Time) error {
		return u.Configured(fmt.Sprintf("enc-%d", number), nil, now)
	})
	w.update(batch, number, func(u *job.Update, now time.Time) error { return u.BeginStart(now) })
	w.update(batch, number, func(u *job.Update, now time.Time) error { return u.StartAccepted(now) })
}

// observe tells the job what the platform says about its encoding. A failure is
// for good.
func (w *world) observe(batch string, number int64, o job.Observation) {
	w.t.Helper()
	o.EncodingID = fmt.Sprintf("enc-%d", number)
	w.update(batch, number, func(u *job.Update, now time.Time) error { return u.Observe(o, job.Rules{}, now) })
}

// running is what the platform says of an encoding at work.
func running(percent int) job.Observation {
	return job.Observation{Status: job.RemoteRunning, Progress: percent}
}

// finish starts a job and has it succeed.
func (w *world) finish(batch string, number int64) {
	w.t.Helper()
	w.start(batch, number)
	w.observe(batch, number, job.Observation{Status: job.RemoteFinished})
}

// fail starts a job and has it fail for good.
func (w *world) fail(batch string, number int64, f job.Failure) {
	w.t.Helper()
	w.start(batch, number)
	w.observe(batch, number, job.Observation{Status: job.RemoteError, Failure: &f})
}

// accounts stands in for the dispatcher, which publishes how accounts stand.
type accounts struct{ store *store.Store }

func newAccounts(s *store.Store) *accounts {
	s.PublishAccountStatus(job.AccountStatus{
		ID: "default", QueueTarget: 3, EffectiveQueueTarget: 3, PlatformQueuedCount: 3, HeldCount: 3, PlatformQueuedTime: time.Unix(1_800_000_000, 0),
		Breaker: job.BreakerClosed,
		Budgets: []job.Budget{{Class: "encoding-list", LimitPerMinute: 60, Available: 58}},
	})
	s.PublishAccountStatus(job.AccountStatus{ID: "other", QueueTarget: 5, EffectiveQueueTarget: 5, PlatformQueuedCount: -1, Breaker: job.BreakerClosed})
	return &accounts{s}
}

// change alters an account.
func (a *accounts) change(id string, f func(*job.AccountStatus)) error {
	s, ok := a.store.AccountStatus(id)
	if !ok {
		return fmt.Errorf("account %s: %w", id, job.ErrNotFound)
	}
	f(&s)
	a.store.PublishAccountStatus(s)
	return nil
}
