package sqlite

import (
	"context"
	"math"
	"slices"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// The statements of a search share their parameters: $1 first batch, $2 last batch, $3 the number before
// which the jobs of each batch end or, ascending, after which they begin, $4 limit, $5 accounts, $6 labels,
// $7 the time before which no ended batch has what is searched for, $8 states, $9 and $10 the keys from the
// first with a prefix to the one after the last, $11 keys, $12 causes, $13 to $18 the times from which and
// before which jobs were created, changed and finished, $19 one state, $20 one cause, $21 positions of jobs.
//
// Each statement looks for the positions of the jobs first. So rows of jobs are read only for what an index
// does not say, and only numbers are sorted. A statement has only the conditions that the search needs: to
// SQLite, a condition that is always true is a reason to read the row.
const (
	inBatches     = ` b.deleted = 0 AND b.seq BETWEEN $1 AND $2`
	ofTheAccounts = ` AND b.account IN (SELECT value FROM json_each($5))`
	withLabels    = `
   AND NOT EXISTS (SELECT 1 FROM json_each($6) AS l
                    WHERE NOT EXISTS (SELECT 1 FROM batch_labels AS have
                                       WHERE have.name = l.key AND have.value = l.value AND have.batch = b.seq))`
	changedSince = ` AND (b.finish_time = 0 OR b.update_time >= $7)`

	inStates      = ` AND j.state IN (SELECT value FROM json_each($8))`
	withPrefix    = ` AND j.key >= $9 AND j.key < $10`
	withKeys      = ` AND j.key IN (SELECT value FROM json_each($11))`
	withCauses    = ` AND j.cause <> '' AND j.cause IN (SELECT value FROM json_each($12))`
	createdSince  = ` AND j.create_time >= $13`
	createdBefore = ` AND j.create_time < $14`
	jobsSince     = ` AND j.update_time >= $15`
	jobsBefore    = ` AND j.update_time < $16`
	finishedSince = ` AND j.finish_time <> 0 AND j.finish_time >= $17`
	finishedUntil = ` AND j.finish_time <> 0 AND j.finish_time < $18`

	listedBatches = `batches AS b INDEXED BY batches_list`

	// The sources of positions.
	searchNumbers = listedBatches + ` CROSS JOIN jobs AS j ON j.batch = b.seq AND `
	searchStates  = listedBatches + ` CROSS JOIN jobs AS j INDEXED BY jobs_state ON j.batch = b.seq AND j.state = $19 AND `
	searchCauses  = listedBatches + ` CROSS JOIN jobs AS j INDEXED BY jobs_cause ON j.batch = b.seq AND j.cause = $20 AND j.cause <> '' AND j.state = $19 AND `
	searchPrefix  = listedBatches + ` CROSS JOIN jobs AS j INDEXED BY jobs_key ON j.batch = b.seq AND j.key >= $9 AND j.key < $10 AND j.key <> '' AND `
	searchKeys    = listedBatches + ` CROSS JOIN json_each($11) AS k CROSS JOIN jobs AS j INDEXED BY jobs_key ON j.batch = b.seq AND j.key = k.value AND j.key <> '' AND `
	// The same two beside the jobs that have succeeded: batches all of whose jobs have are not looked at.
	searchPrefixOfOthers = othersBatches + ` CROSS JOIN jobs AS j INDEXED BY jobs_key ON j.batch = b.seq AND j.key >= $9 AND j.key < $10 AND j.key <> '' AND j.state <> 'SUCCEEDED' AND `
	searchKeysOfOthers   = othersBatches + ` CROSS JOIN json_each($11) AS k CROSS JOIN jobs AS j INDEXED BY jobs_key ON j.batch = b.seq AND j.key = k.value AND j.key <> '' AND j.state <> 'SUCCEEDED' AND `
	othersBatches        = `batches AS b INDEXED BY batches_state`
	ofOthers             = ` AND b.state IN ('OPEN', 'ACTIVE', 'PAUSED', 'CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED') AND (b.state <> 'SUCCEEDED' OR b.cancelled > 0)`
	searchPosition       = `json_each($21) AS p CROSS JOIN batches AS b ON b.seq = p.value ->> 0 CROSS JOIN jobs AS j ON j.batch = b.seq AND j.number = p.value ->> 1 AND `
)

// sourceOf returns the source of positions in the order of an index.
func sourceOf(index store.SearchIndex) string {
	switch index {
	case store.SearchKeys:
		return searchKeys
	case store.SearchPrefixes:
		return searchPrefix
	case store.SearchStates:
		return searchStates
	case store.SearchCauses:
		return searchCauses
	case store.SearchPrefixesOfOthers:
		return searchPrefixOfOthers
	case store.SearchKeysOfOthers:
		return searchKeysOfOthers
	}
	return searchNumbers
}

// The orders of a search: whether it is ascending.
const descending, ascending = false, true

// searchStatement is the statement of a search that has its positions from a source.
func searchStatement(f *job.Search, source string, asc bool) string {
	numbers, by := `j.number < $3`, `seq DESC, number DESC`
	if asc {
		numbers, by = `j.number > $3`, `seq, number`
	}
	return `
SELECT f.seq, ` + jobColumns + `
  FROM (SELECT b.seq AS seq, j.number AS number FROM ` + source + numbers + `
         WHERE` + batchConditions(f) + sourceConditions(source) + jobConditions(f, source) + `
         ORDER BY ` + by + ` LIMIT $4 + 0) AS f
 CROSS JOIN batches AS b ON b.seq = f.seq
 CROSS JOIN jobs AS j ON j.batch = f.seq AND j.number = f.number`
}

// batchConditions are the conditions of a search on batches.
func batchConditions(f *job.Search) string {
	conditions := inBatches
	add := func(needed bool, condition string) {
		if needed {
			conditions += condition
		}
	}
	add(len(f.Accounts) > 0, ofTheAccounts)
	add(len(f.Labels) > 0, withLabels)
	add(earliestUpdate(f) > 0, changedSince)
	return conditions
}

// sourceConditions are the conditions on batches that belong to a source of positions.
func sourceConditions(source string) string {
	if source == searchPrefixOfOthers || source == searchKeysOfOthers {
		return ofOthers
	}
	return ""
}

// jobConditions are the conditions of a search on jobs, without those that the source of positions keeps.
func jobConditions(f *job.Search, source string) (conditions string) {
	add := func(needed bool, condition string) {
		if needed {
			conditions += condition
		}
	}
	add(len(f.States) > 0 && source != searchStates && source != searchCauses, inStates)
	add(f.KeyPrefix != "" && source != searchPrefix && source != searchPrefixOfOthers, withPrefix)
	add(len(f.Keys) > 0 && source != searchKeys && source != searchKeysOfOthers, withKeys)
	add(len(f.Causes) > 0 && source != searchCauses, withCauses)
	add(!f.Created.Since.IsZero(), createdSince)
	add(!f.Created.Until.IsZero(), createdBefore)
	add(!f.Changed.Since.IsZero(), jobsSince)
	add(!f.Changed.Until.IsZero(), jobsBefore)
	add(!f.Finished.Since.IsZero(), finishedSince)
	add(!f.Finished.Until.IsZero(), finishedUntil)
	return conditions
}

// scanFound returns the scan function for one statement of a search.
func scanFound() func(row) (job.FoundJob, error) {
	scan := scanJob()
	return func(r row) (f job.FoundJob, err error) {
		f.Job, err = scan(rowAfter{&f.BatchSeq, r})
		return f, err
	}
}

// rowAfter is a row without its first column, which goes elsewhere.
type rowAfter struct {
	first any
	row
}

func (r rowAfter) Scan(dest ...any) error { return r.row.Scan(append([]any{r.first}, dest...)...) }

// searchArgs are $1 to $20 of a part of a search.
func searchArgs(part *store.SearchPart, n int) []any {
	f, in := part.Search, part.Range
	return []any{
		in.First, in.Last, in.Number, n, encodeList(f.Accounts), encodeNonEmpty(f.Labels), earliestUpdate(f),
		encodeList(f.States), f.KeyPrefix, keyAfter(f.KeyPrefix), encodeList(distinct(f.Keys)), encodeList(distinct(f.Causes)),
		ms(f.Created.Since), ms(f.Created.Until), ms(f.Changed.Since), ms(f.Changed.Until), ms(f.Finished.Since), ms(f.Finished.Until),
		string(part.State), part.Cause,
	}
}

// earliestUpdate is the time since which a batch that has ended must have been changed, if a job of it is to
// be found; 0 if it may have been at any time.
func earliestUpdate(f *job.Search) int64 {
	return max(ms(f.Created.Since), ms(f.Changed.Since), ms(f.Finished.Since))
}

// keyAfter is the first key after all those with a prefix, in the order of bytes.
func keyAfter(prefix string) string {
	b := []byte(prefix)
	for i, c := range slices.Backward(b) {
		if c < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

// encodeNonEmpty passes a map to json_each; an empty one, which filters nothing, is NULL.
func encodeNonEmpty(m map[string]string) *string {
	if len(m) == 0 {
		return nil
	}
	return new(encode(m))
}

// SearchJobs reads a part of a search.
func (r queries) SearchJobs(ctx context.Context, part store.SearchPart, limit int) ([]job.FoundJob, error) {
	return all(ctx, r.q, scanFound(), searchStatement(part.Search, sourceOf(part.Index), part.Ascending), searchArgs(&part, limit)...)
}

// allBatchesOf is the range of all jobs of the batches that a search may find jobs of.
func allBatchesOf(f *job.Search) store.SearchRange {
	if f.BatchSeq != 0 {
		return store.SearchRange{First: f.BatchSeq, Last: f.BatchSeq, Number: math.MaxInt64}
	}
	return store.SearchRange{First: 0, Last: math.MaxInt64, Number: math.MaxInt64}
}

// JobsAt reads jobs by their positions.
func (r queries) JobsAt(ctx context.Context, f *job.Search, positions []job.JobPosition) ([]job.FoundJob, error) {
	pairs := make([][2]int64, len(positions))
	for i, p := range positions {
		pairs[i] = [2]int64{p.BatchSeq, p.Number}
	}
	args := append(searchArgs(&store.SearchPart{Search: f, Range: allBatchesOf(f)}, len(positions)), encode(pairs))
	return all(ctx, r.q, scanFound(), searchStatement(f, searchPosition, descending), args...)
}
