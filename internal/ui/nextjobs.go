package ui

import (
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// NextJobs lists the jobs that an account starts next. account is the account of the job that is written.
func NextJobs(account func() string) output.Listing[*stokerv1.NextJob] {
	type next = *stokerv1.NextJob
	return output.Listing[next]{
		Name: func(n next) string { return JobName(n.GetJob()) },
		Columns: []output.Column[next]{
			{Head: "ACCOUNT", Cut: output.CutEnd, Value: func(next) output.Value { return output.Text(account()) }},
			{Head: "NEXT", Right: true, Value: func(n next) output.Value { return output.Count(n.GetPosition()) }},
			{Head: "JOB", Value: func(n next) output.Value {
				return output.Named(JobName(n.GetJob()), n.GetJob().GetBatchNumber(), n.GetJob().GetNumber())
			}},
			{Head: "KEY", Cut: output.CutMiddle, ShrinkTo: 20, LeaveOut: 2, Value: func(n next) output.Value { return keyValue(n.GetJob()) }},
			{Head: "PRIORITY", Right: true, LeaveOut: 1, Value: func(n next) output.Value { return output.Count(n.GetPriority()) }},
			{Head: "START", Value: func(n next) output.Value { return output.At(n.GetJob().GetWait().GetEarliestStartTime()) }},
		},
	}
}
