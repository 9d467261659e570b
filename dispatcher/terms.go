package dispatcher

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stokerd/stoker/bitmovin"
)

// Term is the right to drive some accounts.
type Term interface {
	// Context ends with the term.
	Context() context.Context
	// Store is the job table, which refuses what is written after the end of the term.
	Store() Store
	// Release gives the term back.
	Release()
}

// errTermOver is why the loops of a term end.
var errTermOver = errors.New("the term is over")

// templateSettle is the settle time of starts from templates that a driver of before has left without an answer, if it
// is longer than the usual one: a process that was frozen between its last look at its term and the call may go on
// late, and a template's start cannot be refused for being the second one.
const templateSettle = 2 * time.Minute

// runTerms works during terms until ctx ends.
func (d *Dispatcher) runTerms(ctx context.Context) error {
	var group errgroup.Group
	for _, accounts := range d.groups() {
		group.Go(func() error {
			d.campaign(ctx, accounts)
			return nil
		})
	}
	return group.Wait()
}

// groups returns the accounts that are driven together: those of an API key, whose rate limits the platform keeps for
// all of them.
func (d *Dispatcher) groups() [][]string {
	byGovernor := map[*bitmovin.Governor][]string{}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for id, a := range d.accounts {
		governor := a.Client.RateGovernor()
		byGovernor[governor] = append(byGovernor[governor], id)
	}
	var groups [][]string
	for _, accounts := range byGovernor {
		slices.Sort(accounts)
		groups = append(groups, accounts)
	}
	return groups
}

// campaign drives accounts during each term that it gains, until ctx ends. When a term is lost it campaigns at once,
// while calls on the wire still end.
func (d *Dispatcher) campaign(ctx context.Context, accounts []string) {
	var drives sync.WaitGroup
	defer drives.Wait()
	for ctx.Err() == nil {
		term, err := d.config.Campaign(ctx, accounts)
		if err != nil {
			if ctx.Err() == nil {
				d.config.Logger.Error("cannot campaign for accounts", "account", strings.Join(accounts, " "), "err", err)
				_ = d.config.Clock.Sleep(ctx, readRetryPause) // the loop sees that ctx has ended
			}
			continue
		}
		drives.Go(func() { d.drive(ctx, accounts, term) })
		select {
		case <-term.Context().Done():
		case <-ctx.Done():
		}
	}
}

// handOverTime is how long a process that stops waits for the calls under way before it gives its term back. What comes of
// calls that take longer is found by the next driver.
const handOverTime = time.Second

// drive drives accounts until their term or ctx ends, and gives the term back. The loops are made anew: nothing is kept
// of an earlier term.
func (d *Dispatcher) drive(ctx context.Context, accounts []string, term Term) {
	driving, stop := context.WithCancelCause(bitmovin.WithGate(ctx, term.Context())) // what waits for the rate limit is not sent any more
	defer stop(nil)
	defer context.AfterFunc(term.Context(), func() { stop(errTermOver) })()
	defer term.Release()
	defer context.AfterFunc(ctx, func() {
		if d.config.Clock.Sleep(term.Context(), handOverTime) == nil {
			term.Release()
		}
	})()
	var loops sync.WaitGroup
	for _, id := range accounts {
		loops.Go(func() {
			l := d.takeOver(driving, id, term)
			if l == nil {
				return
			}
			loops.Go(func() { l.publisher.run(driving) })
			if err := l.run(driving); err != nil {
				l.log.Error("the account is not driven any more", "err", err)
			}
			d.standBy(l)
		})
	}
	loops.Wait()
}

// takeOver makes the loop of an account for a term, and has it read what the driver before has left. It returns nil if
// the term ends meanwhile.
func (d *Dispatcher) takeOver(ctx context.Context, id string, term Term) *accountLoop {
	for {
		d.mu.Lock()
		c := d.config
		c.Store = term.Store()
		l := newAccountLoop(c, d.accounts[id])
		l.worker.takenOver = true
		if d.prepareLoop != nil {
			d.prepareLoop(l)
		}
		d.loops[id] = l // from now on it hears of changes
		d.mu.Unlock()
		err := l.load(ctx)
		if err == nil {
			return l
		}
		if ctx.Err() == nil {
			l.log.Error("cannot read the job table", "err", err)
		}
		if d.config.Clock.Sleep(ctx, readRetryPause) != nil {
			d.standBy(l)
			return nil
		}
	}
}

// standBy replaces a loop whose term is over by one that does not run.
func (d *Dispatcher) standBy(l *accountLoop) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.loops[l.accountID] == l { // no further term was gained meanwhile
		d.loops[l.accountID] = newAccountLoop(d.config, d.accounts[l.accountID])
	}
}
