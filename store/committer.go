package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// committer runs groups of writes, one after the other, each in a unit of work.
type committer struct {
	w     *writer
	unit  *unit
	begin func(ctx context.Context, fences []Lease) (Tx, error)
}

func newCommitter(w *writer, begin func(context.Context, []Lease) (Tx, error)) *committer {
	c := &committer{w: w, unit: newUnit(w.outputs, &endpointCache{}), begin: begin}
	c.unit.observed = w.onCommit != nil
	return c
}

// maxRepeats is how often a group is run again that met another process's writes.
const maxRepeats = 3

// commit runs a group in one unit of work and answers its members. If one of them takes the unit
// down, all are run again one by one, so that each gets the outcome that is its own.
func (c *committer) commit(ctx context.Context, group []*op) {
	changes, err := c.try(ctx, group)
	for repeats := 0; errors.Is(err, ErrAgain) && repeats < maxRepeats; repeats++ {
		changes, err = c.try(ctx, group)
	}
	switch {
	case err == nil:
		c.w.notify(changes)
	case len(group) > 1:
		for _, o := range group {
			c.commit(ctx, []*op{o})
		}
		return
	default:
		c.w.failAlone(group[0], err)
	}
	for _, o := range group {
		o.done <- o.err
	}
}

// try runs a group in one unit of work. If it returns an error nothing was written, and no member
// has its outcome. If the transaction itself cannot begin or commit, that is the outcome of every
// member.
func (c *committer) try(ctx context.Context, group []*op) (changes []job.Change, err error) {
	for _, o := range group {
		o.err = nil // of an earlier try
	}
	u, w, begin := c.unit, c.w, time.Now()
	tx, err := c.begin(ctx, fencesOf(group))
	if err != nil {
		fail(group, "begin", err)
		w.tell(group, begin, u, err)
		return nil, nil
	}
	u.begin(ctx, tx)
	defer u.end()
	if w.shared != nil {
		u.endpoints.drop() // another process may have changed them
	}
	if err := u.runAll(group); err != nil {
		c.rollback(ctx, tx)
		if len(group) == 1 && !errors.Is(err, ErrAgain) {
			group[0].err = err
			w.tell(group, begin, u, err)
		}
		return nil, err
	}
	err = tx.Commit(ctx)
	w.sums.drop(u.reblocked) // a commit that failed may have been made
	if err != nil {
		c.rollback(ctx, tx)
		if errors.Is(err, ErrAgain) {
			return nil, err
		}
		fail(group, "commit", err)
		w.tell(group, begin, u, err)
		return nil, nil
	}
	w.outputs.giveBack(u.outputPaths)
	for id, settings := range u.settings {
		w.setSettings(id, settings) // here, because their callers go on in any order
	}
	w.tell(group, begin, u, nil)
	if u.outbox {
		awaken(w.outbox)
		if w.exchange != nil {
			w.exchange.tell(Wakeups{Outbox: true})
		}
	}
	return u.changes(), nil
}

// fencesOf are the leases that the members of a group need, each once.
func fencesOf(group []*op) (fences []Lease) {
	for _, o := range group {
		if o.fence != nil && !slices.Contains(fences, o.fence) {
			fences = append(fences, o.fence)
		}
	}
	return fences
}

// failAlone gives a member that ran by itself the error that took its unit down.
func (w *writer) failAlone(o *op, err error) {
	if p, ok := errors.AsType[*panicError](err); ok {
		w.log.Error("a write panicked and was rolled back", "write", o.what, "panic", p.value, "stack", string(p.stack))
	}
	o.err = fmt.Errorf("%s: %w", o.what, err)
}

// fail gives every member of the group that did not fail by itself the same outcome.
func fail(group []*op, what string, err error) {
	for _, o := range group {
		if o.err == nil {
			o.err = fmt.Errorf("%s: %s: %w", o.what, what, err)
		}
	}
}

// rollback takes back a transaction. What the unit knows of output paths and of endpoints may come from it.
func (c *committer) rollback(ctx context.Context, tx Tx) {
	c.w.outputs.forget(c.unit.outputPaths)
	c.unit.endpoints.drop()
	tx.Rollback(ctx)
}
