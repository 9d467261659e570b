package e2e

import (
	"fmt"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/pgserver"
)

// TestFailoverLosesStarts promotes an asynchronous standby that does not know of the latest starts. They are found at
// the platform, and no job is paid for twice.
func TestFailoverLosesStarts(t *testing.T) {
	t.Parallel()
	const jobs, unknown = 40, 8
	r := newReplicas(t)
	r.primary.RequireStandby(t, "")
	r.primary.Await(t, `SELECT current_setting('synchronous_standby_names') = ''`)
	inputs := make([]string, jobs)
	for i := range inputs {
		inputs[i] = fmt.Sprintf("any/%d.mov", i)
	}
	batch := r.all[1].submit(inputs, 0)
	pgserver.Await(t, r.standby.URL(r.database), `SELECT count(*) > 0 FROM batches`)
	r.between.Freeze()
	before := -1
	err := r.sim.AwaitStats(t.Context(), func(s simulator.Stats) bool {
		if before < 0 {
			before = s.Starts
		}
		return s.Starts >= before+unknown
	})
	if err != nil {
		t.Fatal(err)
	}
	r.primary.Kill(t)
	r.between.Cut()
	r.standby.Promote(t)
	r.killed, r.primary = r.primary, r.standby
	ended := r.all[1].follow(batch).end(5 * processTimeout)
	cleared(t, r.sim)
	r.all[1].verdict(r.sim, ended, inputs, retries, func(string) want { return want{stokerv1.JobState_JOB_STATE_SUCCEEDED, 1} })
	adopted := 0
	for _, one := range r.all {
		adopted += one.life.count(`"msg":"adopted an encoding"`)
	}
	if adopted == 0 {
		t.Error("no encoding was adopted: the standby was not behind")
	}
	t.Logf("%d encodings were adopted", adopted)
}
