package dispatcher

import (
	"time"

	"github.com/stokerd/stoker/job"
)

// sweepInterval is the time between two sweeps of an account.
const sweepInterval = 10 * time.Minute

// slowSweepFactor times as long as a sweep took is the shortest pause after it: where lists are
// long, sweeps are rare.
const slowSweepFactor = 10

// Before a new process has compared the platform with the job table, a waiting job may have been
// started all the same: the table may be a restored backup. Comparing usually takes a second.
// Where everybody's encodings have to be listed it may take a quarter of an hour. Meanwhile
// these jobs have certainly not been started:
//
//   - The jobs of a batch that was submitted since the process began. No encoding can have
//     their names.
//   - A configured job, after the platform was asked for its name. The answer must contain
//     the job's own encoding, which proves that the platform finds encodings by that name;
//     it must show it CREATED, or as its last run left it; and it must contain no other one.
//   - A template's job, after the platform was asked for the name of its next attempt and
//     has none. Before that it must have found a reference, an encoding of another
//     template's job that is there, by its name.
//
// All other jobs wait.

// reconciliation is how far the platform has been compared with the job table.
type reconciliation struct {
	done  bool      // this process has compared platform and job table
	tries int       // how often the comparison was begun
	err   error     // of the latest try
	due   time.Time // of the next try or, once done, of the next sweep
	// sweepFrom is the creation time before which earlier sweeps have seen everything.
	sweepFrom time.Time
	loadTime  time.Time // when this process began
	// clockTurnedBack says that the job table may have changes from after loadTime.
	clockTurnedBack bool
	// inherited are the encodings that an earlier process has configured and, as far as the job table
	// knows, not started. That process may have started them without a record, which cannot be true
	// of the encodings that this process configures.
	inherited map[string]bool
	// confirmations are the answers about waiting jobs, until the comparison is done.
	confirmations map[job.ID]confirmation
}

// confirmation is an answer to the question whether a job has been started.
type confirmation struct {
	name       string // of the encoding that was asked for
	notStarted bool   // the job certainly has not been started; otherwise it may have been
}

// isNew reports whether a batch was submitted since the process began.
func (r *reconciliation) isNew(b *batch) bool {
	return !r.clockTurnedBack && b.CreateTime.After(r.loadTime)
}

// finish records the end of a reconciliation or a sweep that began at a given time.
func (r *reconciliation) finish(began, now time.Time) {
	r.done, r.err = true, nil
	clear(r.confirmations)
	clear(r.inherited)
	r.sweepFrom = began.Add(-minOrphanAge - reconcileMargin)
	r.due = now.Add(max(sweepInterval, slowSweepFactor*now.Sub(began)))
}

// describe says whether the platform is still being compared with the job table.
func (r *reconciliation) describe(s *job.Listing) {
	if !r.done {
		s.ComparingSince = r.loadTime
	}
	if r.err != nil {
		s.ComparingProblem = r.err.Error()
	}
}
