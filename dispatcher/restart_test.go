package dispatcher

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

func TestRestart(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 100 * time.Millisecond}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(20, nil)
		for range 12 {
			time.Sleep(17*time.Second + 37*time.Millisecond)
			w.reopen(w.path)
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

// The job table is a backup of five minutes ago. The encodings that were started since are found
// at the platform and adopted, not paid for again.
func TestRestoredBackup(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, TakeAnyStart: true}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(30, nil)
		time.Sleep(3 * time.Minute)
		backup := w.backup()
		time.Sleep(5 * time.Minute)
		w.reopen(backup)
		before := w.sim.ReadStats().Starts
		w.run()
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		if starts := w.sim.ReadStats().Starts; starts != 30 || before < 20 {
			w.t.Errorf("%d starts before the restore, %d in all, want 30", before, starts)
		}
		w.audit(b.ID)
	})
}

// The job table is an old backup. While the account is being reconciled, polls and new batches
// change the table, and the process is killed again and again before it has finished.
func TestRestoredOldBackup(t *testing.T) {
	for name, lives := range map[string]int{"at once": 0, "with deaths": 25} {
		t.Run(name, func(t *testing.T) {
			jobs, later := 250, 40*time.Minute
			if testing.Short() {
				lives, jobs, later = lives/4, 80, 10*time.Minute // under the race detector
			}
			sim := &simulator.Simulator{Seed: 1, Encoders: 5, Duration: time.Minute, TakeAnyStart: true, Latency: 100 * time.Millisecond}
			inWorld(t, sim, func(w *world) {
				w.run()
				b := w.submit(jobs, nil)
				time.Sleep(3 * time.Minute)
				backup := w.backup()
				time.Sleep(later)
				w.reopen(backup)
				before := w.sim.ReadStats().Starts
				ids, batches := []string{b.ID}, 1
				for i := range lives {
					if i%5 == 0 {
						ids, batches = append(ids, w.submit(1, nil).ID), batches+1
					}
					w.mortal = newMortal(7 + 9*i)
					w.run()
					time.Sleep(time.Minute)
					w.reopen(backup)
				}
				w.mortal = nil
				w.run()
				for _, id := range ids {
					if b := w.awaitEnd(id, 3*time.Hour); b.State != job.BatchSucceeded {
						w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
					}
				}
				if starts := w.sim.ReadStats().Starts; starts != jobs+batches-1 || before < jobs*3/5 {
					w.t.Errorf("%d starts before the restore, %d in all, want one for each job", before, starts)
				}
				w.audit(ids...)
			})
		})
	}
}

// Since the backup, jobs have failed in one region and gone on in another with a new encoding. The
// failure of the old encoding is recorded before the new one is adopted.
func TestRestoredBackupMovedOn(t *testing.T) {
	for _, age := range []time.Duration{5 * time.Second, 40 * time.Second, 90 * time.Second} {
		t.Run(age.String(), func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, TakeAnyStart: true, Outcome: failInFirstRegion}
			inWorld(t, sim, func(w *world) {
				w.run()
				b := w.submit(9, inTwoRegions)
				time.Sleep(age)
				backup := w.backup()
				w.awaitEnd(b.ID, time.Hour)
				w.reopen(backup)
				w.run()
				b = w.awaitEnd(b.ID, time.Hour)
				if starts := w.sim.ReadStats().Starts; b.State != job.BatchSucceeded || starts != 18 {
					w.t.Errorf("batch is %s after %d starts, want two for each of 9 jobs", b.State, starts)
				}
				w.audit(b.ID)
			})
		})
	}
}

// Two accounts with one API key list each other's encodings, and neither adopt nor delete them.
func TestAccountsWithOneKey(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.others = []string{"other"}
		w.run()
		b := w.submit(12, func(b *job.Batch) { b.AccountID = "other" })
		w.await(b.ID, 10*time.Minute, "a start", func(b job.Batch) bool { return b.Counts.Queued > 0 })
		if err := w.pause("other", "lunch"); err != nil {
			w.t.Fatal(err)
		}
		time.Sleep(time.Hour) // prepared encodings wait
		if err := w.resume("other"); err != nil {
			w.t.Fatal(err)
		}
		b = w.awaitEnd(b.ID, time.Hour)
		for _, j := range w.jobs(b.ID) {
			if j.State != job.Succeeded || j.Attempt != 1 {
				w.t.Errorf("job %s is %s after attempt %d: %v", j.ID, j.State, j.Attempt, j.Failure)
			}
		}
		w.audit(b.ID)
	})
}

// The platform gives a new process no answer about one of the encodings that the earlier process
// has prepared. The other jobs go on. That one is not started before its status is known: the
// job table may be a backup, and the encoding may have been started since.
func TestUnseenPreparedEncoding(t *testing.T) {
	for n, tt := range []struct {
		name     string
		restored bool // the job table is a restored backup
		unknown  bool // the backup does not know the encoding
		status   int
	}{
		{"restart", false, false, http.StatusInternalServerError},
		{"restart, refused", false, false, http.StatusBadRequest},
		{"restored backup", true, false, http.StatusInternalServerError},
		{"restored backup, refused", true, false, http.StatusConflict},
		{"unknown to the backup", true, true, http.StatusInternalServerError},
		{"unknown to the backup, refused", true, true, http.StatusBadRequest},
	} {
		if !inSample(n, 3) {
			continue // a sample of them, under the race detector
		}
		t.Run(tt.name, func(t *testing.T) {
			var broken atomic.Value
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, TakeAnyStart: true}
			sim.Fault = failReads(&broken, simulator.Fault{Kind: simulator.JSONFault, Status: tt.status})
			inWorld(t, sim, func(w *world) {
				w.run()
				b := w.submit(30, nil)
				time.Sleep(3 * time.Minute)
				path := w.path
				if tt.restored {
					path = w.backup()
					time.Sleep(5 * time.Minute)
				}
				w.reopen(path)
				jobs := w.jobs(b.ID)
				at := slices.IndexFunc(jobs, func(j job.Job) bool { return j.Prepared() })
				id := jobs[at].EncodingID
				if tt.unknown {
					at = slices.IndexFunc(jobs, func(j job.Job) bool { return j.State == job.Waiting && j.EncodingID == "" })
					for _, e := range w.sim.Encodings() {
						if n, _, _ := provision.ParseName(e.Name); n == jobs[at].ID && len(e.Starts) > 0 {
							id = e.ID
						}
					}
				}
				broken.Store(id)
				w.run()
				b = w.await(b.ID, time.Hour, "all but one done", func(b job.Batch) bool { return b.Counts.Succeeded == 29 })
				if b.Counts.Starting != 1 {
					w.t.Errorf("%+v, want the job without an answer to be STARTING", b.Counts)
				}
				broken.Store("")
				b = w.awaitEnd(b.ID, time.Hour)
				if starts := w.sim.ReadStats().Starts; b.State != job.BatchSucceeded || starts != 30 {
					w.t.Errorf("batch is %s after %d starts, want 30", b.State, starts)
				}
				w.audit(b.ID)
			})
		})
	}
}

// failReads makes a fault of each read of an encoding. encoding has its id, once there is one.
func failReads(encoding *atomic.Value, fault simulator.Fault) func(simulator.Call) simulator.Fault {
	return func(c simulator.Call) simulator.Fault {
		if id, _ := encoding.Load().(string); id != "" && c.Method == http.MethodGet && c.EncodingID == id {
			return fault
		}
		return simulator.Fault{}
	}
}
