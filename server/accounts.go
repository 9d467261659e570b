package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// accountService implements AccountService.
type accountService struct {
	stokerv1.UnimplementedAccountServiceServer

	server *Server
}

// defaultAccountsPage is how many accounts a page has if the request has no page_size.
const defaultAccountsPage = job.MaxPageSize

// ListAccounts lists the configured accounts, in the order of their ids.
func (s *accountService) ListAccounts(ctx context.Context, req *stokerv1.ListAccountsRequest) (*stokerv1.ListAccountsResponse, error) {
	after, err := parseNameToken(req.GetPageToken(), accountTokenKind)
	if err != nil {
		return nil, err
	}
	rest := s.store().AccountStatuses(ctx)
	rest = rest[sort.Search(len(rest), func(i int) bool { return rest[i].ID > after }):]
	size := cmp.Or(int(req.GetPageSize()), defaultAccountsPage)
	resp := &stokerv1.ListAccountsResponse{}
	if resp.Accounts, err = s.renderAll(ctx, rest[:min(size, len(rest))]); err != nil {
		return nil, err
	}
	if n := len(resp.Accounts); n < len(rest) {
		resp.NextPageToken = nameToken(accountTokenKind, rest[n-1].ID)
	}
	return resp, nil
}

// GetAccount returns the status of an account.
func (s *accountService) GetAccount(ctx context.Context, req *stokerv1.GetAccountRequest) (*stokerv1.GetAccountResponse, error) {
	m, err := s.render(ctx, req.GetAccountId())
	if err != nil {
		return nil, err
	}
	history, _ := s.store().AccountHistory(ctx, req.GetAccountId(), time.Now().Add(-job.HistoryLength), job.HistoryLength)
	m.Problems = mapSlice(history.Problems, problemMessage)
	if breaker := m.GetBreaker(); breaker.GetSince() == nil {
		for _, p := range history.Problems { // the latest goes first
			if p.Kind == job.ProblemBreaker {
				breaker.Since = timestamp(p.Finish)
				break
			}
		}
	}
	return &stokerv1.GetAccountResponse{Account: m}, nil
}

// PauseAccount stops configuring and starting jobs of one account or of all.
func (s *accountService) PauseAccount(ctx context.Context, req *stokerv1.PauseAccountRequest) (*stokerv1.PauseAccountResponse, error) {
	now := time.Now()
	one, all, err := s.updateScope(ctx, req, func(id string) error {
		return s.update(ctx, id, now, func(a *job.AccountSettings) { a.Pause(req.GetReason(), now) })
	})
	if err != nil {
		return nil, fmt.Errorf("pause account: %w", err)
	}
	return &stokerv1.PauseAccountResponse{Account: one, Accounts: all}, nil
}

// ResumeAccount lets jobs of one account or of all be started again. If an account has reached its daily
// limit of starts, its count of starts begins at 0 again.
func (s *accountService) ResumeAccount(ctx context.Context, req *stokerv1.ResumeAccountRequest) (*stokerv1.ResumeAccountResponse, error) {
	now := time.Now()
	one, all, err := s.updateScope(ctx, req, func(id string) error {
		if a, ok := s.store().AccountStatus(ctx, id); ok && a.StartsExhausted() {
			if err := s.store().ForgiveStarts(ctx, id, now); err != nil {
				return err
			}
		}
		return s.update(ctx, id, now, (*job.AccountSettings).Resume)
	})
	if err != nil {
		return nil, fmt.Errorf("resume account: %w", err)
	}
	return &stokerv1.ResumeAccountResponse{Account: one, Accounts: all}, nil
}

// accountScope is a request about one account or all.
type accountScope interface {
	GetAccountId() string
	GetAll() bool
}

// updateScope changes the accounts that a request names, one after the other, and returns the message of
// the one, or of all.
func (s *accountService) updateScope(ctx context.Context, req accountScope, change func(id string) error) (*stokerv1.Account, []*stokerv1.Account, error) {
	if (req.GetAccountId() != "") == req.GetAll() {
		return nil, nil, invalid("account_id", "name an account, or set all to mean every account; not both")
	}
	if !req.GetAll() {
		if err := change(req.GetAccountId()); err != nil {
			return nil, nil, err
		}
		one, err := s.render(ctx, req.GetAccountId())
		return one, nil, err
	}
	for _, a := range s.store().AccountStatuses(ctx) {
		if err := change(a.ID); err != nil {
			return nil, nil, err
		}
	}
	statuses := s.store().AccountStatuses(ctx)
	all, err := s.renderAll(ctx, statuses[:min(len(statuses), job.MaxPageSize)])
	return nil, all, err
}

