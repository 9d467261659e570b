package dispatcher

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
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
