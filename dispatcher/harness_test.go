package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// exhaustive makes tests with tables try all combinations, not only every pair.
var exhaustive = os.Getenv("STOKER_EXHAUSTIVE") != ""

// inSample reports whether to try the n-th case of a test. Under the race detector, which makes a test several times
// as slow, one case of so many is tried, and each run of the tests begins with another one.
func inSample(n, every int) bool { return !testing.Short() || n%every == sampleStart%every }

// takesFigures skips a test under the race detector that measures: it takes long there, its figures say nothing, and it
// does nothing side by side that other tests do not.
func takesFigures(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes figures")
	}
}

// sampleStart is the first case of a sample, and thisHalf the half of the tests that are run under the race detector. They are
// drawn apart: otherwise a test that is run with even starts alone would never try its odd cases.
var sampleStart, thisHalf = rand.Int(), rand.Uint32N(2)

// world is a dispatcher with the real job table, the real client, and the simulator as the
// platform. It runs in a synctest bubble, so that hours pass in milliseconds.
type world struct {
	t    *testing.T
	ctx  context.Context
	path string
	sim  *simulator.Simulator

	store *store.Store
	disp  *Dispatcher
	stop  context.CancelCauseFunc
	done  chan error

	court           *court                 // terms; nil: nobody else can drive the accounts
	mortal          *mortal                // the process that runs next; nil: one that cannot be killed
	network         roundTripper           // the transport to the simulator; nil: the simulator's own
	table           func(Store) Store      // wraps the job table for the dispatcher; nil: not wrapped
	others          []string               // further accounts with the same key
	neighbours      []*simulator.Simulator // accounts neighbour-0 and so on of other organisations, with the same key
	target          int
	auto            bool
	maxStartsPerDay int // MaxStartsPerDay
	maxStartsOf     func(principal string) int
	onDuplicate     func(accountID string)
	poll            time.Duration
	governor        *bitmovin.Governor
	apiKey          func() (string, error)
	unchecked       bool   // indexes are not compared with the jobs: the processor time is measured
	inputs          string // directory of the input paths of submitted jobs
}

// roundTripper makes a transport of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// inWorld runs a test in a bubble of its own. Under the race detector one half of all such tests is run, a random
// one each time.
func inWorld(t *testing.T, sim *simulator.Simulator, test func(w *world)) {
	t.Helper()
	whole, _, _ := strings.Cut(t.Name(), "/")
	if testing.Short() && crc32.ChecksumIEEE([]byte(whole))%2 != thisHalf {
		t.Skip("the other half is run this time")
	}
	path := filepath.Join(t.TempDir(), "stoker.db")
	bubble.Test(t, func(t *testing.T) {
		w := &world{
			t: t, ctx: t.Context(), path: path, sim: sim, target: 3, inputs: "in",
			governor: bitmovin.NewGovernor(nil),
			apiKey:   func() (string, error) { return "test-key", nil },
		}
		defer sim.Close()
		w.open()
		defer w.close()
		test(w)
	})
}

func (w *world) open() {
	w.t.Helper()
	w.store = jobtable.Open(w.t, w.path)
}

