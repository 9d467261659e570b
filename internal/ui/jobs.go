package ui

import (
	"cmp"
	"fmt"
	"strconv"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// Jobs lists jobs of a batch.
func Jobs() output.Listing[*stokerv1.Job] {
	return output.Listing[*stokerv1.Job]{
		Name: JobName,
		Columns: append([]output.Column[*stokerv1.Job]{
			jobColumn(),
			keyColumn(3),
			{Head: "STATE", Value: func(j *stokerv1.Job) output.Value { return JobStateValue(j.GetState()) }},
			{Head: "DETAIL", Cut: output.CutEnd, Value: detailValue},
			{Head: "ATTEMPT", Right: true, LeaveOut: 1, Value: attemptValue},
			{Head: "CHANGED", LeaveOut: 2, Value: func(j *stokerv1.Job) output.Value { return output.At(j.GetUpdateTime()) }},
		}, jobPaths()...),
		Extra: []output.Extra[*stokerv1.Job]{{Name: "run_seconds", Value: runSeconds, Number: true}},
	}
}

// FoundJobs lists jobs of many batches. batchName is the name of a job's batch.
func FoundJobs(batchName func(*stokerv1.Job) string) output.Listing[*stokerv1.Job] {
	return output.Listing[*stokerv1.Job]{
		Name: JobName,
		Columns: append([]output.Column[*stokerv1.Job]{
			jobColumn(),
			keyColumn(0),
			{Head: "STATE", Value: func(j *stokerv1.Job) output.Value { return JobStateValue(j.GetState()) }},
			{Head: "CHANGED", LeaveOut: 2, Value: func(j *stokerv1.Job) output.Value { return output.At(j.GetUpdateTime()) }},
			{Head: "BATCH", Cut: output.CutEnd, ShrinkTo: 12, LeaveOut: 1, Value: func(j *stokerv1.Job) output.Value { return output.Text(batchName(j)) }},
			{Head: "DETAIL", Wide: true, Value: detailValue},
			{Head: "ATTEMPT", Right: true, Wide: true, Value: attemptValue},
		}, jobPaths()...),
		Extra: []output.Extra[*stokerv1.Job]{{Name: "run_seconds", Value: runSeconds, Number: true}},
	}
}

// JobName is what commands take for a job and people say, such as 411/28.
func JobName(j *stokerv1.Job) string {
	if j.GetBatchNumber() == 0 {
		return j.GetId()
	}
	return fmt.Sprintf("%d/%d", j.GetBatchNumber(), j.GetNumber())
}

func jobColumn() output.Column[*stokerv1.Job] {
	return output.Column[*stokerv1.Job]{Head: "JOB", Value: func(j *stokerv1.Job) output.Value {
		return output.Named(JobName(j), j.GetBatchNumber(), j.GetNumber())
	}}
}

// keyColumn is the column of the keys.
func keyColumn(leaveOut int) output.Column[*stokerv1.Job] {
	c := output.Column[*stokerv1.Job]{Head: "KEY", Cut: output.CutMiddle, LeaveOut: leaveOut, Value: keyValue}
	if leaveOut > 0 {
		c.ShrinkTo = 20
	}
	return c
}

// keyValue is the key of a job or, for people, its title if it has no key.
func keyValue(j *stokerv1.Job) output.Value {
	return output.Text(cmp.Or(j.GetKey(), JobTitle(j))).ForPrograms(j.GetKey())
}

// jobPaths are the columns that a table has only if it is wide.
func jobPaths() []output.Column[*stokerv1.Job] {
	return []output.Column[*stokerv1.Job]{
		{Head: "NAME", Wide: true, Value: func(j *stokerv1.Job) output.Value { return output.Text(j.GetName()) }},
		{Head: "INPUT", Wide: true, Value: func(j *stokerv1.Job) output.Value { return output.Text(j.GetInputPath()) }},
		{Head: "OUTPUT", Wide: true, Value: func(j *stokerv1.Job) output.Value { return output.Text(j.GetOutputPath()) }},
		{Head: "ENCODING", Wide: true, Value: func(j *stokerv1.Job) output.Value { return output.Text(j.GetEncodingId()) }},
	}
}

// attemptValue is the number of the latest attempt; nothing before the first.
func attemptValue(j *stokerv1.Job) output.Value {
	if j.GetAttempt() == 0 {
		return output.Nothing().ForPrograms("0")
	}
	return output.Count(j.GetAttempt())
}

// detailValue is how far a job is, or [jobDetail].
func detailValue(j *stokerv1.Job) output.Value {
	if j.GetState() == stokerv1.JobState_JOB_STATE_RUNNING {
		return output.Share(float64(j.GetProgress()))
	}
	return output.Composed(func(l output.Look) string { return jobDetail(j, l) })
}

// jobDetail says why a job waits or failed.
func jobDetail(j *stokerv1.Job, l output.Look) string {
	switch {
	case j.GetState() == stokerv1.JobState_JOB_STATE_FAILED:
		return shortFailure(j.GetFailure(), j.GetReason())
	case j.GetWait().GetCode() == stokerv1.WaitCode_WAIT_CODE_BACKOFF && j.GetFailure() != nil:
		return "again at " + l.Time(j.GetWait().GetUntil().AsTime()) + ": " + shortFailure(j.GetFailure(), "")
	case j.GetWait() != nil || j.GetWaitReason() != "":
		return waitWords(j.GetWait(), j.GetWaitReason(), l)
	}
	return j.GetReason()
}

// runSeconds is how many seconds the latest attempt of a job ran on an encoder. It is empty if the
// attempt has not ended, or was never seen to run.
func runSeconds(j *stokerv1.Job) string {
	if j.GetRunningTime() == nil || j.GetFinishTime() == nil {
		return ""
	}
	d := j.GetFinishTime().AsTime().Sub(j.GetRunningTime().AsTime())
	return strconv.FormatFloat(output.Seconds(max(d, 0)), 'f', -1, 64)
}
