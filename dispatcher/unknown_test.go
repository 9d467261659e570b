package dispatcher

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// misreport edits the platform's answers about encodings: edit gets every object that has an id and
// a status, the name of its encoding, and the path of the call.
func (w *world) misreport(edit func(path, name string, object map[string]any)) {
	inner := w.sim.Client().Transport
	w.network = func(r *http.Request) (*http.Response, error) {
		resp, err := inner.RoundTrip(r)
		if err != nil || r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/v1/encoding/encodings") {
			return resp, err
		}
		var answer map[string]any
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && resp.StatusCode == http.StatusOK && json.Unmarshal(body, &answer) == nil {
			names := map[string]string{}
			for _, e := range w.sim.Encodings() {
				names[e.ID] = e.Name
			}
			data, _ := answer["data"].(map[string]any)
			result, _ := data["result"].(map[string]any)
			items, list := result["items"].([]any)
			if !list {
				items = []any{result}
			}
			for _, item := range items {
				object, _ := item.(map[string]any)
				if id, ok := object["id"].(string); ok {
					edit(r.URL.Path, names[id], object)
				}
			}
			body, _ = json.Marshal(answer)
		}
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		resp.Header.Del("Content-Length")
		return resp, nil
	}
}

// numbered reports whether an encoding belongs to one of the first n jobs.
func numbered(name string, n int) bool {
	id, _, ok := provision.ParseName(name)
	return ok && id.Number <= int64(n)
}

// Encodings with an unknown status that the platform does not count as queued hold no place: the
// other jobs go on. They are polled from time to time, shown in the account's status, and go on
// when they show a known status.
func TestUnknownStatusHoldsNoPlace(t *testing.T) {
	for n, word := range []any{"PAUSED", "running", 7, "", nil, "GONE", map[string]any{"is": "RUNNING"}} {
		if !inSample(n, 4) {
			continue // a sample of them, under the race detector
		}
		t.Run(fmt.Sprint(word), func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 5, Duration: 20 * time.Second}
			inWorld(t, sim, func(w *world) {
				var stuck atomic.Bool
				stuck.Store(true)
				w.misreport(func(_, name string, object map[string]any) {
					if stuck.Load() && numbered(name, 3) && object["status"] != "CREATED" && object["status"] != "QUEUED" {
						object["status"] = word
					}
				})
				w.run()
				b := w.submit(23, nil)
				w.await(b.ID, 5*time.Minute, "all but three to succeed", func(b job.Batch) bool { return b.Counts.Succeeded == 20 })
				before := w.calls("GET /encoding/encodings/{id}/status")
				time.Sleep(time.Hour)
				if n := w.calls("GET /encoding/encodings/{id}/status") - before; n < 3*20 || n > 3*45 {
					w.t.Errorf("%d polls in an hour of three encodings with an unknown status, want 60 to 135", n)
				}
				want := map[any]string{"": "(none)", nil: "(none)", 7: "7"}
				for i, j := range w.jobs(b.ID)[:3] {
					text, _ := word.(string)
					if other, ok := w.expected(want, word); ok {
						text = other
					}
					if j.State.Terminal() || j.PlatformStatus != text || time.Since(j.PlatformStatusTime) < time.Hour {
						w.t.Errorf("job %d is %s with status %q since %v", i+1, j.State, j.PlatformStatus, j.PlatformStatusTime)
					}
				}
				s, _ := w.store.AccountStatus("default")
				told := slices.ContainsFunc(s.UnknownValues, func(v job.UnknownValue) bool { return v.Kind == "status" && v.Count > 3 })
				if !told || s.Breaker != job.BreakerClosed {
					w.t.Errorf("the account shows the unknown values %v, its breaker is %s", s.UnknownValues, s.Breaker)
				}
				stuck.Store(false)
				w.awaitEnd(b.ID, 5*time.Minute)
				for _, j := range w.jobs(b.ID) {
					if j.State != job.Succeeded || j.Attempt != 1 || j.PlatformStatus != "" {
						w.t.Errorf("job %s is %s after attempt %d, status %q", j.ID, j.State, j.Attempt, j.PlatformStatus)
					}
				}
				w.audit(b.ID)
			})
		})
	}
}

// expected returns the text that the job table has for a status that is no text.
func (w *world) expected(words map[any]string, word any) (string, bool) {
	if _, object := word.(map[string]any); object {
		return `{"is":"RUNNING"}`, true
	}
	text, ok := words[word]
	return text, ok
}

// Encodings with an unknown status that the platform counts as queued hold their places: the queue
// does not exceed its target, and is empty only for a short time.
func TestUnknownStatusInTheQueue(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: 30 * time.Second}
	inWorld(t, sim, func(w *world) {
		w.misreport(func(path, _ string, object map[string]any) {
			if object["status"] == "QUEUED" && strings.HasSuffix(path, "/status") {
				object["status"] = "PENDING"
			}
		})
		w.run()
		b := w.submit(20, nil)
		begin := time.Now()
		most, empty := 0, 0
		for !w.batch(b.ID).State.Terminal() && time.Since(begin) < time.Hour {
			queued := w.sim.ReadStats().ByStatus[simulator.Queued]
			most = max(most, queued)
			if waiting := w.batch(b.ID).Counts.Waiting; queued == 0 && waiting > 0 {
				empty++
			}
			time.Sleep(100 * time.Millisecond)
		}
		// 20 encodings of 30 s on two encoders take 5 minutes.
		if took := time.Since(begin); most > w.target || empty > 50 || took > 6*time.Minute {
			w.t.Errorf("up to %d queued for a target of %d, none for %d ms, done after %v", most, w.target, 100*empty, took)
		}
		w.audit(b.ID)
	})
}

