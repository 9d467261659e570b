package ui

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// JobTitle is what people recognise a job by: its name, or else its key, or else the last part of its
// input path, or else its id.
func JobTitle(j *stokerv1.Job) string {
	path := j.GetInputPath()
	return output.Printable(cmp.Or(j.GetName(), j.GetKey(), path[strings.LastIndexByte(path, '/')+1:], j.GetId()))
}

// JobFailure says on one line why a job failed.
func JobFailure(j *stokerv1.Job) string {
	if j.GetFailure() == nil {
		return output.Printable(j.GetReason())
	}
	return failureLine(j.GetFailure())
}

// failureLine is a failure on one line: its category, or else its kind, its code and its texts.
func failureLine(f *stokerv1.Failure) string {
	head := enumName(f.GetKind().String(), "FAILURE_KIND_")
	if f.GetCategory() != "" {
		head = output.Printable(f.GetCategory())
	}
	if f.GetCode() != 0 {
		head += " " + strconv.Itoa(int(f.GetCode()))
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
	return strings.Join(strings.Fields(output.Printable(strings.Join(parts, "; "))), " ")
}

// inBrackets is a text in brackets, after a space; empty for an empty text.
func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}
