package store

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/stokerd/stoker/job"
)

// Shared is an [Engine] on whose table other processes work as well.
type Shared interface {
	Engine
	// BeginBeside is [Engine.Begin] for a transaction on a connection of its own. There may be several of them beside
	// that of Begin.
	BeginBeside(ctx context.Context, fences []Lease) (Tx, error)
	// Tell wakes the other processes. It neither waits nor fails: a wakeup may be lost.
	Tell(w Wakeups)
	// Listen calls hear for the wakeups of other processes, one after the other, until ctx ends.
	Listen(ctx context.Context, hear func(Wakeups))
	// Listening reports whether wakeups arrive at present.
	Listening() bool
	// Revisions returns the revisions of those of the batches that exist, by id.
	Revisions(ctx context.Context, batchIDs []string) (map[string]int64, error)
	// PublishStatus keeps the status of an account for other processes, if the lease is still this one's.
	PublishStatus(ctx context.Context, lease Lease, accountID string, status []byte) error
	// Accounts returns every account that somebody has driven. known says which published statuses the caller has.
	Accounts(ctx context.Context, known map[string]time.Time) ([]AccountCopy, error)
	// History is the word of the history that the database goes on from: see [Store.History].
	History() string
	// Figures returns what this process has had of terms.
	Figures() TermFigures
	// Replicas returns the processes that work on the table, by address.
	Replicas(ctx context.Context) ([]job.Replica, error)
}

// Wakeups tell a process what another one has done. What that was it reads from the table.
type Wakeups struct {
	Changes []job.Change `json:",omitempty"`
	Outbox  bool         `json:",omitempty"` // there are deliveries to make
	Deleted bool         `json:",omitempty"` // there are batches to remove
	Status  bool         `json:",omitempty"` // the status of an account was published
	// Everything is set if wakeups were lost.
	Everything bool `json:",omitempty"`
}

// AccountCopy is what a process reads of an account that another one may drive.
type AccountCopy struct {
	AccountID string
	Driver    job.Driver
	Settings  job.AccountSettings
	Published time.Time // when the status was published; zero: it was not
	Status    []byte    // nil: the caller knows it
}

// TermFigures are what a process has had of terms since it was started.
type TermFigures struct {
	Epochs        map[string]int64 // of the accounts that it drives now
	Takeovers     map[string]int64 // accounts that it has gained, by why it could: first, released, expired
	Renewals      int64            // of leases
	RenewalTime   time.Duration    // of all of them
	DeposedWrites int64            // that the database has refused because a term had ended
	Listening     bool             // wakeups of other processes arrive
}

const (
	// pollInterval is how often each process looks for what others have done, in case a wakeup was lost, and
	// deafPollInterval how often while none arrive.
	pollInterval, deafPollInterval = time.Second, 250 * time.Millisecond
	// rereadInterval is how often a driver reads anew what others may have changed, and deafRereadInterval how often
	// while no wakeups arrive.
	rereadInterval, deafRereadInterval = 5 * time.Second, time.Second
	// publishInterval is the shortest time between two publications of statuses.
	publishInterval = time.Second
	// exchangeLimit is how long one look may take.
	exchangeLimit = 5 * time.Second
)

// exchange is what a process has with the others that work on the same table.
type exchange struct {
	table   *table
	refresh chan struct{} // capacity 1: look at once
	news    chan struct{} // capacity 1: there are statuses to publish

	mu      sync.Mutex
	terms   map[string]Lease // by account
	dirty   map[string]Lease // accounts whose statuses are to be published
	watched func() []string  // ids of batches; nil: none

	// Of the goroutine that polls.
	revisions map[string]int64     // of watched batches
	known     map[string]time.Time // published statuses that the board has
	reread    time.Time            // when the drivers read anew
}

func newExchange(t *table) *exchange {
	t.drivers = map[string]job.Driver{}
	return &exchange{
		table: t, refresh: make(chan struct{}, 1), news: make(chan struct{}, 1), terms: map[string]Lease{}, dirty: map[string]Lease{},
		revisions: map[string]int64{}, known: map[string]time.Time{},
	}
}

