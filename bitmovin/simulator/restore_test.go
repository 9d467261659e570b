package simulator_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// A restored platform goes on: what was running and queued ends, and the rest stays as it was.
func TestRestore(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		began := time.Now()
		encoding := func(id string, status simulator.Status, starts int) simulator.Encoding {
			e := simulator.Encoding{
				ID: id, Name: "film " + id, Labels: []string{"ours"}, CloudRegion: "AUTO", Status: status, Priority: 50, CreatedAt: began,
				Streams: []simulator.Stream{{ID: id + "-s", CodecConfigID: "c", InputStreams: []simulator.InputStream{{InputID: "i", InputPath: "in"}}}},
				Muxings: []simulator.Muxing{{ID: id + "-m", Type: "MP4", Streams: []simulator.StreamRef{{StreamID: id + "-s"}}}},
			}
			for range starts {
				e.Starts = append(e.Starts, began)
			}
			return e
		}
		sim := &simulator.Simulator{Encoders: 1, Duration: time.Minute}
		defer sim.Close()
		sim.Restore([]simulator.Encoding{
			encoding("created", simulator.Created, 0), encoding("queued", simulator.Queued, 2), encoding("running", simulator.Running, 1),
			encoding("finished", simulator.Finished, 1), encoding("error", simulator.Error, 1),
		})
		statuses := func() map[string]simulator.Status {
			all := map[string]simulator.Status{}
			for _, e := range sim.Encodings() {
				all[e.ID] = e.Status
			}
			return all
		}
		want := map[string]simulator.Status{
			"created": simulator.Created, "queued": simulator.Queued, "running": simulator.Running, "finished": simulator.Finished, "error": simulator.Error,
		}
		if diff := cmp.Diff(want, statuses()); diff != "" {
			t.Errorf("at once (-want +got):\n%s", diff)
		}
		time.Sleep(3 * time.Minute)
		want["queued"], want["running"] = simulator.Finished, simulator.Finished
		if diff := cmp.Diff(want, statuses()); diff != "" {
			t.Errorf("later (-want +got):\n%s", diff)
		}
		e, found := sim.FindEncoding("queued")
		if !found || len(e.Starts) != 2 || len(e.Streams) != 1 || len(e.Muxings) != 1 || e.Streams[0].InputStreams[0].InputPath != "in" {
			t.Errorf("found %t: %+v", found, e)
		}
	})
}
