package ui

import (
	"cmp"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// Role is the name of a role as the command line takes it, such as viewer.
func Role(r stokerv1.Role) string {
	return strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_"))
}

// BoundTo says in words which accounts somebody is bound to.
func BoundTo(accounts []string) string {
	return cmp.Or(strings.Join(accounts, ", "), "all accounts")
}

// Tokens lists tokens as they are at a time.
func Tokens(now time.Time) output.Listing[*stokerv1.Token] {
	type token = *stokerv1.Token
	return output.Listing[token]{
		Name: token.GetId,
		Columns: []output.Column[token]{
			{Head: "TOKEN", Value: func(t token) output.Value { return output.Text(t.GetId()) }},
			{Head: "NAME", Cut: output.CutEnd, ShrinkTo: 12, Value: func(t token) output.Value { return output.Text(t.GetName()) }},
			{Head: "ROLE", Value: func(t token) output.Value { return output.Own(Role(t.GetRole())) }},
			{Head: "ACCOUNTS", Cut: output.CutEnd, Value: func(t token) output.Value { return output.Text(BoundTo(t.GetAccounts())) }},
			{Head: "STATE", Value: func(t token) output.Value { return output.Own(tokenState(t, now)) }},
			{Head: "EXPIRES", LeaveOut: 3, Value: func(t token) output.Value { return timeOrNever(t.GetExpireTime()) }},
			{Head: "USED", LeaveOut: 2, Value: func(t token) output.Value { return timeOrNever(t.GetLastUseTime()) }},
			{Head: "CREATED", LeaveOut: 1, Value: func(t token) output.Value { return output.AtMinute(t.GetCreateTime()) }},
			{Head: "BY", Wide: true, Value: func(t token) output.Value { return output.Text(t.GetCreatedBy()) }},
		},
	}
}

// tokenState is valid, revoked or expired.
func tokenState(t *stokerv1.Token, now time.Time) string {
	switch {
	case t.GetRevokeTime() != nil:
		return "revoked"
	case t.GetExpireTime() != nil && !now.Before(t.GetExpireTime().AsTime()):
		return "expired"
	}
	return "valid"
}

func timeOrNever(t *timestamppb.Timestamp) output.Value {
	if t == nil {
		return output.Own("never")
	}
	return output.AtMinute(t)
}

// Identity shows who a caller is.
func Identity() output.Listing[*stokerv1.WhoAmIResponse] {
	type identity = *stokerv1.WhoAmIResponse
	return output.Listing[identity]{
		Name: func(m identity) string { return m.GetPrincipal().GetName() },
		Columns: []output.Column[identity]{
			{Head: "PRINCIPAL", Cut: output.CutMiddle, ShrinkTo: 20, Value: func(m identity) output.Value { return output.Text(m.GetPrincipal().GetName()) }},
			{Head: "ROLE", Value: func(m identity) output.Value { return output.Own(Role(m.GetPrincipal().GetRole())) }},
			{Head: "ACCOUNTS", Cut: output.CutEnd, Value: func(m identity) output.Value { return output.Text(BoundTo(m.GetPrincipal().GetAccounts())) }},
			{Head: "EXPIRES", LeaveOut: 1, Value: func(m identity) output.Value { return timeOrNever(m.GetExpireTime()) }},
		},
	}
}

// Entries lists entries of the audit log.
func Entries() output.Listing[*stokerv1.Entry] {
	type entry = *stokerv1.Entry
	return output.Listing[entry]{
		Name: entry.GetId,
		Columns: []output.Column[entry]{
			{Head: "TIME", Value: func(e entry) output.Value { return output.At(e.GetTime()) }},
			{Head: "PRINCIPAL", Cut: output.CutMiddle, Value: func(e entry) output.Value { return output.Text(e.GetPrincipal()) }},
			{Head: "METHOD", Value: func(e entry) output.Value { return output.Text(shortMethod(e.GetMethod())) }},
			{Head: "TARGET", Cut: output.CutEnd, LeaveOut: 2, Value: func(e entry) output.Value { return output.Text(e.GetTarget()) }},
			{Head: "OUTCOME", Value: func(e entry) output.Value { return output.Text(e.GetOutcome()) }},
			{Head: "DETAIL", Cut: output.CutEnd, ShrinkTo: 12, LeaveOut: 3, Value: func(e entry) output.Value { return output.Text(entryDetail(e)) }},
			{Head: "ADDRESS", LeaveOut: 1, Value: func(e entry) output.Value { return output.Text(e.GetAddress()) }},
			{Head: "CALL", Wide: true, Value: func(e entry) output.Value { return output.Text(e.GetCallId()) }},
		},
	}
}

// shortMethod is a method without its service.
func shortMethod(method string) string {
	_, name, _ := strings.Cut(method, "/")
	return cmp.Or(name, method)
}

// entryDetail says what was changed, or how many calls were refused.
func entryDetail(e *stokerv1.Entry) string {
	if n := e.GetRefusedCount(); n > 0 {
		return output.Plural(n, "refused call") + ", the last: " + e.GetDetail()
	}
	return e.GetDetail()
}