// SetWatched has the table look every second whether one of the batches that watched returns was changed by another
// process whose wakeup was lost. On a table on which no other process works it changes nothing.
func (t *table) SetWatched(watched func() []string) {
	if t.exchange == nil {
		return
	}
	t.exchange.mu.Lock()
	defer t.exchange.mu.Unlock()
	t.exchange.watched = watched
}

// Shares reports whether other processes can work on the table.
func (t *table) Shares() bool { return t.shared != nil }

// History is a word of four letters and digits; empty on a table on which no other process works. It changes when the
// database goes on from a state without the latest changes, as after a failover to a standby that was behind.
func (t *table) History() string {
	if t.shared == nil {
		return ""
	}
	return t.shared.History()
}

// Drives reports whether this process drives an account, as all do on a table that no other process works on.
func (t *table) Drives(accountID string) bool {
	return t.exchange == nil || t.exchange.drives(accountID)
}

// Listening reports whether wakeups of other processes arrive at present.
func (t *table) Listening() bool { return t.shared != nil && t.shared.Listening() }

// ReadTermFigures returns what this process has had of terms; false on a table on which no other process works.
func (t *table) ReadTermFigures() (TermFigures, bool) {
	if t.shared == nil {
		return TermFigures{}, false
	}
	return t.shared.Figures(), true
}

// Replicas returns the processes that work on the table, by address. Without others that is none.
func (t *table) Replicas(ctx context.Context) ([]job.Replica, error) {
	if t.shared == nil {
		return nil, nil
	}
	return t.shared.Replicas(ctx)
}

// run exchanges news until ctx ends.
func (e *exchange) run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { e.table.shared.Listen(ctx, e.hear) })
	work.Go(func() { e.publishAll(ctx) })
	work.Go(func() { e.pollAll(ctx) })
	work.Wait()
}

func (e *exchange) tell(w Wakeups) { e.table.shared.Tell(w) }

// hear passes a wakeup of another process on.
func (e *exchange) hear(w Wakeups) {
	if w.Outbox || w.Everything {
		awaken(e.table.outbox)
	}
	if w.Deleted || w.Everything {
		awaken(e.table.reap)
	}
	if w.Status || w.Everything {
		awaken(e.refresh)
	}
	if w.Everything {
		w.Changes = []job.Change{{Everything: true, Dispatch: true}}
	}
	e.table.hear(w.Changes)
}

// noteGained has the accounts of a lease be those that this process drives.
func (e *exchange) noteGained(accounts []string, lease Lease) {
	e.mu.Lock()
	for _, id := range accounts {
		e.terms[id] = lease
	}
	e.mu.Unlock()
	awaken(e.refresh)
	e.tell(Wakeups{Status: true})
}

// drives reports whether this process drives an account.
func (e *exchange) drives(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	lease := e.terms[id]
	return lease != nil && lease.Context().Err() == nil
}

