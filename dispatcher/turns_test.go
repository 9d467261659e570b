package dispatcher

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// A platform that answers nothing stops no loop.
func TestTurnsOnASilentPlatform(t *testing.T) {
	inWorld(t, &simulator.Simulator{}, func(w *world) {
		w.network = func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		}
		w.others = []string{"archive"}
		w.submit(5, nil)
		w.run()
		for range 20 {
			time.Sleep(time.Minute)
			if err := w.disp.AwaitTurns(w.ctx); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// errNoTurn is the cause with which a test gives up waiting for turns.
var errNoTurn = errors.New("no turn in time")

// A loop that is stuck in the job table takes no turn, until the job table answers.
func TestTurnsOfAStuckLoop(t *testing.T) {
	inWorld(t, &simulator.Simulator{}, func(w *world) {
		stuck, free := make(chan struct{}), make(chan struct{})
		w.table = func(s Store) Store { return &stuckStore{Store: s, stuck: stuck, free: free} }
		w.run()
		time.Sleep(time.Minute)
		if err := w.disp.AwaitTurns(w.ctx); err != nil {
			t.Fatal(err)
		}
		close(stuck)
		time.Sleep(2 * refreshInterval) // the loop reads its settings anew
		ctx, cancel := context.WithTimeoutCause(w.ctx, time.Hour, errNoTurn)
		defer cancel()
		if err := w.disp.AwaitTurns(ctx); !errors.Is(err, errNoTurn) || !strings.Contains(err.Error(), "account default") {
			t.Errorf("a stuck loop: %v", err)
		}
		close(free)
		if err := w.disp.AwaitTurns(w.ctx); err != nil {
			t.Error(err)
		}
	})
}

// stuckStore is a job table that gives no account settings from when stuck is closed until free is.
type stuckStore struct {
	Store
	stuck, free chan struct{}
}

func (s *stuckStore) AccountSettings(ctx context.Context, id string) (job.AccountSettings, error) {
	select {
	case <-s.stuck:
		<-s.free
	default:
	}
	return s.Store.AccountSettings(ctx, id)
}