// All jobs end although lists show unknown statuses.
func TestUnknownStatusInLists(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 4, Duration: 2 * time.Minute}
	inWorld(t, sim, func(w *world) {
		w.misreport(func(path, _ string, object map[string]any) {
			if strings.HasSuffix(path, "/encodings") {
				object["status"], object["type"] = fmt.Sprint("X_", object["status"]), "LATER"
			}
		})
		w.run()
		b := w.submit(12, nil)
		w.awaitEnd(b.ID, 12*time.Minute)
		for _, j := range w.jobs(b.ID) {
			if j.State != job.Succeeded || j.Attempt != 1 {
				w.t.Errorf("job %s is %s after attempt %d", j.ID, j.State, j.Attempt)
			}
		}
		w.audit(b.ID)
	})
}

// The encoding of a job that is cancelled while it shows an unknown status is stopped; the job is
// CANCELLED once the platform has confirmed that.
func TestUnknownStatusIsCancelled(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: time.Hour, StopDelay: time.Second}
	inWorld(t, sim, func(w *world) {
		w.misreport(func(_, _ string, object map[string]any) {
			if object["status"] == "RUNNING" {
				object["status"] = "PAUSED"
			}
		})
		w.run()
		b := w.submit(2, nil)
		time.Sleep(10 * time.Minute)
		for _, j := range w.jobs(b.ID) {
			if j.PlatformStatus != "PAUSED" {
				w.t.Errorf("job %s is %s with status %q", j.ID, j.State, j.PlatformStatus)
			}
			_, err := w.store.UpdateJob(w.ctx, j.ID, time.Now(), func(u *job.Update) error { return u.Cancel("enough", time.Now()) })
			if err != nil {
				w.t.Fatal(err)
			}
		}
		got := w.awaitEnd(b.ID, 5*time.Minute)
		if got.Counts.Cancelled != 2 {
			w.t.Errorf("%+v, want both cancelled", got.Counts)
		}
		for _, j := range w.jobs(b.ID) {
			if j.PlatformStatus != "" {
				w.t.Errorf("job %s is %s with status %q", j.ID, j.State, j.PlatformStatus)
			}
		}
	})
}

// A lost answer to a start, a restart of the process and an unknown status together cause no
// second start, with a recipe and with a template.
func TestUnknownStatusAfterALostStart(t *testing.T) {
	for _, templated := range []bool{false, true} {
		t.Run(fmt.Sprint("template ", templated), func(t *testing.T) {
			var lost atomic.Bool
			lost.Store(true)
			sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: 30 * time.Second}
			sim.Fault = func(c simulator.Call) (f simulator.Fault) {
				if lost.Load() && (c.Route == "POST /encoding/encodings/{id}/start" || c.Route == "POST /encoding/templates/start") {
					f.Kind, f.After = simulator.HTMLFault, true
				}
				return f
			}
			inWorld(t, sim, func(w *world) {
				var stuck atomic.Bool
				stuck.Store(true)
				w.misreport(func(_, _ string, object map[string]any) {
					if stuck.Load() {
						object["status"] = "TRANSFERRING"
					}
				})
				w.run()
				edit := func(*job.Batch) {}
				if templated {
					edit = ladder(t)
				}
				b := w.submit(4, edit)
				time.Sleep(20 * time.Minute)
				lost.Store(false)
				w.halt()
				w.run()
				time.Sleep(20 * time.Minute)
				stuck.Store(false)
				w.awaitEnd(b.ID, 10*time.Minute)
				for _, j := range w.jobs(b.ID) {
					if j.State != job.Succeeded || j.Attempt != 1 {
						w.t.Errorf("job %s is %s after attempt %d", j.ID, j.State, j.Attempt)
					}
				}
				w.audit(b.ID)
			})
		})
	}
}

// An orphan with an unknown status is kept, and stopped again and again in case it runs, until its
// status is known.
func TestUnknownStatusOfAnOrphan(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: 10 * time.Hour, StopDelay: time.Second}
	inWorld(t, sim, func(w *world) {
		var stuck atomic.Bool
		stuck.Store(true)
		w.misreport(func(_, _ string, object map[string]any) {
			if stuck.Load() {
				object["status"] = "HELD"
			}
		})
		client, err := bitmovin.New(bitmovin.Options{APIKey: w.apiKey, HTTPClient: w.sim.Client()})
		if err != nil {
			w.t.Fatal(err)
		}
		e, err := client.CreateEncoding(w.ctx, bitmovin.Encoding{Name: "left behind"}, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := w.store.AddOrphan(w.ctx, job.Orphan{AccountID: "default", EncodingID: string(e.ID), CreateTime: time.Now()}); err != nil {
			w.t.Fatal(err)
		}
		w.run()
		time.Sleep(time.Hour)
		if n := w.calls("POST /encoding/encodings/{id}/stop"); n < 5 || n > 40 {
			w.t.Errorf("%d stops in an hour", n)
		}
		stuck.Store(false)
		time.Sleep(maxDeletePause + time.Minute)
		w.checkNothingLeft()
	})
}

