package dispatcher

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// The answer to a slow list call shows a run that has failed since. The job has been started again
// meanwhile, and does not become RUNNING by that list.
func TestListOfAnEarlierRun(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 1, Duration: 8 * time.Second}
	sim.EncodingDuration = func(e simulator.Encoding) time.Duration {
		return map[bool]time.Duration{true: time.Hour}[!strings.HasPrefix(e.Name, "k1 ")]
	}
	sim.Outcome = func(_ simulator.Encoding, run int) simulator.Outcome {
		return map[bool]simulator.Outcome{true: broken(simulator.Retry)}[run == 1]
	}
	inWorld(t, sim, func(w *world) {
		way := w.sim.Client().Transport
		w.network = func(r *http.Request) (*http.Response, error) {
			resp, err := way.RoundTrip(r)
			if strings.Contains(r.URL.RawQuery, "status=RUNNING") {
				time.Sleep(25 * time.Second)
			}
			return resp, err
		}
		w.run()
		b := w.submit(1, func(b *job.Batch) { b.Retry.InitialBackoff = time.Second })
		w.await(b.ID, time.Minute, "one running", func(b job.Batch) bool { return b.Counts.Running == 1 })
		w.submit(2, func(b *job.Batch) { b.Priority = 90 }) // takes the encoder: the first job stays queued
		time.Sleep(time.Minute)
		j := w.jobs(b.ID)[0]
		if e, _ := w.sim.FindEncoding(j.EncodingID); len(e.Starts) != 2 || e.Status != simulator.Queued {
			w.t.Fatalf("the encoding is %s after %d starts: the test shows nothing", e.Status, len(e.Starts))
		}
		if j.State != job.Queued {
			w.t.Errorf("job is %s, its encoding QUEUED", j.State)
		}
	})
}

// unacknowledged is a job table that returns an error from one write that it has made, as on a disk
// that fails while the log is flushed.
type unacknowledged struct {
	Store
	state job.State   // the error is that of the first write that brings a job into this state
	done  atomic.Bool // that write has been made
}

func (s *unacknowledged) UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error) {
	j, err := s.Store.UpdateJob(ctx, id, now, f)
	if err == nil && j.State == s.state && !s.done.Swap(true) {
		return job.Job{}, job.ErrUnavailable
	}
	return j, err
}

// A change that the job table has written, but returned an error for, is read from it again soon.
func TestUnacknowledgedWrites(t *testing.T) {
	for _, state := range []job.State{job.Starting, job.Queued, job.Running, job.Waiting, job.Succeeded} {
		for name, edit := range map[string]func(*job.Batch){"recipe": nil, "template": ladder(t)} {
			t.Run(name+" "+string(state), func(t *testing.T) {
				sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, TakeAnyStart: true}
				sim.Outcome = func(e simulator.Encoding, run int) simulator.Outcome {
					if _, attempt, _ := provision.ParseName(e.Name); strings.HasPrefix(e.Name, "k2 ") && run == 1 && attempt < 2 {
						return broken(simulator.Retry)
					}
					return simulator.Outcome{}
				}
				inWorld(t, sim, func(w *world) {
					table := &unacknowledged{state: state}
					w.table = func(s Store) Store { table.Store = s; return table }
					w.run()
					b := w.awaitEnd(w.submit(3, edit).ID, 5*time.Minute)
					if b.State != job.BatchSucceeded {
						w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
					}
					if !table.done.Load() {
						w.t.Error("every write was acknowledged: the test shows nothing")
					}
					w.audit(b.ID)
				})
			})
		}
	}
}

// unwritten is a job table that does not make the first write that records a configured encoding.
type unwritten struct {
	Store
	done atomic.Bool
}

func (s *unwritten) UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error) {
	return s.Store.UpdateJob(ctx, id, now, func(u *job.Update) error {
		if err := f(u); err != nil {
			return err
		}
		if u.Job.EncodingID != "" && !s.done.Swap(true) {
			return job.ErrUnavailable
		}
		return nil
	})
}

