package postgres

import (
	"context"
)

func (r queries) KnownKeys(ctx context.Context, batchSeq int64, keys []string) ([]string, error) {
	const query = `SELECT key FROM jobs WHERE batch = $1 AND key = ANY ($2::text[]) AND key <> ''`
	return all(ctx, r.q, scalar[string], query, batchSeq, array(keys))
}

func (r queries) SkippedKeys(ctx context.Context, batchSeq int64, keys []string) ([]string, error) {
	const query = `SELECT key FROM skipped WHERE batch = $1 AND key = ANY ($2::text[])`
	return all(ctx, r.q, scalar[string], query, batchSeq, array(keys))
}

func (r queries) OutputPaths(ctx context.Context, batchSeq, after int64, visit func(number int64, path []byte)) error {
	const query = `SELECT number, output_path FROM jobs WHERE batch = $1 AND number > $2 AND output_path <> ''`
	rows, err := r.q.Query(ctx, query, batchSeq, after)
	if err != nil {
		return r.q.fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var number int64
		var path []byte
		if err := rows.Scan(&number, &path); err != nil {
			return r.q.fault(err)
		}
		visit(number, path)
	}
	return r.q.fault(rows.Err())
}

func (r queries) SkippedOutputPaths(ctx context.Context, batchSeq int64, visit func(path []byte)) error {
	const query = `SELECT output_path FROM skipped WHERE batch = $1 AND output_path <> ''`
	paths, err := all(ctx, r.q, scalar[[]byte], query, batchSeq)
	for _, path := range paths {
		visit(path)
	}
	return err
}

func (r queries) OutputOwner(ctx context.Context, batchSeq, first, last int64, path string) (number int64, key string, err error) {
	const query = `SELECT number, key FROM jobs WHERE batch = $1 AND number BETWEEN $2 AND $3 AND output_path = $4 LIMIT 1`
	scan := func(r row) (number int64, err error) {
		err = r.Scan(&number, &key)
		return number, err
	}
	number, err = one(ctx, r.q, scan, query, batchSeq, first, last, storable(path))
	return number, key, err
}

func (r queries) SkippedOutputOwner(ctx context.Context, batchSeq int64, path, exceptKey string) (key string, err error) {
	const query = `SELECT key FROM skipped WHERE batch = $1 AND output_path = $2 AND key <> $3 LIMIT 1`
	return one(ctx, r.q, scalar[string], query, batchSeq, storable(path), storable(exceptKey))
}
