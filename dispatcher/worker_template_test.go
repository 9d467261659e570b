package dispatcher

import (
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

const templatesStart = "POST /encoding/templates/start"

// ladder makes a batch use the template of internal/template/testdata/ladder.yaml.
func ladder(t *testing.T) func(*job.Batch) {
	t.Helper()
	text, err := os.ReadFile("../internal/template/testdata/ladder.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return func(b *job.Batch) {
		b.Recipe, b.Template = nil, &job.Template{Name: "ladder", Text: string(text)}
	}
}

// submitLadder stores a batch of n jobs with the template of ladder.
func (w *world) submitLadder(n int, edit func(*job.Batch)) job.Batch {
	w.t.Helper()
	use := ladder(w.t)
	return w.submit(n, func(b *job.Batch) {
		use(b)
		if edit != nil {
			edit(b)
		}
	})
}

// countTemplateEncodings counts the encodings that were made from templates, by name.
func (w *world) countTemplateEncodings() map[string]int {
	n := map[string]int{}
	for _, e := range w.sim.Encodings() {
		n[e.Name]++
	}
	return n
}

func TestTemplateBatch(t *testing.T) {
	sim := &simulator.Simulator{
		Seed: 1, Encoders: 4, Duration: time.Minute, Latency: 50 * time.Millisecond, TemplateDelay: 3 * time.Second,
	}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submitLadder(20, func(b *job.Batch) { b.Priority = 70 })
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded || b.Counts.Succeeded != 20 {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		w.audit(b.ID)
		stats := w.sim.ReadStats()
		if stats.RateLimited != 0 || stats.MaxQueued > 3 {
			w.t.Errorf("%d calls were throttled, at most %d queued with a target of 3", stats.RateLimited, stats.MaxQueued)
		}
		if posts, creates := w.calls(templatesStart), w.calls("POST /encoding/encodings"); posts != 20 || creates != 0 {
			w.t.Errorf("%d starts from templates and %d calls to create an encoding for 20 jobs, want 20 and 0", posts, creates)
		}
		if in, out := w.calls("POST /encoding/inputs/http"), w.calls("POST /encoding/outputs/s3"); in != 1 || out != 1 {
			w.t.Errorf("%d inputs and %d outputs, want one of each", in, out)
		}
		j := w.jobs(b.ID)[6]
		e, _ := w.sim.FindEncoding(j.EncodingID)
		if want := "k7 [" + j.ID.String() + "] #1"; e.Name != want || e.Priority != 70 || e.CloudRegion != "AWS_EU_WEST_1" {
			w.t.Errorf("encoding %q with priority %d in %s, want %q", e.Name, e.Priority, e.CloudRegion, want)
		}
		var paths []string
		for _, m := range e.Muxings {
			paths = append(paths, m.Outputs[0].OutputPath)
		}
		want := []string{"base/out/7/video/480", "base/out/7/video/720", "base/out/7/video/1080", "base/out/7/audio/128"}
		if diff := cmp.Diff(want, paths); diff != "" {
			w.t.Errorf("output paths (-want +got):\n%s", diff)
		}
		if got := e.Streams[0].InputStreams[0].InputPath; got != "in/7.mp4" {
			w.t.Errorf("input path %q", got)
		}
	})
}

// Each attempt of a template's job has an encoding of its own, with a name of its own.
func TestTemplateOutcomes(t *testing.T) {
	outcome := func(e simulator.Encoding, _ int) simulator.Outcome {
		name, _, _ := strings.Cut(e.Name, " ")
		switch {
		case name == "k1" && !strings.HasSuffix(e.Name, "#3"):
			return broken(simulator.Retry)
		case name == "k2":
			return broken(simulator.NoRetry)
		case name == "k3":
			return simulator.Outcome{Status: simulator.TransferError}
		case name == "k4":
			return simulator.Outcome{Status: simulator.Canceled}
		}
		return simulator.Outcome{}
	}
	sim := &simulator.Simulator{Seed: 1, Duration: time.Minute, Outcome: outcome}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submitLadder(5, nil)
		w.awaitEnd(b.ID, time.Hour)
		w.audit(b.ID)
		type ended struct {
			State   job.State
			Attempt int
		}
		var got []ended
		for _, j := range w.jobs(b.ID) {
			got = append(got, ended{j.State, j.Attempt})
		}
		want := []ended{{job.Succeeded, 3}, {job.Failed, 1}, {job.Failed, 1}, {job.Cancelled, 1}, {job.Succeeded, 1}}
		if diff := cmp.Diff(want, got); diff != "" {
			w.t.Errorf("jobs (-want +got):\n%s", diff)
		}
		for name, n := range w.countTemplateEncodings() {
			if n != 1 {
				w.t.Errorf("%d encodings are called %s", n, name)
			}
		}
	})
}

