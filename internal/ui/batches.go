package ui

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// Batches lists batches.
func Batches() output.Listing[*stokerv1.Batch] {
	return output.Listing[*stokerv1.Batch]{
		Name: func(b *stokerv1.Batch) string { return BatchName(b.GetNumber(), b.GetId()) },
		Columns: []output.Column[*stokerv1.Batch]{
			{Head: "BATCH", Right: true, Value: func(b *stokerv1.Batch) output.Value {
				return output.Named(BatchName(b.GetNumber(), b.GetId()), b.GetNumber())
			}},
			{Head: "NAME", Cut: output.CutEnd, ShrinkTo: 12, Value: func(b *stokerv1.Batch) output.Value { return output.Text(b.GetDisplayName()) }},
			{Head: "STATE", Value: BatchStateValue},
			{Head: "DONE", Right: true, Value: doneValue},
			{Head: "JOBS", Right: true, LeaveOut: 3, Value: func(b *stokerv1.Batch) output.Value { return output.Count(b.GetJobCount()) }},
			{Head: "FAILED", Right: true, LeaveOut: 4, Value: failedValue},
			{Head: "END", LeaveOut: 2, Value: endValue},
			{Head: "DETAIL", Cut: output.CutEnd, LeaveOut: 1, Value: func(b *stokerv1.Batch) output.Value {
				return output.Composed(func(l output.Look) string { return batchDetail(b, l) })
			}},
			{Head: "ACCOUNT", Wide: true, Value: func(b *stokerv1.Batch) output.Value { return output.Text(b.GetAccount()) }},
			{Head: "PRIORITY", Right: true, Wide: true, Value: func(b *stokerv1.Batch) output.Value { return output.Count(b.GetPriority()) }},
			{Head: "LABELS", Wide: true, Value: func(b *stokerv1.Batch) output.Value { return output.Text(labelText(b.GetLabels(), ",")) }},
			{Head: "CREATED", Wide: true, Value: func(b *stokerv1.Batch) output.Value { return output.AtMinute(b.GetCreateTime()) }},
			{Head: "BY", Wide: true, Value: func(b *stokerv1.Batch) output.Value { return output.Text(b.GetCreatedBy()) }},
			{Head: "ID", Wide: true, Value: func(b *stokerv1.Batch) output.Value { return output.Text(b.GetId()) }},
		},
	}
}

// BatchName is what commands take for a batch and people say: its number, or its id if it has none yet.
func BatchName(number int64, id string) string {
	if number == 0 {
		return id
	}
	return strconv.FormatInt(number, 10)
}

// BatchTitle is a batch in a sentence: its number and its name.
func BatchTitle(b *stokerv1.Batch) string {
	name := BatchName(b.GetNumber(), b.GetId())
	if b.GetDisplayName() == "" || b.GetDisplayName() == b.GetId() {
		return name
	}
	return name + " " + output.Printable(b.GetDisplayName())
}

// BatchCount counts batches: "1 batch", "2,000 batches".
func BatchCount(n int64) string {
	if n == 1 {
		return "1 batch"
	}
	return output.Number(n) + " batches"
}

// doneValue is how much of a batch is done; empty once it is over.
func doneValue(b *stokerv1.Batch) output.Value {
	if BatchEnded(b) {
		return output.Value{}
	}
	return output.Share(b.GetPercent())
}

// failedValue is how many jobs of a batch have failed.
func failedValue(b *stokerv1.Batch) output.Value {
	failed := b.GetCounts().GetFailed()
	v := output.Count(failed)
	if failed > 0 {
		v = v.Coloured(output.Red)
	}
	return v
}

// endValue is when a batch ended, or when it is expected to.
func endValue(b *stokerv1.Batch) output.Value {
	switch {
	case BatchEnded(b):
		return output.AtMinute(b.GetFinishTime())
	case b.GetEstimatedFinishTime() != nil:
		likely := b.GetEstimatedFinishTime()
		return output.Forecast(cmp.Or(b.GetEarliestFinishTime(), likely).AsTime(), cmp.Or(b.GetLatestFinishTime(), likely).AsTime())
	case b.GetState() == stokerv1.BatchState_BATCH_STATE_PAUSED, b.GetState() == stokerv1.BatchState_BATCH_STATE_CANCELLING:
		return output.Nothing()
	}
	return output.Own("not known").Coloured(output.Faint).ForPrograms("")
}

// batchDetail says why a batch is paused or waits, or how long it took.
func batchDetail(b *stokerv1.Batch, l output.Look) string {
	if BatchEnded(b) {
		detail := b.GetStateReason()
		if b.GetStartTime() != nil && b.GetFinishTime() != nil {
			took := "took " + output.Duration(b.GetFinishTime().AsTime().Sub(b.GetStartTime().AsTime()))
			detail = strings.TrimPrefix(detail+"; "+took, "; ")
		}
		return detail
	}
	return cmp.Or(b.GetStateReason(), waitWords(b.GetWait(), b.GetWaitReason(), l))
}

// labelText is labels as KEY=VALUE, in the order of their keys.
func labelText(labels map[string]string, separator string) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, key+"="+labels[key])
	}
	return strings.Join(pairs, separator)
}
