package dispatcher

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

func TestBatchRunsToItsEnd(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 4, Duration: time.Minute, Latency: 50 * time.Millisecond}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(20, nil)
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded || b.Counts.Succeeded != 20 {
			t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		w.audit(b.ID)
		stats := w.sim.Stats()
		if stats.RateLimited != 0 || stats.MaxQueued > 3 {
			t.Errorf("%d calls were throttled, at most %d queued with a target of 3", stats.RateLimited, stats.MaxQueued)
		}
	})
}

// failWith makes the given run of encodings whose name has a prefix end in an error.
func failWith(prefix string, runs int, o simulator.Outcome) func(simulator.Encoding, int) simulator.Outcome {
	return func(e simulator.Encoding, run int) simulator.Outcome {
		if strings.HasPrefix(e.Name, prefix+" ") && run <= runs {
			return o
		}
		return simulator.Outcome{}
	}
}

func broken(hint simulator.RetryHint) simulator.Outcome {
	return simulator.Outcome{
		Status:   simulator.Error,
		Error:    &simulator.TaskError{Code: 10006, Category: "DECODING ERROR", Text: "no such codec", RetryHint: hint},
		Messages: []simulator.Message{{Type: "ERROR", Text: "line 17"}},
	}
}

func TestOutcomes(t *testing.T) {
	for _, tt := range []struct {
		name     string
		outcome  func(simulator.Encoding, int) simulator.Outcome
		edit     func(*job.Batch)
		state    job.State
		attempts int
		check    func(t *testing.T, w *world, j job.Job)
	}{
		{
			name: "two failures and a success", outcome: failWith("k1", 2, broken(simulator.Retry)),
			state: job.Succeeded, attempts: 3,
		},
		{
			name: "an undefined hint is tried again", outcome: failWith("k1", 1, broken(simulator.UndefinedHint)),
			state: job.Succeeded, attempts: 2,
		},
		{
			name: "retries used up", outcome: failWith("k1", 9, broken(simulator.Retry)),
			state: job.Failed, attempts: 3,
			check: func(t *testing.T, _ *world, j job.Job) {
				if j.Failure.Code != 10006 || len(j.Failure.Messages) != 1 {
					t.Errorf("failure %+v lacks the platform's code or message", j.Failure)
				}
			},
		},
		{
			name: "permanent", outcome: failWith("k1", 9, broken(simulator.NoRetry)),
			state: job.Failed, attempts: 1,
		},
		{
			name: "no error object", outcome: failWith("k1", 9, simulator.Outcome{Status: simulator.Error}),
			state: job.Failed, attempts: 1,
		},
		{
			name: "transfer error", outcome: failWith("k1", 1, simulator.Outcome{Status: simulator.TransferError}),
			state: job.Failed, attempts: 1,
		},
		{
			name: "transfer error, retried by policy", outcome: failWith("k1", 1, simulator.Outcome{Status: simulator.TransferError}),
			edit:  func(b *job.Batch) { b.Retry.RetryTransferErrors = true },
			state: job.Failed, attempts: 3, // each new encoding fails in its first run
		},
		{
			name: "cancelled by somebody else", outcome: failWith("k1", 9, simulator.Outcome{Status: simulator.Canceled}),
			state: job.Cancelled, attempts: 1,
		},
		{
			name: "another region", outcome: func(e simulator.Encoding, _ int) simulator.Outcome {
				if e.CloudRegion == "AWS_EU_WEST_1" {
					return broken(simulator.RetryInDifferentRegion)
				}
				return simulator.Outcome{}
			},
			edit: func(b *job.Batch) {
				b.Recipe.Region, b.Recipe.FallbackRegions = "AWS_EU_WEST_1", []string{"AWS_US_EAST_1"}
			},
			state: job.Succeeded, attempts: 2,
			check: func(t *testing.T, w *world, j job.Job) {
				if e, _ := w.sim.Encoding(j.EncodingID); e.CloudRegion != "AWS_US_EAST_1" {
					t.Errorf("succeeded in region %s", e.CloudRegion)
				}
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Duration: time.Minute, Outcome: tt.outcome}
			inWorld(t, sim, func(w *world) {
				w.run()
				b := w.awaitEnd(w.submit(1, tt.edit).ID, 2*time.Hour)
				j := w.jobs(b.ID)[0]
				if j.State != tt.state || j.Attempt != tt.attempts {
					w.t.Errorf("job is %s after attempt %d (%v), want %s after %d", j.State, j.Attempt, j.Failure, tt.state, tt.attempts)
				}
				w.audit(b.ID)
				if tt.check != nil {
					tt.check(w.t, w, j)
				}
			})
		})
	}
}

