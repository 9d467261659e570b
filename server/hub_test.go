package server

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// TestShare holds that watchers at one position share a read, and that whoever is
// given what was read before a change is told so, and is not given it for long.
func TestShare(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHub(Limits{WatchesPerCaller: 10, Watches: 10})
		sub, err := h.subscribe("caller", "b")
		if err != nil {
			t.Fatal(err)
		}
		defer sub.close()
		reads := 0
		release := make(chan struct{})
		slow := func() (change, error) {
			reads++
			<-release
			return change{next: int64(reads), msg: &message{}}, nil
		}
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if c, err := sub.sharedRead(t.Context(), position{revision: 1}, slow); err != nil || c.next != 1 {
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
		if c, _ := sub.sharedRead(t.Context(), position{revision: 1}, slow); c.next != 1 {
			t.Errorf("before a change the read is kept, got %+v", c)
		}
		time.Sleep(time.Hour)
		h.notify("b")
		if c, _ := sub.sharedRead(t.Context(), position{revision: 1}, slow); c.next != 2 || c.outdated {
			t.Errorf("after a change it is read again, got %+v", c)
		}
		time.Sleep(readSharingTime - 1)
		h.notify("b")
		if c, _ := sub.sharedRead(t.Context(), position{revision: 1}, slow); c.next != 2 || !c.outdated {
			t.Errorf("shortly after a change the read is still shared, and known to be outdated, got %+v", c)
		}
		time.Sleep(time.Nanosecond)
		h.notify("b")
		if c, _ := sub.sharedRead(t.Context(), position{revision: 1}, slow); c.next != 3 || c.outdated {
			t.Errorf("then it is read again, got %+v", c)
		}
		select {
		case <-sub.wakeup:
		default:
			t.Error("the watcher was not woken")
		}
	})
}

// TestShareKeepsLittle holds that reads that nobody can use again are not kept.
func TestShareKeepsLittle(t *testing.T) {
	h := newHub(Limits{WatchesPerCaller: 10, Watches: 10})
	sub, err := h.subscribe("caller", "b")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.close()
	for p, c := range map[position]change{
		{revision: 1}:                         {next: 1},
		{revision: 1, jobs: allJobs, page: 7}: {msg: &message{}, next: 507},
	} {
		if _, err := sub.sharedRead(t.Context(), p, func() (change, error) { return c, nil }); err != nil {
			t.Error(err)
		}
	}
	if len(sub.reads) != 0 {
		t.Errorf("kept %v", sub.reads)
	}
	// Somebody catches up with a batch that rests.
	for revision := range int64(1_000) {
		if _, err := sub.sharedRead(t.Context(), position{revision: revision, jobs: allJobs}, func() (change, error) {
			return change{msg: &message{}, next: revision + 1, more: true}, nil
		}); err != nil {
			t.Error(err)
		}
	}
	if n := len(sub.reads); n > maxKeptReads {
		t.Errorf("kept %d reads of a batch that rests, want no more than %d", n, maxKeptReads)
	}
}

func TestShareKeepsNoErrors(t *testing.T) {
	h := newHub(Limits{WatchesPerCaller: 10, Watches: 10})
	sub, err := h.subscribe("caller", "b")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.close()
	broken := errors.New("broken")
	if _, err := sub.sharedRead(t.Context(), position{}, func() (change, error) { return change{}, broken }); !errors.Is(err, broken) {
		t.Errorf("share gave %v, want the read's error", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a panic was swallowed")
			}
		}()
		_, _ = sub.sharedRead(t.Context(), position{}, func() (change, error) { panic("bug") })
	}()
	if c, err := sub.sharedRead(t.Context(), position{}, func() (change, error) { return change{next: 7}, nil }); err != nil || c.next != 7 {
		t.Errorf("after an error and a panic share gave %+v, %v; want a new read", c, err)
	}
}

// TestHubForgets holds that batches nobody watches, and callers who watch nothing,
// take no room.
func TestHubForgets(t *testing.T) {
	h := newHub(Limits{WatchesPerCaller: 1, Watches: 2})
	for range 3 {
		sub, err := h.subscribe("caller", "b")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.subscribe("caller", "b"); limitOf(err) == "" {
			t.Errorf("a second watch of one caller: %v", err)
		}
		other, err := h.subscribe("other", "b")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.subscribe("third", "b"); limitOf(err) == "" {
			t.Errorf("a third watch in all: %v", err)
		}
		sub.close()
		other.close()
	}
	if len(h.batches) != 0 || len(h.callers) != 0 || h.watches != 0 {
		t.Errorf("an empty hub holds %d topics, %d callers, %d watches", len(h.batches), len(h.callers), h.watches)
	}
	h.close(ErrShutdown)
	h.close(errors.New("again"))
	if _, err := h.subscribe("caller", "b"); !errors.Is(err, ErrShutdown) {
		t.Errorf("joining a closed hub: %v", err)
	}
}

// TestTurns holds that watchers have the interval that they ask for, at the same moments. Where there are so many that it is
// longer, groups of them take turns within it.
func TestTurns(t *testing.T) {
	for _, tt := range []struct{ watchers, turns int }{{1, 1}, {1_600, 1}, {3_000, 2}, {5_000, 3}} {
		h := newHub(Limits{WatchesPerCaller: tt.watchers, Watches: tt.watchers})
		var watches []*watch
		for i := range tt.watchers {
			batch := "large"
			if i%5 == 4 {
				batch = fmt.Sprintf("small %d", i/10) // of two watchers each
			}
			sub, err := h.subscribe("caller", batch)
			if err != nil {
				t.Fatal(err)
			}
			watches = append(watches, &watch{subscription: sub, interval: defaultMinInterval})
		}
		start := time.Now().Truncate(time.Second)
		interval := time.Duration(tt.turns) * defaultMinInterval
		atOnce, moments := map[time.Time]int{}, map[string]map[time.Time]bool{}
		for _, w := range watches {
			if due := w.nextDue(start); !due.Equal(start) {
				t.Fatalf("the first message is due after %v, want at once", due.Sub(start))
			}
			w.dueTime = start
			w.dueTime = w.nextDue(start) // as soon as its group has its turn
			due := w.nextDue(w.dueTime)
			if got := due.Sub(w.dueTime); got != interval {
				t.Fatalf("with %d watchers the interval is %v, want %v", tt.watchers, got, interval)
			}
			atOnce[due]++
			if moments[w.subscription.id] == nil {
				moments[w.subscription.id] = map[time.Time]bool{}
			}
			moments[w.subscription.id][due] = true
		}
		for due, n := range atOnce {
			if most := tt.watchers/tt.turns + groupSize; n > most {
				t.Errorf("of %d watchers, %d wake at %v, want at most %d", tt.watchers, n, due, most)
			}
		}
		for batch, at := range moments {
			want := 1
			if batch == "large" {
				want = tt.turns
			}
			if len(at) != want {
				t.Errorf("of %d watchers, those of batch %q wake at %d moments, want %d", tt.watchers, batch, len(at), want)
			}
		}
	}
}
