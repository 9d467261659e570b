package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

const (
	// roundTripLimit is how long one round trip of a transaction may take. COMMIT has no limit.
	roundTripLimit = 30 * time.Second
	// commitLimit is after what time nobody waits for a COMMIT any more.
	commitLimit = 10 * time.Second
	// idleLimit is how long a transaction may be open without a statement: see the package comment.
	idleLimit = "1s"
	// lockLimit is how long a transaction waits for a row that another one has locked.
	lockLimit = "5s"
)

// readCommitted is the isolation of all transactions that write, see the package comment, whatever it is by default.
var readCommitted = pgx.TxOptions{IsoLevel: pgx.ReadCommitted}

// writer is a connection that writes. One that may have been broken by an error is dropped, and the next
// transaction opens another.
type writer struct {
	connect func(context.Context) (*session, error)
	log     *slog.Logger
	keeper  *keeper
	dropAll func()   // drops the connections that read: their server is not the primary any more
	conn    *session // nil after it was dropped
}

// drop closes the connection for good. What was not committed is gone with it.
func (w *writer) drop(why error) {
	if errors.Is(why, ErrReadOnly) {
		w.dropAll()
	}
	if w.conn == nil {
		return
	}
	w.log.Warn("connection of the writer dropped", "err", why)
	w.conn.abandon()
	w.conn = nil
}

func (w *writer) close() {
	if w.conn != nil {
		w.conn.close()
		w.conn = nil
	}
}

// transaction is a writer's transaction. It is begun together with its first statement.
type transaction struct {
	queries // on the writer's connection
	w       *writer
	fences  []*lease
	begun   bool
	err     error // the first one of the database
}

var _ store.Tx = (*transaction)(nil)

// fence begins every transaction with a write of a driver. It finds fewer rows than names if a lease was taken over.
// FOR KEY SHARE lets renewals through, and has a takeover wait until the transaction has ended.
const fence = `
SELECT 1 FROM leases
 WHERE (name, epoch) IN (SELECT * FROM unnest($1::text[], $2::bigint[])) AND holder = $3 ORDER BY name FOR KEY SHARE`

// Begin makes a transaction, on a new connection if the last one was dropped.
func (db *database) Begin(ctx context.Context, fences []store.Lease) (store.Tx, error) {
	t, err := db.writer.begin(ctx, fences)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// BeginBeside makes a transaction on a connection of its own.
func (db *database) BeginBeside(ctx context.Context, fences []store.Lease) (store.Tx, error) {
	w := &writer{connect: db.writer.connect, log: db.log, keeper: db.keeper, dropAll: db.writer.dropAll}
	t, err := w.begin(ctx, fences)
	if err != nil {
		return nil, err
	}
	return singleTransaction{t}, nil
}

// singleTransaction closes its connection at its end.
type singleTransaction struct{ *transaction }

func (t singleTransaction) Commit(ctx context.Context) error {
	err := t.transaction.Commit(ctx)
	if err == nil {
		t.w.close()
	}
	return err
}

func (t singleTransaction) Rollback(ctx context.Context) {
	t.transaction.Rollback(ctx)
	t.w.close()
}

// begin makes a transaction, on a new connection if the last one was dropped.
func (w *writer) begin(ctx context.Context, fences []store.Lease) (*transaction, error) {
	t := &transaction{w: w}
	for _, f := range fences {
		l, ok := f.(*lease)
		if !ok {
			return nil, errors.New("a fence that is not one of this database")
		}
		t.fences = append(t.fences, l)
	}
	if w.conn != nil && w.conn.IsClosed() {
		w.drop(errors.New("it was closed"))
	}
	if w.conn == nil {
		ctx, cancel := context.WithTimeout(ctx, roundTripLimit)
		defer cancel()
		conn, err := w.connect(ctx)
		if errors.Is(err, ErrReadOnly) {
			w.dropAll()
		}
		if err != nil {
			return nil, fmt.Errorf("connect the writer: %w", interpret(err))
		}
		w.conn = conn
	}
	t.queries = newQueries(t)
	return t, nil
}

// statements are sent in one round trip. The answers come in their order.
type statements struct {
	batch pgx.Batch
	begin int // how many statements at the beginning begin the transaction
}

// add adds a statement.
func (s *statements) add(text string, args ...any) { s.batch.Queue(text, args...) }

// newStatements returns statements that begin the transaction, unless it has begun.
func (t *transaction) newStatements() *statements {
	s := &statements{}
	if t.begun {
		return s
	}
	s.add(`BEGIN ISOLATION LEVEL READ COMMITTED`)
	s.add(`SELECT set_config('idle_in_transaction_session_timeout', $1, true), set_config('lock_timeout', $2, true),
       set_config('plan_cache_mode', 'force_generic_plan', true)`, idleLimit, lockLimit)
	if len(t.fences) > 0 {
		names, epochs := namesOf(t.fences)
		s.add(fence, names, epochs, t.w.keeper.holder)
	}
	s.begin = s.batch.Len()
	return s
}

// answers are the answers to [statements]. They have to be closed.
type answers struct {
	pgx.BatchResults
	t      *transaction
	cancel context.CancelFunc
}

// send sends statements, and reads the answers to those that begin the transaction.
func (t *transaction) send(ctx context.Context, s *statements) (*answers, error) {
	ctx, cancel := context.WithTimeout(ctx, roundTripLimit)
	a := &answers{t.w.conn.SendBatch(ctx, &s.batch), t, cancel}
	t.begun = true
	for i := range s.begin {
		tag, err := a.Exec()
		if names, _ := namesOf(t.fences); err == nil && i == fencePlace && tag.RowsAffected() < int64(len(names)) {
			err = t.deposed()
		}
		if err != nil {
			err = t.fault(err)
			a.close()
			return nil, err
		}
	}
	return a, nil
}

// deposed is the error of a transaction that was begun for terms of which one has ended at least. If there was one, it
// is known which.
func (t *transaction) deposed() error {
	if len(t.fences) == 1 {
		t.w.keeper.lose(t.fences[0], store.ErrDeposed)
		t.w.keeper.figures.change(func(s *store.TermFigures) { s.DeposedWrites++ })
	}
	return store.ErrDeposed
}

// fencePlace is where the fence is among the statements that begin a transaction.
const fencePlace = 2

// exec reads the answer to a statement that changes rows, and returns how many.
func (a *answers) exec() (int64, error) {
	tag, err := a.Exec()
	if err != nil {
		return 0, a.t.fault(err)
	}
	return tag.RowsAffected(), nil
}

// close ends reading. An error of an answer that was not read is one of the transaction.
func (a *answers) close() {
	if err := a.Close(); err != nil {
		_ = a.t.fault(err)
	}
	a.cancel()
}

// begin begins the transaction, unless it has begun.
func (t *transaction) begin(ctx context.Context) error {
	if t.begun {
		return nil
	}
	a, err := t.send(ctx, t.newStatements())
	if err != nil {
		return err
	}
	a.close()
	return t.err
}

// limitedRows end the time limit of a query with its rows.
type limitedRows struct {
	pgx.Rows
	cancel context.CancelFunc
}

func (r limitedRows) Close() {
	r.Rows.Close()
	r.cancel()
}

// Query runs a query in the transaction.
func (t *transaction) Query(ctx context.Context, text string, args ...any) (pgx.Rows, error) {
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, roundTripLimit)
	rows, err := t.w.conn.Query(ctx, text, args...)
	if err != nil {
		cancel()
		return nil, err
	}
	return limitedRows{rows, cancel}, nil
}

