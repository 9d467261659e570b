package simulator_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// Several clients at once, as the race detector likes them. Whatever the order
// of their calls, encoders are never idle and every start is in the ledger.
func TestManyClients(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{Encoders: 7, QueueLimit: -1, Unlimited: true, Duration: time.Hour})
		st := a.storage()
		const clients, each = 8, 35
		var wg sync.WaitGroup
		for client := range clients {
			wg.Go(func() {
				for i := range each {
					enc := a.started(st, fmt.Sprintf("%d-%d", client, i))
					_ = a.status(enc)
				}
			})
		}
		wg.Wait()
		a.idle()
		stats := a.sim.ReadStats()
		if want := clients * each / 7 * time.Hour; stats.Makespan != want || stats.IdleEmpty+stats.IdleQueued != 0 {
			t.Errorf("makespan %v, idle %v, want %v and none", stats.Makespan, stats.IdleEmpty+stats.IdleQueued, want)
		}
		starts := 0
		for i, e := range a.sim.Ledger() {
			if e.Seq != int64(i+1) {
				t.Fatalf("entry %d has number %d", i, e.Seq)
			}
			if e.Route == startRoute && e.Effect {
				starts++
			}
		}
		if starts != clients*each || stats.Starts != starts {
			t.Errorf("%d starts in the ledger, %d counted, want %d", starts, stats.Starts, clients*each)
		}
	})
}

// crowded returns a simulator with many finished encodings.
func crowded(b *testing.B, finished int) (*api, storage) {
	a := newAPI(b, &simulator.Simulator{
		Encoders: finished, QueueLimit: -1, Unlimited: true, LedgerLimit: 1000, Duration: time.Nanosecond,
	})
	st := a.storage()
	for i := range finished {
		a.started(st, fmt.Sprintf("job-%d", i))
	}
	a.idle()
	return a, st
}

func BenchmarkListQueued(b *testing.B) {
	for _, finished := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("finished=%d", finished), func(b *testing.B) {
			a, _ := crowded(b, finished)
			for b.Loop() {
				a.must("GET", "/encoding/encodings?status=QUEUED&limit=100", "")
			}
		})
	}
}

func BenchmarkStatus(b *testing.B) {
	a, st := crowded(b, 100)
	enc := a.started(st, "one")
	for b.Loop() {
		a.must("GET", "/encoding/encodings/"+enc+"/status", "")
	}
}

// One encoding from nothing to its start: four calls.
func BenchmarkPrepareAndStart(b *testing.B) {
	a, st := crowded(b, 1)
	for b.Loop() {
		a.started(st, "one")
	}
}
