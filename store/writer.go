package store

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/job"
)

// groupLimit is how many writes share one transaction. More would make the
// first one wait without saving much more.
const groupLimit = 256

// writer runs all writes, one group after the other, in its own goroutine. Large ones run beside them, see
// [writer.doLarge].
type writer struct {
	*table
	onCommit func(Commit) // may be nil
	outputs  *outputIndex
	groups   *committer // used by the goroutine alone

	// others is how many writes were handed in that are not made in the background.
	others atomic.Int64

	ops     chan *op
	large   *largeInserts
	closing chan struct{} // closed: take no more
	drained chan struct{} // closed: nothing is handed in any more but what is in ops
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
	inserts    int            // jobs that run inserts at most
	record     *access.Record // of the call that writes; nil if there is none
	fence      Lease          // without which nothing is written; nil: it is not needed
	deferred   bool           // it was deferred once; see largeInserts

	run  func(*unit) error
	err  error
	done chan error // capacity 1; gets the outcome after the commit
}

func startWriter(ctx context.Context, t *table, onCommit func(Commit)) *writer {
	w := &writer{
		table: t, onCommit: onCommit, outputs: newOutputIndex(),
		ops: make(chan *op, groupLimit), large: newLargeInserts(), closing: make(chan struct{}), drained: make(chan struct{}), closed: make(chan struct{}),
	}
	w.groups = newCommitter(w, t.engine.Begin)
	// A context that ends in the middle of a statement takes the whole transaction down, with
	// everybody else's writes in it. So no caller's context reaches a statement of the writer.
	go w.loop(context.WithoutCancel(ctx))
	return w
}

// close takes no more writes and returns when those that were handed in are done.
func (w *writer) close() {
	close(w.closing)
	w.large.await()
	close(w.drained)
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
	if w.shared != nil && o.inserts >= largeInsert {
		return w.doLarge(ctx, o)
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
			w.commitGroup(ctx, o)
		case <-w.drained:
			for {
				select {
				case o := <-w.ops:
					w.commitGroup(ctx, o)
				default:
					return
				}
			}
		}
	}
}

// commitGroup commits a write together with those that are waiting already.
func (w *writer) commitGroup(ctx context.Context, first *op) {
	if group := w.gather(first); len(group) > 0 {
		w.groups.commit(ctx, group)
	}
}

// gather collects the writes that are waiting already, and defers those that would wait for a large one.
func (w *writer) gather(first *op) (group []*op) {
	for o := first; ; o = <-w.ops {
		if !w.deferOnce(o) {
			group = append(group, o)
		}
		if len(group) == groupLimit || len(w.ops) == 0 { // nobody else takes writes from there
			return group
		}
	}
}

// deferOnce has a write be handed in again when a large one of its batch has ended, and reports whether there is one. It
// does so once: where one large write follows the other, it would never be made.
func (w *writer) deferOnce(o *op) bool {
	if o.deferred {
		return false
	}
	o.deferred = w.large.deferChange(o.batch, func() { w.ops <- o })
	return o.deferred
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
		u.noteRecord(o.record)
	}
	return err
}

// panicError is a panic of a function that a caller handed in.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
