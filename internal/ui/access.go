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

// TokenAccounts says in words which accounts a token is bound to.
func TokenAccounts(t *stokerv1.Token) string { return accountNames(t.GetAccounts()) }

func accountNames(accounts []string) string {
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
			{Head: "ACCOUNTS", Cut: output.CutEnd, Value: func(t token) output.Value { return output.Text(TokenAccounts(t)) }},
			{Head: "STATE", Value: func(t token) output.Value { return tokenState(t, now) }},
			{Head: "EXPIRES", LeaveOut: 2, Value: func(t token) output.Value { return timeOrNothing(t.GetExpireTime()) }},
			{Head: "USED", LeaveOut: 1, Value: func(t token) output.Value { return timeOrNothing(t.GetLastUseTime()) }},
			{Head: "CREATED", Wide: true, Value: func(t token) output.Value { return output.AtMinute(t.GetCreateTime()) }},
			{Head: "BY", Wide: true, Value: func(t token) output.Value { return output.Text(t.GetCreatedBy()) }},
		},
	}
}

// tokenState is valid, revoked or expired.
func tokenState(t *stokerv1.Token, now time.Time) output.Value {
	switch {
	case t.GetRevokeTime() != nil:
		return output.Own("revoked").Coloured(output.Faint)
	case t.GetExpireTime() != nil && !now.Before(t.GetExpireTime().AsTime()):
		return output.Own("expired").Coloured(output.Faint)
	}
	return output.Own("valid")
}

func timeOrNothing(t *timestamppb.Timestamp) output.Value {
	if t == nil {
		return output.Nothing()
	}
	return output.AtMinute(t)
}

// Caller lists who a caller is.
func Caller() output.Listing[*stokerv1.WhoAmIResponse] {
	type caller = *stokerv1.WhoAmIResponse
	return output.Listing[caller]{
		Name: func(m caller) string { return m.GetPrincipal().GetName() },
		Columns: []output.Column[caller]{
			{Head: "PRINCIPAL", Cut: output.CutEnd, ShrinkTo: 12, Value: func(m caller) output.Value { return output.Text(m.GetPrincipal().GetName()) }},
			{Head: "ROLE", Value: func(m caller) output.Value { return output.Own(Role(m.GetPrincipal().GetRole())) }},
			{Head: "ACCOUNTS", Cut: output.CutEnd, Value: func(m caller) output.Value { return output.Text(accountNames(m.GetPrincipal().GetAccounts())) }},
			{Head: "EXPIRES", Value: func(m caller) output.Value { return timeOrNothing(m.GetExpireTime()) }},
		},
	}
}

// Entries lists entries of the audit log.
func Entries() output.Listing[*stokerv1.Entry] {
	type entry = *stokerv1.Entry
	return output.Listing[entry]{
		Name: entry.GetCallId,
		Columns: []output.Column[entry]{
			{Head: "TIME", Value: func(e entry) output.Value { return output.At(e.GetTime()) }},
			{Head: "PRINCIPAL", Cut: output.CutEnd, Value: func(e entry) output.Value { return output.Text(e.GetPrincipal()) }},
			{Head: "METHOD", Value: func(e entry) output.Value { return output.Text(entryMethod(e)) }},
			{Head: "TARGET", Cut: output.CutMiddle, LeaveOut: 1, Value: func(e entry) output.Value { return output.Text(e.GetTarget()) }},
			{Head: "OUTCOME", Value: func(e entry) output.Value { return outcome(e) }},
			{Head: "DETAIL", Cut: output.CutEnd, ShrinkTo: 20, LeaveOut: 2, Value: func(e entry) output.Value { return output.Text(entryDetail(e)) }},
			{Head: "ADDRESS", Wide: true, Value: func(e entry) output.Value { return output.Text(e.GetAddress()) }},
			{Head: "CALL", Wide: true, Value: func(e entry) output.Value { return output.Text(e.GetCallId()) }},
		},
	}
}

func entryMethod(e *stokerv1.Entry) string {
	_, method, _ := strings.Cut(e.GetMethod(), "/")
	return cmp.Or(method, e.GetMethod())
}

func outcome(e *stokerv1.Entry) output.Value {
	v := output.Text(e.GetOutcome())
	if e.GetOutcome() != "OK" {
		return v.Coloured(output.Red)
	}
	return v
}

func entryDetail(e *stokerv1.Entry) string {
	if n := e.GetRefusedCount(); n > 0 {
		return output.Plural(n, "refused call") + ", the last: " + e.GetDetail()
	}
	return e.GetDetail()
}
