package ui

import (
	"cmp"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
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

// TokenTable is a table of tokens as they are at a time.
func TokenTable(tokens []*stokerv1.Token, now time.Time) *Table {
	table := &Table{Header: []string{"ID", "NAME", "ROLE", "ACCOUNTS", "STATE", "EXPIRES", "LAST USED", "CREATED", "CREATED BY"}}
	for _, t := range tokens {
		table.AddRow(t.GetId(), t.GetName(), Role(t.GetRole()), TokenAccounts(t), tokenState(t, now),
			timeOr(t.GetExpireTime(), "never"), timeOr(t.GetLastUseTime(), "never"), formatTime(t.GetCreateTime()), t.GetCreatedBy())
	}
	return table
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

func timeOr(t *timestamppb.Timestamp, none string) string {
	if t == nil {
		return none
	}
	return formatTime(t)
}

// WhoAmITable is a table of who a caller is.
func WhoAmITable(m *stokerv1.WhoAmIResponse) *Table {
	p := m.GetPrincipal()
	table := &Table{Header: []string{"PRINCIPAL", "ROLE", "ACCOUNTS", "EXPIRES"}}
	table.AddRow(p.GetName(), Role(p.GetRole()), accountNames(p.GetAccounts()), timeOr(m.GetExpireTime(), "never"))
	return table
}

// EntryTable is an empty table of entries of the audit log.
func EntryTable() *Table {
	return &Table{Header: []string{"TIME", "PRINCIPAL", "METHOD", "TARGET", "OUTCOME", "DETAIL", "ADDRESS", "CALL ID"}}
}

// EntryRow is the row of an entry.
func EntryRow(e *stokerv1.Entry) []string {
	detail := e.GetDetail()
	if n := e.GetRefusedCount(); n > 0 {
		detail = Plural(n, "refused call") + ", the last: " + detail
	}
	_, method, _ := strings.Cut(e.GetMethod(), "/")
	return []string{
		formatTime(e.GetTime()), e.GetPrincipal(), cmp.Or(method, e.GetMethod()), e.GetTarget(), e.GetOutcome(), detail, e.GetAddress(), e.GetCallId(),
	}
}
