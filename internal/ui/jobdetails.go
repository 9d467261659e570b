package ui

import (
	"fmt"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// JobDetails is a text of several lines about a job, its attempts and its events.
func JobDetails(response *stokerv1.GetJobResponse) string {
	j := response.GetJob()
	text := alignPairs([][2]string{
		{"job", j.GetId()},
		{"key", j.GetKey()},
		{"name", j.GetName()},
		{"input", j.GetInputPath()},
		{"output", j.GetOutputPath()},
		{"state", fmt.Sprintf("%s, %d %%", JobState(j.GetState()), j.GetProgress())},
		{"reason", jobReason(j)},
		{"encoding", j.GetEncodingId()},
		{"platform status", unknownStatus(j)},
		{"no attempt before", formatTime(j.GetNextAttemptTime())},
		{"waits since", formatTime(j.GetWait().GetSince())},
		{"waits until", formatTime(j.GetWait().GetUntil())},
	})
	if attempts := response.GetAttempts(); len(attempts) > 0 {
		text += "\n" + attemptTable(attempts).aligned()
	}
	return text + "\n" + eventTable(response.GetEvents()).aligned()
}

func attemptTable(attempts []*stokerv1.Attempt) *Table {
	list := &Table{Header: []string{"ATTEMPT", "STATE", "STARTED", "ENDED", "ENCODING", "REASON"}}
	for _, a := range attempts {
		reason := ""
		if a.GetFailure() != nil {
			reason = failureLine(a.GetFailure())
		}
		list.AddRow(itoa(a.GetNumber()), JobState(a.GetState()), formatTime(a.GetStartTime()), formatTime(a.GetFinishTime()), a.GetEncodingId(), reason)
	}
	return list
}

func eventTable(events []*stokerv1.JobEvent) *Table {
	list := &Table{Header: []string{"TIME", "FROM", "TO", "ATTEMPT", "REASON"}}
	for _, e := range events {
		from := "-"
		if e.GetFrom() != stokerv1.JobState_JOB_STATE_UNSPECIFIED {
			from = JobState(e.GetFrom())
		}
		list.AddRow(formatTime(e.GetTime()), from, JobState(e.GetTo()), itoa(e.GetAttempt()), e.GetReason())
	}
	return list
}

// unknownStatus is the platform's status of a job if the server does not know that status; else it is
// empty.
func unknownStatus(j *stokerv1.Job) string {
	if j.GetPlatformStatus() == "" {
		return ""
	}
	return j.GetPlatformStatus() + " (unknown to this server) since " + formatTime(j.GetPlatformStatusTime())
}
