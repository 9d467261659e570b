package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

var errDead = errors.New("the process is dead")

// mortal is a process that can be killed. Every write to the job table and every call to the
// platform has a crash point before it and one after it. After the point at which the process
// dies, its writes and calls have no effect, and it gets no results.
type mortal struct {
	mu     sync.Mutex
	points int
	dieAt  int // 0: never
	dead   chan struct{}
	// frozen is for how long the process stands still at that point instead of dying, and thawTime when it goes on.
	frozen   time.Duration
	thawTime time.Time
}

func newMortal(dieAt int) *mortal { return &mortal{dieAt: dieAt, dead: make(chan struct{})} }

// alive passes a crash point and reports whether the process is still alive. It returns when the process does not
// stand still any more.
func (m *mortal) alive() bool {
	alive := m.pass()
	time.Sleep(time.Until(m.thaws()))
	return alive
}

// thaws is when the process goes on that stands still, or has gone on; zero if it never did.
func (m *mortal) thaws() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.thawTime
}

func (m *mortal) pass() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.dead:
		return false
	default:
	}
	m.points++
	if m.points == m.dieAt && m.frozen > 0 {
		m.thawTime = time.Now().Add(m.frozen)
		return true
	}
	if m.points == m.dieAt {
		close(m.dead)
		return false
	}
	return true
}

// passed is how many crash points have been passed so far.
func (m *mortal) passed() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.points
}

// mortalTransport makes the calls of a process that can be killed.
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

// mortalStore is the job table as a process uses it that can be killed. It overrides every method
// that writes; see TestMortalStoreOverridesWrites.
type mortalStore struct {
	Store
	*mortal

	term *courtTerm // that fences the writes; nil: nothing does
}

// write passes the crash points before and after one commit.
func write[T any](s mortalStore, commit func() (T, error)) (T, error) {
	var zero T
	if !s.alive() {
		return zero, errDead
	}
	result, err := fenced(s.term, commit)
	if !s.alive() {
		return zero, errDead
	}
	return result, err
}

func (s mortalStore) UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error) {
	return write(s, func() (job.Job, error) { return s.Store.UpdateJob(ctx, id, now, f) })
}

func (s mortalStore) UpdateJobs(ctx context.Context, filter job.Filter, now time.Time, f func(*job.Update) error) (int64, error) {
	return write(s, func() (int64, error) { return s.Store.UpdateJobs(ctx, filter, now, f) })
}

func (s mortalStore) SaveResource(ctx context.Context, account, kind, hash, id string, now time.Time) error {
	_, err := write(s, func() (struct{}, error) {
		return struct{}{}, s.Store.SaveResource(ctx, account, kind, hash, id, now)
	})
	return err
}

func (s mortalStore) DeleteResource(ctx context.Context, account, kind, hash string) error {
	_, err := write(s, func() (struct{}, error) { return struct{}{}, s.Store.DeleteResource(ctx, account, kind, hash) })
	return err
}

func (s mortalStore) SaveListParameter(ctx context.Context, account string, p job.ListParameter) error {
	_, err := write(s, func() (struct{}, error) { return struct{}{}, s.Store.SaveListParameter(ctx, account, p) })
	return err
}

func (s mortalStore) DeleteListParameter(ctx context.Context, account, name string) error {
	_, err := write(s, func() (struct{}, error) { return struct{}{}, s.Store.DeleteListParameter(ctx, account, name) })
	return err
}

func (s mortalStore) Recount(ctx context.Context, now time.Time) (int, error) {
	return write(s, func() (int, error) { return s.Store.Recount(ctx, now) })
}

func (s mortalStore) ReconcileSince(ctx context.Context, account string) (time.Time, error) {
	return write(s, func() (time.Time, error) { return s.Store.ReconcileSince(ctx, account) })
}

func (s mortalStore) MarkReconciled(ctx context.Context, account string) error {
	_, err := write(s, func() (struct{}, error) { return struct{}{}, s.Store.MarkReconciled(ctx, account) })
	return err
}

func (s mortalStore) AddOrphan(ctx context.Context, o job.Orphan) error {
	_, err := write(s, func() (struct{}, error) { return struct{}{}, s.Store.AddOrphan(ctx, o) })
	return err
}

func (s mortalStore) DeleteOrphan(ctx context.Context, account, encoding string) error {
	_, err := write(s, func() (struct{}, error) { return struct{}{}, s.Store.DeleteOrphan(ctx, account, encoding) })
	return err
}