// backup copies the job table as it is now and returns the path of the copy.
func (w *world) backup() (path string) {
	w.t.Helper()
	path = w.path + ".backup"
	if err := sqlite.Backup(w.ctx, w.path, path); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// reopen stops the dispatcher and goes on with the job table at path.
func (w *world) reopen(path string) {
	w.t.Helper()
	w.halt()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.path = path
	w.open()
}

func (w *world) close() {
	w.halt()
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
}

// run makes a dispatcher and runs it.
func (w *world) run() {
	w.t.Helper()
	w.prepare(nil)
	if !w.unchecked {
		w.checkIndexes()
	}
	w.store.SetOnChange(w.disp.Changed)
	ctx, stop := context.WithCancelCause(w.ctx)
	w.stop, w.done = stop, make(chan error, 1)
	go func() { w.done <- w.disp.Run(ctx) }()
}

// prepare makes a dispatcher with the given clock, nil for the bubble's.
func (w *world) prepare(c clock.Clock) {
	w.t.Helper()
	var table Store = w.store
	network := w.sim.Client()
	if w.network != nil {
		network.Transport = w.network
	}
	if w.mortal != nil {
		table = mortalStore{Store: w.store, mortal: w.mortal}
		network.Transport = mortalTransport{w.mortal, network.Transport}
	}
	client, err := bitmovin.New(bitmovin.Options{
		APIKey: w.apiKey, HTTPClient: network, Governor: w.governor,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	accounts := []Account{{ID: "default", Client: client, QueueTarget: w.target, AutoTarget: w.auto, MaxStartsPerDay: w.maxStartsPerDay}}
	for _, id := range w.others {
		accounts = append(accounts, Account{ID: id, Client: client})
	}
	for n, platform := range w.neighbours {
		client, err := bitmovin.New(bitmovin.Options{APIKey: w.apiKey, HTTPClient: platform.Client(), Governor: w.governor})
		if err != nil {
			w.t.Fatal(err)
		}
		accounts = append(accounts, Account{ID: fmt.Sprintf("neighbour-%d", n), Client: client, QueueTarget: w.target})
	}
	if w.table != nil {
		table = w.table(table)
	}
	config := Config{
		Store:        table,
		Logger:       slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		Accounts:     accounts,
		Campaign:     w.court.campaignFor(table, w.mortal),
		PollInterval: w.poll, Clock: c, MaxStartsOf: w.maxStartsOf, OnDuplicate: w.onDuplicate,
		Sources: Sources{
			Inputs: map[string]Storage{
				"in":    {Storage: bitmovin.Storage{Type: bitmovin.StorageHTTP, Host: "storage.example"}},
				"based": {Storage: bitmovin.Storage{Type: bitmovin.StorageHTTPS, Host: "storage.example"}, BasePath: "masters//2026"},
				"https": {Storage: bitmovin.Storage{Type: bitmovin.StorageHTTPS, Host: "storage.example"}},
			},
			Outputs: map[string]Storage{
				"out": {Storage: bitmovin.Storage{Type: bitmovin.StorageS3, Bucket: "bucket", AccessKey: "a", SecretKey: "s"}, BasePath: "base"},
				"gcs": {Storage: bitmovin.Storage{Type: bitmovin.StorageGCS, Bucket: "bucket", AccessKey: "a", SecretKey: "s"}},
			},
		},
	}
	if w.disp, err = New(config); err != nil {
		w.t.Fatal(err)
	}
	w.disp.prepareLoop = func(l *accountLoop) {
		c := config
		c.Store = l.store
		fast := c.provision(l.worker.account, l.worker.log)
		fast.HashRounds = 1 // the default is slow on purpose
		l.worker.provisioner = provision.New(fast)
	}
	for _, l := range w.disp.loops {
		w.disp.prepareLoop(l)
	}
}

// halt stops the dispatcher, if one runs, and waits for it.
func (w *world) halt() {
	if w.stop == nil {
		return
	}
	w.stop(nil)
	if err := <-w.done; err != nil {
		w.t.Error(err)
	}
	w.stop = nil
}

// submit stores a batch of n jobs.
func (w *world) submit(n int, edit func(*job.Batch)) job.Batch {
	w.t.Helper()
	stored := w.submitAt(time.Now(), n, edit)
	time.Sleep(time.Millisecond) // batch ids follow the clock
	return stored
}

func (w *world) submitAt(now time.Time, n int, edit func(*job.Batch)) job.Batch {
	w.t.Helper()
	recipe := job.DefaultRecipe()
	b := job.Batch{
		ID: fmt.Sprintf("batch-%d", now.UnixNano()), AccountID: "default", Priority: 50,
		State: job.BatchActive, Recipe: &recipe,
		Input: job.StorageRef{Name: "in"}, Output: job.StorageRef{Name: "out"},
		Retry: job.RetryPolicy{MaxRetries: 2, InitialBackoff: 10 * time.Second},
	}
	if edit != nil {
		edit(&b)
	}
	var specs []job.Spec
	for i := range n {
		specs = append(specs, job.Spec{
			Key: fmt.Sprintf("k%d", i+1), InputPath: fmt.Sprintf("%s/%d.mp4", w.inputs, i+1), OutputPath: fmt.Sprintf("out/%d", i+1),
		})
	}
	stored, _, err := w.store.Submit(w.ctx, job.Submission{Batch: b, Jobs: specs}, now)
	if err != nil {
		w.t.Fatal(err)
	}
	return stored
}

// await waits, on the bubble's clock, until a batch satisfies a condition.
func (w *world) await(id string, limit time.Duration, what string, ok func(job.Batch) bool) job.Batch {
	w.t.Helper()
	end := time.Now().Add(limit)
	for {
		b, err := w.store.Batch(w.ctx, id)
		if err != nil {
			w.t.Fatal(err)
		}
		if ok(b) {
			return b
		}
		if time.Now().After(end) {
			w.t.Fatalf("batch is %s with %+v after %v, want %s", b.State, b.Counts, limit, what)
		}
		time.Sleep(max(100*time.Millisecond, limit/2000))
	}
}

func (w *world) awaitEnd(id string, limit time.Duration) job.Batch {
	w.t.Helper()
	return w.await(id, limit, "its end", func(b job.Batch) bool { return b.State.Terminal() })
}

// jobs returns all jobs of a batch.
func (w *world) jobs(id string) []job.Job {
	w.t.Helper()
	jobs, err := w.store.Jobs(w.ctx, job.Filter{BatchID: id, Limit: 100_000})
	if err != nil {
		w.t.Fatal(err)
	}
	return jobs
}

// audit checks what must hold after every test: the platform accepted at most one start for each
// recorded attempt, and every encoding that was started belongs to a job of the batches.
func (w *world) audit(batches ...string) {
	w.t.Helper()
	w.auditExcept("", batches...)
}

// auditExcept is audit without the encodings called foreign.
func (w *world) auditExcept(foreign string, batches ...string) {
	w.t.Helper()
	starts := map[string]int{} // by encoding
	for _, e := range w.sim.Encodings() {
		starts[e.ID] = len(e.Starts)
	}
	known := map[string]bool{}
	for _, b := range batches {
		for _, j := range w.jobs(b) {
			attempts, err := w.store.Attempts(w.ctx, j.ID)
			if err != nil {
				w.t.Fatal(err)
			}
			encodings := []string{j.EncodingID}
			for _, a := range attempts {
				encodings = append(encodings, a.EncodingID)
			}
			slices.Sort(encodings)
			paid := 0
			for _, id := range slices.Compact(encodings) {
				known[id] = true
				paid += starts[id]
			}
			if paid > j.Attempt {
				w.t.Errorf("job %s: %d starts accepted for %d attempts", j.ID, paid, j.Attempt)
			}
			if j.State == job.Succeeded && paid == 0 {
				w.t.Errorf("job %s succeeded and was never started", j.ID)
			}
		}
	}
	for _, e := range w.sim.Encodings() {
		if !known[e.ID] && len(e.Starts) > 0 && e.Name != foreign {
			w.t.Errorf("encoding %s (%s) was started and belongs to no job", e.ID, e.Name)
		}
	}
}

// calls counts the calls of a route in the simulator's ledger.
func (w *world) calls(route string) (n int) {
	for _, e := range w.sim.Ledger() {
		if e.Route == route {
			n++
		}
	}
	return n
}

// defaultSettle is the settle time of a dispatcher without Config.Settle.
const defaultSettle = bitmovin.DefaultTimeout + settleMargin

// settings changes the settings of an account in the job table.
func (w *world) settings(account string, f func(*job.AccountSettings)) error {
	_, err := w.store.UpdateAccountSettings(w.ctx, account, time.Now(), func(s *job.AccountSettings) error {
		f(s)
		return nil
	})
	return err
}

func (w *world) pause(account, reason string) error {
	return w.settings(account, func(s *job.AccountSettings) { s.Pause(reason, time.Now()) })
}

func (w *world) resume(account string) error {
	return errors.Join(w.store.ForgiveStarts(w.ctx, account, time.Now()), w.settings(account, (*job.AccountSettings).Resume))
}

func (w *world) setQueueTarget(account string, target int) error {
	return w.settings(account, func(s *job.AccountSettings) { s.Target = job.TargetSetting{Number: target} })
}

// usedOneAttemptEach checks that no job of a batch needed a second attempt.
func (w *world) usedOneAttemptEach(b job.Batch) {
	w.t.Helper()
	for _, j := range w.jobs(b.ID) {
		if j.Attempt != 1 {
			w.t.Errorf("job %s used %d attempts", j.ID, j.Attempt)
		}
	}
}
