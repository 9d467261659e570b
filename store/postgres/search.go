package postgres

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// The statements of a search share their parameters: $1 accounts, $2 and $3 the names and values of labels, $4
// first batch, $5 last batch, $6 the time before which no ended batch has what is searched for, $7 the number
// before which the jobs of each batch end or, ascending, after which they begin, $8 limit, $9 states, $10 and $11
// the keys from the first with a prefix to the one after the last, $12 keys, $13 causes, $14 to $19 the times from
// which and before which jobs were created, changed and finished, $20 one state, $21 one cause, $22 and $23 batches
// and numbers of jobs. A statement has only the conditions that the search needs.
const (
	inBatches     = ` NOT b.deleted AND b.seq BETWEEN $4 AND $5 AND ` + ofAccounts
	changedSince  = ` AND (h.finish_time = 0 OR h.update_time >= $6)`
	inStates      = ` AND j.state = ANY ($9::text[])`
	withPrefix    = ` AND j.key >= $10 AND j.key < $11`
	withKeys      = ` AND j.key = ANY ($12::text[])`
	withCauses    = ` AND j.cause <> '' AND j.cause = ANY ($13::text[])`
	createdSince  = ` AND j.create_time >= $14`
	createdBefore = ` AND j.create_time < $15`
	jobsSince     = ` AND j.update_time >= $16`
	jobsBefore    = ` AND j.update_time < $17`
	finishedSince = ` AND j.finish_time <> 0 AND j.finish_time >= $18`
	finishedUntil = ` AND j.finish_time <> 0 AND j.finish_time < $19`

	// usesAll names every parameter up to the number of positions, so that each has a type.
	usesAll = ` AND (true OR ($6::bigint, $7::bigint, $8::bigint, $9::text[], $10::text, $11::text, $12::text[], $13::text[], $14::bigint, $15::bigint,
       $16::bigint, $17::bigint, $18::bigint, $19::bigint, $20::text, $21::text) IS NULL)`
)

// indexConditions are the conditions that choose jobs in the order of an index.
var indexConditions = map[store.SearchIndex]string{
	store.SearchNumbers:  ``,
	store.SearchKeys:     withKeys + ` AND j.key <> ''`,
	store.SearchPrefixes: withPrefix + ` AND j.key <> ''`,
	store.SearchStates:   ` AND j.state = $20`,
	store.SearchCauses:   ` AND j.cause = $21 AND j.cause <> '' AND j.state = $20`,

	store.SearchKeysOfOthers:     withKeys + ` AND j.key <> '' AND j.state <> 'SUCCEEDED'`,
	store.SearchPrefixesOfOthers: withPrefix + ` AND j.key <> '' AND j.state <> 'SUCCEEDED'`,
}

// searchStatement is the statement of a part of a search. It goes through the batches in their order, and stops
// when it has enough jobs.
func searchStatement(part *store.SearchPart) string {
	numbers, by, batches := `j.number < $7`, `j.number DESC`, `b.seq DESC`
	if part.Ascending {
		numbers, by, batches = `j.number > $7`, `j.number`, `b.seq`
	}
	return `
SELECT f.seq, ` + jobColumns + `
  FROM (SELECT b.seq, f.number
          FROM (SELECT b.seq` + batchesAndHeads + `WHERE` + batchConditions(part.Search) + ofOthers(part.Index) + usesAll + ` ORDER BY ` + batches + `) AS b
         CROSS JOIN LATERAL (SELECT j.number FROM jobs AS j
                              WHERE j.batch = b.seq AND ` + numbers + indexConditions[part.Index] + jobConditions(part.Search) + `
                              ORDER BY ` + by + ` LIMIT $8) AS f
         LIMIT $8) AS f
  JOIN batches AS b ON b.seq = f.seq
  JOIN jobs AS j ON j.batch = f.seq AND j.number = f.number`
}

// ofOthers leaves out the batches all of whose jobs have succeeded, if an index is that of other jobs.
func ofOthers(index store.SearchIndex) string {
	if index == store.SearchKeysOfOthers || index == store.SearchPrefixesOfOthers {
		return ` AND (b.state <> 'SUCCEEDED' OR h.cancelled > 0)`
	}
	return ""
}

// positionsStatement is the statement that finds those of the jobs at some positions that a search selects.
func positionsStatement(f *job.Search) string {
	return `
SELECT b.seq, ` + jobColumns + `
  FROM unnest($22::bigint[], $23::bigint[]) AS p(batch, number)
  JOIN batches AS b ON b.seq = p.batch
  JOIN batch_heads AS h ON h.batch = b.seq
  JOIN jobs AS j ON j.batch = p.batch AND j.number = p.number
 WHERE` + batchConditions(f) + jobConditions(f) + usesAll
}

// batchConditions are the conditions of a search on batches.
func batchConditions(f *job.Search) string {
	conditions := inBatches
	if len(f.Labels) > 0 {
		conditions += withLabels
	} else {
		conditions += ` AND $2::text[] IS NULL AND $3::text[] IS NULL`
	}
	if earliestUpdate(f) > 0 {
		conditions += changedSince
	}
	return conditions
}

