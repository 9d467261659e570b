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
// across restarts: the status of each account and of its webhooks. It is a part of [Store].
type board struct {
	mu       sync.Mutex
	statuses map[string]job.AccountStatus
	webhooks map[string]job.Webhooks
	settings map[string]job.AccountSettings // as they were changed last
	history  map[string]*accountHistory     // since this process has begun
	drivers  map[string]job.Driver          // nil: no other process can drive an account
	trouble  job.Problem                    // why the table cannot be written; the zero value: it can
	// settingsChanges is how often this process has changed settings.
	settingsChanges int
}

func newBoard() *board {
	return &board{
		statuses: map[string]job.AccountStatus{}, webhooks: map[string]job.Webhooks{}, settings: map[string]job.AccountSettings{},
		history: map[string]*accountHistory{},
	}
}

// PublishAccountStatus replaces the status of an account that [Store.AccountStatus] returns, here and in the other
// processes that work on the table. It is not kept across restarts. The status of somebody who does not drive the
// account any more is ignored.
func (s *Store) PublishAccountStatus(a job.AccountStatus) {
	switch {
	case s.shared == nil:
		s.setStatus(a)
	case s.term == nil:
		s.setFirstStatus(a)
	case s.term.Context().Err() == nil:
		s.setStatus(a)
		s.exchange.publish(a.ID, s.term.lease)
	}
}

// setFirstStatus sets the status of an account of which there is none yet.
func (b *board) setFirstStatus(a job.AccountStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.statuses[a.ID]; !ok {
		b.statuses[a.ID] = a
		b.historyOf(a.ID).record(&a, time.Now())
	}
}

// setStatus replaces the status of an account.
func (b *board) setStatus(a job.AccountStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.statuses[a.ID] = a
	b.historyOf(a.ID).record(&a, time.Now())
}

// historyOf returns the history of an account.
func (b *board) historyOf(id string) *accountHistory {
	h := b.history[id]
	if h == nil {
		h = &accountHistory{}
		b.history[id] = h
	}
	return h
}

// AccountHistory returns how an account stood since a time, in samples of a step, which is a multiple of
// [job.HistoryStep]; false if no status of the account was published. It goes back for a day, and not
// beyond the beginning of the process. It reads no table.
func (b *board) AccountHistory(id string, since time.Time, step time.Duration) (job.AccountHistory, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, ok := b.history[id]
	if !ok {
		return job.AccountHistory{}, false
	}
	return h.since(since, step, time.Now()), true
}

// countMoves adds what commits have moved to the histories of accounts.
func (b *board) countMoves(changes []job.Change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range changes {
		if h := b.history[c.AccountID]; h != nil && c.Starts+c.Ends > 0 {
			h.count(c.Starts, c.Ends, time.Now())
		}
	}
}

// PublishWebhooks replaces the status of the webhooks of an account, which is part of its own.
func (b *board) PublishWebhooks(accountID string, w job.Webhooks) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.webhooks[accountID] = w
}

// RemoveWebhooks removes the status of the webhooks of an account, which gets none any more.
func (b *board) RemoveWebhooks(accountID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.webhooks, accountID)
}

// AccountStatus returns the status of an account, with settings as they were changed last even
// if the account's loop has not acted on them yet; false if no status was published. It reads no
// table.
func (b *board) AccountStatus(id string) (job.AccountStatus, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, ok := b.statuses[id]
	return b.withDriver(b.complete(a)), ok
}

// statusToPublish returns the status of an account as other processes are told it.
func (b *board) statusToPublish(id string) (job.AccountStatus, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, ok := b.statuses[id]
	return b.complete(a), ok
}

// AccountStatuses returns the status of all accounts, by id. It reads no table.
func (b *board) AccountStatuses() []job.AccountStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.SortedFunc(maps.Values(b.statuses), func(x, y job.AccountStatus) int { return cmp.Compare(x.ID, y.ID) })
	for i, a := range all {
		all[i] = b.withDriver(b.complete(a))
	}
	return all
}

// complete adds the latest settings and webhooks to a published status.
func (b *board) complete(a job.AccountStatus) job.AccountStatus {
	if settings, ok := b.settings[a.ID]; ok {
		a = a.With(settings)
	}
	if w, ok := b.webhooks[a.ID]; ok && a.Webhooks == nil {
		a.Webhooks = &w
	}
	a.TableTrouble = b.trouble
	return a
}

// noteTransaction notes whether the table could be written. It reports whether that has changed. An error that is not
// the table's says nothing.
func (b *board) noteTransaction(err error) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch before := b.trouble; {
	case err == nil:
		b.trouble = job.Problem{}
		return before.Text != ""
	case job.TableTrouble(err):
		b.trouble.Text = job.ExplainTableTrouble(err)
		if before.Since.IsZero() {
			b.trouble.Since = time.Now()
		}
		return b.trouble.Text != before.Text
	}
	return false
}

// withDriver adds who drives the account.
func (b *board) withDriver(a job.AccountStatus) job.AccountStatus {
	if b.drivers == nil {
		return a
	}
	a.Driver = new(b.drivers[a.ID])
	if *a.Driver == (job.Driver{}) {
		a.Problem = noDriver
	}
	return a
}

// noDriver is the problem of an account that nobody drives.
const noDriver = "no replica drives the account at present"

// setSettings has the status of an account show settings as they were just changed.
func (b *board) setSettings(accountID string, settings job.AccountSettings) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settings[accountID] = settings
	b.settingsChanges++
}

// countSettingsChanges is for [board.copyAccounts].
func (b *board) countSettingsChanges() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settingsChanges
}

// copyAccounts takes over what other processes have published and changed. own reports whether this process publishes
// the status of an account itself. Settings that were read before this process has changed some, see settingsChanges,
// are ignored. It returns the accounts whose status it has taken over.
func (b *board) copyAccounts(accounts []AccountCopy, statuses map[string]job.AccountStatus, own func(id string) bool, settingsChanges int) (taken []AccountCopy) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range accounts {
		b.drivers[c.AccountID] = c.Driver
		if _, configured := b.statuses[c.AccountID]; !configured {
			continue // an account of others
		}
		if settingsChanges == b.settingsChanges {
			b.settings[c.AccountID] = c.Settings
		}
		if a, ok := statuses[c.AccountID]; ok && !own(c.AccountID) {
			b.statuses[a.ID] = a
			b.historyOf(a.ID).record(&a, time.Now())
			taken = append(taken, c)
		}
	}
	return taken
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
func (t *table) HintEncoding(accountID, encodingID string) {
	if encodingID != "" {
		t.notify([]job.Change{{AccountID: accountID, EncodingID: encodingID}})
	}
}