// driven returns the accounts that this process drives.
func (e *exchange) driven() (list []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, lease := range e.terms {
		if lease.Context().Err() == nil {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

// publish has the status of an account be published soon.
func (e *exchange) publish(id string, lease Lease) {
	e.mu.Lock()
	e.dirty[id] = lease
	e.mu.Unlock()
	awaken(e.news)
}

// publishAll publishes statuses that have changed, each at most once a second, until ctx ends.
func (e *exchange) publishAll(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-e.news:
		case <-ctx.Done():
			return
		}
		e.mu.Lock()
		dirty := e.dirty
		e.dirty = map[string]Lease{}
		e.mu.Unlock()
		for id, lease := range dirty {
			if err := e.publishOne(ctx, id, lease); err != nil && ctx.Err() == nil {
				e.table.log.Debug("the status of an account was not published", "account", id, "err", err)
				e.publishLater(id, lease)
			}
		}
		e.tell(Wakeups{Status: true})
		timer.Reset(publishInterval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// publishLater has a status be published that was not, unless there is a later one: it may be the last for long.
func (e *exchange) publishLater(id string, lease Lease) {
	e.mu.Lock()
	if e.dirty[id] == nil {
		e.dirty[id] = lease
	}
	e.mu.Unlock()
	awaken(e.news)
}

func (e *exchange) publishOne(ctx context.Context, id string, lease Lease) error {
	status, ok := e.table.statusToPublish(id)
	if !ok || lease.Context().Err() != nil {
		return nil
	}
	text, err := encodeStatus(status)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, exchangeLimit)
	defer cancel()
	return e.table.shared.PublishStatus(ctx, lease, id, text)
}

// pollAll looks for what others have done until ctx ends.
func (e *exchange) pollAll(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-e.refresh:
		case <-ctx.Done():
			return
		}
		interval, reread := pollInterval, rereadInterval
		if !e.table.shared.Listening() {
			interval, reread = deafPollInterval, deafRereadInterval
		}
		if err := e.poll(ctx); err != nil && ctx.Err() == nil {
			e.table.log.Debug("nothing read of what other replicas have done", "err", err)
		}
		if now := time.Now(); now.Sub(e.reread) >= reread {
			e.reread = now
			e.rereadDriven()
		}
		timer.Reset(interval)
	}
}

// poll looks once.
func (e *exchange) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, exchangeLimit)
	defer cancel()
	settingsChanges := e.table.countSettingsChanges()
	accounts, err := e.table.shared.Accounts(ctx, e.known)
	if err != nil {
		return err
	}
	statuses := map[string]job.AccountStatus{}
	for _, c := range accounts {
		if len(c.Status) == 0 || e.drives(c.AccountID) {
			continue
		}
		status, err := decodeStatus(c.Status)
		if err != nil {
			e.table.log.Debug("the status of an account cannot be read", "account", c.AccountID, "err", err)
			continue
		}
		statuses[c.AccountID] = status
	}
	for _, c := range e.table.copyAccounts(accounts, statuses, e.drives, settingsChanges) {
		e.known[c.AccountID] = c.Published
	}
	return e.pollWatched(ctx)
}

// pollWatched wakes the watchers of batches that others have changed.
func (e *exchange) pollWatched(ctx context.Context) error {
	e.mu.Lock()
	watched := e.watched
	e.mu.Unlock()
	if watched == nil {
		return nil
	}
	ids := watched()
	if len(ids) == 0 {
		clear(e.revisions)
		return nil
	}
	revisions, err := e.table.shared.Revisions(ctx, ids)
	if err != nil {
		return err
	}
	var changes []job.Change
	for _, id := range ids {
		// One that is missing has been deleted. One that is watched anew may have changed since its watcher read it.
		before, known := e.revisions[id]
		if is := revisions[id]; !known || before != is {
			changes = append(changes, job.Change{BatchID: id})
		}
	}
	e.revisions = revisions
	e.table.hear(changes)
	return nil
}

// rereadDriven has what this process does alone be done as if all had changed.
func (e *exchange) rereadDriven() {
	var changes []job.Change
	for _, id := range e.driven() {
		if id == Housekeeping {
			awaken(e.table.outbox)
			awaken(e.table.reap)
		}
		changes = append(changes, job.Change{AccountID: id, Everything: true, Dispatch: true})
	}
	e.table.hear(changes)
}

// publishedStatus is a status as it is kept for other processes: JSON has no maps with jobs for keys.
type publishedStatus struct {
	job.AccountStatus

	Notes []ofJob[job.Note] `json:",omitempty"`
	Waits []ofJob[job.Wait] `json:",omitempty"`
}

type ofJob[T any] struct {
	Job   job.ID
	Value T
}

func encodeStatus(a job.AccountStatus) ([]byte, error) {
	p := publishedStatus{AccountStatus: a, Notes: listOf(a.Notes), Waits: listOf(a.Waits)}
	p.AccountStatus.Notes, p.AccountStatus.Waits = nil, nil
	return json.Marshal(p)
}

func decodeStatus(text []byte) (job.AccountStatus, error) {
	var p publishedStatus
	if err := json.Unmarshal(text, &p); err != nil {
		return job.AccountStatus{}, err
	}
	p.AccountStatus.Notes, p.AccountStatus.Waits = mapOf(p.Notes), mapOf(p.Waits)
	return p.AccountStatus, nil
}

func listOf[T any](m map[job.ID]T) (list []ofJob[T]) {
	for id, v := range m {
		list = append(list, ofJob[T]{id, v})
	}
	return list
}

func mapOf[T any](list []ofJob[T]) map[job.ID]T {
	if list == nil {
		return nil
	}
	m := make(map[job.ID]T, len(list))
	for _, v := range list {
		m[v.Job] = v.Value
	}
	return m
}