// If the answer to a template's start is lost, the encoding is looked up, and no second one is
// made. If the call itself is lost, the start is repeated after the settle time, in the same
// attempt.
func TestTemplateLostAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		fault simulator.Fault
		made  bool
	}{
		"cut before":      {simulator.Fault{Kind: simulator.ResetFault}, false},
		"cut after":       {simulator.Fault{Kind: simulator.ResetFault, After: true}, true},
		"504 and started": {simulator.Fault{Kind: simulator.HTMLFault, Status: http.StatusGatewayTimeout, After: true}, true},
		"503":             {simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusServiceUnavailable}, false},
		"unreadable":      {simulator.Fault{Kind: simulator.TruncateFault, After: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			sim := &simulator.Simulator{
				Seed: 1, Encoders: 4, Duration: time.Minute, TemplateDelay: 3 * time.Second,
				Fault: func(c simulator.Call) simulator.Fault {
					if c.Route == templatesStart && c.Nth == 1 {
						return tt.fault
					}
					return simulator.Fault{}
				},
			}
			inWorld(t, sim, func(w *world) {
				w.run()
				b := w.submitLadder(4, func(b *job.Batch) { b.Template.Name = "" }) // submitted with the batch
				b = w.awaitEnd(b.ID, time.Hour)
				if b.State != job.BatchSucceeded {
					w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
				}
				w.audit(b.ID)
				for name, n := range w.countTemplateEncodings() {
					if n != 1 {
						w.t.Errorf("%d encodings are called %s", n, name)
					}
				}
				first := w.jobs(b.ID)[0]
				waited := first.StartTime.Sub(first.CreateTime)
				if first.Attempt != 1 || tt.made == (waited >= defaultSettle) {
					w.t.Errorf("started after %v in attempt %d; the platform had taken the first call: %v", waited, first.Attempt, tt.made)
				}
			})
		})
	}
}

// A template's start that is refused because the queue is full costs no attempt.
func TestTemplateQueueFull(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 1, Duration: time.Minute, QueueLimit: 1, TemplateDelay: time.Second}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submitLadder(6, nil)
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		for _, j := range w.jobs(b.ID) {
			if j.Attempt != 1 {
				w.t.Errorf("job %s needed %d attempts", j.ID, j.Attempt)
			}
		}
		if full := w.calls(templatesStart) - 6; full < 1 {
			w.t.Error("the queue was never full: the test shows nothing")
		}
	})
}

func TestTemplateUnknownStorage(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submitLadder(6, func(b *job.Batch) { b.Output = job.StorageRef{Name: "gone"} })
		time.Sleep(10 * time.Minute)
		for _, j := range w.jobs(b.ID) {
			if j.State != job.Waiting || j.Attempt != 0 {
				w.t.Errorf("job %s is %s in attempt %d, want it to wait", j.ID, j.State, j.Attempt)
			}
		}
		status, _ := w.store.AccountStatus("default")
		if !strings.Contains(status.Problem, `"gone"`) {
			w.t.Errorf("the account's problem is %q", status.Problem)
		}
	})
}

// If the platform refuses a template, its job fails after the retries of its policy.
func TestTemplateRefused(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submitLadder(1, func(b *job.Batch) {
			b.Template.Text = strings.Replace(b.Template.Text, "segmentLength: 4.0", "segmentLength: four", 1)
		})
		w.awaitEnd(b.ID, time.Hour)
		j := w.jobs(b.ID)[0]
		if j.State != job.Failed || j.Attempt != 3 || j.Failure.Kind != job.FailedConfigure || j.Failure.HTTPStatus != http.StatusBadRequest {
			w.t.Errorf("job is %s after attempt %d: %+v", j.State, j.Attempt, j.Failure)
		}
		if n := len(w.countTemplateEncodings()); n != 0 {
			w.t.Errorf("%d encodings", n)
		}
	})
}

// An input that is deleted at the platform is created anew, and no job loses an attempt.
func TestTemplateStorageVanishes(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 1, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submitLadder(12, nil)
		w.await(b.ID, time.Hour, "two jobs done", func(b job.Batch) bool { return b.Counts.Succeeded == 2 })
		for _, r := range w.sim.Resources() {
			if r.Kind == "/encoding/inputs/http" {
				w.delete(r.Kind + "/" + r.ID)
			}
		}
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		for _, j := range w.jobs(b.ID) {
			if j.Attempt != 1 {
				w.t.Errorf("job %s needed %d attempts", j.ID, j.Attempt)
			}
		}
		if n := w.calls("POST /encoding/inputs/http"); n != 2 {
			w.t.Errorf("the input was created %d times, want 2", n)
		}
	})
}

// delete deletes the object at path at the platform, as other people could.
func (w *world) delete(path string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodDelete, "http://platform/v1"+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", "test-key")
	resp, err := w.sim.Client().Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusOK {
		w.t.Fatalf("DELETE %s: %s", path, resp.Status)
	}
}

