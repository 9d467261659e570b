package dispatcher

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// The job table is a restored backup, and comparing it with the platform fails at first. Meanwhile so many jobs of a
// new batch are started, by this process and by one that was killed, that the newest encodings are all known. The
// older ones that the backup does not know are found all the same.
func TestRestoredBackupBehindNewBatch(t *testing.T) {
	var silent atomic.Value // the encoding about which there is no answer
	sim := &simulator.Simulator{Seed: 1, Encoders: 150, Duration: time.Minute, TakeAnyStart: true}
	sim.Fault = failReads(&silent, simulator.Fault{Kind: simulator.HangFault, Delay: time.Minute})
	inWorld(t, sim, func(w *world) {
		w.run()
		old := w.submit(150, nil)
		w.await(old.ID, time.Minute, "some starts", func(b job.Batch) bool { return b.Counts.Running > 20 })
		backup := w.backup()
		time.Sleep(time.Minute)
		w.reopen(backup)
		jobs := w.jobs(old.ID)
		at := slices.IndexFunc(jobs, func(j job.Job) bool { return j.Prepared() })
		silent.Store(jobs[at].EncodingID)
		w.target = 120
		w.run()
		time.Sleep(time.Second)
		young := w.submit(150, func(b *job.Batch) { b.Priority = 90 })
		w.await(young.ID, 30*time.Second, "a page of encodings", func(b job.Batch) bool { return b.Counts.Waiting < 50 })
		w.reopen(backup)
		w.run()
		time.Sleep(2 * time.Minute)
		silent.Store("")
		for _, id := range []string{old.ID, young.ID} {
			if b := w.awaitEnd(id, 3*time.Hour); b.State != job.BatchSucceeded {
				w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
			}
		}
		if starts := w.sim.ReadStats().Starts; starts != 300 {
			w.t.Errorf("%d starts of 300 jobs", starts)
		}
		w.audit(old.ID, young.ID)
	})
}

// Since the backup, a job has failed in one region and gone on in another with a new encoding. The platform does not say
// how the old encoding stands, for a while or for ever. The new one is adopted all the same, and not paid for again, and
// the other jobs go on.
func TestRestoredBackupMovedOnUnseen(t *testing.T) {
	for n, tt := range []struct {
		name   string
		of     string // whose status is not told: the old encoding's or the new one's
		status says
		span   time.Duration // 0: it is never told again
	}{
		{"not found for a moment", "old", hasNot, time.Second},
		{"not found any more", "old", hasNot, 0},
		{"no answer for a moment", "old", fails, time.Second},
		{"no answer any more", "old", fails, 0},
		{"the new one is not found for a moment", "new", hasNot, 2 * time.Second},
	} {
		if !inSample(n, 3) {
			continue // a sample of them, under the race detector
		}
		t.Run(tt.name, func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, TakeAnyStart: true, Outcome: failInFirstRegion}
			inWorld(t, sim, func(w *world) {
				platform := &contradiction{status: tt.status, list: has, search: has, way: w.sim.Client().Transport}
				w.network = platform.RoundTrip
				w.run()
				b := w.submit(9, inTwoRegions)
				time.Sleep(40 * time.Second)
				backup := w.backup()
				w.awaitEnd(b.ID, time.Hour)
				w.reopen(backup)
				jobs := w.jobs(b.ID)
				old := jobs[slices.IndexFunc(jobs, func(j job.Job) bool { return j.State == job.Running })]
				unseen := old.EncodingID
				if tt.of == "new" {
					for _, e := range w.sim.Encodings() {
						if id, _, _ := provision.ParseName(e.Name); id == old.ID && e.CloudRegion == "AWS_US_EAST_1" {
							unseen = e.ID
						}
					}
				}
				platform.encoding.Store(unseen)
				w.run()
				if tt.span > 0 {
					time.Sleep(tt.span)
					platform.encoding.Store("none")
				}
				b = w.awaitEnd(b.ID, time.Hour)
				if starts := w.sim.ReadStats().Starts; b.State != job.BatchSucceeded || starts != 18 {
					w.t.Errorf("batch is %s after %d starts, want two for each of 9 jobs", b.State, starts)
				}
				w.audit(b.ID)
			})
		})
	}
}
