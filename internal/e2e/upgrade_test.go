package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/oldtable"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// TestUpgrade starts the service on job tables that earlier versions have left, beside the platform as they left it.
// What had ended stays as it was, what was under way goes on where it was, and nothing is lost or paid twice.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	tables := oldtable.All(t, "../../store/sqlite/testdata")
	if testing.Short() {
		tables = []oldtable.Table{tables[0], tables[len(tables)-1]}
	}
	for _, old := range tables {
		t.Run(old.Name, func(t *testing.T) {
			t.Parallel()
			sim := &simulator.Simulator{
				Encoders: 4, Duration: 200 * time.Millisecond, Unlimited: true, TakeAnyStart: true, TakeForeignIDs: true,
			}
			sim.Restore(old.Encodings)
			s := newService(t, platform.Serve(t, sim), "STOKER_POLL_INTERVAL=500ms")
			old.Unpack(t, s.db)
			life := s.run()
			batches := oldBatches(old)

			live := s.follow(batches["live"])
			s.resume(batches["paused"])
			paused := s.follow(batches["paused"])
			fresh := s.follow(s.submit([]string{"well/new.mov"}, time.Second))
			for _, h := range []*history{live, paused, fresh} {
				if b := h.end(processTimeout); b.GetState() != stokerv1.BatchState_BATCH_STATE_SUCCEEDED {
					t.Errorf("batch %s ended as %s with %v", b.GetDisplayName(), b.GetState(), b.GetCounts())
				}
			}
			s.checkKept(old)
			for _, batch := range batches {
				s.checkPaid(sim, batch)
			}
			s.stop(life)
		})
	}
}

// oldBatches has the ids of the batches of a table by their names.
func oldBatches(old oldtable.Table) map[string]string {
	batches := map[string]string{}
	for _, j := range old.Jobs {
		batches[j.BatchName] = j.Batch
	}
	return batches
}

func (s *service) resume(batch string) {
	s.t.Helper()
	if _, err := s.client.Batches().ResumeBatch(s.t.Context(), &stokerv1.ResumeBatchRequest{BatchId: batch}); err != nil {
		s.t.Fatal(err)
	}
}

// stop ends a life of the service with SIGTERM.
func (s *service) stop(life *process) {
	s.t.Helper()
	life.signal(syscall.SIGTERM)
	if code := life.wait(processTimeout); code != 0 {
		s.t.Errorf("the service stopped with exit code %d", code)
	}
}

// checkKept checks that every job of the table is there, and that those that had ended are as they were.
func (s *service) checkKept(old oldtable.Table) {
	s.t.Helper()
	there := map[string]*stokerv1.Job{}
	for _, batch := range oldBatches(old) {
		for _, j := range s.jobs(batch) {
			there[j.GetId()] = j
		}
	}
	if len(there) != len(old.Jobs) {
		s.t.Errorf("%d jobs are there, want %d", len(there), len(old.Jobs))
	}
	for _, was := range old.Jobs {
		j := there[fmt.Sprintf("%s/%d", was.Batch, was.Number)]
		if !slices.Contains([]string{"SUCCEEDED", "FAILED", "CANCELLED"}, was.State) {
			continue
		}
		is := was
		is.State, is.Key, is.Attempt = strings.TrimPrefix(j.GetState().String(), "JOB_STATE_"), j.GetKey(), int(j.GetAttempt())
		is.InputPath, is.OutputPath, is.EncodingID = j.GetInputPath(), j.GetOutputPath(), j.GetEncodingId()
		if diff := cmp.Diff(was, is); diff != "" {
			s.t.Errorf("job %d of %s (-as it had ended +now):\n%s", was.Number, was.BatchName, diff)
		}
	}
}

// checkPaid checks that the platform has as many starts of each job of a batch, of the earlier version and of this
// one, as the job has attempts, and has finished it once if it succeeded.
func (s *service) checkPaid(sim *simulator.Simulator, batch string) {
	s.t.Helper()
	paid := map[string]payment{}
	for _, e := range sim.Encodings() {
		id := strings.TrimSuffix(e.Name[strings.LastIndexByte(e.Name, '[')+1:], "]")
		p := paid[id]
		p.starts += len(e.Starts)
		if e.Status == simulator.Finished {
			p.finished++
		}
		paid[id] = p
	}
	for _, j := range s.jobs(batch) {
		s.judge(j, paid[j.GetId()], 3, want{})
	}
}