// A retried job restarts the same encoding, and backs off in between.
func TestRetryRestartsTheSameEncoding(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Duration: time.Minute, Outcome: failWith("k1", 1, broken(simulator.Retry))}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.awaitEnd(w.submit(1, nil).ID, time.Hour)
		j := w.jobs(b.ID)[0]
		starts := w.sim.Starts(j.EncodingID)
		if len(starts) != 2 {
			w.t.Fatalf("encoding was started %d times, want twice", len(starts))
		}
		attempts, err := w.store.Attempts(w.ctx, j.ID)
		if err != nil || len(attempts) != 1 || attempts[0].EncodingID != j.EncodingID {
			w.t.Errorf("attempts %+v, %v", attempts, err)
		}
	})
}

func TestQueueFull(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 2, QueueLimit: 2, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.target = 8
		w.run()
		b := w.awaitEnd(w.submit(20, nil).ID, 3*time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		for _, j := range w.jobs(b.ID) {
			if j.Attempt != 1 {
				w.t.Errorf("job %s used %d attempts: a full queue costs none", j.ID, j.Attempt)
			}
		}
		if s := w.sim.Stats(); s.QueueFull == 0 || s.QueueFull > 40 {
			w.t.Errorf("%d starts met a full queue: want some, and few", s.QueueFull)
		}
		w.audit(b.ID)
	})
}

// Other people's encodings count, and ours never push the queue over the target.
func TestForeignEncodings(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 1, Duration: time.Minute, QueueLimit: -1}
	inWorld(t, sim, func(w *world) {
		other, err := bitmovin.New(bitmovin.Options{
			APIKey: func() (string, error) { return "other", nil }, HTTPClient: w.sim.Client(),
		})
		if err != nil {
			w.t.Fatal(err)
		}
		w.run()
		time.Sleep(time.Second)
		for range 6 {
			w.startForeign(other)
		}
		b := w.submit(3, nil)
		time.Sleep(2 * time.Minute) // 6 foreign ones, 1 a minute: at least 3 are queued still
		for _, j := range w.jobs(b.ID) {
			if j.State != job.Waiting {
				w.t.Errorf("job %s is %s while other people fill the queue", j.ID, j.State)
			}
		}
		w.awaitEnd(b.ID, time.Hour)
		w.auditExcept("foreign", b.ID)
	})
}

func (w *world) startForeign(c *bitmovin.Client) {
	w.t.Helper()
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	e, err := c.CreateEncoding(w.ctx, bitmovin.Encoding{Name: "foreign"})
	must(err)
	in, err := c.CreateInput(w.ctx, bitmovin.Storage{Type: bitmovin.StorageHTTPS, Host: "h.example"})
	must(err)
	out, err := c.CreateOutput(w.ctx, bitmovin.Storage{Type: bitmovin.StorageS3, Bucket: "b", AccessKey: "a", SecretKey: "s"})
	must(err)
	conf, err := c.CreateConfiguration(w.ctx, bitmovin.Configuration{Type: bitmovin.AAC, Name: "aac", Bitrate: 128000})
	must(err)
	s, err := c.CreateStream(w.ctx, e.ID, bitmovin.Stream{
		CodecConfigID: conf, InputStreams: []bitmovin.InputStream{{InputID: in, InputPath: "a.mp4", SelectionMode: bitmovin.SelectAuto}},
	})
	must(err)
	_, err = c.CreateMuxing(w.ctx, e.ID, bitmovin.Muxing{
		Type: bitmovin.MuxingFMP4, SegmentLength: 4, Streams: []bitmovin.MuxingStream{{StreamID: s.ID}},
		Outputs: []bitmovin.EncodingOutput{{OutputID: out, OutputPath: "o"}},
	})
	must(err)
	must(c.StartEncoding(w.ctx, e.ID, nil))
}

