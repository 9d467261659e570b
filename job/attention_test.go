package job_test

import (
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
)

func TestNeedsSomebody(t *testing.T) {
	now := time.Date(2026, 11, 29, 14, 2, 31, 0, time.UTC)
	waits, ended := job.Counts{Waiting: 1}, job.Counts{Succeeded: 1}
	for name, tt := range map[string]struct {
		state   job.BatchState
		counts  job.Counts
		account *job.AccountStatus
		want    bool
	}{
		"works":            {job.BatchActive, waits, &job.AccountStatus{}, false},
		"succeeded":        {job.BatchSucceeded, ended, nil, false},
		"cancelling":       {job.BatchCancelling, waits, nil, false},
		"failed":           {job.BatchFailed, job.Counts{Failed: 1}, &job.AccountStatus{}, true},
		"paused":           {job.BatchPaused, waits, &job.AccountStatus{}, true},
		"open":             {job.BatchOpen, waits, &job.AccountStatus{}, false},
		"open and idle":    {job.BatchOpen, ended, &job.AccountStatus{}, true},
		"account missing":  {job.BatchActive, waits, nil, true},
		"nothing waits":    {job.BatchActive, job.Counts{Running: 1}, &job.AccountStatus{Paused: true}, false},
		"account paused":   {job.BatchActive, waits, &job.AccountStatus{Paused: true}, true},
		"starts exhausted": {job.BatchActive, waits, &job.AccountStatus{Paused: true, MaxStartsPerDay: 1, StartsTodayCount: 1, PausedUntil: now.Add(time.Hour)}, false},
		"another organisation": {job.BatchActive, waits, &job.AccountStatus{
			Organisation: job.Problem{Text: "nothing is shown", Until: now.Add(time.Minute)},
		}, true},
		"storage refused": {job.BatchActive, waits, &job.AccountStatus{Problems: map[string]job.Problem{"b": {Text: "403", Refused: true}}}, true},
		"no answer":       {job.BatchActive, waits, &job.AccountStatus{Problems: map[string]job.Problem{"b": {Text: "502"}}}, false},
	} {
		b := job.Batch{ID: "b", State: tt.state, Counts: tt.counts}
		if got := b.NeedsSomebody(tt.account, now); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}
