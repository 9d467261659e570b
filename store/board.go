package store

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/stokerd/stoker/job"
)

// board holds what the parts of the process tell each other about accounts and nobody has to
// remember: how each account stands, and how its webhooks do.
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

// PublishAccountStatus replaces how an account stands, for [Store.AccountStatus]. It is not
// kept across restarts. Only accounts that have been published can be asked for.
func (s *Store) PublishAccountStatus(a job.AccountStatus) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	s.board.statuses[a.ID] = a
}

// PublishWebhooks replaces how the webhooks of an account stand, which its status shows.
func (s *Store) PublishWebhooks(accountID string, w job.Webhooks) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	s.board.webhooks[accountID] = w
}

// AccountStatus returns how an account stands, with settings as they were changed last even
// if nobody has acted on them yet; false if there is no such account. It reads no table.
func (s *Store) AccountStatus(id string) (job.AccountStatus, bool) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	a, ok := s.board.statuses[id]
	return s.board.complete(a), ok
}

// AccountStatuses returns how all accounts stand, by id. It reads no table.
func (s *Store) AccountStatuses() []job.AccountStatus {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.board.statuses), func(a, b job.AccountStatus) int { return cmp.Compare(a.ID, b.ID) })
	for i, a := range all {
		all[i] = s.board.complete(a)
	}
	return all
}

// complete adds to a published status what others have said since.
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

// HintEncoding says that an encoding of an account is worth a look at the platform. It wakes
// whoever follows the account, and is kept nowhere.
func (s *Store) HintEncoding(accountID, encodingID string) {
	if encodingID != "" {
		s.notify([]job.Change{{AccountID: accountID, EncodingID: encodingID}})
	}
}
