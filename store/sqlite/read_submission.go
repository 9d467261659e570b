package sqlite

import (
	"context"
	"database/sql"
)

func (r queries) KnownKeys(ctx context.Context, batchSeq int64, keys []string) ([]string, error) {
	const query = `SELECT j.key FROM json_each($2) AS k CROSS JOIN jobs AS j ON j.batch = $1 AND j.key = k.value AND j.key <> ''`
	return all(ctx, r.q, scalar[string], query, batchSeq, encode(keys))
}

func (r queries) SkippedKeys(ctx context.Context, batchSeq int64, keys []string) ([]string, error) {
	const query = `SELECT k.value FROM json_each($2) AS k CROSS JOIN skipped AS s ON s.batch = $1 AND s.key = k.value`
	return all(ctx, r.q, scalar[string], query, batchSeq, encode(keys))
}

func (r queries) OutputPaths(ctx context.Context, batchSeq, after int64, visit func(number int64, path []byte)) error {
	const query = `SELECT number, output_path FROM jobs WHERE batch = $1 AND number > $2 AND output_path <> ''`
	scan := func(r row) (struct{}, error) {
		var path sql.RawBytes
		var number int64
		err := r.Scan(&number, &path)
		if err == nil {
			visit(number, path)
		}
		return struct{}{}, err
	}
	_, err := all(ctx, r.q, scan, query, batchSeq, after)
	return err
}

func (r queries) SkippedOutputPaths(ctx context.Context, batchSeq int64, visit func(path []byte)) error {
	const query = `SELECT output_path FROM skipped WHERE batch = $1 AND output_path <> ''`
	scan := func(r row) (struct{}, error) {
		var path sql.RawBytes
		err := r.Scan(&path)
		if err == nil {
			visit(path)
		}
		return struct{}{}, err
	}
	_, err := all(ctx, r.q, scan, query, batchSeq)
	return err
}

func (r queries) OutputOwner(ctx context.Context, batchSeq, first, last int64, path string) (number int64, key string, err error) {
	const query = `SELECT number, key FROM jobs WHERE batch = $1 AND number BETWEEN $2 AND $3 AND output_path = $4 LIMIT 1`
	scan := func(r row) (number int64, err error) {
		err = r.Scan(&number, &key)
		return number, err
	}
	number, err = one(ctx, r.q, scan, query, batchSeq, first, last, path)
	return number, key, err
}

func (r queries) SkippedOutputOwner(ctx context.Context, batchSeq int64, path, exceptKey string) (key string, err error) {
	const query = `SELECT key FROM skipped WHERE batch = $1 AND output_path = $2 AND key <> $3 LIMIT 1`
	return one(ctx, r.q, scalar[string], query, batchSeq, path, exceptKey)
}
