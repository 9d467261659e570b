package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/job"
)

// groupLimit is how many writes share one transaction. More would make the
// first one wait without saving much more.
const groupLimit = 256

// writer runs all writes, one group after the other, in its own goroutine.
type writer struct {
	*table
	onCommit func(Commit) // may be nil
	outputs  *outputIndex
	unit     *unit // used by the goroutine alone

	// others is how many writes were handed in that are not made in the background.
	others atomic.Int64

	ops     chan *op
	closing chan struct{} // closed: take no more
	closed  chan struct{} // closed: the goroutine has ended
}

// op is one write: what it touches, and a function that runs in a unit of work, perhaps together
// with others, perhaps once more by itself.
type op struct {
	what string // it does, for errors of the database

	batch     string      // id; empty: it touches none that exists
	jobs      []job.ID    // of that batch
	selection *job.Filter // of that batch
	// readsTable is set if run asks the transaction for more than it has declared. The rows of
	// the members before it are written first.
	readsTable bool
	background bool           // nobody waits for it: see pacer
	record     *access.Record // of the call that writes; nil if there is none
	fence      Lease          // without which nothing is written; nil: it is not needed

	run  func(*unit) error
	err  error
	done chan error // capacity 1; gets the outcome after the commit
}

func startWriter(ctx context.Context, t *table, onCommit func(Commit)) *writer {
	outputs := newOutputIndex()
	w := &writer{
		table: t, onCommit: onCommit, outputs: outputs, unit: newUnit(outputs, &endpointCache{}),
		ops: make(chan *op, groupLimit), closing: make(chan struct{}), closed: make(chan struct{}),
	}
	w.unit.observed = onCommit != nil
	// A context that ends in the middle of a statement takes the whole transaction down, with
	// everybody else's writes in it. So no caller's context reaches a statement of the writer.
	go w.loop(context.WithoutCancel(ctx))
	return w
}

// close takes no more writes and returns when those that were handed in are done.
func (w *writer) close() {
	close(w.closing)
	<-w.closed
}

// write runs one write and returns its result after the commit. An error of the database names
// what was done; an error of run itself comes back as it is.
func write[T any](ctx context.Context, s *Store, o op, run func(*unit) (T, error)) (T, error) {
	var result, none T
	o.done = make(chan error, 1)
	o.record, o.fence = access.RecordOf(ctx), s.lease()
	o.run = func(u *unit) (err error) {
		result, err = run(u)
		return err
	}
	// When this returns early the goroutine may still write to result.
	if err := s.writer.do(ctx, &o); err != nil {
		return none, err
	}
	return result, nil
}

// writeOnly is a write without a result.
func writeOnly(ctx context.Context, s *Store, o op, run func(*unit) error) error {
	_, err := write(ctx, s, o, func(u *unit) (struct{}, error) { return struct{}{}, run(u) })
	return err
}

// do hands o to the goroutine and waits for its outcome.
func (w *writer) do(ctx context.Context, o *op) error {
	select {
	case <-w.closing:
		return errClosed
	default:
	}
	if !o.background {
		w.others.Add(1)
	}
	select {
	case w.ops <- o:
	case <-w.closing:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.closed:
	}
	select {
	case err := <-o.done:
		return err
	default:
		return errClosed // handed in just after the goroutine took its last one
	}
}

func (w *writer) loop(ctx context.Context) {
	defer close(w.closed)
	for {
		select {
		case o := <-w.ops:
			w.commit(ctx, w.gather(o))
		case <-w.closing:
			for {
				select {
				case o := <-w.ops:
					w.commit(ctx, w.gather(o))
				default:
					return
				}
			}
		}
	}
}

// gather collects the writes that are waiting already.
func (w *writer) gather(first *op) []*op {
	group := []*op{first}
	for len(group) < groupLimit {
		select {
		case o := <-w.ops:
			group = append(group, o)
		default:
			return group
		}
	}
	return group
}

// maxRepeats is how often a group is run again that met another process's writes.
const maxRepeats = 3

// commit runs a group in one unit of work and answers its members. If one of them takes the unit
// down, all are run again one by one, so that each gets the outcome that is its own.
func (w *writer) commit(ctx context.Context, group []*op) {
	changes, err := w.try(ctx, group)
	for repeats := 0; errors.Is(err, ErrAgain) && repeats < maxRepeats; repeats++ {
		changes, err = w.try(ctx, group)
	}
	switch {
	case err == nil:
		w.notify(changes)
	case len(group) > 1:
		for _, o := range group {
			w.commit(ctx, []*op{o})
		}
		return
	default:
		w.failAlone(group[0], err)
	}
	for _, o := range group {
		o.done <- o.err
	}
}

// try runs a group in one unit of work. If it returns an error nothing was written, and no member
// has its outcome. If the transaction itself cannot begin or commit, that is the outcome of every
// member.
func (w *writer) try(ctx context.Context, group []*op) (changes []job.Change, err error) {
	for _, o := range group {
		o.err = nil // of an earlier try
	}
	u, begin := w.unit, time.Now()
	tx, err := w.engine.Begin(ctx, fencesOf(group))
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
		w.rollback(ctx, tx)
		if len(group) == 1 && !errors.Is(err, ErrAgain) {
			group[0].err = err
			w.tell(group, begin, u, err)
		}
		return nil, err
	}
	err = tx.Commit(ctx)
	w.sums.drop(u.reblocked) // a commit that failed may have been made
	if err != nil {
		w.rollback(ctx, tx)
		if errors.Is(err, ErrAgain) {
			return nil, err
		}
		fail(group, "commit", err)
		w.tell(group, begin, u, err)
		return nil, nil
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

// awaken gives a channel of capacity 1 a value, unless it has one.
func awaken(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // somebody is going to look anyway
	}
}

// runAll runs the members of a group and writes their rows. An error of a member that leaves the
// unit intact is kept in the member. A panic ends the unit: nothing says how far the member got.
func (u *unit) runAll(group []*op) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	if err := u.load(group); err != nil {
		return err
	}
	for _, o := range group {
		o.err = o.call(u)
		if err := u.tx.Err(); err != nil {
			return err
		}
	}
	return u.flush()
}

// call runs one member.
func (o *op) call(u *unit) error {
	if o.readsTable {
		if err := u.flush(); err != nil {
			return err
		}
	}
	err := o.run(u)
	if err == nil && o.record != nil {
		u.records[o.record] = true
	}
	return err
}

// panicError is a panic of a function that a caller handed in.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

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

// rollback takes back a transaction. What is known of output paths and of endpoints may come from it.
func (w *writer) rollback(ctx context.Context, tx Tx) {
	w.outputs.reset()
	w.unit.endpoints.drop()
	tx.Rollback(ctx)
}
