package dispatcher

import (
	"math/rand/v2"
	"time"

	"github.com/stokerd/stoker/job"
)

// batch is a batch as the loop has read it. It is never changed, so that tasks may share it.
type batch struct{ job.Batch }

// rules are the batch's rules for one change of a job. settle is how long a start without an
// answer must be seen not to have happened.
func (b *batch) rules(settle time.Duration) job.Rules {
	r := job.Rules{Retry: b.Retry, Template: b.Template != nil, Settle: settle, Jitter: rand.Float64()}
	switch {
	case b.Recipe != nil:
		r.FallbackRegionCount = len(b.Recipe.FallbackRegions)
	case b.Template != nil:
		r.FallbackRegionCount = len(b.Template.FallbackRegions)
	}
	return r
}
