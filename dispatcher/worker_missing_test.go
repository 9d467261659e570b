package dispatcher

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// inTwoOrganisations runs a test in a world whose API key belongs to another organisation, theirs,
// while wrong is set.
func inTwoOrganisations(t *testing.T, ours, theirs *simulator.Simulator, test func(w *world, wrong *atomic.Bool)) {
	t.Helper()
	inWorld(t, ours, func(w *world) {
		defer theirs.Close()
		var wrong atomic.Bool
		w.network = func(r *http.Request) (*http.Response, error) {
			if wrong.Load() {
				return theirs.Client().Transport.RoundTrip(r)
			}
			return ours.Client().Transport.RoundTrip(r)
		}
		test(w, &wrong)
	})
}

// With another organisation's API key all our encodings are missing. They are not encoded again
// there: they go on in the organisation in which they were started.
func TestOtherOrganisation(t *testing.T) {
	ours := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: 10 * time.Minute}
	theirs := &simulator.Simulator{Seed: 2, Encoders: 3, Duration: 10 * time.Minute}
	inTwoOrganisations(t, ours, theirs, func(w *world, wrong *atomic.Bool) {
		w.run()
		b := w.submit(6, nil)
		time.Sleep(2 * time.Minute)
		wrong.Store(true)
		time.Sleep(time.Hour)
		if s, _ := w.store.AccountStatus("default"); !strings.Contains(s.Problem, "another organisation") {
			w.t.Errorf("an hour with the wrong key, and the problem is %q", s.Problem)
		}
		wrong.Store(false)
		b = w.awaitEnd(b.ID, 3*time.Hour)
		for _, j := range w.jobs(b.ID) {
			if j.State != job.Succeeded || j.Attempt != 1 {
				w.t.Errorf("job %s is %s after attempt %d: %v", j.ID, j.State, j.Attempt, j.Failure)
			}
		}
		if n := theirs.ReadStats().Starts; n != 0 {
			w.t.Errorf("%d encodings were started in the other organisation", n)
		}
		w.audit(b.ID)
	})
}

// says is the answer of the platform to one way of asking for an encoding.
type says string

const (
	has    says = "has"
	hasNot says = "has not"
	fails  says = "fails"
)

// contradiction is a transport to the simulator that changes the answers about one encoding, once
// that is set: of its status, of lists, and of searches by its name.
type contradiction struct {
	status, list, search says
	encoding             atomic.Value // of type string
	way                  http.RoundTripper
}

func (v *contradiction) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := v.way.RoundTrip(r)
	id, set := v.encoding.Load().(string)
	if err != nil || r.Method != http.MethodGet || !set {
		return resp, err
	}
	query := r.URL.Query()
	switch {
	case strings.Contains(r.URL.Path, id):
		switch v.status {
		case hasNot:
			return answer(resp, http.StatusNotFound, `{"status":"ERROR","data":{"code":1004,"message":"no such encoding"}}`)
		case fails:
			return answer(resp, http.StatusInternalServerError, `{"status":"ERROR","data":{"code":1,"message":"broken"}}`)
		}
	case strings.HasSuffix(r.URL.Path, "/encoding/encodings"):
		told := v.list
		if query.Get("name") != "" || strings.Contains(query.Get("search"), "name:") {
			told = v.search
		}
		switch told {
		case hasNot:
			return omit(resp, id)
		case fails:
			return answer(resp, http.StatusInternalServerError, `{"status":"ERROR","data":{"code":1,"message":"broken"}}`)
		}
	}
	return resp, nil
}

// answer replaces status and body of an answer.
func answer(resp *http.Response, status int, body string) (*http.Response, error) {
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	resp.StatusCode, resp.ContentLength = status, int64(len(body))
	resp.Header.Del("Content-Length")
	resp.Body = io.NopCloser(strings.NewReader(body))
	return resp, nil
}

