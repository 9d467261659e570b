package dispatcher

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// There are more orphans than are read at once. All are deleted before a sweep looks for others, also those behind many
// that the platform does not delete.
func TestManyOrphans(t *testing.T) {
	for _, stuck := range []int{0, maxOrphansRead} {
		t.Run(fmt.Sprintf("%d are not deleted", stuck), func(t *testing.T) {
			var mu sync.Mutex
			kept := map[string]bool{}
			sim := &simulator.Simulator{Seed: 1, Encoders: 2}
			sim.Limits = []simulator.Limit{{Group: "/encoding/encodings", Method: "POST", Calls: -1}}
			sim.Fault = func(c simulator.Call) simulator.Fault {
				mu.Lock()
				defer mu.Unlock()
				if c.Method == http.MethodDelete && kept[c.EncodingID] {
					return simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusForbidden}
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				ids := w.createForeign(stuck + 5*maxOrphansRead/2)
				for i, id := range ids {
					kept[string(id)] = i < stuck
					o := job.Orphan{AccountID: "default", EncodingID: string(id), CreateTime: time.Now().Add(time.Duration(i) * time.Millisecond)}
					if err := w.store.AddOrphan(w.ctx, o); err != nil {
						w.t.Fatal(err)
					}
				}
				w.run()
				time.Sleep(sweepInterval - time.Minute)
				left := map[bitmovin.EncodingID]bool{}
				for _, e := range w.sim.Encodings() {
					left[bitmovin.EncodingID(e.ID)] = true
				}
				if len(left) != stuck {
					w.t.Errorf("%d of %d orphans are left, want %d", len(left), len(ids), stuck)
				}
			})
		})
	}
}
