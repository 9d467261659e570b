package sqlite

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// The lists of batches share their parameters: $1 before seq, $2 limit, $3 accounts,
// and $4 the one state, or all of them as JSON. What one principal has submitted is looked for by that first,
// since it is little as a rule.
const (
	ofAccounts     = `($3 IS NULL OR account IN (SELECT value FROM json_each($3)))`
	allBatches     = `SELECT ` + batchColumns + ` FROM batches WHERE seq < $1 AND deleted = 0 AND ` + ofAccounts + ` ORDER BY seq DESC LIMIT $2 + 0`
	batchesByState = `
SELECT ` + batchColumns + `
  FROM batches INDEXED BY batches_state
 WHERE state = $4 AND seq < $1 AND deleted = 0 AND ` + ofAccounts + `
 ORDER BY seq DESC LIMIT $2 + 0`
	batchesByLabel = `
SELECT ` + batchColumns + `
  FROM batches
 WHERE seq IN (SELECT batch FROM batch_labels WHERE name = $5 AND value = $6 AND batch < $1)
   AND NOT EXISTS (SELECT 1 FROM json_each($7) AS l
                    WHERE NOT EXISTS (SELECT 1 FROM batch_labels AS have
                                       WHERE have.name = l.key AND have.value = l.value AND have.batch = batches.seq))
   AND deleted = 0 AND ` + ofAccounts + `
   AND ($4 IS NULL OR state IN (SELECT value FROM json_each($4)))
 ORDER BY seq DESC LIMIT $2 + 0`
	batchesByCreator = `
SELECT ` + batchColumns + `
  FROM batches INDEXED BY batches_creator
 WHERE created_by = $5 AND seq < $1 AND deleted = 0 AND ` + ofAccounts + `
   AND ($4 IS NULL OR state IN (SELECT value FROM json_each($4)))
   AND ($6 IS NULL OR NOT EXISTS (SELECT 1 FROM json_each($6) AS l
                                   WHERE NOT EXISTS (SELECT 1 FROM batch_labels AS have
                                                      WHERE have.name = l.key AND have.value = l.value AND have.batch = batches.seq)))
 ORDER BY seq DESC LIMIT $2 + 0`
)