// omit removes an encoding from the list in an answer.
func omit(resp *http.Response, id string) (*http.Response, error) {
	var page struct {
		Status string `json:"status"`
		Data   struct {
			Result map[string]any `json:"result"`
		} `json:"data"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return nil, err
	}
	items, _ := page.Data.Result["items"].([]any)
	page.Data.Result["items"] = slices.DeleteFunc(items, func(item any) bool {
		fields, _ := item.(map[string]any)
		return fields["id"] == id
	})
	delete(page.Data.Result, "totalCount")
	body, err := json.Marshal(page)
	if err != nil {
		return nil, err
	}
	return answer(resp, resp.StatusCode, string(body))
}

// The status, the list and a search contradict each other about an encoding. It is replaced, and
// paid for again, only if the platform does not know its status and the whole list lacks it.
func TestGone(t *testing.T) {
	for i, status := range []says{has, hasNot, fails} {
		for j, list := range []says{has, hasNot, fails} {
			for k, search := range []says{has, hasNot, fails} {
				if !inSample(i+j+k, 3) {
					continue // every pair of them, under the race detector
				}
				t.Run(fmt.Sprintf("status %s, list %s, search %s", status, list, search), func(t *testing.T) {
					sim := &simulator.Simulator{Seed: 1, Encoders: -1, Duration: time.Minute}
					inWorld(t, sim, func(w *world) {
						platform := &contradiction{status: status, list: list, search: search, way: w.sim.Client().Transport}
						w.network = platform.RoundTrip
						w.run()
						b := w.submit(2, nil)
						w.await(b.ID, time.Minute, "queued jobs", func(b job.Batch) bool { return b.Counts.Queued == 2 })
						lost := w.jobs(b.ID)[0].EncodingID
						platform.encoding.Store(lost)
						w.store.HintEncoding("default", lost)
						time.Sleep(20 * time.Minute)
						w.store.HintEncoding("default", lost)
						time.Sleep(20 * time.Minute)
						j := w.jobs(b.ID)[0]
						replaced := j.EncodingID != lost
						if want := status == hasNot && list == hasNot && search != has; replaced != want {
							w.t.Errorf("replaced: %v, want %v (%v)", replaced, want, j.Failure)
						}
						if replaced && (j.Failures != 1 || j.Failure.Kind != job.FailedGone || j.State != job.Queued) {
							w.t.Errorf("job is %s with failure %v", j.State, j.Failure)
						}
						s, _ := w.store.AccountStatus("default")
						if _, waits := s.Waits[j.ID]; waits != (status != has && !replaced) {
							w.t.Errorf("said to wait: %v", waits)
						}
						if s.Breaker != job.BreakerClosed {
							w.t.Errorf("the breaker is open: %s", s.BreakerReason)
						}
					})
				})
			}
		}
	}
}

// A walk of a long list does not delay a shutdown.
func TestHaltDuringWalk(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: -1}
	inWorld(t, sim, func(w *world) {
		platform := &contradiction{status: hasNot, list: has, search: has, way: w.sim.Client().Transport}
		walking := make(chan struct{}, 100)
		w.network = func(r *http.Request) (*http.Response, error) {
			query := r.URL.Query()
			if platform.encoding.Load() != nil && query.Has("includeTotalCount") && !query.Has("status") && !query.Has("search") && !query.Has("name") {
				walking <- struct{}{}
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return platform.RoundTrip(r)
		}
		w.run()
		b := w.submit(1, nil)
		w.await(b.ID, time.Minute, "a queued job", func(b job.Batch) bool { return b.Counts.Queued == 1 })
		platform.encoding.Store(w.jobs(b.ID)[0].EncodingID)
		w.store.HintEncoding("default", w.jobs(b.ID)[0].EncodingID)
		<-walking
		begin := time.Now()
		w.halt()
		if took := time.Since(begin); took > time.Second {
			w.t.Errorf("the shutdown took %v", took)
		}
	})
}

// A template's start that was not answered is repeated, and paid for, only if the whole list lacks
// its encoding, whatever a search shows.
func TestTemplateStartGone(t *testing.T) {
	for _, made := range []bool{true, false} {
		for _, list := range []says{has, fails} {
			for _, search := range []says{has, hasNot, fails} {
				t.Run(fmt.Sprintf("made %v, list %s, search %s", made, list, search), func(t *testing.T) {
					sim := &simulator.Simulator{Seed: 1, Encoders: -1, Duration: time.Minute}
					sim.Fault = func(c simulator.Call) simulator.Fault {
						if c.Route == templatesStart && c.Nth == 1 {
							return simulator.Fault{Kind: simulator.ResetFault, After: made}
						}
						return simulator.Fault{}
					}
					inWorld(t, sim, func(w *world) {
						platform := &contradiction{status: has, list: list, search: search, way: w.sim.Client().Transport}
						w.network = platform.RoundTrip
						w.run()
						b := w.submit(1, ladder(t))
						w.await(b.ID, time.Minute, "a start", func(b job.Batch) bool { return b.Counts.Starting == 1 })
						platform.encoding.Store("none")
						for _, e := range w.sim.Encodings() {
							platform.encoding.Store(e.ID)
						}
						time.Sleep(20 * time.Minute)
						j := w.jobs(b.ID)[0]
						seen := made && (list == has || search == has)
						again := !made && list == has
						if n := len(w.sim.Encodings()); made && n != 1 || again && n != 1 || !made && !again && n != 0 {
							w.t.Errorf("%d encodings", n)
						}
						if got := j.State == job.Queued; got != (seen || again) {
							w.t.Errorf("job is %s", j.State)
						}
						if s, _ := w.store.AccountStatus("default"); j.State == job.Starting && s.Waits[j.ID].Code != job.WaitUnknownStart {
							w.t.Errorf("waits for %+v", s.Waits[j.ID])
						}
						if seen || !made { // otherwise the job waits for the encoding to be found
							w.audit(b.ID)
						}
					})
				})
			}
		}
	}
}

// With another organisation's API key new jobs go on, and the resources that they share are created
// there. Jobs that were started in the former organisation are not encoded again, also after a
// restart, and hold up no others.
func TestGoOnInOtherOrganisation(t *testing.T) {
	for _, restart := range []bool{false, true} {
		ours := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: 10 * time.Minute}
		theirs := &simulator.Simulator{Seed: 2, Encoders: 3, Duration: 10 * time.Minute}
		inTwoOrganisations(t, ours, theirs, func(w *world, wrong *atomic.Bool) {
			w.run()
			former := w.submit(6, nil)
			w.await(former.ID, time.Minute, "all under way", func(b job.Batch) bool { return b.Counts.Queued == 3 && b.Counts.Running == 3 })
			if restart {
				w.halt()
			}
			wrong.Store(true)
			if restart {
				w.run()
			}
			time.Sleep(time.Minute)
			b := w.awaitEnd(w.submit(6, nil).ID, time.Hour)
			if n := theirs.ReadStats().Starts; b.State != job.BatchSucceeded || n != 6 {
				w.t.Errorf("restart %v: batch is %s after %d starts, want 6", restart, b.State, n)
			}
			time.Sleep(time.Minute) // the account has encodings in the other organisation now
			if s, _ := w.store.AccountStatus("default"); !strings.Contains(s.Problem, "another organisation") {
				w.t.Errorf("restart %v: the problem is %q", restart, s.Problem)
			}
			wrong.Store(false)
			former = w.awaitEnd(former.ID, 2*time.Hour)
			for _, j := range w.jobs(former.ID) {
				if j.State != job.Succeeded || j.Attempt != 1 {
					w.t.Errorf("restart %v: job %s is %s after attempt %d: %v", restart, j.ID, j.State, j.Attempt, j.Failure)
				}
			}
			w.audit(former.ID)
		})
	}
}

// If the API key stays another organisation's, jobs that were started in the former one can still
// be cancelled; that takes cancelledMissingFor.
func TestCancelInOtherOrganisation(t *testing.T) {
	for name, edit := range map[string]func(*job.Batch){"recipe": nil, "template": ladder(t)} {
		t.Run(name, func(t *testing.T) {
			ours := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: 10 * time.Minute}
			ours.Fault = func(c simulator.Call) simulator.Fault {
				if c.Route == templatesStart && c.Nth == 1 { // a start without an answer
					return simulator.Fault{Kind: simulator.ResetFault, After: true}
				}
				return simulator.Fault{}
			}
			theirs := &simulator.Simulator{Seed: 2, Encoders: 3, Duration: 10 * time.Minute}
			inTwoOrganisations(t, ours, theirs, func(w *world, wrong *atomic.Bool) {
				w.run()
				b := w.submit(3, edit)
				w.await(b.ID, time.Minute, "all started", func(b job.Batch) bool { return b.Counts.InFlight() == 3 })
				wrong.Store(true)
				if _, err := w.store.UpdateBatch(w.ctx, b.ID, time.Now(), func(b *job.Batch) error { return b.Cancel("enough") }); err != nil {
					w.t.Fatal(err)
				}
				time.Sleep(cancelledMissingFor - time.Minute)
				if b, err := w.store.Batch(w.ctx, b.ID); err != nil || b.Counts.Cancelling == 0 {
					w.t.Errorf("%+v, %v: given up although the key may be changed back", b.Counts, err)
				}
				b = w.awaitEnd(b.ID, cancelledMissingFor)
				if b.State != job.BatchCancelled || b.Counts.Cancelled != 3 {
					w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
				}
			})
		})
	}
}
