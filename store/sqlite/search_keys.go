package sqlite

import (
	"context"

	"github.com/stokerd/stoker/job"
)

// Positions of jobs that have succeeded, by their keys: $1 and $2 the keys from the first with a prefix to the one
// after the last, or $1 keys.
const (
	succeededWithPrefix = `
SELECT j.batch, j.number FROM jobs AS j INDEXED BY jobs_succeeded
 WHERE j.key >= $1 AND j.key < $2 AND j.state = 'SUCCEEDED' AND j.key <> '' LIMIT $3 + 0`
	succeededWithKeys = `
SELECT j.batch, j.number FROM json_each($1) AS k CROSS JOIN jobs AS j INDEXED BY jobs_succeeded
    ON j.key = k.value AND j.state = 'SUCCEEDED' AND j.key <> '' LIMIT $3 + 0`
)

func (r queries) SucceededPositions(ctx context.Context, f *job.Search, limit int) ([]job.JobPosition, error) {
	if len(f.Keys) > 0 {
		return all(ctx, r.q, scanPosition, succeededWithKeys, encodeList(distinct(f.Keys)), nil, limit)
	}
	return all(ctx, r.q, scanPosition, succeededWithPrefix, f.KeyPrefix, keyAfter(f.KeyPrefix), limit)
}
