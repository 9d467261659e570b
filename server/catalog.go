package server

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/job"
)

// Catalog has the parts of the configuration that a submission can name. It must not change after
// [New].
type Catalog struct {
	Profiles  map[string]job.Recipe   // by name
	Templates map[string]job.Template // by name
	Storages  map[string]Storage      // by name
	// ProfileAccounts and TemplateAccounts name the accounts that may use a profile or a template, by name
	// of that. All accounts may use one that is not in it.
	ProfileAccounts, TemplateAccounts map[string][]string
	// Retry has the values of a retry policy that a submission leaves out. Its zero value allows
	// no retries: set MaxRetries, usually to [job.DefaultMaxRetries].
	Retry job.RetryPolicy
}

// Storage says what a configured storage can be used for.
type Storage struct {
	Input  bool // assets can be read from it
	Output bool // results can be written to it
	// InputBase and OutputBase are the base paths for reading and for writing. They neither begin
	// nor end with a slash.
	InputBase, OutputBase string
	// InputAccounts and OutputAccounts name the accounts that may read from it and write to it; nil: all.
	InputAccounts, OutputAccounts []string
}

// accounts names the accounts that may use the storage as "input" or as "output"; nil: all.
func (s Storage) accounts(way string) []string {
	if way == "input" {
		return s.InputAccounts
	}
	return s.OutputAccounts
}

// usableBy reports whether an account is one of those that may use something; nil stands for all.
func usableBy(accounts []string, account string) bool {
	return accounts == nil || slices.Contains(accounts, account)
}

// addUnusable notes that the batch's account cannot use an entry of the catalog. Whoever may use none of the
// accounts that can use it does not learn that it exists.
func (s *submission) addUnusable(field, kind, name string, exists bool, accounts map[string][]string, all iter.Seq[string]) {
	usable := slices.DeleteFunc(slices.Sorted(all), func(n string) bool { return !usableBy(accounts[n], s.batch.AccountID) })
	if exists && s.caller.MayUseAny(accounts[name]) {
		s.add(field, "%s %q is not for account %q; %s", kind, name, s.batch.AccountID, listed(usable))
		return
	}
	s.addUnknown(field, kind, name, usable)
}

// checkStorage checks that the batch can use a storage as "input" or as "output".
func (s *submission) checkStorage(way, name string) {
	storage, exists := s.catalog.Storages[name]
	exists = exists && s.caller.MayUseAny(storage.accounts(way))
	usable := slices.DeleteFunc(slices.Sorted(maps.Keys(s.catalog.Storages)), func(n string) bool {
		other := s.catalog.Storages[n]
		return !other.usableAs(way) || !usableBy(other.accounts(way), s.batch.AccountID)
	})
	switch {
	case !exists:
		s.addUnknown(way, "storage", name, usable)
	case !storage.usableAs(way):
		s.add(way, "storage %q cannot be used as %s; %s", name, way, listed(usable))
	case !usableBy(storage.accounts(way), s.batch.AccountID):
		s.add(way, "storage %q is not for account %q; %s", name, s.batch.AccountID, listed(usable))
	}
}

// checkKeyUse refuses what can reach everything that the API key reaches, whatever the catalog names, unless
// the caller may do so: templates that come with a submission, and ids of inputs and outputs at the platform.
func (s *Server) checkKeyUse(ctx context.Context, what string, asked bool) error {
	p := grantOf(ctx).principal
	if !asked || p.Role >= access.Operator || s.allowInlineTemplates {
		return nil
	}
	return &roleError{principal: p, needed: access.Operator, what: what}
}

// usableAs reports whether the storage can be used as "input" or as "output".
func (s Storage) usableAs(way string) bool {
	return way == "input" && s.Input || way == "output" && s.Output
}
