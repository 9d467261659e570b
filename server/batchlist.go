package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

const (
	// listInterval is the shortest time between two reads of a list that is watched.
	listInterval = time.Second
	// listShare is how many times longer than the reading of all lists the pause between two reads of one
	// is, so that lists take a tenth of one processor at most, however many there are.
	listShare = 10
	// waitRefreshInterval is how often the waits of a list are read although no batch has changed.
	waitRefreshInterval = 5 * time.Second
	// maxRemovals is how many ids of removed batches a list keeps. A watcher that has missed more gets a
	// snapshot.
	maxRemovals = 1_000
)

// batchLists has the lists that are watched. Watchers of equal lists share one.
type batchLists struct {
	server *Server

	mu    sync.Mutex
	lists map[string]*batchList // by the filter
}

func newBatchLists(s *Server) *batchLists {
	return &batchLists{server: s, lists: map[string]*batchList{}}
}

// join returns the list of the batches that match a filter, for one more watcher. Each watcher has to leave
// it.
//
// Watchers share a list if they see the same batches.
func (l *batchLists) join(name string, f job.BatchFilter, g grant) *batchList {
	name += "\n" + g.scopeKey()
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.lists[name]
	if list == nil {
		list = &batchList{lists: l, name: name, filter: f, grant: g, removals: map[string]int64{}, messages: map[int64]*listMessage{}}
		l.lists[name] = list
	}
	list.watchers++
	return list
}

func (l *batchLists) leave(list *batchList) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if list.watchers--; list.watchers == 0 {
		delete(l.lists, list.name)
	}
}

func (l *batchLists) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lists)
}

// batchList is a list of batches as it was read last. Its version grows when something in it changes. A
// watcher knows the version up to which it has sent the changes, and nothing else; what changed since is the
// same for all watchers of that version, and is encoded once.
type batchList struct {
	lists    *batchLists
	name     string
	filter   job.BatchFilter
	grant    grant // of its watchers
	watchers int   // guarded by lists.mu

	mu           sync.Mutex
	version      int64
	batches      []listedBatch          // the newest first
	removals     map[string]int64       // the version in which a batch left the list, by its id
	complete     int64                  // removals has all since this version
	messages     map[int64]*listMessage // what changed since a version; emptied when the version grows
	readTime     time.Time              // when the list was read last; zero: never
	readChanges  int                    // how many changes there had been then; see [subscription.changes]
	readDuration time.Duration
	dueTime      time.Time // when it may be read again
}

// listedBatch is a batch of a list.
type listedBatch struct {
	message  *stokerv1.Batch // never written to
	revision int64
	wait     job.Wait
	version  int64 // of the list, when the batch changed last
	ended    bool
}

// listMessage is what changed in a list, encoded.
type listMessage struct {
	*stokerv1.WatchBatchesResponse
	encoded *encodedMessage // nil: not encoded yet
	version int64           // of the list
}

// refresh reads the list if it is due and batches have changed since it was read, or if that was longer than
// maxAge ago. changes is how many changes there have been. It reports whether the list is up to date.
func (l *batchList) refresh(changes int, maxAge time.Duration) (current bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	outdated := l.readTime.IsZero() || changes != l.readChanges || now.Sub(l.readTime) > maxAge
	if !outdated || now.Before(l.dueTime) {
		return !outdated, nil
	}
	if err := l.read(now); err != nil {
		return false, err
	}
	l.readChanges = changes
	return true, nil
}

// changesSince returns what changed after a version, 0 for all; nil if nothing has.
func (l *batchList) changesSince(version int64) (*listMessage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if version == l.version {
		return nil, nil
	}
	if m := l.messages[version]; m != nil {
		return m, nil
	}
	response := &stokerv1.WatchBatchesResponse{Snapshot: version < l.complete || version == 0}
	for _, b := range l.batches {
		if response.GetSnapshot() || b.version > version {
			response.Batches = append(response.Batches, b.message)
		}
	}
	if !response.GetSnapshot() {
		for id, removed := range l.removals {
			if removed > version {
				response.RemovedBatchIds = append(response.RemovedBatchIds, id)
			}
		}
	}
	encoded, err := newEncodedMessage(response)
	if err != nil {
		return nil, err
	}
	m := &listMessage{encoded: encoded, version: l.version}
	l.messages[version] = m
	return m, nil
}

// nextRead is when the list may be read again.
func (l *batchList) nextRead() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dueTime
}

// read reads the list. No watcher can cancel it, since others wait for it.
func (l *batchList) read(now time.Time) error {
	ctx, cancel := context.WithTimeout(withGrant(context.Background(), l.grant), readTimeout)
	defer cancel()
	_, err := apart(func() (struct{}, error) { return struct{}{}, l.update(ctx, now) })
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: a read took longer than %s", job.ErrUnavailable, readTimeout)
	}
	if err != nil {
		return err
	}
	l.readTime, l.readDuration = now, time.Since(now)
	l.dueTime = now.Add(max(listInterval, l.readDuration*listShare*time.Duration(l.lists.count())))
	return nil
}

// update brings the list up to date. It makes a new message of a batch only if the batch has changed, or
// waits for something else.
func (l *batchList) update(ctx context.Context, now time.Time) error {
	s := l.lists.server
	found, err := s.store.Batches(ctx, l.filter)
	if err != nil {
		return fmt.Errorf("list batches: %w", err)
	}
	before := make(map[string]listedBatch, len(l.batches))
	for _, b := range l.batches {
		before[b.message.GetId()] = b
	}
	next, changed := l.version+1, l.version == 0
	list, page, sample := make([]listedBatch, 0, len(found)), newPage(), pageSample(found)
	for _, b := range found {
		listed, known := before[b.ID]
		if known && listed.revision == b.Revision && !listed.ended {
			wait, err := s.batchWait(ctx, b, now)
			if err != nil {
				return err
			}
			known = wait.SimilarTo(listed.wait)
		}
		if !known || listed.revision != b.Revision {
			m, err := s.renderSampled(ctx, b, sample)
			if err != nil {
				return err
			}
			listed = listedBatch{m, b.Revision, waitFromMessage(m.GetWait()), next, b.State.Terminal()}
			changed = true
		}
		if !page.takes(proto.Size(listed.message)) {
			break
		}
		delete(before, b.ID)
		delete(l.removals, b.ID)
		list = append(list, listed)
	}
	for id := range before { // what is left was in the list, and is no more
		l.removals[id] = next
		changed = true
	}
	if len(l.removals) > maxRemovals {
		clear(l.removals)
		l.complete = next
	}
	l.batches = list
	if changed {
		l.version = next
		clear(l.messages)
	}
	return nil
}
