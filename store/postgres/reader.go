package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/stokerd/stoker/store"
)

// readLimit is how long one read may take.
const readLimit = time.Minute

// reader is the pool of connections that read.
type reader struct{ pool *pgxpool.Pool }

func (r *reader) Query(ctx context.Context, text string, args ...any) (pgx.Rows, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	rows, err := r.pool.Query(ctx, text, args...)
	if err != nil {
		cancel()
		return nil, err
	}
	return limitedRows{rows, cancel}, nil
}

// fault drops all connections if one was lost, or says that its server is a standby now: so were the others.
func (r *reader) fault(err error) error {
	err = interpret(err)
	if isLost(err) {
		r.pool.Reset()
	}
	return err
}

// again has a read that lost its connection be repeated on a new one.
func (r *reader) again(err error) bool { return isLost(err) }

// snapshot shows the table as it is at one moment.
type snapshot struct {
	pgx.Tx
	reader *reader
}

func (s snapshot) fault(err error) error { return s.reader.fault(err) }

func (s snapshot) again(error) bool { return false } // the moment that it shows is gone

// Snapshot calls read with one view of the table.
func (db *database) Snapshot(ctx context.Context, read func(store.Reader) error) error {
	r := db.reader
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	tx, err := r.pool.BeginTx(ctx, options)
	if err != nil && r.again(r.fault(err)) {
		tx, err = r.pool.BeginTx(ctx, options)
	}
	if err != nil {
		return fmt.Errorf("begin snapshot: %w", r.fault(err))
	}
	defer func() {
		// One that was cut off has closed its connection already.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
		defer cancel()
		_ = tx.Rollback(ctx)
	}()
	return read(newQueries(snapshot{tx, r}))
}