// An encoding that could not be recorded is removed from the platform as soon as the job table answers, long before a
// sweep would find it.
func TestUnrecordedEncoding(t *testing.T) {
	inWorld(t, &simulator.Simulator{Seed: 1, Duration: 10 * time.Second}, func(w *world) {
		table := &unwritten{}
		w.table = func(s Store) Store { table.Store = s; return table }
		w.run()
		b := w.awaitEnd(w.submit(1, nil).ID, time.Minute)
		if !table.done.Load() {
			w.t.Error("every write was made: the test shows nothing")
		}
		for _, e := range w.sim.Encodings() {
			if e.Status == simulator.Created {
				w.t.Errorf("the encoding %s is left", e.Name)
			}
		}
		w.audit(b.ID)
	})
}

// full is a job table on a disk that is full at times.
type full struct {
	Store
	isFull atomic.Bool  // the disk is full now
	tries  atomic.Int64 // writes while it was
}

func (s *full) UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error) {
	if !s.isFull.Load() {
		return s.Store.UpdateJob(ctx, id, now, f)
	}
	if s.tries.Add(1) > 10_000 {
		s.isFull.Store(false) // in case of an endless loop: time would stand still
	}
	return job.Job{}, job.ErrFull
}

// While the disk is full no encoding can be stopped, since no intent can be recorded. Each stop is
// tried again after pauses.
func TestStopsOnAFullDisk(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Hour}
	inWorld(t, sim, func(w *world) {
		disk := &full{}
		w.table = func(s Store) Store { disk.Store = s; return disk }
		w.run()
		b := w.submit(6, nil)
		w.await(b.ID, time.Minute, "all under way", func(b job.Batch) bool { return b.Counts.Queued+b.Counts.Running == 6 })
		disk.isFull.Store(true)
		if _, err := w.store.UpdateBatch(w.ctx, b.ID, time.Now(), func(b *job.Batch) error { return b.Cancel("enough") }); err != nil {
			w.t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if n := disk.tries.Load(); n == 0 || n > 500 {
			w.t.Errorf("%d tries in ten minutes for 6 jobs, want 1 to 500", n)
		}
		disk.isFull.Store(false)
		if b = w.awaitEnd(b.ID, 2*time.Minute); b.State != job.BatchCancelled {
			w.t.Errorf("batch is %s", b.State)
		}
	})
}

// A proxy sends starts twice, and the platform's answers lack the time at which an encoding was
// queued. The second start is refused because the first one worked: no job fails for that.
func TestRefusedBecauseItRuns(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		way := w.sim.Client().Transport
		w.network = func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/start") {
				if err := sendTwice(way, r); err != nil {
					return nil, err
				}
			}
			resp, err := way.RoundTrip(r)
			if err != nil || !strings.HasSuffix(r.URL.Path, "/status") {
				return resp, err
			}
			return without(resp, "queuedAt")
		}
		w.run()
		b := w.awaitEnd(w.submit(4, nil).ID, 10*time.Minute)
		for _, j := range w.jobs(b.ID) {
			if j.State != job.Succeeded || j.Attempt != 1 {
				w.t.Errorf("job %s is %s after attempt %d: %v", j.ID, j.State, j.Attempt, j.Failure)
			}
		}
		w.audit(b.ID)
	})
}

// sendTwice sends a request and drops the answer, so that the caller can send it again.
func sendTwice(way http.RoundTripper, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	first := r.Clone(r.Context())
	first.Body, r.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	resp, err := way.RoundTrip(first)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// without removes a field from an answer.
func without(resp *http.Response, field string) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	body = bytes.ReplaceAll(body, []byte(`"`+field+`"`), []byte(`"no"`))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// The end of a sweep keeps what the loop already has to read again.
func TestSweepKeepsOutdated(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1}
	inWorld(t, sim, func(w *world) {
		w.prepare(nil)
		d := w.disp.loops["default"]
		d.outdated.settings = true
		d.applySweep(taskSweep, d.now(), nil)
		want := nothingOutdated()
		want.inFlight, want.nextJobs, want.orphans, want.settings = true, true, true, true
		if diff := cmp.Diff(want, d.outdated, cmp.AllowUnexported(want)); diff != "" {
			w.t.Errorf("outdated (-want +got):\n%s", diff)
		}
	})
}