// exec runs a statement and returns how many rows it changed.
func (t *transaction) exec(ctx context.Context, text string, args ...any) (int64, error) {
	s := t.newStatements()
	s.add(text, args...)
	a, err := t.send(ctx, s)
	if err != nil {
		return 0, err
	}
	n, err := a.exec()
	a.close()
	return n, err
}

// Err is the first error of the database.
func (t *transaction) Err() error { return t.err }

// fault keeps the first error of the database. One by which the connection was lost has undone the transaction, so
// it may be run again.
func (t *transaction) fault(err error) error {
	if err == nil {
		return nil
	}
	lost := t.w.conn == nil || t.w.conn.IsClosed()
	err = interpret(err)
	if lost && !errors.Is(err, store.ErrAgain) && !errors.Is(err, store.ErrDeposed) {
		err = fmt.Errorf("%w: %w", store.ErrAgain, err)
	}
	if t.err == nil {
		t.err = err
	}
	return err
}

func (t *transaction) again(error) bool { return false } // the store runs the whole transaction again

// Commit ends the transaction. It waits for the answer for a while only, and never cancels: see the package
// comment.
func (t *transaction) Commit(ctx context.Context) error {
	if !t.begun {
		return nil
	}
	conn := t.w.conn
	conn.unsynced.Store(false)
	done := make(chan error, 1)
	go func() {
		tag, err := conn.Exec(context.WithoutCancel(ctx), `COMMIT`)
		if err == nil && tag.String() != "COMMIT" {
			err = fmt.Errorf("%w: the answer to COMMIT was %s", store.ErrAgain, tag)
		}
		done <- err
	}()
	timer := time.NewTimer(commitLimit)
	defer timer.Stop()
	var err error
	select {
	case err = <-done:
	case <-timer.C:
		t.w.conn = nil
		go func() {
			<-done //nolint:errcheck // nobody asks any more
			conn.abandon()
		}()
		t.w.keeper.figures.unknownCommits.Add(1)
		t.err = errUnknown
		return errUnknown
	}
	if isRefused(err) || errors.Is(err, store.ErrAgain) {
		return t.fault(err)
	}
	if err != nil || conn.unsynced.Load() {
		t.w.keeper.figures.unknownCommits.Add(1)
		t.w.drop(errors.Join(errUnknown, err))
		t.err = fmt.Errorf("%w: %w", errUnknown, errors.Join(err))
		return t.err
	}
	return nil
}

// Rollback leaves no transaction open.
func (t *transaction) Rollback(ctx context.Context) {
	if !t.begun || t.w.conn == nil {
		return
	}
	if !t.w.conn.IsClosed() {
		ctx, cancel := context.WithTimeout(ctx, commitLimit)
		defer cancel()
		if _, err := t.w.conn.Exec(ctx, `ROLLBACK`); err == nil {
			if errors.Is(t.err, ErrReadOnly) || errors.Is(t.err, ErrPooler) {
				t.w.drop(t.err)
			}
			return
		}
	}
	t.w.drop(t.err)
}

// conflict is the error of a row that is no longer as it was read.
func (t *transaction) conflict(what string, got, want int64) error {
	return t.fault(fmt.Errorf("%s: %w: %d of %d rows are as they were read", what, job.ErrConflict, got, want))
}
