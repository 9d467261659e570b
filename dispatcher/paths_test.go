package dispatcher

import (
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// An input path arrives at the platform as it was submitted, with the base path of its
// storage and one slash before it, for recipes and for templates.
func TestInputPathsArriveAsTheyAre(t *testing.T) {
	paths := []string{
		"in//double//slash.mov", "in/dot/./a.mov", "/lead/slash.mov", "in/a.mov/", `in\dos\back.mov`, "in/caf\u00e9.mov", "in/cafe\u0301.mov",
		"in/100% #1?x+y&z=1.mov", "in/%7e%2Fenc.mov", " in/a.mov ", "in/🎬 cut.mov", `in/"quoted": {yaml}.mov`,
	}
	sim := &simulator.Simulator{Seed: 1, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		use := ladder(w.t)
		for name, encode := range map[string]func(*job.Batch){"recipe": func(*job.Batch) {}, "template": use} {
			for input, base := range map[string]string{"in": "", "based": "masters//2026/"} {
				recipe := job.DefaultRecipe()
				b := job.Batch{
					ID: name + "-" + input, AccountID: "default", State: job.BatchActive, Recipe: &recipe,
					Input: job.StorageRef{Name: input}, Output: job.StorageRef{Name: "out"},
				}
				encode(&b)
				var specs []job.Spec
				for i, p := range paths {
					specs = append(specs, job.Spec{InputPath: p, OutputPath: string(rune('a' + i))})
				}
				if _, _, err := w.store.Submit(w.ctx, job.Submission{Batch: b, Jobs: specs}, time.Now()); err != nil {
					w.t.Fatal(err)
				}
				w.awaitEnd(b.ID, time.Hour)
				for i, j := range w.jobs(b.ID) {
					e, _ := w.sim.FindEncoding(j.EncodingID)
					if len(e.Streams) == 0 {
						w.t.Fatalf("%s: job %s is %s and has no stream", b.ID, j.ID, j.State)
					}
					for _, s := range e.Streams {
						if got, want := s.InputStreams[0].InputPath, base+paths[i]; got != want {
							w.t.Errorf("%s: %q arrived, want %q", b.ID, got, want)
						}
					}
				}
			}
		}
	})
}
