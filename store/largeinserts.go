package store

import (
	"context"
	"sync"
)

// largeInsert is how many jobs a write inserts that other writes do not wait for, if the database takes several
// transactions at once, and maxLargeInserts how many such writes there are side by side.
const largeInsert, maxLargeInserts = 1000, 2

// largeInserts are the large writes under way. The batches to which they add jobs are locked until they end. So changes of
// these batches are deferred: in a group they would keep all others waiting.
type largeInserts struct {
	places chan struct{} // has an element for each write under way

	mu       sync.Mutex
	of       map[string][]chan struct{} // by batch: for each write a channel that is closed when it has ended
	deferred sync.WaitGroup             // changes
}

func newLargeInserts() *largeInserts {
	return &largeInserts{places: make(chan struct{}, maxLargeInserts), of: map[string][]chan struct{}{}}
}

// begin notes that a write adds jobs to a batch, until end is called.
func (l *largeInserts) begin(batch string) (end func()) {
	if batch == "" {
		return func() {}
	}
	ended := make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of[batch] = append(l.of[batch], ended)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		close(ended)
		for len(l.of[batch]) > 0 && isClosed(l.of[batch][0]) {
			l.of[batch] = l.of[batch][1:]
		}
		if len(l.of[batch]) == 0 {
			delete(l.of, batch)
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// deferChange has again be called when the write has ended that adds jobs to a batch. It reports false if there is none.
func (l *largeInserts) deferChange(batch string, again func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	writes := l.of[batch]
	if len(writes) == 0 {
		return false
	}
	l.deferred.Go(func() {
		<-writes[0]
		again()
	})
	return true
}

// await returns when no such write is under way any more, and no change is deferred. No further one can begin then.
func (l *largeInserts) await() {
	for range maxLargeInserts { // the places stay taken
		l.places <- struct{}{}
	}
	l.deferred.Wait()
}

// doLarge runs o beside the groups, in a transaction and on a connection of its own: it takes so long that changes of
// other batches must not wait for it.
func (w *writer) doLarge(ctx context.Context, o *op) error {
	select {
	case w.large.places <- struct{}{}:
	case <-w.closing:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	end := w.large.begin(o.batch)
	go func() {
		defer func() { <-w.large.places }()
		defer end()
		newCommitter(w, w.shared.BeginBeside).commit(context.WithoutCancel(ctx), []*op{o})
	}()
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