// jobConditions are the conditions of a search on jobs.
func jobConditions(f *job.Search) string {
	var conditions strings.Builder
	add := func(needed bool, condition string) {
		if needed {
			conditions.WriteString(condition)
		}
	}
	add(len(f.States) > 0, inStates)
	add(f.KeyPrefix != "", withPrefix)
	add(len(f.Keys) > 0, withKeys)
	add(len(f.Causes) > 0, withCauses)
	add(!f.Created.Since.IsZero(), createdSince)
	add(!f.Created.Until.IsZero(), createdBefore)
	add(!f.Changed.Since.IsZero(), jobsSince)
	add(!f.Changed.Until.IsZero(), jobsBefore)
	add(!f.Finished.Since.IsZero(), finishedSince)
	add(!f.Finished.Until.IsZero(), finishedUntil)
	return conditions.String()
}

// searchArgs are $1 to $21 of a part of a search.
func searchArgs(part *store.SearchPart, n int) []any {
	f, in := part.Search, part.Range
	names, values := pairs(f.Labels)
	return []any{
		array(f.Accounts), names, values, in.First, in.Last, earliestUpdate(f), in.Number, n,
		array(f.States), storable(f.KeyPrefix), keyAfter(f.KeyPrefix), array(distinct(f.Keys)), array(distinct(f.Causes)),
		ms(f.Created.Since), ms(f.Created.Until), ms(f.Changed.Since), ms(f.Changed.Until), ms(f.Finished.Since), ms(f.Finished.Until),
		string(part.State), storable(part.Cause),
	}
}

// earliestUpdate is the time since which a batch that has ended must have been changed, if a job of it is to
// be found; 0 if it may have been at any time.
func earliestUpdate(f *job.Search) int64 {
	return max(ms(f.Created.Since), ms(f.Changed.Since), ms(f.Finished.Since))
}

// keyAfter is the first text after all those with a prefix, in the order of bytes, that is UTF-8.
func keyAfter(prefix string) string {
	runes := []rune(storable(prefix))
	for i, c := range slices.Backward(runes) {
		if c == 0xD7FF { // surrogates are no characters
			c = 0xDFFF
		}
		if c < 0x10FFFF {
			runes[i] = c + 1
			return string(runes[:i+1])
		}
	}
	return ""
}

func scanFound(r row) (f job.FoundJob, err error) {
	f.Job, err = scanJobAfter(r, &f.BatchSeq)
	return f, err
}

// SearchJobs reads a part of a search.
func (r queries) SearchJobs(ctx context.Context, part store.SearchPart, limit int) ([]job.FoundJob, error) {
	return all(ctx, r.q, scanFound, searchStatement(&part), searchArgs(&part, limit)...)
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
	batches, numbers := make([]int64, len(positions)), make([]int64, len(positions))
	for i, p := range positions {
		batches[i], numbers[i] = p.BatchSeq, p.Number
	}
	part := store.SearchPart{Search: f, Range: allBatchesOf(f)}
	return all(ctx, r.q, scanFound, positionsStatement(f), append(searchArgs(&part, len(positions)), batches, numbers)...)
}

// The encodings that a search may be for: $1 the id, or the first one, $2 the id behind the last one, $3 a text.
const (
	encodingExactly = `encoding_id = $1 AND $2::text IS NOT NULL AND $3::text IS NOT NULL`
	encodingRange   = `encoding_id >= $1 AND encoding_id < $2 AND $3::text IS NOT NULL`
	encodingPart    = `encoding_id >= $1 AND encoding_id < $2 AND strpos(encoding_id, $3) > 0`
)

// maxText is behind every text that has been met.
const maxText = "\U0010FFFF"

// EncodingPositions looks at jobs and at ended attempts.
func (r queries) EncodingPositions(ctx context.Context, ids store.EncodingIDs) ([]job.JobPosition, error) {
	condition, first, last := encodingPart, ids.First, cmp.Or(ids.Last, maxText)
	switch {
	case ids.ID != "":
		condition, first = encodingExactly, ids.ID
	case ids.Prefix != "":
		condition, first, last = encodingRange, ids.Prefix, keyAfter(ids.Prefix)
	}
	condition = ` WHERE encoding_id <> '' AND ` + condition + ` LIMIT $4`
	query := `(SELECT batch, number FROM jobs` + condition + `) UNION (SELECT batch, number FROM attempts` + condition + `)`
	return all(ctx, r.q, scanPosition, query, storable(first), last, storable(ids.Part), store.MaxEncodings)
}

func scanPosition(r row) (p job.JobPosition, err error) {
	err = r.Scan(&p.BatchSeq, &p.Number)
	return p, err
}

func (r queries) SucceededPositions(ctx context.Context, f *job.Search, limit int) ([]job.JobPosition, error) {
	const (
		withKey    = `SELECT batch, number FROM jobs WHERE key = ANY ($1::text[]) AND state = 'SUCCEEDED' AND key <> '' LIMIT $2`
		withPrefix = `SELECT batch, number FROM jobs WHERE key >= $1 AND key < $2 AND state = 'SUCCEEDED' AND key <> '' LIMIT $3`
	)
	if len(f.Keys) > 0 {
		return all(ctx, r.q, scanPosition, withKey, array(distinct(f.Keys)), limit)
	}
	return all(ctx, r.q, scanPosition, withPrefix, storable(f.KeyPrefix), keyAfter(f.KeyPrefix), limit)
}
