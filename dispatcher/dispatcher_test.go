package dispatcher

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
		stats := w.sim.ReadStats()
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

// inTwoRegions has the jobs of a batch encoded in one region, and in another one if the platform asks for that.
func inTwoRegions(b *job.Batch) {
	b.Recipe.Region, b.Recipe.FallbackRegions = "AWS_EU_WEST_1", []string{"AWS_US_EAST_1"}
}

// failInFirstRegion is the outcome of encodings that succeed in the second region of inTwoRegions alone.
func failInFirstRegion(e simulator.Encoding, _ int) simulator.Outcome {
	if e.CloudRegion == "AWS_EU_WEST_1" {
		return broken(simulator.RetryInDifferentRegion)
	}
	return simulator.Outcome{}
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
			name: "another region", outcome: failInFirstRegion,
			edit:  inTwoRegions,
			state: job.Succeeded, attempts: 2,
			check: func(t *testing.T, w *world, j job.Job) {
				if e, _ := w.sim.FindEncoding(j.EncodingID); e.CloudRegion != "AWS_US_EAST_1" {
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

// A retry starts the same encoding again after its back-off.
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
		b := w.submit(20, nil)
		learnt := 8
		b = w.await(b.ID, 3*time.Hour, "its end", func(b job.Batch) bool {
			s, _ := w.store.AccountStatus("default")
			learnt = min(learnt, s.EffectiveQueueTarget)
			return b.State.Terminal()
		})
		if learnt != 2 {
			w.t.Errorf("the target shrank to %d: the platform takes 2", learnt)
		}
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		for _, j := range w.jobs(b.ID) {
			if j.Attempt != 1 {
				w.t.Errorf("job %s used %d attempts: a full queue costs none", j.ID, j.Attempt)
			}
		}
		if s := w.sim.ReadStats(); s.QueueFull == 0 || s.QueueFull > 40 {
			w.t.Errorf("%d starts met a full queue: want some, and few", s.QueueFull)
		}
		w.audit(b.ID)
	})
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
		time.Sleep(time.Minute) // orphans are deleted
		for _, e := range w.sim.Encodings() {
			if e.Status == simulator.Queued || e.Status == simulator.Running || (e.Status == simulator.Created && !e.Deleted) {
				w.t.Errorf("encoding %s is still %s", e.Name, e.Status)
			}
		}
		w.audit(b.ID)
	})
}

func TestPauseAccount(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 1, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		if err := w.pause("default", "maintenance"); err != nil {
			w.t.Fatal(err)
		}
		b := w.submit(3, nil)
		time.Sleep(10 * time.Minute)
		if n := w.sim.ReadStats().Starts; n != 0 {
			w.t.Errorf("%d starts on a paused account", n)
		}
		if s, _ := w.store.AccountStatus("default"); !s.Paused || s.PausedReason != "maintenance" {
			w.t.Errorf("status %+v", s)
		}
		if err := w.resume("default"); err != nil {
			w.t.Fatal(err)
		}
		w.awaitEnd(b.ID, time.Hour)
	})
}

// Every codec is packaged in every container that can hold it, with both manifests.
func TestEveryContainerAndManifest(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		check := func(edit func(r *job.Recipe), streams, muxings int) {
			w.t.Helper()
			b := w.submit(1, func(b *job.Batch) {
				b.Recipe.Videos = append(b.Recipe.Videos, job.Video{Name: "hevc", Codec: job.H265, Height: 1080, CRF: 23})
				b.Recipe.Manifests = []job.Manifest{{Format: job.DASH}, {Format: job.HLS}}
				edit(b.Recipe)
			})
			b = w.awaitEnd(b.ID, time.Hour)
			j := w.jobs(b.ID)[0]
			e, _ := w.sim.FindEncoding(j.EncodingID)
			if j.State != job.Succeeded || len(e.Streams) != streams || len(e.Muxings) != muxings || len(e.Manifests) != 2 {
				w.t.Errorf("job is %s (%v) with %d streams, %d muxings, %d manifests",
					j.State, j.Failure, len(e.Streams), len(e.Muxings), len(e.Manifests))
			}
			if request := string(e.StartRequest); !strings.Contains(request, "vodDashManifests") || !strings.Contains(request, "vodHlsManifests") {
				w.t.Errorf("the start does not attach the manifests: %s", request)
			}
		}
		check(func(r *job.Recipe) {
			r.Videos = append(r.Videos, job.Video{Name: "vp9", Codec: job.VP9, Height: 720, Bitrate: 900_000}, job.Video{Name: "av1", Codec: job.AV1, Height: 720, Bitrate: 700_000})
			r.Audios = append(r.Audios, job.Audio{Name: "opus", Codec: job.Opus, Bitrate: 96_000})
			r.Muxings = []job.Muxing{{Container: job.FMP4}, {Container: job.CMAF, Directory: "cmaf"}, {Container: job.MP4, Directory: "mp4"}}
		}, 8, 2*8+6)
		check(func(r *job.Recipe) {
			r.Muxings = []job.Muxing{
				{Container: job.FMP4},
				{Container: job.CMAF, Directory: "cmaf"},
				{Container: job.TS, Directory: "ts"},
				{Container: job.MP4, Directory: "mp4"},
			}
		}, 5, 3*5+4)
		check(func(r *job.Recipe) { r.Muxings = []job.Muxing{{Container: job.MP4, FragmentDuration: 4000}} }, 5, 5)
	})
}

// With a short poll interval, counts still get their share of the list calls.
func TestShortPollInterval(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 4, Duration: 200 * time.Millisecond, Latency: 5 * time.Millisecond}
	inWorld(t, sim, func(w *world) {
		w.poll = 200 * time.Millisecond
		w.run()
		b := w.awaitEnd(w.submit(200, nil).ID, 5*time.Minute)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		if s := w.sim.ReadStats(); s.RateLimited != 0 {
			w.t.Errorf("%d calls were throttled", s.RateLimited)
		}
		w.t.Logf("%v", w.sim.ReadStats().Makespan)
	})
}

// A batch pauses itself once too many of its jobs have failed.
func TestFailureLimit(t *testing.T) {
	var mended atomic.Bool
	sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: time.Minute}
	sim.Outcome = func(simulator.Encoding, int) simulator.Outcome {
		if mended.Load() {
			return simulator.Outcome{}
		}
		return broken(simulator.NoRetry)
	}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(40, func(b *job.Batch) { b.FailureLimit = job.FailureLimit{Count: 3} })
		b = w.await(b.ID, time.Hour, "a pause", func(b job.Batch) bool { return b.State == job.BatchPaused })
		if b.StateReason == "" {
			w.t.Error("paused without a reason")
		}
		time.Sleep(time.Hour) // the encodings at the platform end, and no other is started
		started := w.sim.ReadStats().Starts
		if started > 12 { // the three that failed, and those at the platform when the third was seen
			w.t.Errorf("%d encodings were started before the batch paused itself", started)
		}
		mended.Store(true)
		if _, err := w.store.UpdateBatch(w.ctx, b.ID, time.Now(), func(b *job.Batch) error { return b.Resume(time.Now()) }); err != nil {
			w.t.Fatal(err)
		}
		b = w.awaitEnd(b.ID, 2*time.Hour)
		if b.Counts.Failed != int64(started) || b.Counts.Succeeded != 40-int64(started) {
			w.t.Errorf("batch is %s with %+v after %d failures before the pause", b.State, b.Counts, started)
		}
		w.audit(b.ID)
	})
}
