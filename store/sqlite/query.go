package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// Limits in statements are written "LIMIT $3 + 0". SQLite looks at the value of a
// parameter that is the whole limit while it plans, and plans anew whenever another
// value is bound: that takes five times as long as a short query itself.

// querier runs prepared statements: the pool of readers, one of its snapshots,
// or the transaction of the writer.
type querier interface {
	stmt(ctx context.Context, text string) (*sql.Stmt, error)
	// fault turns an error of the driver into one for callers and notes it.
	fault(err error) error
}

// row is what a scan function reads from.
type row interface {
	Scan(dest ...any) error
}

// all runs a query and reads every row. The rows are closed when it returns:
// a connection can do one thing at a time.
func all[T any](ctx context.Context, q querier, scan func(row) (T, error), text string, args ...any) ([]T, error) {
	return appendAll(ctx, q, nil, scan, text, args...)
}

// appendAll is [all], with the rows appended to list.
func appendAll[T any](ctx context.Context, q querier, list []T, scan func(row) (T, error), text string, args ...any) ([]T, error) {
	stmt, err := q.stmt(ctx, text) //nolint:sqlclosecheck // the querier keeps it for the next time
	if err != nil {
		return nil, q.fault(err)
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, q.fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, q.fault(err)
		}
		list = append(list, v)
	}
	if err := rows.Err(); err != nil {
		return nil, q.fault(err)
	}
	return list, nil
}

// one runs a query for one row. If there is none the error is [job.ErrNotFound].
func one[T any](ctx context.Context, q querier, scan func(row) (T, error), text string, args ...any) (T, error) {
	var none T
	stmt, err := q.stmt(ctx, text) //nolint:sqlclosecheck // the querier keeps it for the next time
	if err != nil {
		return none, q.fault(err)
	}
	v, err := scan(stmt.QueryRowContext(ctx, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return none, job.ErrNotFound
	}
	if err != nil {
		return none, q.fault(err)
	}
	return v, nil
}

// scalar scans a row of one column.
func scalar[T any](r row) (v T, err error) {
	err = r.Scan(&v)
	return v, err
}

// values are the values of a row, read one after the other. The first one of an unexpected type is an
// error.
type values struct {
	rest []any
	err  error
}

// readText returns a text; empty for NULL.
func (v *values) readText() string { return next[string](v) }

// readNumber returns a number; 0 for NULL.
func (v *values) readNumber() int64 { return next[int64](v) }

// readTime returns a stored time.
func (v *values) readTime() time.Time { return stamp(v.readNumber()).time() }

func next[T any](v *values) T {
	value, ok := v.rest[0].(T)
	if !ok && v.rest[0] != nil && v.err == nil {
		v.err = fmt.Errorf("stored value: %T, want %T", v.rest[0], value)
	}
	v.rest = v.rest[1:]
	return value
}
