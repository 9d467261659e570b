package server

import (
	"cmp"
	"context"
	"fmt"
	"sort"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// defaultAccountsPage is how many accounts a page has if the request has no page_size.
const defaultAccountsPage = job.MaxPageSize

// ListAccounts lists the configured accounts, in the order of their ids.
func (s *Server) ListAccounts(ctx context.Context, req *stokerv1.ListAccountsRequest) (*stokerv1.ListAccountsResponse, error) {
	after, err := parseAccountToken(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	rest := s.store.AccountStatuses(ctx)
	rest = rest[sort.Search(len(rest), func(i int) bool { return rest[i].ID > string(after) }):]
	size := cmp.Or(int(req.GetPageSize()), defaultAccountsPage)
	resp := &stokerv1.ListAccountsResponse{Accounts: pageOf(rest[:min(size, len(rest))], accountMessage)}
	if n := len(resp.Accounts); n < len(rest) {
		resp.NextPageToken = accountToken(rest[n-1].ID).String()
	}
	return resp, nil
}

// GetAccount returns the status of an account.
func (s *Server) GetAccount(ctx context.Context, req *stokerv1.GetAccountRequest) (*stokerv1.GetAccountResponse, error) {
	m, err := s.renderAccount(ctx, req.GetAccountId())
	if err != nil {
		return nil, err
	}
	return &stokerv1.GetAccountResponse{Account: m}, nil
}

// PauseAccount stops configuring and starting jobs of the account.
func (s *Server) PauseAccount(ctx context.Context, req *stokerv1.PauseAccountRequest) (*stokerv1.PauseAccountResponse, error) {
	now := time.Now()
	m, err := s.updateAccount(ctx, req.GetAccountId(), now, func(a *job.AccountSettings) { a.Pause(req.GetReason(), now) })
	if err != nil {
		return nil, fmt.Errorf("pause account: %w", err)
	}
	return &stokerv1.PauseAccountResponse{Account: m}, nil
}

// ResumeAccount lets jobs of the account be started again. If the account has reached its daily limit
// of starts, the count of starts begins at 0 again.
func (s *Server) ResumeAccount(ctx context.Context, req *stokerv1.ResumeAccountRequest) (*stokerv1.ResumeAccountResponse, error) {
	now := time.Now()
	if a, ok := s.store.AccountStatus(ctx, req.GetAccountId()); ok && a.StartsExhausted() {
		if err := s.store.ForgiveStarts(ctx, a.ID, now); err != nil {
			return nil, fmt.Errorf("resume account: %w", err)
		}
	}
	m, err := s.updateAccount(ctx, req.GetAccountId(), now, (*job.AccountSettings).Resume)
	if err != nil {
		return nil, fmt.Errorf("resume account: %w", err)
	}
	return &stokerv1.ResumeAccountResponse{Account: m}, nil
}

// UpdateAccount changes the queue target of an account. It survives a restart.
func (s *Server) UpdateAccount(ctx context.Context, req *stokerv1.UpdateAccountRequest) (*stokerv1.UpdateAccountResponse, error) {
	in := req.GetAccount()
	var found findings
	if in.GetId() == "" {
		found.add("account.id", "is required")
	}
	if len(req.GetUpdateMask().GetPaths()) == 0 {
		found.add("update_mask", "name at least one field")
	}
	for i, path := range req.GetUpdateMask().GetPaths() {
		if path != "queue_target" {
			found.add(fmt.Sprintf("update_mask.paths[%d]", i), "%q cannot be changed, only queue_target", path)
		}
	}
	if n := in.GetQueueTarget(); n < 1 || n > job.MaxQueueTarget {
		found.add("account.queue_target", "%d: want 1 to %d", n, job.MaxQueueTarget)
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	m, err := s.updateAccount(ctx, in.GetId(), time.Now(), func(a *job.AccountSettings) { a.QueueTarget = int(in.GetQueueTarget()) })
	if err != nil {
		return nil, fmt.Errorf("change account: %w", err)
	}
	return &stokerv1.UpdateAccountResponse{Account: m}, nil
}

// updateAccount changes the settings of a configured account and returns the message of the account
// after the change.
func (s *Server) updateAccount(ctx context.Context, id string, now time.Time, f func(*job.AccountSettings)) (*stokerv1.Account, error) {
	if _, err := s.renderAccount(ctx, id); err != nil {
		return nil, err
	}
	_, err := s.store.UpdateAccountSettings(ctx, id, now, func(a *job.AccountSettings) error {
		f(a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.renderAccount(ctx, id)
}

func (s *Server) renderAccount(ctx context.Context, id string) (*stokerv1.Account, error) {
	a, ok := s.store.AccountStatus(ctx, id)
	if !ok {
		return nil, fmt.Errorf("account %q: %w", id, job.ErrNotFound)
	}
	return accountMessage(a), nil
}
