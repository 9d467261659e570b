package store

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/stokerd/stoker/job"
)

// Options are the choices that opening a job table leaves to its caller. The zero value is ready
// for production.
type Options struct {
	// Logger gets the problems of work in the background. Default: they are not logged.
	Logger *slog.Logger
	// OnChange is called after every commit that watchers or the dispatcher
	// should know of, with one change for each batch concerned. The goroutine that
	// commits calls it: it must not block and must not call a method of the store
	// that writes. See also [Store.SetOnChange].
	OnChange func([]job.Change)
	// OnCommit is called after every transaction, before its writers have their answer. It must not
	// block, must not keep what it is given, and must not call a method of the store. Default: nobody is told.
	OnCommit func(Commit)
	// Unsafe leaves flushing to the operating system. A power failure may then
	// damage the table; a crash of the process alone cannot. Meant for tests.
	Unsafe bool
	// OnLost is called once if a file of the table is no longer where it was opened, with an error
	// that names the file. Nothing can be written then. It must not block, and must not close the
	// store. Default: nobody is told.
	OnLost func(error)
	// MustExist refuses to begin a new table.
	MustExist bool
	// AcceptNoLog opens a table whose latest changes are missing: a file that was copied from a
	// service in use without the files beside it.
	AcceptNoLog bool
	// DiskFloor is how much of the disk has to be left for jobs to be taken. Default: there is no floor.
	DiskFloor Floor
	// MigrateWithoutCopy does not copy a table of an older Stoker before its schema is changed.
	MigrateWithoutCopy bool
	// Address says where this process runs, for those who look at the replicas. Default: machine and process.
	Address string
	// Version is the version of this process, for the same people.
	Version string
	// ListenURL names the database by a connection on which notifications arrive, if a pooler is between. Default: the
	// one that the table is opened by.
	ListenURL string
	// Readers is how many connections read side by side. Default 4: more of
	// them take processor time from the writer.
	Readers int
}

// DefaultReaders is the default of [Options.Readers].
const DefaultReaders = 4

var errClosed = fmt.Errorf("%w: it has been closed", job.ErrUnavailable)

// Store is the job table, or the view that the holder of a term has of it. Its methods may be called concurrently.
type Store struct {
	*table
	term *Term // see [Store.As]; nil: writes are not fenced
}

// table is what all views of a job table share.
type table struct {
	*board
	engine   Engine
	shared   Shared // the engine, if other processes work on the table as well; nil otherwise
	log      *slog.Logger
	onChange atomic.Pointer[func([]job.Change)]
	writer   *writer
	sums     *blockSums
	searches chan struct{} // has an element for each search under way
	scans    encodingScans
	outbox   chan struct{} // capacity 1: there are deliveries to make

	reap     chan struct{} // capacity 1: there are deleted batches to remove
	exchange *exchange     // with other processes; nil: there are none

	room       room
	background sync.WaitGroup
	stop       context.CancelCauseFunc
	closeOnce  func() error
}

// New makes a job table of an engine, which the Store closes. Callers use the function Open of an
// engine's package, such as store/sqlite.
func New(engine Engine, o Options) *Store {
	shared, _ := engine.(Shared)
	s := &Store{table: &table{
		engine: engine, shared: shared, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), board: newBoard(), sums: &blockSums{off: shared != nil},
		room: room{engine, o.DiskFloor}, searches: make(chan struct{}, maxSearches),
		outbox: make(chan struct{}, 1), reap: make(chan struct{}, 1),
	}}
	s.SetOnChange(o.OnChange)
	ctx, stop := context.WithCancelCause(context.Background())
	s.stop = stop
	s.writer = startWriter(ctx, s.table, o.OnCommit)
	s.closeOnce = sync.OnceValue(s.close)
	if shared != nil {
		s.exchange = newExchange(s.table)
		s.background.Go(func() { s.exchange.run(ctx) })
		return s
	}
	s.background.Go(func() { s.Housekeep(ctx) })
	return s
}

// Housekeep removes the rows of deleted batches, and has counts that are wrong be corrected once, until ctx ends. On a
// table on which no other process works that is done by itself; on another the holder of the term [Housekeeping] does
// it, in its own view.
func (s *Store) Housekeep(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { newReaper(s).run(ctx) })
	work.Go(func() { recountOnce(ctx, s) })
	work.Wait()
}

// InstanceID is a random word of lower-case letters and digits that was made
// together with the table. It tells this service's encodings at the platform from
// everybody else's.
func (t *table) InstanceID() string { return t.engine.InstanceID() }

// SetOnChange replaces [Options.OnChange], for the commits from now on.
func (t *table) SetOnChange(f func([]job.Change)) { t.onChange.Store(&f) }

// notify tells this process, and the others, of changes that it has made.
func (t *table) notify(changes []job.Change) {
	t.hear(changes)
	if t.exchange != nil && len(changes) > 0 {
		t.exchange.tell(Wakeups{Changes: changes})
	}
}

// hear tells this process of changes, whoever has made them.
func (t *table) hear(changes []job.Change) {
	t.countMoves(changes)
	if f := t.onChange.Load(); f != nil && *f != nil && len(changes) > 0 {
		(*f)(changes)
	}
}

// Close finishes the writes that have been handed in, refuses further ones and
// releases the table. A second call does nothing more.
func (t *table) Close() error { return t.closeOnce() }

func (t *table) close() error {
	t.stop(errClosed)
	t.writer.close()
	t.background.Wait()
	return t.engine.Close()
}
