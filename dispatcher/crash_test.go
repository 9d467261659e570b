package dispatcher

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

var errDead = errors.New("the process is dead")

// mortal is one life of the process. Every write to the job table and every call to
// the platform has a point before it and a point after it; at one of them the process
// dies: from then on nothing it does has any effect, and no answer reaches it.
type mortal struct {
	mu     sync.Mutex
	points int
	dieAt  int // 0: never
	dead   chan struct{}
}

func newMortal(dieAt int) *mortal { return &mortal{dieAt: dieAt, dead: make(chan struct{})} }

// alive passes a point.
func (m *mortal) alive() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.dead:
		return false
	default:
	}
	m.points++
	if m.points == m.dieAt {
		close(m.dead)
		return false
	}
	return true
}

// passed is how many points have been passed so far.
func (m *mortal) passed() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.points
}

// mortalTransport is the network of a process that can die.
type mortalTransport struct {
	*mortal
	inner http.RoundTripper
}

func (t mortalTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.alive() {
		return nil, errDead
	}
	resp, err := t.inner.RoundTrip(r)
	if !t.alive() {
		if err == nil {
			resp.Body.Close()
		}
		return nil, errDead
	}
	return resp, err
}

// mortalStore is the job table of a process that can die.
type mortalStore struct {
	Store
	*mortal
}

// write passes the points around one commit.
func write[T any](m *mortal, commit func() (T, error)) (T, error) {
	var zero T
	if !m.alive() {
		return zero, errDead
	}
	result, err := commit()
	if !m.alive() {
		return zero, errDead
	}
	return result, err
}

func (s mortalStore) UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error) {
	return write(s.mortal, func() (job.Job, error) { return s.Store.UpdateJob(ctx, id, now, f) })
}

func (s mortalStore) UpdateJobs(ctx context.Context, filter job.Filter, now time.Time, f func(*job.Update) error) (int64, error) {
	return write(s.mortal, func() (int64, error) { return s.Store.UpdateJobs(ctx, filter, now, f) })
}

func (s mortalStore) SaveResource(ctx context.Context, account, kind, hash, id string, now time.Time) error {
	_, err := write(s.mortal, func() (struct{}, error) {
		return struct{}{}, s.Store.SaveResource(ctx, account, kind, hash, id, now)
	})
	return err
}

func (s mortalStore) ReconcileSince(ctx context.Context, account string) (time.Time, error) {
	return write(s.mortal, func() (time.Time, error) { return s.Store.ReconcileSince(ctx, account) })
}

func (s mortalStore) MarkReconciled(ctx context.Context, account string) error {
	_, err := write(s.mortal, func() (struct{}, error) { return struct{}{}, s.Store.MarkReconciled(ctx, account) })
	return err
}

func (s mortalStore) AddOrphan(ctx context.Context, o job.Orphan) error {
	_, err := write(s.mortal, func() (struct{}, error) { return struct{}{}, s.Store.AddOrphan(ctx, o) })
	return err
}

func (s mortalStore) DeleteOrphan(ctx context.Context, account, encoding string) error {
	_, err := write(s.mortal, func() (struct{}, error) { return struct{}{}, s.Store.DeleteOrphan(ctx, account, encoding) })
	return err
}

// TestCrashPoints kills the process at every point of a scenario that passes through
// all states of a job, starts it again, and lets the simulator's ledger judge.
func TestCrashPoints(t *testing.T) {
	everyPoint(t, crashScenario, 200)
}

// TestTemplateCrashPoints does so with a template, whose start creates the encoding.
func TestTemplateCrashPoints(t *testing.T) {
	everyPoint(t, templateCrashScenario, 100)
}

func everyPoint(t *testing.T, scenario func(t *testing.T, dieAt int) (points int), atLeast int) {
	t.Helper()
	points := scenario(t, 0)
	t.Logf("%d crash points", points)
	if points < atLeast {
		t.Errorf("only %d points: the scenario does not pass through all states", points)
	}
	step := 1
	if testing.Short() {
		step = 29 // a sample of them, under the race detector
	}
	for n := 1; n <= points; n += step {
		scenario(t, n)
		if t.Failed() {
			t.Fatalf("after dying at point %d of %d", n, points)
		}
	}
}

// crashOutcomes fails k2 once, k3 for good, k4 in transfer, and k6 in its first region.
func crashOutcomes(e simulator.Encoding, run int) simulator.Outcome {
	name, _, _ := strings.Cut(e.Name, " ")
	switch {
	case name == "k2" && run == 1:
		return broken(simulator.Retry)
	case name == "k3":
		return broken(simulator.NoRetry)
	case name == "k4":
		return simulator.Outcome{Status: simulator.TransferError}
	case name == "k6" && e.CloudRegion == "AWS_EU_WEST_1":
		return broken(simulator.RetryInDifferentRegion)
	}
	return simulator.Outcome{}
}