func TestCancelBatch(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: 10 * time.Minute, StopDelay: 3 * time.Second}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(30, nil)
		w.await(b.ID, time.Minute, "2 running and 3 queued", func(b job.Batch) bool {
			return b.Counts.Running == 2 && b.Counts.Queued == 3
		})
		if _, err := w.store.UpdateBatch(w.ctx, b.ID, time.Now(), func(b *job.Batch) error { return b.Cancel("enough") }); err != nil {
			w.t.Fatal(err)
		}
		b = w.awaitEnd(b.ID, 5*time.Minute)
		if b.State != job.BatchCancelled || b.Counts.Cancelled != 30 {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		time.Sleep(time.Minute) // for the encodings nobody needs any more
		for _, e := range w.sim.Encodings() {
			if e.Status == simulator.Queued || e.Status == simulator.Running || (e.Status == simulator.Created && !e.Deleted) {
				w.t.Errorf("encoding %s is still %s", e.Name, e.Status)
			}
		}
		w.audit(b.ID)
	})
}

// A weekend without the platform costs no job anything.
func TestOutage(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault simulator.Fault
	}{
		{"503 from a gateway", simulator.Fault{Kind: simulator.HTMLFault, Status: http.StatusServiceUnavailable}},
		{"connections cut", simulator.Fault{Kind: simulator.ResetFault}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var begin, end time.Time
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
			sim.Fault = func(simulator.Call) simulator.Fault {
				if now := time.Now(); now.After(begin) && now.Before(end) {
					return tt.fault
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				begin = time.Now().Add(90 * time.Second)
				end = begin.Add(60 * time.Hour)
				w.run()
				b := w.submit(20, nil)
				time.Sleep(time.Hour)
				if s, _ := w.disp.Status("default"); s.Breaker == job.BreakerClosed || s.BreakerReason == "" {
					w.t.Errorf("an hour into the outage the breaker is %s (%s)", s.Breaker, s.BreakerReason)
				}
				before := w.sim.Stats().Calls
				time.Sleep(time.Hour)
				if n := w.sim.Stats().Calls - before; n > 150 {
					w.t.Errorf("%d calls in an hour of outage", n)
				}
				b = w.awaitEnd(b.ID, 70*time.Hour)
				if b.State != job.BatchSucceeded {
					w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
				}
				for _, j := range w.jobs(b.ID) {
					if j.Attempt != 1 {
						w.t.Errorf("job %s used %d attempts", j.ID, j.Attempt)
					}
				}
				w.audit(b.ID)
			})
		})
	}
}

func TestMissingKey(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		ready := time.Now().Add(10 * time.Minute)
		w.apiKey = func() (string, error) {
			if time.Now().Before(ready) {
				return "", errors.New("no such file")
			}
			return "key", nil
		}
		w.run()
		b := w.submit(3, nil)
		time.Sleep(time.Minute)
		if s, _ := w.disp.Status("default"); s.Breaker == job.BreakerClosed {
			w.t.Error("the breaker is closed although there is no key")
		}
		if n := w.sim.Stats().Calls; n != 0 {
			w.t.Errorf("%d calls without a key", n)
		}
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s", b.State)
		}
	})
}

// A start whose answer is lost is looked up, never repeated blindly.
func TestLostAnswers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault simulator.Fault
	}{
		{"504 but started", simulator.Fault{Kind: simulator.HTMLFault, Status: http.StatusGatewayTimeout, After: true}},
		{"504 and not started", simulator.Fault{Kind: simulator.HTMLFault, Status: http.StatusGatewayTimeout}},
		{"cut after the effect", simulator.Fault{Kind: simulator.ResetFault, After: true}},
		{"cut before the effect", simulator.Fault{Kind: simulator.ResetFault}},
		{"half an answer", simulator.Fault{Kind: simulator.TruncateFault, After: true}},
		{"an empty 200", simulator.Fault{Kind: simulator.EmptyFault, After: true}},
	} {
		for _, route := range []string{
			"POST /encoding/encodings", "POST /encoding/encodings/{id}/start",
			"POST /encoding/encodings/{id}/streams", "POST /encoding/inputs/http",
		} {
			t.Run(tt.name+" "+route, func(t *testing.T) {
				sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, TakeAnyStart: true}
				sim.Fault = func(c simulator.Call) simulator.Fault {
					if c.Route == route && c.Nth%7 == 1 {
						return tt.fault
					}
					return simulator.Fault{}
				}
				inWorld(t, sim, func(w *world) {
					w.run()
					b := w.awaitEnd(w.submit(12, nil).ID, 3*time.Hour)
					if b.State != job.BatchSucceeded {
						w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
					}
					for _, j := range w.jobs(b.ID) {
						if j.Attempt != 1 {
							w.t.Errorf("job %s used %d attempts", j.ID, j.Attempt)
						}
					}
					w.audit(b.ID)
				})
			})
		}
	}
}

