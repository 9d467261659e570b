package dispatcher

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// awaitStatus waits until the account's status satisfies a condition.
func (w *world) awaitStatus(limit time.Duration, what string, ok func(job.AccountStatus) bool) job.AccountStatus {
	w.t.Helper()
	end := time.Now().Add(limit)
	for {
		s, _ := w.store.AccountStatus("default")
		if ok(s) {
			return s
		}
		if time.Now().After(end) {
			w.t.Fatalf("the account says %+v, want %s", s, what)
		}
		time.Sleep(time.Second)
	}
}

// The account's status shows another Stoker with the same API key as long as it is at work, and an
// hour longer.
func TestOtherInstance(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 1, Duration: 3 * time.Hour}
	inWorld(t, sim, func(w *world) {
		w.createForeign(2, "stoker", "stoker-abandoned")
		time.Sleep(2 * time.Hour) // old encodings that were never started do not count
		second := *w
		second.path, second.governor = w.path+".second", bitmovin.NewGovernor(nil)
		second.open()
		defer second.close()
		second.run()
		b := second.submit(2, nil)
		second.await(b.ID, time.Minute, "its jobs under way", func(b job.Batch) bool { return b.Counts.Running == 1 && b.Counts.Queued == 1 })
		second.halt()
		w.run()
		seen := func(s job.AccountStatus) bool { return len(s.OtherInstances) > 0 }
		s := w.awaitStatus(time.Minute, "another instance", seen)
		if got := s.OtherInstances[0].ID; len(s.OtherInstances) != 1 || got != second.store.InstanceID() {
			w.t.Errorf("the account has seen %+v", s.OtherInstances)
		}
		time.Sleep(5 * time.Hour) // one runs, then the other one
		w.awaitStatus(time.Second, "another instance still", seen)
		time.Sleep(3 * time.Hour)
		w.awaitStatus(time.Second, "no other instance", func(s job.AccountStatus) bool { return !seen(s) })
	})
}

// Two accounts of one process with one API key do not count each other as another Stoker.
func TestOtherAccountIsNoOtherInstance(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.others = []string{"other"}
		w.run()
		b := w.submit(12, func(b *job.Batch) { b.AccountID = "other" })
		w.awaitEnd(b.ID, time.Hour)
		for _, s := range w.store.AccountStatuses() {
			if len(s.OtherInstances) > 0 {
				w.t.Errorf("account %s has seen %+v", s.ID, s.OtherInstances)
			}
		}
	})
}

// A query parameter that the platform refuses is found once, shown in the account's status,
// remembered by the next process, and tried again a day later.
func TestListParametersAreRemembered(t *testing.T) {
	var searches atomic.Int64
	var mended atomic.Bool
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		plain := w.sim.Client().Transport
		inner := twisted(plain, twist{"search": "405"})
		w.network = func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.RawQuery, "search=") {
				searches.Add(1)
			}
			if mended.Load() {
				return plain.RoundTrip(r)
			}
			return inner(r)
		}
		w.run()
		b := w.submit(6, nil)
		w.awaitEnd(b.ID, time.Hour)
		s := w.awaitStatus(time.Hour, "that search is refused", func(s job.AccountStatus) bool { return s.Listing.Way == job.ListByTime })
		want := []job.ListParameter{{Name: bitmovin.ParamSearch, Fault: job.ParameterRefused, Time: s.Listing.FaultyParameters[0].Time}}
		if diff := cmp.Diff(want, s.Listing.FaultyParameters); diff != "" {
			w.t.Errorf("parameters (-want +got):\n%s", diff)
		}
		if n := searches.Load(); n != refusalsToBlame {
			w.t.Errorf("%d searches, want %d", n, refusalsToBlame)
		}
		w.reopen(w.path)
		w.run()
		w.awaitStatus(time.Minute, "the end of reconciling", func(s job.AccountStatus) bool { return s.Listing.ComparingSince.IsZero() })
		if n := searches.Load(); n != refusalsToBlame {
			w.t.Errorf("%d searches after a restart, want %d", n, refusalsToBlame)
		}
		time.Sleep(25 * time.Hour)
		if n := searches.Load(); n != refusalsToBlame+1 {
			w.t.Errorf("%d searches after a day, want %d", n, refusalsToBlame+1)
		}
		mended.Store(true)
		w.awaitStatus(25*time.Hour, "that search is used again", func(s job.AccountStatus) bool { return s.Listing.Way == job.ListBySearch })
		if known, err := w.store.ListParameters(w.ctx, "default"); err != nil || len(known) != 0 {
			w.t.Errorf("the job table remembers %+v, %v", known, err)
		}
	})
}

// While reconciling fails, the account's status shows why, and blames no query parameter.
func TestComparisonThatFails(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(40, nil)
		time.Sleep(time.Minute)
		w.reopen(w.path)
		var mended atomic.Bool
		w.network = func(r *http.Request) (*http.Response, error) {
			if !mended.Load() && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/encoding/encodings") {
				return respond(r, http.StatusGone, `{"requestId":"r","status":"ERROR","data":{"code":1,"message":"lists are gone"}}`), nil
			}
			return w.sim.Client().Transport.RoundTrip(r)
		}
		w.run()
		s := w.awaitStatus(time.Minute, "a problem", func(s job.AccountStatus) bool { return s.Listing.ComparingProblem != "" })
		if s.Listing.ComparingSince.IsZero() || !strings.Contains(s.Listing.ComparingProblem, "lists are gone") || len(s.Listing.FaultyParameters) > 0 {
			w.t.Errorf("the account says %+v", s.Listing)
		}
		time.Sleep(10 * time.Minute)
		if s, _ := w.store.AccountStatus("default"); len(s.Listing.FaultyParameters) > 0 {
			w.t.Errorf("%+v count as faulty, though no call is answered without them either", s.Listing.FaultyParameters)
		}
		mended.Store(true)
		w.awaitStatus(time.Minute, "the end of reconciling", func(s job.AccountStatus) bool {
			return s.Listing.ComparingSince.IsZero() && s.Listing.ComparingProblem == ""
		})
		w.awaitEnd(b.ID, time.Hour)
		w.audit(b.ID)
	})
}

// The platform's lists by status lack the queued encodings. Once counts have been contradicted
// by polls, other people's encodings count all the same.
func TestCountThatFindsNothing(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 1, Duration: 2 * time.Minute}
	inWorld(t, sim, func(w *world) {
		w.network = twisted(w.sim.Client().Transport, twist{"status": nothing})
		w.run()
		w.submit(40, nil)
		s := w.awaitStatus(time.Hour, "that status misses encodings", func(s job.AccountStatus) bool { return len(s.Listing.FaultyParameters) > 0 })
		if p := s.Listing.FaultyParameters[0]; p.Name != bitmovin.ParamStatus || p.Fault != job.ParameterMisses {
			w.t.Errorf("faulty parameters %+v", s.Listing.FaultyParameters)
		}
		w.awaitStatus(2*time.Minute, "two queued encodings", func(s job.AccountStatus) bool { return s.PlatformQueuedCount >= 2 })
	})
}