// Batches asks for each state by itself, as [queries.Jobs] does.
func (r queries) Batches(ctx context.Context, f job.BatchFilter) ([]job.Batch, error) {
	if len(f.States) == 0 || len(f.Labels) > 0 || f.CreatedBy != "" {
		return r.batchesIn(ctx, &f, "")
	}
	var list []job.Batch
	for _, state := range distinct(f.States) {
		some, err := r.batchesIn(ctx, &f, state)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	slices.SortFunc(list, func(a, b job.Batch) int { return cmp.Compare(b.Seq, a.Seq) })
	if f.Limit > 0 {
		list = list[:min(len(list), f.Limit)]
	}
	return list, nil
}

// batchesIn returns the batches that f chooses, or only those of them that are in a state.
func (r queries) batchesIn(ctx context.Context, f *job.BatchFilter, state job.BatchState) ([]job.Batch, error) {
	args := []any{beforeSeq(f), limit(f.Limit), encodeList(f.Accounts)}
	switch {
	case f.CreatedBy != "":
		return all(ctx, r.q, scanBatch, batchesByCreator, append(args, encodeList(f.States), f.CreatedBy, encodeNonEmpty(f.Labels))...)
	case len(f.Labels) > 0:
		first := slices.Min(slices.Collect(maps.Keys(f.Labels)))
		return all(ctx, r.q, scanBatch, batchesByLabel, append(args, encodeList(f.States), first, f.Labels[first], encode(f.Labels))...)
	case state != "":
		return all(ctx, r.q, scanBatch, batchesByState, append(args, string(state))...)
	}
	return all(ctx, r.q, scanBatch, allBatches, args...)
}

func beforeSeq(f *job.BatchFilter) int64 {
	if f.BeforeSeq <= 0 {
		return math.MaxInt64
	}
	return f.BeforeSeq
}

// The names of batches, the newest first, of those that a filter chooses by everything but a part of the name.
// The statements share their parameters: $1 before seq, $2 limit, $3 accounts, $4 states, $5 labels, $6 the
// display name, $7 and $8 the ids from the first with a prefix to the one after the last, $9 who submitted
// them.
const (
	namesOfAll     = namesFrom + `batches AS b INDEXED BY batches_list` + namesWhere + namesOrder
	namesOfPrefix  = namesFrom + `batches AS b` + namesWhere + ` AND b.id >= $7 AND b.id < $8 AND ($9 = '' OR b.created_by = $9)` + namesOrder
	namesOfCreator = namesFrom + `batches AS b INDEXED BY batches_creator` + namesWhere + ` AND b.created_by = $9` + namesOrder

	namesFrom  = `SELECT b.seq, b.display_name FROM `
	namesWhere = `
 WHERE b.deleted = 0 AND b.seq < $1 AND ` + ofAccounts + `
   AND ($4 IS NULL OR b.state IN (SELECT value FROM json_each($4)))
   AND ($5 IS NULL OR NOT EXISTS (SELECT 1 FROM json_each($5) AS l
                                   WHERE NOT EXISTS (SELECT 1 FROM batch_labels AS have
                                                      WHERE have.name = l.key AND have.value = l.value AND have.batch = b.seq)))
   AND ($6 = '' OR b.display_name = $6)`
	namesOrder = ` ORDER BY b.seq DESC LIMIT $2 + 0`
)

func (r queries) BatchNames(ctx context.Context, f job.BatchFilter) ([]store.BatchName, error) {
	scan := func(r row) (n store.BatchName, err error) {
		err = r.Scan(&n.BatchSeq, &n.Name)
		return n, err
	}
	query := namesOfAll
	switch {
	case f.IDPrefix != "":
		query = namesOfPrefix
	case f.CreatedBy != "":
		query = namesOfCreator
	}
	return all(ctx, r.q, scan, query, beforeSeq(&f), limit(f.Limit), encodeList(f.Accounts), encodeList(f.States), encodeNonEmpty(f.Labels),
		f.DisplayName, f.IDPrefix, keyAfter(f.IDPrefix), f.CreatedBy)
}

// The number of batches that a filter chooses by everything but names: $1 accounts, $2 state, $3 labels,
// $4 who submitted them, $5 states.
const (
	countFrom  = `SELECT count(*) FROM `
	countWhere = `
 WHERE b.deleted = 0 AND ($1 IS NULL OR b.account IN (SELECT value FROM json_each($1)))
   AND ($3 IS NULL OR NOT EXISTS (SELECT 1 FROM json_each($3) AS l
                                   WHERE NOT EXISTS (SELECT 1 FROM batch_labels AS have
                                                      WHERE have.name = l.key AND have.value = l.value AND have.batch = b.seq)))`
	countBatches          = countFrom + `batches AS b INDEXED BY batches_list` + countWhere
	countBatchesInState   = countFrom + `batches AS s INDEXED BY batches_state CROSS JOIN batches AS b INDEXED BY batches_list ON b.seq = s.seq` + countWhere + ` AND s.state = $2 AND s.deleted = 0`
	countBatchesOfCreator = countFrom + `batches AS b INDEXED BY batches_creator` + countWhere + ` AND b.created_by = $4 AND ($5 IS NULL OR b.state IN (SELECT value FROM json_each($5)))`
)

// CountBatches counts from indexes.
func (r queries) CountBatches(ctx context.Context, f job.BatchFilter) (n int64, err error) {
	count := func(query string, state job.BatchState) error {
		some, err := one(ctx, r.q, scalar[int64], query, encodeList(f.Accounts), string(state), encodeNonEmpty(f.Labels), f.CreatedBy, encodeList(f.States))
		n += some
		return err
	}
	switch {
	case f.CreatedBy != "":
		err = count(countBatchesOfCreator, "")
		return n, err
	case len(f.States) == 0:
		err = count(countBatches, "")
		return n, err
	}
	for _, state := range distinct(f.States) {
		if err := count(countBatchesInState, state); err != nil {
			return 0, err
		}
	}
	return n, nil
}
