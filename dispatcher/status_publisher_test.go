package dispatcher

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// publishCounter counts how often a status is published.
type publishCounter struct {
	Store
	count *atomic.Int64
}

func (c publishCounter) PublishAccountStatus(a job.AccountStatus) {
	c.count.Add(1)
	c.Store.PublishAccountStatus(a)
}

// TestBudgetsGrowInTheStatus holds that the status shows the budgets as they are although the loop
// sleeps, and is not published any more once they have stopped growing.
func TestBudgetsGrowInTheStatus(t *testing.T) {
	inWorld(t, &simulator.Simulator{Seed: 1, Duration: time.Minute}, func(w *world) {
		var count atomic.Int64
		w.table = func(s Store) Store { return publishCounter{s, &count} }
		w.run()
		w.awaitEnd(w.submit(3, nil).ID, 10*time.Minute)
		used, _ := w.store.AccountStatus("default")
		time.Sleep(150 * time.Second) // calls are made at whole minutes
		grown, _ := w.store.AccountStatus("default")
		if cmp.Equal(used.Budgets, grown.Budgets) {
			w.t.Errorf("later the budgets are still %+v", used.Budgets)
		}
		budgets, _ := w.disp.loops["default"].publisher.readBudgets()
		for i, now := range budgets {
			if grown.Budgets[i] != now {
				w.t.Errorf("the status shows %+v, it is %+v", grown.Budgets[i], now)
			}
		}
		before := count.Load()
		time.Sleep(time.Hour)
		if n := count.Load() - before; n > 600 {
			w.t.Errorf("the status of an idle account was published %d times in an hour", n)
		}
	})
}
