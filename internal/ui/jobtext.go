package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// BatchState is the name of a state in the contract, such as ACTIVE.
func BatchState(s stokerv1.BatchState) string { return enumName(s.String(), "BATCH_STATE_") }

// JobState is the name of a state in the contract, such as RUNNING.
func JobState(s stokerv1.JobState) string { return enumName(s.String(), "JOB_STATE_") }

// enumName is the name of a value without the prefix that all values of its type share.
func enumName(name, prefix string) string { return strings.TrimPrefix(name, prefix) }

// JobTitle is what people recognise a job by: its name, or else its key, or else the last part of its
// input path, or else its id.
func JobTitle(j *stokerv1.Job) string {
	path := j.GetInputPath()
	return Printable(cmp.Or(j.GetName(), j.GetKey(), path[strings.LastIndexByte(path, '/')+1:], j.GetId()))
}

// JobFailure says on one line why a job failed.
func JobFailure(j *stokerv1.Job) string {
	if j.GetFailure() == nil {
		return Printable(j.GetReason())
	}
	return failureLine(j.GetFailure())
}

// failureLine is a failure on one line: its category, or else its kind, its code and its texts.
func failureLine(f *stokerv1.Failure) string {
	head := enumName(f.GetKind().String(), "FAILURE_KIND_")
	if f.GetCategory() != "" {
		head = Printable(f.GetCategory())
	}
	if f.GetCode() != 0 {
		head += " " + itoa(f.GetCode())
	}
	if text := failureText(f); text != "" {
		return head + ": " + text
	}
	return head
}

// failureText is the platform's text and messages on one line, equal ones once.
func failureText(f *stokerv1.Failure) string {
	var parts []string
	for _, text := range append([]string{f.GetText()}, f.GetMessages()...) {
		if text != "" && !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	return strings.Join(strings.Fields(Printable(strings.Join(parts, "; "))), " ")
}

// failedAttemptLine says that a job failed, or that an attempt of it failed and another follows.
func failedAttemptLine(j *stokerv1.Job) string {
	event := "failed"
	if j.GetState() == stokerv1.JobState_JOB_STATE_WAITING {
		event = fmt.Sprintf("attempt %d failed, another follows", j.GetAttempt())
	}
	return fmt.Sprintf("%s: %s: %s (%s)", JobTitle(j), event, JobFailure(j), j.GetId())
}

// jobReason says why a job failed, or else what it waits for and why its latest attempt ended. It is
// empty if the server gives no reason.
func jobReason(j *stokerv1.Job) string {
	switch {
	case j.GetState() == stokerv1.JobState_JOB_STATE_FAILED:
		return JobFailure(j)
	case j.GetWaitReason() == "" || j.GetReason() == "":
		return j.GetReason() + j.GetWaitReason()
	}
	return j.GetWaitReason() + " (after: " + j.GetReason() + ")"
}
