package server

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

// TestShare holds that watchers at one position share a read, and that nobody who
// was rung is told what was read before the ring.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(Limits{WatchesPerCaller: 10, Watches: 10})
		seat, err := h.join("caller", "b")
		if err != nil {
			t.Fatal(err)
		}
		defer seat.leave()
		reads := 0
		release := make(chan struct{})
		slow := func() (change, error) {
			reads++
			<-release
			return change{next: int64(reads)}, nil
		}
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if c, err := seat.share(t.Context(), position{revision: 1}, slow); err != nil || c.next != 1 {
					t.Errorf("shared read gave %+v, %v", c, err)
				}
			})
		}
		synctest.Wait()
		close(release)
		all.Wait()
		if reads != 1 {
			t.Errorf("five watchers at one position made %d reads, want 1", reads)
		}
		if c, _ := seat.share(t.Context(), position{revision: 1}, slow); c.next != 1 {
			t.Errorf("before a ring the read is kept, got %+v", c)
		}
		h.ring("b")
		if c, _ := seat.share(t.Context(), position{revision: 1}, slow); c.next != 2 {
			t.Errorf("after a ring it is read again, got %+v", c)
		}
		select {
		case <-seat.bell:
		default:
			t.Error("the bell was not rung")
		}
	})
}

func TestShareKeepsNoErrors(t *testing.T) {
	h := newHub(Limits{WatchesPerCaller: 10, Watches: 10})
	seat, err := h.join("caller", "b")
	if err != nil {
		t.Fatal(err)
	}
	defer seat.leave()
	broken := errors.New("broken")
	if _, err := seat.share(t.Context(), position{}, func() (change, error) { return change{}, broken }); !errors.Is(err, broken) {
		t.Errorf("share gave %v, want the read's error", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a panic was swallowed")
			}
		}()
		_, _ = seat.share(t.Context(), position{}, func() (change, error) { panic("bug") })
	}()
	if c, err := seat.share(t.Context(), position{}, func() (change, error) { return change{next: 7}, nil }); err != nil || c.next != 7 {
		t.Errorf("after an error and a panic share gave %+v, %v; want a new read", c, err)
	}
}

// TestHubForgets holds that batches nobody watches, and callers who watch nothing,
// take no room.
func TestHubForgets(t *testing.T) {
	h := newHub(Limits{WatchesPerCaller: 1, Watches: 2})
	for range 3 {
		seat, err := h.join("caller", "b")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.join("caller", "b"); !errors.Is(err, errTooManyWatches) {
			t.Errorf("a second watch of one caller: %v", err)
		}
		other, err := h.join("other", "b")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.join("third", "b"); !errors.Is(err, errTooManyWatches) {
			t.Errorf("a third watch in all: %v", err)
		}
		seat.leave()
		other.leave()
	}
	if len(h.topics) != 0 || len(h.callers) != 0 || h.watches != 0 {
		t.Errorf("an empty hub holds %d topics, %d callers, %d watches", len(h.topics), len(h.callers), h.watches)
	}
	h.close(ErrShutdown)
	h.close(errors.New("again"))
	if _, err := h.join("caller", "b"); !errors.Is(err, ErrShutdown) {
		t.Errorf("joining a closed hub: %v", err)
	}
}
