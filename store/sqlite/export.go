package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/google/uuid"

	"github.com/stokerd/stoker/store"
)

// Export reads the rows of a job table, as they are at one moment, for them to be copied to a database. No Stoker has
// the table open meanwhile.
type Export struct {
	db *database
	tx *sql.Tx
}

// OpenExport opens the job table at path for it to be copied to the database that to names. It reads all of the
// table first, and opens no damaged one. A schema of an older Stoker is brought up to date, as [Open] does.
//
// The errors are those of [Verify] and [Open]. The error is [ErrCopied] if the table was copied to another database.
func OpenExport(ctx context.Context, path, to string, o store.Options) (_ *Export, err error) {
	if path, err = resolvePath(path); err != nil {
		return nil, err
	}
	if err := errors.Join(checkTable(ctx, path), checkCopied(path, to)); err != nil {
		return nil, fmt.Errorf("open job table: %w", err)
	}
	db, err := openDatabase(ctx, path, o)
	if err != nil {
		return nil, err
	}
	tx, err := db.reader.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin snapshot: %w", db.reader.fault(err)), db.Close())
	}
	e := &Export{db, tx}
	if err := verify(ctx, tx); err != nil {
		return nil, errors.Join(fmt.Errorf("verify %s: %w", path, err), e.Close())
	}
	return e, nil
}

// Close ends reading, and lets others open the table.
func (e *Export) Close() error {
	err := e.tx.Rollback()
	if errors.Is(err, sql.ErrTxDone) { // its context ended
		err = nil
	}
	return errors.Join(err, e.db.Close())
}

// InstanceID is the random name of the table.
func (e *Export) InstanceID() string { return e.db.instance }

// MarkCopied notes beside the table that it was copied to a database: [Open] refuses it from then on.
func (e *Export) MarkCopied(to string) error { return writeCopied(e.db.path, to) }

// UnmarkCopied takes the note back.
func (e *Export) UnmarkCopied() error { return removeCopied(e.db.path) }

// Count counts the rows of a table.
func (e *Export) Count(ctx context.Context, table string) (n int64, err error) {
	err = e.tx.QueryRowContext(ctx, `SELECT count(*) FROM `+quote(table)).Scan(&n)
	return n, interpret(err)
}

// LastSeq is the greatest seq that a batch has ever had; 0 if there never was one.
func (e *Export) LastSeq(ctx context.Context) (seq int64, err error) {
	err = e.tx.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'batches'`).Scan(&seq)
	return seq, interpret(err)
}

// Rows are the rows of a table, in the order of its key. A value is an int64, a string, a []byte or nil.
func (e *Export) Rows(ctx context.Context, table string, columns []string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = quote(c)
		}
		rows, err := e.tx.QueryContext(ctx, `SELECT `+strings.Join(names, ", ")+` FROM `+quote(table))
		if err != nil {
			yield(nil, interpret(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			values, targets := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				targets[i] = &values[i]
			}
			if err := rows.Scan(targets...); err != nil {
				yield(nil, interpret(err))
				return
			}
			for i, v := range values {
				switch b, isBytes := v.([]byte); {
				case isBytes && columns[i] == "encoding_id": // of results
					values[i] = unpackEncoding(b)
				case isBytes && b == nil: // the driver's empty one, which is not NULL
					values[i] = []byte{}
				}
			}
			if !yield(values, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, interpret(err))
		}
	}
}

// unpackEncoding is the id that [packEncoding] has packed.
func unpackEncoding(packed []byte) string {
	if id, err := uuid.FromBytes(packed); err == nil {
		return id.String()
	}
	return string(packed)
}

// quote spells a name: some are words of SQL.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
