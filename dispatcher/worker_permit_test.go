package dispatcher

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// lateTransport makes the calls of a process that is killed during its first start from a
// template: the platform carries the call out after a while, and no process reads its answer.
type lateTransport struct {
	*mortal
	inner      http.RoundTripper
	late       time.Duration
	background context.Context //nolint:containedctx // of the call that outlives its process
	once       sync.Once
}

func (l *lateTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/templates/start") {
		return l.inner.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	l.once.Do(func() {
		sent := r.Clone(l.background)
		sent.Body = io.NopCloser(bytes.NewReader(body))
		time.AfterFunc(l.late, func() {
			if resp, err := l.inner.RoundTrip(sent); err == nil {
				resp.Body.Close()
			}
		})
		l.kill()
	})
	return nil, errDead
}

// kill ends the process.
func (m *mortal) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.dead:
	default:
		close(m.dead)
	}
}

// A process is killed while the start of a template is under way, and the next one begins at once.
// The call takes effect later, up to its time-out; until then the next process does not repeat it.
func TestKillDuringTemplateStart(t *testing.T) {
	for _, late := range []time.Duration{0, 20 * time.Second, 31 * time.Second, bitmovin.DefaultTimeout + settleMargin - time.Second} {
		t.Run("on the wire for "+late.String(), func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 4, Duration: time.Minute}
			inWorld(t, sim, func(w *world) {
				first := newMortal(0)
				w.mortal = first
				w.network = (&lateTransport{mortal: first, late: late, inner: sim.Client().Transport, background: w.ctx}).RoundTrip
				w.run()
				b := w.submitLadder(3, nil)
				if w.endsOrDies(b.ID, first) {
					w.t.Fatal("the process was not killed")
				}
				w.halt()
				w.mortal, w.network = nil, nil
				w.run()
				b = w.awaitEnd(b.ID, time.Hour)
				if b.State != job.BatchSucceeded {
					w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
				}
				time.Sleep(time.Minute)
				w.audit(b.ID)
				for name, n := range w.countTemplateEncodings() {
					if n != 1 {
						w.t.Errorf("%d encodings are called %s", n, name)
					}
				}
			})
		})
	}
}

// usedUp is a job table beside which somebody else uses up the key's budget of starts, for a
// minute, when the first start of a batch has been recorded and before it is sent.
type usedUp struct {
	Store
	w     *world
	batch string
	once  sync.Once
}

func (s *usedUp) UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error) {
	j, err := s.Store.UpdateJob(ctx, id, now, f)
	if err == nil && j.State == job.Starting && j.ID.Batch == s.batch {
		s.once.Do(s.w.useUpStarts)
	}
	return j, err
}

// useUpStarts lets the platform say that no start is left in this minute.
func (w *world) useUpStarts() {
	other, err := bitmovin.New(bitmovin.Options{
		APIKey: w.apiKey, Governor: w.governor,
		HTTPClient: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			header := http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"60"}}
			return &http.Response{StatusCode: http.StatusNotFound, Header: header, Body: http.NoBody}, nil
		})},
	})
	if err != nil {
		w.t.Error(err)
		return
	}
	if err := other.StartEncoding(w.ctx, "another", nil, nil); err == nil {
		w.t.Error("somebody else's start was accepted")
	}
	if _, err := other.StartTemplate(w.ctx, "another", nil); err == nil {
		w.t.Error("somebody else's template was accepted")
	}
}

