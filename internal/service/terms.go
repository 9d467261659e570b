package service

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// accountTerm is a term with the view of the job table that belongs to it.
type accountTerm struct {
	*store.Term
	view *store.Store
}

func (t accountTerm) Store() dispatcher.Store { return t.view }

// campaignFor has the dispatcher drive accounts during terms only, if other processes can work on the table.
func campaignFor(s *store.Store) func(context.Context, []string) (dispatcher.Term, error) {
	if !s.Shares() {
		return nil
	}
	return func(ctx context.Context, accounts []string) (dispatcher.Term, error) {
		term, err := s.Campaign(ctx, accounts)
		if err != nil {
			return nil, err
		}
		return accountTerm{term, s.As(term)}, nil
	}
}

// drivenAccounts has the status of the accounts that this process drives: of replicas, one tells of each account.
type drivenAccounts struct{ *store.Store }

func (a drivenAccounts) AccountStatuses() []job.AccountStatus {
	return slices.DeleteFunc(a.Store.AccountStatuses(), func(s job.AccountStatus) bool { return !a.Drives(s.ID) })
}

// keepHouse does until ctx ends what one process at a time does for the whole table.
func (s *Service) keepHouse(ctx context.Context) error {
	if !s.store.Shares() {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return s.notifier.Run(ctx) })
		group.Go(func() error { return s.housekeeper.Run(ctx) })
		return group.Wait()
	}
	for ctx.Err() == nil {
		term, err := s.store.Campaign(ctx, []string{store.Housekeeping})
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			return err
		}
		if err := s.keepHouseDuring(ctx, term); err != nil {
			return err
		}
	}
	return nil
}

// keepHouseDuring does so during a term, and gives it back.
func (s *Service) keepHouseDuring(ctx context.Context, term *store.Term) error {
	defer term.Release()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(term.Context(), func() { stop(context.Cause(term.Context())) })()
	view := s.store.As(term)
	var group errgroup.Group
	group.Go(func() error { return s.notifier.RunAs(ctx, store.NewNotificationTable(view)) })
	group.Go(func() error { return s.housekeeper.RunAs(ctx, store.NewKeeper(view)) })
	group.Go(func() error {
		view.Housekeep(ctx)
		return nil
	})
	group.Go(func() error {
		s.dispatcher.KeepBatches(ctx, view)
		return nil
	})
	return group.Wait()
}