// crashScenario passes a batch with a recipe through all states.
func crashScenario(t *testing.T, dieAt int) (points int) {
	sim := &simulator.Simulator{
		Seed: 1, Encoders: 2, Duration: 20 * time.Second, Outcome: crashOutcomes,
		Latency: 20 * time.Millisecond, StopDelay: time.Second, TakeAnyStart: true,
	}
	return liveTwice(t, sim, 3, dieAt, func(b *job.Batch) {
		b.Recipe.Region, b.Recipe.FallbackRegions = "AWS_EU_WEST_1", []string{"AWS_US_EAST_1"}
	})
}

// templateCrashScenario is the same with a template. Its seventh job is not prepared
// but set up when it is cancelled, and a region is left by a new encoding as well.
func templateCrashScenario(t *testing.T, dieAt int) (points int) {
	sim := &simulator.Simulator{
		Seed: 1, Encoders: 2, Duration: 20 * time.Second, TemplateDelay: 3 * time.Second,
		Outcome: func(e simulator.Encoding, _ int) simulator.Outcome {
			_, attempt, _ := provision.ParseName(e.Name)
			e.CloudRegion = map[bool]string{true: "AWS_EU_WEST_1"}[attempt == 1]
			return crashOutcomes(e, attempt)
		},
		Latency: 20 * time.Millisecond, StopDelay: time.Second,
	}
	return liveTwice(t, sim, 3, dieAt, ladder(t))
}

// liveTwice lives once until the given point, and then for good. It returns how many
// points the first life had.
func liveTwice(t *testing.T, sim *simulator.Simulator, target, dieAt int, edit func(*job.Batch)) (points int) {
	t.Helper()
	inWorld(t, sim, func(w *world) {
		first := newMortal(dieAt)
		w.mortal, w.target = first, target
		w.run()
		b := w.submit(7, func(b *job.Batch) {
			b.Retry = job.RetryPolicy{MaxRetries: 1, InitialBackoff: 2 * time.Second, RetryTransferErrors: true}
			edit(b)
		})
		go w.cancelWhenOnPlatform(job.ID{Batch: b.ID, Number: 5})
		go w.cancelWhenPrepared(job.ID{Batch: b.ID, Number: 7})
		if w.endsOrDies(b.ID, first) {
			points = first.passed()
		} else {
			w.halt()
			w.mortal = nil
			w.run()
		}
		b = w.awaitEnd(b.ID, time.Hour)
		time.Sleep(time.Minute) // for what nobody needs any more
		w.audit(b.ID)
		w.checkCrashOutcome(b)
	})
	return points
}

// endsOrDies waits for the end of a batch or of the process; false if it died.
func (w *world) endsOrDies(id string, m *mortal) bool {
	end := time.Now().Add(time.Hour)
	for time.Now().Before(end) {
		select {
		case <-m.dead:
			return false
		case <-time.After(time.Second):
		}
		if b, err := w.store.Batch(w.ctx, id); err == nil && b.State.Terminal() {
			return true
		}
	}
	w.t.Fatal("the batch does not end")
	return false
}

func (w *world) cancelWhenOnPlatform(id job.ID) {
	w.cancelWhen(id, func(j job.Job) bool { return j.State == job.Queued || j.State == job.Running })
}

func (w *world) cancelWhenPrepared(id job.ID) {
	w.cancelWhen(id, func(j job.Job) bool { return j.Prepared() || j.State == job.Starting })
}

// cancelWhen cancels a job once it satisfies a condition, unless it has ended.
func (w *world) cancelWhen(id job.ID, ok func(job.Job) bool) {
	for {
		j, err := w.store.Job(w.ctx, id)
		if err != nil || j.State.Terminal() {
			return
		}
		if ok(j) {
			now := time.Now()
			_, _ = w.store.UpdateJob(w.ctx, id, now, func(u *job.Update) error { return u.Cancel("enough", now) })
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// checkCrashOutcome compares how every job ended with how it has to end, whatever
// happened on the way.
func (w *world) checkCrashOutcome(b job.Batch) {
	w.t.Helper()
	want := []struct {
		states   []job.State
		attempts int // at most
	}{
		{[]job.State{job.Succeeded}, 1},
		{[]job.State{job.Succeeded}, 2},
		{[]job.State{job.Failed}, 1},
		{[]job.State{job.Failed}, 2},
		{[]job.State{job.Cancelled, job.Succeeded}, 1},
		{[]job.State{job.Succeeded}, 2},
		{[]job.State{job.Cancelled, job.Succeeded}, 1},
	}
	counts := job.Counts{}
	for i, j := range w.jobs(b.ID) {
		ok := false
		for _, s := range want[i].states {
			ok = ok || j.State == s
		}
		if !ok || j.Attempt > want[i].attempts {
			w.t.Errorf("job %d is %s after attempt %d (%v), want %v after at most %d",
				i+1, j.State, j.Attempt, j.Failure, want[i].states, want[i].attempts)
		}
		counts.Move("", j.State)
	}
	if counts != b.Counts {
		w.t.Errorf("the batch counts %+v, its jobs %+v", b.Counts, counts)
	}
	w.checkNothingLeft()
}
