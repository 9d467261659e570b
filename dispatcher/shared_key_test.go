package dispatcher

import (
	"fmt"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// Accounts with one API key, as those of several organisations are, share the starts that the key
// allows: each gets its share, however many jobs the others have and however far away they are.
func TestAccountsShareTheirKey(t *testing.T) {
	const span = time.Minute
	for _, tt := range []struct {
		accounts int
		ways     []time.Duration // of the accounts, in turn
	}{
		{2, []time.Duration{50 * time.Millisecond, 500 * time.Millisecond}},
		{20, []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond}},
	} {
		if tt.accounts > 2 && !exhaustive {
			continue // it takes a minute
		}
		inWorld(t, new(simulator.Simulator), func(w *world) {
			w.target = 20
			for n := range tt.accounts {
				p := &simulator.Simulator{
					Seed: uint64(n + 1), Encoders: 2000, QueueLimit: -1, Duration: time.Hour, Latency: tt.ways[n%len(tt.ways)], Unlimited: true, LedgerLimit: 1,
				}
				defer p.Close()
				w.neighbours = append(w.neighbours, p)
				jobs := 2000
				if n%2 == 1 {
					jobs = 3000 / tt.accounts // few, and more than its share
				}
				w.submitLadder(jobs, func(b *job.Batch) { b.AccountID = fmt.Sprintf("neighbour-%d", n) })
			}
			w.run()
			defer w.halt()
			starts := func() (each []int, total int) {
				for _, p := range w.neighbours {
					each = append(each, p.ReadStats().Starts)
					total += each[len(each)-1]
				}
				return each, total
			}
			time.Sleep(time.Duration(tt.accounts) * 15 * time.Second)
			before, totalBefore := starts()
			time.Sleep(span)
			after, total := starts()
			fair := float64(total-totalBefore) / float64(tt.accounts)
			for n := range after {
				got := float64(after[n] - before[n])
				after[n] -= before[n]
				if got < 0.8*fair || got > 1.25*fair {
					w.t.Errorf("account %d of %d, %v away: %.0f starts in %v, want about %.0f", n, tt.accounts, w.neighbours[n].Latency, got, span, fair)
				}
			}
			w.t.Logf("%d starts of %d accounts: %v", total-totalBefore, tt.accounts, after)
			if total-totalBefore < 500 || total-totalBefore > 600 {
				w.t.Errorf("%d starts in %v, and %d in all", total-totalBefore, span, total)
			}
		})
	}
}