// A start that waits for the budget of its API key is not made if meanwhile its job is cancelled
// or its batch or account is paused. The job loses no attempt.
func TestStartIsWithdrawnWhileItWaits(t *testing.T) {
	withdraw := map[string]func(w *world, id job.ID){
		"job cancelled": func(w *world, id job.ID) {
			_, err := w.store.UpdateJob(w.ctx, id, time.Now(), func(u *job.Update) error { return u.Cancel("wrong cut", time.Now()) })
			if err != nil {
				w.t.Error(err)
			}
		},
		"batch paused": func(w *world, id job.ID) {
			_, err := w.store.UpdateBatch(w.ctx, id.Batch, time.Now(), func(b *job.Batch) error { return b.Pause("lunch") })
			if err != nil {
				w.t.Error(err)
			}
		},
		"account paused": func(w *world, _ job.ID) {
			if err := w.pause("default", "lunch"); err != nil {
				w.t.Error(err)
			}
		},
	}
	for what, withdraw := range withdraw {
		for kind, route := range map[string]string{"profile": "POST /encoding/encodings/{id}/start", "template": templatesStart} {
			t.Run(what+" "+kind, func(t *testing.T) {
				sim := &simulator.Simulator{Seed: 1, Duration: 5 * time.Second}
				inWorld(t, sim, func(w *world) {
					table := &usedUp{w: w}
					w.table = func(s Store) Store {
						table.Store = s
						return table
					}
					w.run()
					submit := w.submit
					if kind == "template" {
						submit = w.submitLadder
					}
					b := submit(1, func(b *job.Batch) { table.batch = b.ID })
					id := job.ID{Batch: b.ID, Number: 1}
					w.await(b.ID, time.Minute, "a start that waits", func(b job.Batch) bool { return b.Counts.Starting == 1 })
					withdraw(w, id)
					time.Sleep(5 * time.Minute)
					j := w.jobs(b.ID)[0]
					if j.State != job.Waiting && j.State != job.Cancelled || j.Attempt != 0 {
						w.t.Errorf("the job is %s in attempt %d: %s", j.State, j.Attempt, j.Reason)
					}
					if n := w.calls(route); n != 0 {
						w.t.Errorf("%d starts were made", n)
					}
				})
			})
		}
	}
}

// A start that waits for the budget of its API key is not made if the process is killed meanwhile.
func TestKillWhileAStartWaits(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Duration: 5 * time.Second}
	inWorld(t, sim, func(w *world) {
		table := &usedUp{w: w}
		w.table = func(s Store) Store {
			table.Store = s
			return table
		}
		w.run()
		b := w.submitLadder(1, func(b *job.Batch) { table.batch = b.ID })
		w.await(b.ID, time.Minute, "a start that waits", func(b job.Batch) bool { return b.Counts.Starting == 1 })
		w.halt()
		w.governor = bitmovin.NewGovernor(nil) // the next process has a governor of its own
		w.run()
		b = w.awaitEnd(b.ID, time.Hour)
		w.audit(b.ID)
		if n := w.calls(templatesStart); n != 1 {
			w.t.Errorf("%d starts for one job", n)
		}
	})
}

// doubtful is a job table that is not certain, for a while, whether another process has taken over. It answers as ever.
type doubtful struct {
	Store
	until time.Time
}

func (s *doubtful) Trusted() error {
	if time.Now().Before(s.until) {
		return errDeposed
	}
	return s.Store.Trusted()
}

// A process that may have been deposed creates no encoding: the next driver, which has looked for those that its job
// table does not know already, would not find it before a sweep.
func TestNothingIsCreatedInDoubt(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Duration: 5 * time.Second}
	inWorld(t, sim, func(w *world) {
		const doubt = time.Minute
		w.table = func(s Store) Store { return &doubtful{Store: s, until: time.Now().Add(doubt)} }
		began := time.Now()
		w.run()
		b := w.submit(5, nil)
		b = w.awaitEnd(b.ID, time.Hour)
		w.audit(b.ID)
		if b.State != job.BatchSucceeded {
			t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		creations := 0
		for _, call := range w.sim.Ledger() {
			if call.Route != "POST /encoding/encodings" {
				continue
			}
			creations++
			if after := call.Time.Sub(began); after < doubt || after > doubt+maxJobPause {
				t.Errorf("an encoding was created after %v", after)
			}
		}
		if creations != 5 {
			t.Errorf("%d encodings were created for 5 jobs", creations)
		}
		if v := w.jobs(b.ID)[0].Version; v > 100 {
			t.Errorf("a job was written %d times: it does not wait between two tries", v)
		}
	})
}
