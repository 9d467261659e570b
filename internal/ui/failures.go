package ui

import (
	"fmt"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// Failures lists causes of failures.
func Failures() output.Listing[*stokerv1.FailureCause] {
	return output.Listing[*stokerv1.FailureCause]{
		Name: (*stokerv1.FailureCause).GetCause,
		Columns: []output.Column[*stokerv1.FailureCause]{
			{Head: "JOBS", Right: true, Value: func(f *stokerv1.FailureCause) output.Value { return output.Count(f.GetCount()) }},
			{Head: "CAUSE", LeaveOut: 2, Value: func(f *stokerv1.FailureCause) output.Value { return output.Text(f.GetCause()) }},
			{Head: "FAILURE", Cut: output.CutEnd, ShrinkTo: 20, Value: func(f *stokerv1.FailureCause) output.Value {
				return output.Text(shortFailure(f.GetFailure(), ""))
			}},
			{Head: "RETRIES", LeaveOut: 1, Value: func(f *stokerv1.FailureCause) output.Value { return output.Own(retriesLeft(f.GetFailure())) }},
			{Head: "EXAMPLE", Value: func(f *stokerv1.FailureCause) output.Value { return output.Text(exampleName(f)) }},
			{Head: "KIND", Wide: true, Value: func(f *stokerv1.FailureCause) output.Value {
				return output.Text(enumName(f.GetFailure().GetKind().String(), "FAILURE_KIND_"))
			}},
			{Head: "CATEGORY", Wide: true, Value: func(f *stokerv1.FailureCause) output.Value { return output.Text(f.GetFailure().GetCategory()) }},
		},
	}
}

// exampleName is one of the jobs of a cause.
func exampleName(f *stokerv1.FailureCause) string {
	_, number, ok := strings.Cut(f.GetJobId(), "/")
	if !ok || f.GetBatchNumber() == 0 {
		return f.GetJobId()
	}
	return fmt.Sprintf("%d/%s", f.GetBatchNumber(), number)
}

// retriesLeft says why a failed job gets no further attempt.
func retriesLeft(f *stokerv1.Failure) string {
	if f.GetPermanent() {
		return "permanent"
	}
	return "used up"
}

// oneLine is a text of the platform on one line.
func oneLine(text string) string { return strings.Join(strings.Fields(output.Printable(text)), " ") }

// ShortFailure says in a few words why something failed.
func ShortFailure(f *stokerv1.Failure) string { return shortFailure(f, "") }

// shortFailure says in a few words why something failed, with the platform's code in parentheses. reason is
// for jobs that failed without a failure of the platform.
func shortFailure(f *stokerv1.Failure, reason string) string {
	if f == nil {
		return reason
	}
	text := oneLine(f.GetText())
	if sentence, _, more := strings.Cut(text, ". "); more {
		text = sentence
	}
	text = strings.TrimSuffix(text, ".")
	if text == "" {
		text = strings.ToLower(strings.ReplaceAll(enumName(f.GetKind().String(), "FAILURE_KIND_"), "_", " "))
	}
	code := f.GetCode()
	if code == 0 {
		code = f.GetHttpStatus()
	}
	if code == 0 {
		return text
	}
	return fmt.Sprintf("%s (%d)", text, code)
}