func TestRestart(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 100 * time.Millisecond}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(20, nil)
		for range 12 {
			time.Sleep(17*time.Second + 37*time.Millisecond)
			w.halt()
			if err := w.store.Close(); err != nil {
				w.t.Fatal(err)
			}
			w.open()
			w.run()
		}
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		w.audit(b.ID)
		if n := w.calls("POST /encoding/inputs/http"); n != 1 {
			w.t.Errorf("the input was created %d times", n)
		}
	})
}

func TestPauseAccount(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 1, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		if err := w.disp.Pause(w.ctx, "default", "maintenance"); err != nil {
			w.t.Fatal(err)
		}
		b := w.submit(3, nil)
		time.Sleep(10 * time.Minute)
		if n := w.sim.Stats().Starts; n != 0 {
			w.t.Errorf("%d starts on a paused account", n)
		}
		if s, _ := w.disp.Status("default"); !s.Paused || s.PausedReason != "maintenance" {
			w.t.Errorf("status %+v", s)
		}
		if err := w.disp.Resume(w.ctx, "default"); err != nil {
			w.t.Fatal(err)
		}
		w.awaitEnd(b.ID, time.Hour)
		if err := w.disp.SetQueueTarget(w.ctx, "default", 0); err == nil {
			w.t.Error("a queue target of 0 was accepted")
		}
	})
}

// Something shared that vanishes at the platform is created anew and costs nobody an attempt.
func TestVanishedConfiguration(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		first := w.awaitEnd(w.submit(2, nil).ID, time.Hour)
		for _, r := range w.sim.Resources() {
			if r.Type == "AAC" {
				w.deleteConfiguration(r.ID)
			}
		}
		second := w.awaitEnd(w.submit(2, nil).ID, time.Hour)
		for _, j := range w.jobs(second.ID) {
			if j.State != job.Succeeded || j.Attempt != 1 {
				w.t.Errorf("job %s is %s after attempt %d: %v", j.ID, j.State, j.Attempt, j.Failure)
			}
		}
		w.audit(first.ID, second.ID)
	})
}