// If the error of a failed run has no retry hint, the hint of its code's definition counts. An
// account fetches the platform's definitions once a day; if they cannot be fetched, jobs end
// without.
func TestMissingHintIsDefined(t *testing.T) {
	for n, tt := range []struct {
		name     string
		hint     any             // of code 90001 in the definitions
		fault    simulator.Fault // of calls for the definitions
		attempts int
		calls    int // for each of the two lists of definitions, in a day
	}{
		{"no retry", "NO_RETRY", simulator.Fault{}, 1, 1},
		{"retry", "RETRY", simulator.Fault{}, 3, 1},
		{"unknown", "MAYBE", simulator.Fault{}, 3, 1},
		{"odd", 5, simulator.Fault{}, 3, 1},
		{"no definitions", "NO_RETRY", simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusNotFound, Code: 1005}, 3, 48}, // each call is repeated without a limit parameter
		{"broken definitions", "NO_RETRY", simulator.Fault{Kind: simulator.TruncateFault}, 3, 24},
	} {
		if !inSample(n, 4) {
			continue // a sample of them, under the race detector
		}
		t.Run(tt.name, func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 4, Duration: 20 * time.Second, TakeAnyStart: true}
			sim.Outcome = func(simulator.Encoding, int) simulator.Outcome {
				return simulator.Outcome{Status: simulator.Error, Error: &simulator.TaskError{Code: 90001, RetryHint: simulator.Retry}}
			}
			sim.Fault = func(c simulator.Call) (f simulator.Fault) {
				if strings.HasSuffix(c.Route, "/error-definitions") {
					return tt.fault
				}
				return f
			}
			inWorld(t, sim, func(w *world) {
				w.misreport(func(_, _ string, object map[string]any) {
					if failure, ok := object["error"].(map[string]any); ok {
						delete(failure, "retryHint")
						failure["text"] = ""
					}
				})
				w.define(tt.hint)
				w.run()
				b := w.submit(2, nil)
				w.awaitEnd(b.ID, time.Hour)
				for _, j := range w.jobs(b.ID) {
					if j.State != job.Failed || j.Attempt != tt.attempts {
						w.t.Errorf("job %s is %s after attempt %d, want %d: %v", j.ID, j.State, j.Attempt, tt.attempts, j.Failure)
					}
					if defined := j.Failure.Text == "simulated failure"; defined == (tt.fault.Kind != simulator.NoFault) {
						w.t.Errorf("job %s failed with the text %q", j.ID, j.Failure.Text)
					}
				}
				time.Sleep(24*time.Hour - time.Since(b.CreateTime) - time.Minute)
				for _, route := range []string{"GET /general/error-definitions", "GET /encoding/error-definitions"} {
					if n := w.calls(route); n != tt.calls {
						w.t.Errorf("%s: %d calls in a day, want %d", route, n, tt.calls)
					}
				}
				if s, _ := w.store.AccountStatus("default"); s.Breaker != job.BreakerClosed || s.Problem != "" {
					w.t.Errorf("the breaker is %s (%s), problem %q", s.Breaker, s.BreakerReason, s.Problem)
				}
			})
		})
	}
}

// define changes the hint in the platform's definition of code 90001.
func (w *world) define(hint any) {
	inner := w.network
	w.network = func(r *http.Request) (*http.Response, error) {
		resp, err := inner(r)
		if err != nil || r.URL.Path != "/v1/encoding/error-definitions" || resp.StatusCode != http.StatusOK {
			return resp, err
		}
		word, _ := json.Marshal(hint)
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.ReplaceAll(body, []byte(`"retryHint":"RETRY"`), append([]byte(`"retryHint":`), word...))
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return resp, nil
	}
}

// The simulator shows no unknown value, however jobs end.
func TestSimulatorIsKnown(t *testing.T) {
	sim := &simulator.Simulator{
		Seed: 1, Encoders: 2, Duration: 20 * time.Second, Outcome: crashOutcomes, StopDelay: time.Second, TakeAnyStart: true,
	}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(7, nil)
		go w.cancelWhenOnPlatform(job.ID{Batch: b.ID, Number: 5})
		w.awaitEnd(b.ID, time.Hour)
		time.Sleep(2 * time.Hour)
		if s, _ := w.store.AccountStatus("default"); len(s.UnknownValues) > 0 {
			w.t.Errorf("unknown values: %+v", s.UnknownValues)
		}
	})
}

// batch reads a batch.
func (w *world) batch(id string) job.Batch {
	w.t.Helper()
	b, err := w.store.Batch(w.ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}
