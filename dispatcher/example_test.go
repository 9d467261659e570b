package dispatcher

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// The six jobs of Bitmovin's BatchEncoding example lead to the example's calls, renditions, paths
// and order of starts.
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
			checkRoute, // the example finds out when it has paid
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
		for _, calls := range [][]string{perJob, wantJob} {
			slices.Sort(calls[1:max(len(calls)-1, 1)]) // streams and muxings are created side by side
		}
		if diff := cmp.Diff(wantJob, perJob); diff != "" {
			w.t.Errorf("calls for the first job (-want +got):\n%s", diff)
		}
		w.checkSampleEncodings()
	})
}

// checkSampleEncodings checks the muxings of the six encodings, and in which order they were
// started.
func (w *world) checkSampleEncodings() {
	w.t.Helper()
	var last time.Time
	for n, j := range w.jobs("sample") {
		e, ok := w.sim.FindEncoding(j.EncodingID)
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
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			w.t.Errorf("muxings of job %d (-want +got):\n%s", n+1, diff)
		}
	}
}