func (w *world) deleteConfiguration(id string) {
	w.t.Helper()
	c, err := bitmovin.New(bitmovin.Options{
		APIKey: func() (string, error) { return "other", nil }, HTTPClient: w.sim.Client(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := c.DeleteConfiguration(w.ctx, bitmovin.AAC, bitmovin.ConfigID(id)); err != nil {
		w.t.Fatal(err)
	}
}

// The example's own six jobs give the example's calls, ladder, paths and order.
func TestSampleOnTheLedger(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		recipe := job.DefaultRecipe()
		b := job.Batch{
			ID: "sample", AccountID: "default", State: job.BatchActive, Priority: 50, Recipe: &recipe,
			Input: job.StorageRef{Name: "in"}, Output: job.StorageRef{Name: "out"}, Retry: job.RetryPolicy{MaxRetries: 2},
		}
		var specs []job.Spec
		for n := range 6 {
			name := fmt.Sprintf("encoding%d", n+1)
			specs = append(specs, job.Spec{Name: name, InputPath: "videos/in.mp4", OutputPath: "BatchEncoding/videos/in.mp4/" + name})
		}
		if _, _, err := w.store.Submit(w.ctx, job.Submission{Batch: b, Jobs: specs}, time.Now()); err != nil {
			w.t.Fatal(err)
		}
		w.awaitEnd("sample", time.Hour)
		w.audit("sample")

		var setup, perJob []string
		for _, e := range w.sim.Ledger() {
			switch {
			case e.Method != http.MethodPost:
			case e.EncodingID == "":
				setup = append(setup, e.Route)
			case e.EncodingID == w.jobs("sample")[0].EncodingID:
				perJob = append(perJob, e.Route)
			}
		}
		wantSetup := []string{
			"POST /encoding/inputs/http", "POST /encoding/outputs/s3",
			"POST /encoding/configurations/video/h264", "POST /encoding/configurations/video/h264",
			"POST /encoding/configurations/video/h264", "POST /encoding/configurations/audio/aac",
		}
		if diff := cmp.Diff(wantSetup, setup); diff != "" {
			w.t.Errorf("setup calls (-want +got):\n%s", diff)
		}
		wantJob := []string{"POST /encoding/encodings"}
		for range 4 {
			wantJob = append(wantJob, "POST /encoding/encodings/{id}/streams", "POST /encoding/encodings/{id}/muxings/fmp4")
		}
		wantJob = append(wantJob, "POST /encoding/encodings/{id}/start")
		if diff := cmp.Diff(wantJob, perJob); diff != "" {
			w.t.Errorf("calls for the first job (-want +got):\n%s", diff)
		}
		w.checkSampleEncodings()
	})
}

// checkSampleEncodings compares what was configured, and in which order it was started.
func (w *world) checkSampleEncodings() {
	w.t.Helper()
	var last time.Time
	for n, j := range w.jobs("sample") {
		e, ok := w.sim.Encoding(j.EncodingID)
		if !ok || len(e.Starts) != 1 {
			w.t.Fatalf("job %d: encoding %+v", n+1, e)
		}
		if e.Starts[0].Before(last) {
			w.t.Errorf("job %d was started before its predecessor", n+1)
		}
		last = e.Starts[0]
		var got []string
		for _, m := range e.Muxings {
			for _, o := range m.Outputs {
				got = append(got, fmt.Sprintf("%s %g %s %v", m.Type, m.SegmentLength, o.OutputPath, o.ACL))
			}
		}
		var want []string
		for _, dir := range []string{"video/480", "video/720", "video/1080", "audio/128"} {
			want = append(want, fmt.Sprintf("FMP4 4 base/BatchEncoding/videos/in.mp4/encoding%d/%s [{PUBLIC_READ}]", n+1, dir))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			w.t.Errorf("muxings of job %d (-want +got):\n%s", n+1, diff)
		}
	}
}

func TestEveryContainerAndManifest(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(1, func(b *job.Batch) {
			b.Recipe.Videos = append(
				b.Recipe.Videos,
				job.Video{Name: "hevc", Codec: job.H265, Height: 1080, CRF: 23},
				job.Video{Name: "vp9", Codec: job.VP9, Height: 720, Bitrate: 900_000},
				job.Video{Name: "av1", Codec: job.AV1, Height: 720, Bitrate: 700_000},
			)
			b.Recipe.Audios = append(b.Recipe.Audios, job.Audio{Name: "opus", Codec: job.Opus, Bitrate: 96_000})
			b.Recipe.Muxings = []job.Muxing{
				{Container: job.FMP4},
				{Container: job.CMAF, Directory: "cmaf"},
				{Container: job.TS, Directory: "ts"},
				{Container: job.MP4, Directory: "mp4"},
			}
			b.Recipe.Manifests = []job.Manifest{{Format: job.DASH}, {Format: job.HLS}}
		})
		b = w.awaitEnd(b.ID, time.Hour)
		j := w.jobs(b.ID)[0]
		e, _ := w.sim.Encoding(j.EncodingID)
		if j.State != job.Succeeded || len(e.Streams) != 8 || len(e.Muxings) != 3*8+6 || len(e.Manifests) != 2 {
			w.t.Errorf("job is %s (%v) with %d streams, %d muxings, %d manifests",
				j.State, j.Failure, len(e.Streams), len(e.Muxings), len(e.Manifests))
		}
		if request := string(e.StartRequest); !strings.Contains(request, "vodDashManifests") || !strings.Contains(request, "vodHlsManifests") {
			w.t.Errorf("the start does not attach the manifests: %s", request)
		}
	})
}

// The job table as it was five minutes ago: what went on since is found at the platform
// and adopted, not paid again.
func TestRestoredBackup(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, TakeAnyStart: true}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(30, nil)
		time.Sleep(3 * time.Minute)
		backup := w.path + ".backup"
		if err := w.store.Backup(w.ctx, backup); err != nil {
			w.t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		w.halt()
		if err := w.store.Close(); err != nil {
			w.t.Fatal(err)
		}
		w.path = backup
		w.open()
		before := w.sim.Stats().Starts
		w.run()
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		if starts := w.sim.Stats().Starts; starts != 30 || before < 20 {
			w.t.Errorf("%d starts before the restore, %d in all, want 30", before, starts)
		}
		w.audit(b.ID)
	})
}