// UpdateAccount changes the queue target of an account. It survives a restart.
func (s *accountService) UpdateAccount(ctx context.Context, req *stokerv1.UpdateAccountRequest) (*stokerv1.UpdateAccountResponse, error) {
	var found findings
	if req.GetAccount().GetId() == "" {
		found.add("account.id", "is required")
	}
	target := found.checkTargetUpdate(req)
	if err := found.err(); err != nil {
		return nil, err
	}
	id := req.GetAccount().GetId()
	if err := s.update(ctx, id, time.Now(), func(a *job.AccountSettings) { a.Target = target }); err != nil {
		return nil, fmt.Errorf("change account: %w", err)
	}
	m, err := s.render(ctx, id)
	if err != nil {
		return nil, err
	}
	return &stokerv1.UpdateAccountResponse{Account: m}, nil
}

// checkTargetUpdate returns the queue target that an update sets, and notes what is wrong with it.
func (f *findings) checkTargetUpdate(req *stokerv1.UpdateAccountRequest) job.TargetSetting {
	const number, setting = "queue_target", "queue_target_setting"
	paths := req.GetUpdateMask().GetPaths()
	if len(paths) == 0 {
		f.add("update_mask", "name the field to change: %s or %s", number, setting)
	}
	for i, path := range paths {
		if path != number && path != setting {
			f.add(fmt.Sprintf("update_mask.paths[%d]", i), "%q cannot be changed, only %s or %s", path, number, setting)
		}
	}
	in := req.GetAccount()
	if !slices.Contains(paths, setting) {
		return f.fixedTarget("account."+number, in.GetQueueTarget())
	}
	if slices.Contains(paths, number) {
		f.add("update_mask", "%s and %s exclude each other", number, setting)
	}
	const field = "account." + setting
	switch set := in.GetQueueTargetSetting(); set.GetMode() {
	case stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_FIXED:
		return f.fixedTarget(field+".number", set.GetNumber())
	case stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_AUTO, stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_DEFAULT:
		if set.GetNumber() != 0 {
			f.add(field+".number", "only QUEUE_TARGET_MODE_FIXED has a number")
		}
		return job.TargetSetting{Auto: set.GetMode() == stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_AUTO}
	}
	f.add(field+".mode", "want QUEUE_TARGET_MODE_DEFAULT, QUEUE_TARGET_MODE_FIXED, QUEUE_TARGET_MODE_AUTO")
	return job.TargetSetting{}
}

func (f *findings) fixedTarget(field string, n int32) job.TargetSetting {
	if n < 1 || n > job.MaxQueueTarget {
		f.add(field, "%d: want 1 to %d", n, job.MaxQueueTarget)
	}
	return job.TargetSetting{Number: int(n)}
}

// update changes the settings of a configured account.
func (s *accountService) update(ctx context.Context, id string, now time.Time, f func(*job.AccountSettings)) error {
	if _, ok := s.store().AccountStatus(ctx, id); !ok {
		return fmt.Errorf("account %q: %w", id, job.ErrNotFound)
	}
	_, err := s.store().UpdateAccountSettings(ctx, id, now, func(a *job.AccountSettings) error {
		f(a)
		return nil
	})
	return err
}

func (s *accountService) store() *boundary { return s.server.store }

// render makes the message of an account, with the number of its waiting jobs.
func (s *accountService) render(ctx context.Context, id string) (*stokerv1.Account, error) {
	a, ok := s.store().AccountStatus(ctx, id)
	if !ok {
		return nil, fmt.Errorf("account %q: %w", id, job.ErrNotFound)
	}
	list, err := s.renderAll(ctx, []job.AccountStatus{a})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// renderAll makes the messages of as many accounts as fit on a page.
func (s *accountService) renderAll(ctx context.Context, accounts []job.AccountStatus) ([]*stokerv1.Account, error) {
	waiting, err := s.store().CountWaiting(ctx, false)
	if err != nil {
		return nil, fmt.Errorf("count waiting jobs: %w", err)
	}
	return pageOf(accounts, func(a job.AccountStatus) *stokerv1.Account {
		m := accountMessage(a)
		m.WaitingCount = waiting[a.ID]
		return m
	}), nil
}
