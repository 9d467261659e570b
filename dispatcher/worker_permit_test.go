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

// usedUp is a transport whose answers show, after each start, that other people have used up the
// key's budget of starts for the next minute.
func usedUp(inner http.RoundTripper) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := inner.RoundTrip(r)
		if err == nil && strings.HasSuffix(r.URL.Path, "/start") {
			resp.Header.Set("X-Ratelimit-Remaining", "0")
			resp.Header.Set("X-Ratelimit-Reset", "60")
		}
		return resp, err
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
					w.network = usedUp(sim.Client().Transport)
					w.run()
					submit := w.submit
					if kind == "template" {
						submit = w.submitLadder
					}
					first := submit(1, nil) // uses up the budget of starts
					w.awaitEnd(first.ID, time.Hour)
					b := submit(1, nil)
					id := job.ID{Batch: b.ID, Number: 1}
					w.await(b.ID, time.Minute, "a start that waits", func(b job.Batch) bool { return b.Counts.Starting == 1 })
					withdraw(w, id)
					time.Sleep(5 * time.Minute)
					j := w.jobs(b.ID)[0]
					if j.State != job.Waiting && j.State != job.Cancelled || j.Attempt != 0 {
						w.t.Errorf("the job is %s in attempt %d: %s", j.State, j.Attempt, j.Reason)
					}
					if n := w.calls(route); n != 1 {
						w.t.Errorf("%d starts were made, want the first job's alone", n)
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
		w.network = usedUp(sim.Client().Transport)
		w.run()
		first := w.submitLadder(1, nil)
		w.awaitEnd(first.ID, time.Hour)
		b := w.submitLadder(1, nil)
		w.await(b.ID, time.Minute, "a start that waits", func(b job.Batch) bool { return b.Counts.Starting == 1 })
		w.halt()
		w.governor = bitmovin.NewGovernor(nil) // the next process has a governor of its own
		w.run()
		b = w.awaitEnd(b.ID, time.Hour)
		w.audit(first.ID, b.ID)
		if n := w.calls(templatesStart); n != 2 {
			w.t.Errorf("%d starts for two jobs", n)
		}
	})
}
