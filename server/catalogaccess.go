package server

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/stokerd/stoker/internal/access"
)

// accounts names the accounts that may use the storage as "input" or as "output"; nil: all.
func (s Storage) accounts(way string) []string {
	if way == "input" {
		return s.InputAccounts
	}
	return s.OutputAccounts
}

// visibleTo is the storage as a principal may use it with one of its accounts. What it may not use it for is left
// out; ok is false if it may use it for nothing.
func (s Storage) visibleTo(p *access.Principal) (visible Storage, ok bool) {
	if s.Input = s.Input && p.MayUseAny(s.InputAccounts); !s.Input {
		s.InputBase, s.InputPlace, s.InputAccounts = "", Place{}, nil
	}
	if s.Output = s.Output && p.MayUseAny(s.OutputAccounts); !s.Output {
		s.OutputBase, s.OutputPlace, s.OutputAccounts = "", Place{}, nil
	}
	return s, s.Input || s.Output
}

// usable reports whether the batch's account is one of those that may use something; nil stands for all. An account
// that the caller may not use is never named: what is said of it would tell what is for it, and that it exists.
func (s *submission) usable(accounts []string) bool {
	return accounts == nil || s.caller.MayUse(s.batch.AccountID) && slices.Contains(accounts, s.batch.AccountID)
}

// addUnusable notes that the batch's account cannot use an entry of the catalog. Whoever may use none of the
// accounts that can use it does not learn that it exists.
func (s *submission) addUnusable(field, kind, name string, exists bool, accounts map[string][]string, all iter.Seq[string]) {
	usable := slices.DeleteFunc(slices.Sorted(all), func(n string) bool { return !s.usable(accounts[n]) })
	if exists && s.caller.MayUseAny(accounts[name]) {
		s.add(field, "%s %q is not for account %q; %s", kind, name, s.batch.AccountID, listed(usable))
		return
	}
	s.addUnknown(field, kind, name, usable)
}

// checkStorage checks that the batch can use a storage as "input" or as "output", and reports whether it can.
func (s *submission) checkStorage(way, name string) bool {
	storages := s.catalog.visibleStorages(s.caller)
	storage, exists := storages[name]
	usable := slices.DeleteFunc(slices.Sorted(maps.Keys(storages)), func(n string) bool {
		return !storages[n].usableAs(way) || !s.usable(storages[n].accounts(way))
	})
	switch {
	case !exists:
		s.addUnknown(way, "storage", name, usable)
	case !storage.usableAs(way):
		s.add(way, "storage %q cannot be used as %s; %s", name, way, listed(usable))
	case !s.usable(storage.accounts(way)):
		s.add(way, "storage %q is not for account %q; %s", name, s.batch.AccountID, listed(usable))
	default:
		return true
	}
	return false
}

// setBases sets the base paths of the batch's storages. One that the batch cannot use has none: what is said of the
// jobs would tell of it.
func (s *submission) setBases() {
	s.inputBase, s.outputBase = s.catalog.Storages[s.batch.Input.Name].InputBase, s.catalog.Storages[s.batch.Output.Name].OutputBase
	if slices.Contains(s.unusable, "input") {
		s.inputBase = ""
	}
	if slices.Contains(s.unusable, "output") {
		s.outputBase = ""
	}
}

// visible returns those of the names that the caller may use with one of its accounts.
func visible(ctx context.Context, names iter.Seq[string], accounts func(name string) []string) []string {
	p := grantOf(ctx).principal
	return slices.DeleteFunc(slices.Sorted(names), func(name string) bool { return !p.MayUseAny(accounts(name)) })
}

// profileAccounts and templateAccounts return the accounts that may use a profile or a template; nil: all.
func (c *Catalog) profileAccounts(name string) []string  { return c.ProfileAccounts[name] }
func (c *Catalog) templateAccounts(name string) []string { return c.TemplateAccounts[name] }

// visibleStorages returns the storages that a principal may use with one of its accounts, each for what it may use
// it for.
func (c *Catalog) visibleStorages(p *access.Principal) map[string]Storage {
	storages := map[string]Storage{}
	for name, s := range c.Storages {
		if visible, ok := s.visibleTo(p); ok {
			storages[name] = visible
		}
	}
	return storages
}
