package ui

import (
	"fmt"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// Replicas lists the processes that serve one database.
func Replicas() output.Listing[*stokerv1.Replica] {
	type replica = *stokerv1.Replica
	return output.Listing[replica]{
		Name: replica.GetAddress,
		Columns: []output.Column[replica]{
			{Head: "ADDRESS", Cut: output.CutMiddle, Value: func(r replica) output.Value { return output.Text(r.GetAddress()) }},
			{Head: "VERSION", LeaveOut: 1, Value: func(r replica) output.Value { return output.Text(r.GetVersion()) }},
			{Head: "STARTED", Value: func(r replica) output.Value { return output.At(r.GetStartTime()) }},
			{Head: "DRIVES", Cut: output.CutEnd, Value: func(r replica) output.Value {
				return output.Text(joinTerms(r, func(t *stokerv1.ReplicaTerm) string { return t.GetAccountId() }))
			}},
			{Head: "EPOCH", Wide: true, Value: func(r replica) output.Value {
				return output.Text(joinTerms(r, func(t *stokerv1.ReplicaTerm) string { return fmt.Sprint(t.GetEpoch()) }))
			}},
			{Head: "SINCE", Wide: true, Value: func(r replica) output.Value {
				return output.Text(joinTerms(r, func(t *stokerv1.ReplicaTerm) string { return t.GetSince().AsTime().Format("2006-01-02T15:04:05Z") }))
			}},
		},
	}
}

// joinTerms names something of each term of a replica.
func joinTerms(r *stokerv1.Replica, word func(*stokerv1.ReplicaTerm) string) string {
	words := make([]string, len(r.GetTerms()))
	for i, t := range r.GetTerms() {
		words[i] = word(t)
	}
	return strings.Join(words, " ")
}

// driverWords says which replica drives an account; empty on a service without replicas.
func driverWords(a *stokerv1.Account, l output.Look) string {
	d := a.GetDriver()
	switch {
	case d == nil:
		return ""
	case d.GetAddress() == "":
		return "none: no replica drives the account at present"
	}
	return fmt.Sprintf("%s, since %s, epoch %d", d.GetAddress(), l.Time(d.GetSince().AsTime()), d.GetEpoch())
}
