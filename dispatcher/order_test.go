package dispatcher

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// Other people's queued encodings count: ours never push the queue over the target.
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
		time.Sleep(2 * time.Minute) // of 6 foreign ones 1 ends a minute: at least 3 are still queued
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
	e, err := c.CreateEncoding(w.ctx, bitmovin.Encoding{Name: "foreign"}, nil)
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
	must(c.StartEncoding(w.ctx, e.ID, nil, nil))
}

// A change of a batch's priority is sent to the platform for encodings that are queued already,
// also if the process is restarted in between.
func TestReprioritize(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 1, Duration: 10 * time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(5, nil)
		w.await(b.ID, time.Minute, "3 queued", func(b job.Batch) bool { return b.Counts.Queued == 3 && b.Counts.Running == 1 })
		w.halt()
		if _, err := w.store.UpdateBatch(w.ctx, b.ID, time.Now(), func(b *job.Batch) error { b.Priority = 90; return nil }); err != nil {
			w.t.Fatal(err)
		}
		w.run()
		time.Sleep(10 * time.Second)
		if got := w.priorities(b.ID); !slices.Equal(got, []int{90, 90, 90}) {
			w.t.Errorf("queued with priorities %v, want 90 for all", got)
		}
		if _, err := w.store.UpdateBatch(w.ctx, b.ID, time.Now(), func(b *job.Batch) error { b.Priority = 10; return nil }); err != nil {
			w.t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if got := w.priorities(b.ID); !slices.Equal(got, []int{10, 10, 10}) {
			w.t.Errorf("queued with priorities %v, want 10 for all", got)
		}
		if n := w.calls("POST /encoding/encodings/{id}/reprioritize"); n != 6 {
			w.t.Errorf("%d calls to reprioritize, want 6", n)
		}
	})
}

// An API key that may neither reprioritize nor delete encodings can encode all the same: the
// forbidden calls do not open the breaker.
func TestForbiddenReprioritizeAndDelete(t *testing.T) {
	const move, remove = "POST /encoding/encodings/{id}/reprioritize", "DELETE /encoding/encodings/{id}"
	sim := &simulator.Simulator{Seed: 1, Encoders: 1, Duration: 10 * time.Minute}
	sim.Fault = func(c simulator.Call) simulator.Fault {
		if c.Route == move || c.Route == remove {
			return simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusForbidden}
		}
		return simulator.Fault{}
	}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(4, nil)
		w.await(b.ID, time.Minute, "3 queued", func(b job.Batch) bool { return b.Counts.Queued == 3 && b.Counts.Running == 1 })
		prepared := w.submit(4, nil)
		time.Sleep(10 * time.Second)
		now := time.Now()
		if _, err := w.store.UpdateBatch(w.ctx, prepared.ID, now, func(b *job.Batch) error { return b.Cancel("enough") }); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.store.UpdateBatch(w.ctx, b.ID, now, func(b *job.Batch) error { b.Priority = 90; return nil }); err != nil {
			w.t.Fatal(err)
		}
		for range 1000 {
			time.Sleep(100 * time.Millisecond)
			if s, _ := w.store.AccountStatus("default"); s.Breaker != job.BreakerClosed {
				w.t.Fatalf("the breaker is %s: %s", s.Breaker, s.BreakerReason)
			}
		}
		if moves, removes := w.calls(move), w.calls(remove); moves != 3 || removes == 0 {
			w.t.Errorf("%d calls to move 3 encodings, %d to delete some", moves, removes)
		}
	})
}

// priorities are those of a batch's queued jobs at the platform.
func (w *world) priorities(batch string) (list []int) {
	for _, j := range w.jobs(batch) {
		if e, ok := w.sim.FindEncoding(j.EncodingID); ok && e.Status == simulator.Queued {
			list = append(list, e.Priority)
		}
	}
	return list
}

// Higher priority goes first; batches of one priority share the queue evenly.
func TestOrder(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 1, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		first := w.submit(6, nil)
		second := w.submit(6, nil)
		urgent := w.submit(2, func(b *job.Batch) { b.Priority = 80 })
		w.target = 1
		w.run()
		for _, b := range []job.Batch{first, second, urgent} {
			w.awaitEnd(b.ID, time.Hour)
		}
		var order []string
		for _, e := range w.sim.Ledger() {
			if e.Route != "POST /encoding/encodings/{id}/start" {
				continue
			}
			enc, _ := w.sim.FindEncoding(e.EncodingID)
			id, _, _ := provision.ParseName(enc.Name)
			order = append(order, map[string]string{first.ID: "a", second.ID: "b", urgent.ID: "u"}[id.Batch])
		}
		got := strings.Join(order, "")
		if len(got) != 14 || !strings.HasPrefix(got, "uu") {
			w.t.Fatalf("started in the order %s, want both u first, then the rest", got)
		}
		for n := range got {
			// The end of an encoding is seen late.
			if ahead := strings.Count(got[:n], "a") - strings.Count(got[:n], "b"); ahead < -2 || ahead > 2 {
				w.t.Errorf("started in the order %s: after %d starts one batch is %d ahead", got, n, ahead)
			}
		}
	})
}

// The automatic queue target follows the drain rate: small for few encoders, larger for many.
func TestAutomaticTarget(t *testing.T) {
	for _, tt := range []struct{ encoders, low, high int }{{2, 3, 4}, {60, 5, 40}} {
		if testing.Short() && tt.encoders > 10 {
			continue // under the race detector
		}
		t.Run(fmt.Sprint(tt.encoders, " encoders"), func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: tt.encoders, Duration: time.Minute, Latency: 100 * time.Millisecond}
			inWorld(t, sim, func(w *world) {
				w.auto, w.target = true, 40
				w.run()
				b := w.submit(tt.encoders*8, nil)
				time.Sleep(5 * time.Minute)
				if s, _ := w.store.AccountStatus("default"); s.QueueTarget < tt.low || s.QueueTarget > tt.high {
					w.t.Errorf("the target is %d, want %d to %d", s.QueueTarget, tt.low, tt.high)
				}
				if err := w.setQueueTarget("default", 7); err != nil {
					w.t.Fatal(err)
				}
				time.Sleep(time.Second)
				if s, _ := w.store.AccountStatus("default"); s.QueueTarget != 7 {
					w.t.Errorf("somebody set the target to 7, it is %d", s.QueueTarget)
				}
				w.awaitEnd(b.ID, 2*time.Hour)
			})
		})
	}
}
