package dispatcher

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// A process begins while the account has very many encodings of other people, and the platform
// neither searches nor lists by time. While the whole list is read, jobs go on: those of a new
// batch at once, those of an old one once the platform has shown that they were not started. One
// start of the earlier process was not answered.
func TestLongWalk(t *testing.T) {
	for kind, submit := range map[string]func(w *world, n int) job.Batch{
		"profile":  func(w *world, n int) job.Batch { return w.submit(n, nil) },
		"template": func(w *world, n int) job.Batch { return w.submitLadder(n, nil) },
	} {
		if exhaustive || testing.Short() == (kind == "template") {
			t.Run(kind, func(t *testing.T) { longWalk(t, submit) })
		}
	}
}

func longWalk(t *testing.T, submit func(w *world, n int) job.Batch) {
	t.Helper()
	many := 100_000
	if testing.Short() {
		many = 30_000 // under the race detector
	}
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 50 * time.Millisecond, TakeAnyStart: true}
	var starts atomic.Int64
	sim.Fault = func(c simulator.Call) simulator.Fault {
		if !strings.HasSuffix(c.Route, "/start") || c.Method != http.MethodPost {
			return simulator.Fault{}
		}
		if starts.Add(1) == 5 {
			return simulator.Fault{Kind: simulator.HangFault, After: true}
		}
		return simulator.Fault{}
	}
	sim.Limits = []simulator.Limit{{Group: "/encoding/encodings", Method: "POST", Calls: -1}}
	inWorld(t, sim, func(w *world) {
		first := newMortal(0)
		w.mortal = first
		w.run()
		old := submit(w, 30)
		w.await(old.ID, time.Hour, "five starts", func(job.Batch) bool { return w.sim.ReadStats().Starts >= 5 })
		time.Sleep(time.Second)
		close(first.dead)
		w.reopen(w.path)
		w.createForeign(many)
		w.mortal, w.network = nil, twisted(w.sim.Client().Transport, twist{"search": "400", "createdAtNewerThan": "400"})
		w.run()
		begin := time.Now()
		time.Sleep(time.Second)
		recent := submit(w, 10)
		w.awaitEnd(recent.ID, 10*time.Minute)
		old = w.await(old.ID, 10*time.Minute, "most of it", func(b job.Batch) bool { return b.Counts.Succeeded >= 12 })
		status, _ := w.store.AccountStatus("default")
		if status.Listing.ComparingSince.IsZero() || status.Listing.Way != job.ListByWalk {
			w.t.Errorf("after %v with %+v it says %+v, want a walk under way", time.Since(begin), old.Counts, status.Listing)
		}
		w.awaitEnd(old.ID, 2*time.Hour)
		if starts := w.sim.ReadStats().Starts; starts != 40 {
			w.t.Errorf("%d starts for 40 jobs", starts)
		}
		w.await(old.ID, 2*time.Hour, "the end of the walk", func(job.Batch) bool {
			status, _ = w.store.AccountStatus("default")
			return status.Listing.ComparingSince.IsZero()
		})
		w.t.Logf("walked for %v", time.Since(begin))
		w.audit(old.ID, recent.ID)
	})
}

// The same with a restored backup: no job that was started since is started again, neither while
// the list is read nor afterwards.
func TestLongWalkAfterABackup(t *testing.T) {
	for name, templates := range map[string]bool{"profile": false, "template": true} {
		if testing.Short() && templates {
			continue // under the race detector
		}
		t.Run(name, func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 50 * time.Millisecond, TakeAnyStart: true}
			sim.Limits = []simulator.Limit{{Group: "/encoding/encodings", Method: "POST", Calls: -1}}
			inWorld(t, sim, func(w *world) {
				w.run()
				var b job.Batch
				if templates {
					b = w.submitLadder(40, nil)
				} else {
					b = w.submit(40, nil)
				}
				time.Sleep(3 * time.Minute)
				backup := w.backup()
				time.Sleep(5 * time.Minute)
				w.reopen(backup)
				w.createForeign(12_000)
				w.network = twisted(w.sim.Client().Transport, twist{"search": "400"})
				w.run()
				b = w.awaitEnd(b.ID, 3*time.Hour)
				if starts := w.sim.ReadStats().Starts; b.State != job.BatchSucceeded || starts != 40 {
					w.t.Errorf("batch is %s after %d starts for 40 jobs", b.State, starts)
				}
				w.audit(b.ID)
			})
		})
	}
}