// The job table is a backup of five minutes ago. The latest encoding of each job that was started
// since is adopted, and none is paid for again.
func TestTemplateRestoredBackup(t *testing.T) {
	sim := &simulator.Simulator{
		Seed: 1, Encoders: 3, Duration: time.Minute, TemplateDelay: 2 * time.Second,
		Outcome: func(e simulator.Encoding, _ int) simulator.Outcome {
			if strings.HasSuffix(e.Name, "#1") && strings.Contains(e.Name, "5") {
				return broken(simulator.Retry)
			}
			return simulator.Outcome{}
		},
	}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submitLadder(30, nil)
		time.Sleep(3 * time.Minute)
		backup := w.backup()
		time.Sleep(5 * time.Minute)
		w.reopen(backup)
		before := len(w.sim.Encodings())
		w.run()
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded || before < 20 {
			w.t.Errorf("batch is %s with %+v, %d starts before the restore", b.State, b.Counts, before)
		}
		for name, n := range w.countTemplateEncodings() {
			if n != 1 {
				w.t.Errorf("%d encodings are called %s", n, name)
			}
		}
		w.audit(b.ID)
	})
}

// A template's job costs at most four calls: one to start it, the others to see it run and end.
func TestTemplateCalls(t *testing.T) {
	for _, delay := range []time.Duration{0, 3 * time.Second} {
		if testing.Short() && delay == 0 {
			continue // under the race detector
		}
		l := workload{encoders: 20, duration: time.Minute, rounds: 10, target: 3}
		sim := l.simulated()
		sim.TemplateDelay = delay
		inWorld(t, sim, func(w *world) {
			w.target = l.target
			w.run()
			b := w.submitLadder(l.jobs(), nil)
			w.awaitEnd(b.ID, time.Hour)
			end := w.sim.ReadStats()
			calls := float64(end.Calls) / float64(l.jobs())
			makespan := float64(end.Makespan) * float64(l.encoders) / float64(end.Busy)
			t.Logf("%v, set up in %v: %.2f calls a job, makespan %.3f of the bound", l, delay, calls, makespan)
			if calls > 4 || makespan > 1.15 || end.RateLimited > 0 {
				w.t.Errorf("%.2f calls a job, want at most 4; makespan %.3f, want at most 1.15; %d calls throttled", calls, makespan, end.RateLimited)
			}
		})
	}
}

// A queued encoding counts as ours by its name, even if the answer to its template's start is
// missing. Encodings of other people, and of other attempts, do not.
func TestQueuedButUnanswered(t *testing.T) {
	starting := &trackedJob{job: job.Job{ID: id(1), State: job.Starting, Step: job.StepStart, Attempt: 2}}
	posting := &trackedJob{job: job.Job{ID: id(2), State: job.Waiting}, task: taskStart}
	answered := &trackedJob{job: job.Job{ID: id(3), State: job.Queued, Attempt: 1, EncodingID: "e3"}}
	waiting := &trackedJob{job: job.Job{ID: id(4), State: job.Waiting}}
	jobs := &jobTracker{tracked: map[job.ID]*trackedJob{id(1): starting, id(2): posting, id(3): answered, id(4): waiting}}
	queued := map[string]string{
		"e1": "film [b/1] #2", "e2": "film [b/2] #1", // ours
		"e3": "film [b/3] #1", "e4": "film [b/4] #1", "e5": "film [b/5] #1", "e6": "film [b/1]", "e7": "film",
	}
	if n := jobs.countUnansweredStarts(queued); n != 2 {
		t.Errorf("%d encodings are taken for unanswered starts, want 2", n)
	}
}

// A template's start has no answer, and then the API key is another organisation's. The encoding
// is missing there, but the start is not repeated: the encoding may be in the former one.
func TestTemplateOtherOrganisation(t *testing.T) {
	var wrong atomic.Bool
	ours := &simulator.Simulator{Seed: 1, Duration: time.Minute}
	theirs := &simulator.Simulator{Seed: 2, Duration: time.Minute}
	ours.Fault = func(c simulator.Call) simulator.Fault {
		if c.Route == templatesStart && c.Nth == 1 {
			wrong.Store(true)
			return simulator.Fault{Kind: simulator.ResetFault, After: true}
		}
		return simulator.Fault{}
	}
	inWorld(t, ours, func(w *world) {
		defer theirs.Close()
		w.network = func(r *http.Request) (*http.Response, error) {
			if wrong.Load() {
				return theirs.Client().Transport.RoundTrip(r)
			}
			return ours.Client().Transport.RoundTrip(r)
		}
		w.run()
		b := w.submitLadder(1, nil)
		time.Sleep(time.Hour)
		if j := w.jobs(b.ID)[0]; j.State != job.Starting || theirs.ReadStats().Starts != 0 {
			w.t.Errorf("job is %s after %d starts in the other organisation", j.State, theirs.ReadStats().Starts)
		}
		wrong.Store(false)
		if b := w.awaitEnd(b.ID, time.Hour); b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s", b.State)
		}
		w.audit(b.ID)
	})
}
