package store

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/stokerd/stoker/job"
)

// board holds what the parts of the process tell each other about accounts and what is not kept
// across restarts: the status of each account and of its webhooks.
type board struct {
	mu       sync.Mutex
	statuses map[string]job.AccountStatus
	webhooks map[string]job.Webhooks
	settings map[string]job.AccountSettings // as they were changed last, by this process
}

func newBoard() *board {
	return &board{
		statuses: map[string]job.AccountStatus{}, webhooks: map[string]job.Webhooks{}, settings: map[string]job.AccountSettings{},
	}
}

// PublishAccountStatus replaces the status of an account that [Store.AccountStatus] returns. It is
// not kept across restarts.
func (s *Store) PublishAccountStatus(a job.AccountStatus) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	s.board.statuses[a.ID] = a
}

// PublishWebhooks replaces the status of the webhooks of an account, which is part of its own.
func (s *Store) PublishWebhooks(accountID string, w job.Webhooks) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	s.board.webhooks[accountID] = w
}

// AccountStatus returns the status of an account, with settings as they were changed last even
// if the account's loop has not acted on them yet; false if no status was published. It reads no
// table.
func (s *Store) AccountStatus(id string) (job.AccountStatus, bool) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	a, ok := s.board.statuses[id]
	return s.board.complete(a), ok
}

// AccountStatuses returns the status of all accounts, by id. It reads no table.
func (s *Store) AccountStatuses() []job.AccountStatus {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.board.statuses), func(a, b job.AccountStatus) int { return cmp.Compare(a.ID, b.ID) })
	for i, a := range all {
		all[i] = s.board.complete(a)
	}
	return all
}

// complete adds the latest settings and webhooks to a published status.
func (b *board) complete(a job.AccountStatus) job.AccountStatus {
	if settings, ok := b.settings[a.ID]; ok {
		a = a.With(settings)
	}
	if w, ok := b.webhooks[a.ID]; ok {
		a.Webhooks = &w
	}
	return a
}

// setSettings has the status of an account show settings as they were just changed.
func (b *board) setSettings(accountID string, settings job.AccountSettings) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settings[accountID] = settings
}

// forgive has the status of an account show that it may start again, until it is published anew.
func (b *board) forgive(accountID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, ok := b.statuses[accountID]
	if !ok || !a.StartsExhausted() {
		return
	}
	a.StartsTodayCount, a.PausedUntil = 0, time.Time{}
	b.statuses[accountID] = a.With(b.settings[accountID])
}

// HintEncoding says that the status of an encoding of an account should be read from the platform.
// It wakes the account's loop, and is kept nowhere.
func (s *Store) HintEncoding(accountID, encodingID string) {
	if encodingID != "" {
		s.notify([]job.Change{{AccountID: accountID, EncodingID: encodingID}})
	}
}
