package server

import (
	"context"
	"iter"
	"maps"
	"slices"
)

// accounts names the accounts that may use the storage as "input" or as "output"; nil: all.
func (s Storage) accounts(way string) []string {
	if way == "input" {
		return s.InputAccounts
	}
	return s.OutputAccounts
}

// isUsable reports whether the batch's account is one of those that may use something; nil stands for all. To a caller
// an account that it may not use is like one that does not exist, of which nothing is told.
func (s *submission) isUsable(accounts []string) bool {
	return accounts == nil || s.caller.MayUse(s.batch.AccountID) && slices.Contains(accounts, s.batch.AccountID)
}

// addUnusable notes that the batch's account cannot use an entry of the catalog. Whoever may use none of the
// accounts that can use it does not learn that it exists.
func (s *submission) addUnusable(field, kind, name string, exists bool, accounts map[string][]string, all iter.Seq[string]) {
	usable := slices.DeleteFunc(slices.Sorted(all), func(n string) bool { return !s.isUsable(accounts[n]) })
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
		return !other.usableAs(way) || !s.isUsable(other.accounts(way))
	})
	switch {
	case !exists:
		s.addUnknown(way, "storage", name, usable)
	case !storage.usableAs(way):
		s.add(way, "storage %q cannot be used as %s; %s", name, way, listed(usable))
	case !s.isUsable(storage.accounts(way)):
		s.add(way, "storage %q is not for account %q; %s", name, s.batch.AccountID, listed(usable))
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

// visibleStorages returns the storages that the caller may use with one of its accounts, each for what the caller
// may use it for.
func (c *Catalog) visibleStorages(ctx context.Context) map[string]Storage {
	p, storages := grantOf(ctx).principal, map[string]Storage{}
	for name, s := range c.Storages {
		s.Input = s.Input && p.MayUseAny(s.InputAccounts)
		s.Output = s.Output && p.MayUseAny(s.OutputAccounts)
		if s.Input || s.Output {
			storages[name] = s
		}
	}
	return storages
}
