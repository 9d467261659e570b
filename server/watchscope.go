package server

import (
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// jobScope says which jobs a watch sends: those in a set of states. Bit n stands for the state with
// number n in the contract. Watchers that name the same states, in whatever order, have the same scope
// and share reads.
type jobScope uint16

const (
	noJobs  jobScope = 0
	allJobs jobScope = 1<<(stokerv1.JobState_JOB_STATE_CANCELLED+1) - 1<<stokerv1.JobState_JOB_STATE_WAITING
)

// scopeOf is the scope of a request. The error is a [*job.InvalidError].
func scopeOf(req *stokerv1.WatchBatchRequest) (jobScope, error) {
	switch {
	case len(req.GetStates()) > 0 && !req.GetIncludeJobs():
		return noJobs, invalid("states", "select jobs, but without include_jobs no jobs are sent: set include_jobs, or leave states out")
	case !req.GetIncludeJobs():
		return noJobs, nil
	case len(req.GetStates()) == 0:
		return allJobs, nil
	}
	var s jobScope
	for _, state := range req.GetStates() {
		s |= 1 << state
	}
	return s, nil
}

// states lists the states of the jobs in the scope; nil means all states.
func (s jobScope) states() []job.State {
	if s == allJobs {
		return nil
	}
	var list []job.State
	for state := stokerv1.JobState_JOB_STATE_WAITING; 1<<state <= allJobs; state++ {
		if s&(1<<state) != 0 {
			list = append(list, jobState(state))
		}
	}
	return list
}
