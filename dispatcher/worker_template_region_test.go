package dispatcher

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// settings edits the template of a batch so that it says where and how to encode.
func settings(t *testing.T) func(*job.Batch) {
	t.Helper()
	use := ladder(t)
	return func(b *job.Batch) {
		use(b)
		b.Template.Name = "" // submitted with the batch
		b.Template.Text = strings.NewReplacer(
			"cloudRegion: AWS_EU_WEST_1", "cloudRegion: AWS_EU_WEST_1\n      encoderVersion: 2.201.0",
			"encodingMode: STANDARD", "encodingMode: THREE_PASS\n        scheduling: {prewarmedEncoderPoolIds: [pool-1, pool-2]}",
		).Replace(b.Template.Text)
	}
}

// Region, encoder version, encoding mode and prewarmed pools of a template arrive at the platform
// as they are in its text, with the batch's priority.
func TestTemplateSettings(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		use := settings(t)
		b := w.submit(1, func(b *job.Batch) { use(b); b.Priority = 70 })
		w.awaitEnd(b.ID, time.Hour)
		client, err := bitmovin.New(bitmovin.Options{APIKey: w.apiKey, HTTPClient: w.sim.Client()})
		if err != nil {
			w.t.Fatal(err)
		}
		id := bitmovin.EncodingID(w.jobs(b.ID)[0].EncodingID)
		e, err := client.ReadEncoding(w.ctx, id)
		if err != nil {
			w.t.Fatal(err)
		}
		if e.CloudRegion != "AWS_EU_WEST_1" || e.EncoderVersion != "2.201.0" {
			w.t.Errorf("encoded in %s by version %s", e.CloudRegion, e.EncoderVersion)
		}
		started, _ := w.sim.FindEncoding(string(id))
		var start bitmovin.StartRequest
		if err := json.Unmarshal(started.StartRequest, &start); err != nil {
			w.t.Fatal(err)
		}
		want := bitmovin.StartRequest{
			EncodingMode: "THREE_PASS",
			Scheduling:   &bitmovin.Scheduling{Priority: new(70), PrewarmedEncoderPoolIDs: []string{"pool-1", "pool-2"}},
		}
		if diff := cmp.Diff(want, start); diff != "" {
			w.t.Errorf("started with (-want +got):\n%s", diff)
		}
	})
}

// After the retry hint RETRY_IN_DIFFERENT_REGION a template is rendered with the next fallback
// region and everything else as before, also after a restart.
func TestTemplateRegions(t *testing.T) {
	hint := map[string]simulator.RetryHint{"#1": simulator.RetryInDifferentRegion, "#2": simulator.Retry, "#3": simulator.RetryInDifferentRegion, "#4": simulator.RetryInDifferentRegion}
	sim := &simulator.Simulator{Seed: 1, Duration: time.Minute, Outcome: func(e simulator.Encoding, _ int) simulator.Outcome {
		if h, fails := hint[e.Name[strings.LastIndexByte(e.Name, '#'):]]; fails {
			return broken(h)
		}
		return simulator.Outcome{}
	}}
	inWorld(t, sim, func(w *world) {
		w.run()
		use := settings(t)
		b := w.submit(1, func(b *job.Batch) {
			use(b)
			b.Template.FallbackRegions = []string{"AWS_US_EAST_1", "GOOGLE_EUROPE_WEST_1"}
			b.Retry.MaxRetries = 4
		})
		w.await(b.ID, time.Hour, "the second attempt", func(job.Batch) bool { return len(w.sim.Encodings()) == 2 })
		w.reopen(w.path)
		w.run()
		if b = w.awaitEnd(b.ID, 3*time.Hour); b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s", b.State)
		}
		w.audit(b.ID)
		var regions []string
		for _, e := range w.sim.Encodings() {
			regions = append(regions, e.CloudRegion)
			if !strings.Contains(string(e.StartRequest), "pool-2") {
				w.t.Errorf("%s was started with %s, without the template's pools", e.Name, e.StartRequest)
			}
		}
		want := []string{"AWS_EU_WEST_1", "AWS_US_EAST_1", "AWS_US_EAST_1", "GOOGLE_EUROPE_WEST_1", "GOOGLE_EUROPE_WEST_1"}
		if diff := cmp.Diff(want, regions); diff != "" {
			w.t.Errorf("regions (-want +got):\n%s", diff)
		}
	})
}
