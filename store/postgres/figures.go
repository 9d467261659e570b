package postgres

import (
	"maps"
	"sync"
	"time"

	"github.com/stokerd/stoker/store"
)

// Why an account could be gained.
const (
	gainedFirst    = "first"    // nobody has driven it before
	gainedReleased = "released" // the driver before has given it back
	gainedExpired  = "expired"  // the driver before has died, or was cut off
)

// figures are what a process tells of its terms.
type figures struct {
	mu   sync.Mutex
	seen store.TermFigures
}

func (f *figures) change(change func(*store.TermFigures)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.seen)
}

// noteGained notes that accounts were gained, and why each could be.
func (f *figures) noteGained(why []string) {
	f.change(func(s *store.TermFigures) {
		if s.Takeovers == nil {
			s.Takeovers = map[string]int64{gainedFirst: 0, gainedReleased: 0, gainedExpired: 0}
		}
		for _, w := range why {
			s.Takeovers[w]++
		}
	})
}

func (f *figures) noteRenewal(took time.Duration) {
	f.change(func(s *store.TermFigures) { s.Renewals, s.RenewalTime = s.Renewals+1, s.RenewalTime+took })
}

// Figures returns what this process has had of terms.
func (db *database) Figures() store.TermFigures {
	f := &db.keeper.figures
	f.mu.Lock()
	seen := f.seen
	seen.Takeovers = maps.Clone(f.seen.Takeovers)
	f.mu.Unlock()
	seen.Listening = db.Listening()
	seen.Epochs = map[string]int64{}
	for _, l := range db.keeper.list() {
		for i, name := range l.names {
			seen.Epochs[name] = l.epochs[i]
		}
	}
	return seen
}
