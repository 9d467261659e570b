package provision

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
)

// fakeStore remembers resources in memory.
type fakeStore struct {
	mu    sync.Mutex
	saved map[string]string
	times map[string]time.Time
}

func (s *fakeStore) InstanceID() string { return "instance" }

func (s *fakeStore) Resource(_ context.Context, _, kind, hash string) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.saved[kind+hash]
	if !ok {
		return "", time.Time{}, job.ErrNotFound
	}
	return id, s.times[kind+hash], nil
}

func (s *fakeStore) SaveResource(_ context.Context, _, kind, hash, id string, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved[kind+hash], s.times[kind+hash] = id, now
	return nil
}

func (s *fakeStore) DeleteResource(_ context.Context, _, kind, hash string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.saved, kind+hash)
	return nil
}

// fakePlatform is a platform with inputs only.
type fakePlatform struct {
	Platform
	mu      sync.Mutex
	inputs  map[bitmovin.InputID]string // names
	creates int                         // calls to create an input
	refuse  error                       // the answer to such a call, if set
}

func (p *fakePlatform) InputExists(_ context.Context, id bitmovin.InputID) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.inputs[id]
	return ok, nil
}

func (p *fakePlatform) FindInput(_ context.Context, _ bitmovin.StorageType, name string) (bitmovin.InputID, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, n := range p.inputs {
		if n == name {
			return id, true, nil
		}
	}
	return "", false, nil
}

func (p *fakePlatform) CreateInput(_ context.Context, s bitmovin.Storage) (bitmovin.InputID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.creates++
	if p.refuse != nil {
		return "", p.refuse
	}
	id := bitmovin.InputID(fmt.Sprintf("input-%d", p.creates))
	p.inputs[id] = s.Name
	return id, nil
}

func newFake() (*fakePlatform, *fakeStore, func() *Provisioner) {
	platform := &fakePlatform{inputs: map[bitmovin.InputID]string{}}
	store := &fakeStore{saved: map[string]string{}, times: map[string]time.Time{}}
	return platform, store, func() *Provisioner {
		return New(Config{
			AccountID: "default", Platform: platform, Store: store, HashRounds: 1,
			Sources: Sources{Inputs: map[string]Storage{"in": {Storage: bitmovin.Storage{Type: bitmovin.StorageHTTPS, Host: "example.com"}, BasePath: "masters"}}},
		})
	}
}

func ensureInput(t *testing.T, p *Provisioner) (Shared, error) {
	t.Helper()
	var s Shared
	err := p.ensureInput(t.Context(), &s, job.StorageRef{Name: "in"})
	return s, err
}

// A resource is created once, for all jobs side by side and for the next process.
func TestResourceIsCreatedOnce(t *testing.T) {
	platform, store, start := newFake()
	p := start()
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if s, err := ensureInput(t, p); err != nil || s.input != "input-1" || s.inputBase != "masters" {
				t.Errorf("got %+v, %v", s, err)
			}
		})
	}
	group.Wait()
	if s, err := ensureInput(t, start()); err != nil || s.input != "input-1" {
		t.Errorf("the next process has %+v, %v", s, err)
	}
	clear(store.saved) // the answer to the call that created it was lost
	if s, err := ensureInput(t, start()); err != nil || s.input != "input-1" {
		t.Errorf("it was found as %+v, %v", s, err)
	}
	if platform.creates != 1 {
		t.Errorf("created %d times", platform.creates)
	}
}

// A resource that is missing at the platform is created anew after Verify has found it missing.
func TestMissingResourceIsCreatedAnew(t *testing.T) {
	platform, _, start := newFake()
	p := start()
	s, err := ensureInput(t, p)
	if err != nil || !p.Verify(t.Context(), s) {
		t.Fatalf("got %+v, %v", s, err)
	}
	b := &job.Batch{Input: job.StorageRef{Name: "in"}}
	if all, err := p.AllMissing(t.Context(), b, time.Now()); all || err != nil {
		t.Errorf("before the input is deleted AllMissing is %v, %v, want false", all, err)
	}
	clear(platform.inputs)
	if all, err := p.AllMissing(t.Context(), b, time.Now()); !all || err != nil {
		t.Errorf("after the input is deleted AllMissing is %v, %v, want true", all, err)
	}
	if all, err := p.AllMissing(t.Context(), b, time.Now().Add(-time.Hour)); !all || err != nil {
		t.Errorf("of a time before the input was saved AllMissing is %v, %v, want true", all, err)
	}
	if p.Verify(t.Context(), s) {
		t.Error("Verify says that a deleted input exists")
	}
	if s, err := ensureInput(t, p); err != nil || s.input != "input-2" {
		t.Errorf("got %+v, %v", s, err)
	}
}

// Calls for a storage that the platform refuses are made after pauses that grow.
func TestRefusedStorageWaits(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		platform, _, start := newFake()
		p := start()
		platform.refuse = &bitmovin.APIError{Status: 400, Message: "no such bucket"}
		for range 60 {
			_, err := ensureInput(t, p)
			if _, shared := errors.AsType[SharedError](err); !shared {
				t.Fatalf("got %v, want a SharedError", err)
			}
			time.Sleep(time.Second)
		}
		if platform.creates != 5 { // after 0, 4, 12, 28 and 58 s
			t.Errorf("%d calls in a minute, want 5", platform.creates)
		}
	})
}

// A storage that a batch names by its id is used as it is; a name that is no longer configured is
// a SharedError.
func TestStorageReferences(t *testing.T) {
	_, _, start := newFake()
	p := start()
	var s Shared
	if err := p.ensureInput(t.Context(), &s, job.StorageRef{ID: "theirs"}); err != nil || s.input != "theirs" || len(s.used) > 0 {
		t.Errorf("got %+v, %v", s, err)
	}
	err := p.ensureOutput(t.Context(), &s, job.StorageRef{Name: "gone"})
	if _, shared := errors.AsType[SharedError](err); !shared {
		t.Errorf("got %v, want a SharedError", err)
	}
}