// Every method of Store but those that only read fails once the process is dead: a method that
// mortalStore does not override would write on.
func TestMortalStoreOverridesWrites(t *testing.T) {
	reads := []string{
		"AccountSettings", "Attempts", "Batch", "CancellingBatches", "DailyStarts", "EncodingJobs", "Events", "InstanceID", "Job",
		"JobsInFlight", "ListParameters", "NextDueTime", "NextJobs", "Orphans", "PrincipalStarts", "Resource",
		"Trusted", "WasDeleted",
		"PublishAccountStatus", // it writes to memory only
	}
	dead := newMortal(1)
	dead.alive()
	s := reflect.ValueOf(mortalStore{mortal: dead}) // an inherited method would panic
	for m := range reflect.TypeFor[Store]().Methods() {
		if slices.Contains(reads, m.Name) {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			defer func() {
				if recover() != nil {
					t.Error("mortalStore does not override the method")
				}
			}()
			var args []reflect.Value
			for in := range m.Type.Ins() {
				args = append(args, reflect.Zero(in))
			}
			out := s.MethodByName(m.Name).Call(args)
			if err, _ := out[len(out)-1].Interface().(error); !errors.Is(err, errDead) {
				t.Errorf("got error %v, want %v", err, errDead)
			}
		})
	}
}

// TestCrashPoints kills the process at every crash point of a scenario that passes through all
// states of a job, starts another one, and compares jobs, attempts and the simulator's starts.
func TestCrashPoints(t *testing.T) {
	eachPoint(t, crashScenario, 200, 1)
}

// TestTemplateCrashPoints does the same with a template, whose start creates the encoding, at every second point.
func TestTemplateCrashPoints(t *testing.T) {
	eachPoint(t, templateCrashScenario, 100, 2)
}

// eachPoint runs a scenario once for each of its points at which the process can die, or for every second, third and so on. Each
// run of the tests begins with another point. Exhaustive tests try all, and those under the race detector every 29th. The
// scenario has to have atLeast points.
func eachPoint(t *testing.T, scenario func(t *testing.T, dieAt int) (points int), atLeast, every int) {
	t.Helper()
	points := scenario(t, 0)
	t.Logf("%d crash points", points)
	if points < atLeast {
		t.Errorf("only %d points: the scenario does not pass through all states", points)
	}
	if exhaustive {
		every = 1
	}
	if testing.Short() {
		every = 29
	}
	for n := 1; n <= points; n++ {
		if n%every != sampleStart%every {
			continue
		}
		t.Run(fmt.Sprintf("dying at point %d of %d", n, points), func(t *testing.T) {
			t.Parallel()
			scenario(t, n)
		})
	}
}

// crashOutcomes lets k2 fail once, k3 for good, k4 in transfer, and k6 in its first region.
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
	return liveTwice(t, sim, 3, dieAt, inTwoRegions)
}

// templateCrashScenario passes a batch with a template through all states. Its seventh job is being
// set up, not prepared, when it is cancelled; a retry in another region gets a new encoding, like
// every retry of a template.
func templateCrashScenario(t *testing.T, dieAt int) (points int) {
	sim := &simulator.Simulator{
		Seed: 1, Encoders: 2, Duration: 20 * time.Second, TemplateDelay: 3 * time.Second,
		Outcome: templateOutcomes,
		Latency: 20 * time.Millisecond, StopDelay: time.Second,
	}
	return liveTwice(t, sim, 3, dieAt, ladder(t))
}

// templateOutcomes are [crashOutcomes] where each attempt is an encoding of its own.
func templateOutcomes(e simulator.Encoding, _ int) simulator.Outcome {
	_, attempt, _ := provision.ParseName(e.Name)
	e.CloudRegion = map[bool]string{true: "AWS_EU_WEST_1"}[attempt == 1]
	return crashOutcomes(e, attempt)
}

// liveTwice runs one process until the given crash point, and then another one to the end. It
// returns how many crash points the first one passed if it was not killed.
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
		points = w.passOrRestart(b.ID, first)
		b = w.awaitEnd(b.ID, time.Hour)
		time.Sleep(time.Minute) // orphans are deleted
		w.audit(b.ID)
		w.checkCrashOutcome(b)
	})
	return points
}

// passOrRestart waits for the end of a batch and returns how many crash points the process has
// passed. If the process died it returns 0, and another process runs.
func (w *world) passOrRestart(id string, m *mortal) (points int) {
	if w.endsOrDies(id, m) {
		return m.passed()
	}
	w.halt()
	w.mortal = nil
	w.run()
	return 0
}

// endsOrDies waits for the end of a batch or of the process; false if the process died.
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
