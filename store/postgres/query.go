package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/job"
)

// querier runs statements: the pool of readers, one of its snapshots, or the transaction of the writer.
type querier interface {
	Query(ctx context.Context, text string, args ...any) (pgx.Rows, error)
	// fault turns an error of the driver into one for callers and notes it.
	fault(err error) error
	// again reports whether a query that met err, which fault has returned, is worth another try.
	again(err error) bool
}

// row is what a scan function reads from.
type row interface {
	Scan(dest ...any) error
}

// all runs a query and reads every row.
func all[T any](ctx context.Context, q querier, scan func(row) (T, error), text string, args ...any) ([]T, error) {
	list, err := try(ctx, q, scan, text, args...)
	if err != nil && ctx.Err() == nil && q.again(err) {
		return try(ctx, q, scan, text, args...)
	}
	return list, err
}

func try[T any](ctx context.Context, q querier, scan func(row) (T, error), text string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, text, args...)
	if err != nil {
		return nil, q.fault(err)
	}
	return collect(q, rows, scan)
}

// collect reads every row of an answer.
func collect[T any](q querier, rows pgx.Rows, scan func(row) (T, error)) ([]T, error) {
	defer rows.Close()
	var list []T
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
	list, err := all(ctx, q, scan, text, args...)
	switch {
	case err != nil:
		return none, err
	case len(list) == 0:
		return none, job.ErrNotFound
	}
	return list[0], nil
}

// scalar scans a row of one column.
func scalar[T any](r row) (v T, err error) {
	err = r.Scan(&v)
	return v, err
}
