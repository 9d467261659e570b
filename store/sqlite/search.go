package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"

	"github.com/stokerd/stoker/job"
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

// searchPart is a part of a search that is read in the order of an index.
type searchPart struct {
	source       string
	state, cause string
}

// partsOfSearch cuts a search into parts that have no job in common, by the index that fits best.
func partsOfSearch(f *job.Search) []searchPart {
	switch {
	case len(f.Keys) > 0:
		return []searchPart{{source: searchKeys}}
	case f.KeyPrefix != "":
		return []searchPart{{source: searchPrefix}}
	case len(f.Causes) == 0 && len(f.States) == 0:
		return []searchPart{{source: searchNumbers}}
	}
	states := distinct(f.States)
	if len(states) == 0 {
		states = job.States()
	}
	var parts []searchPart
	for _, state := range states {
		if len(f.Causes) == 0 {
			parts = append(parts, searchPart{source: searchStates, state: string(state)})
		}
		for _, cause := range distinct(f.Causes) {
			parts = append(parts, searchPart{searchCauses, string(state), cause})
		}
	}
	return parts
}

// searchRange is a range of batches, and of the numbers of their jobs.
type searchRange struct{ first, last, number int64 }

// ranges returns where jobs are to be looked for after a position: in the rest of its batch, then in the
// batches beyond.
func ranges(f *job.Search, page job.SearchPage) []searchRange {
	after := page.After
	if page.Ascending {
		return []searchRange{{f.BatchSeq, f.BatchSeq, after.Number}}
	}
	first, last := f.BatchSeq, f.BatchSeq
	if f.BatchSeq == 0 {
		last = math.MaxInt64
	}
	if after == (job.JobPosition{}) {
		return []searchRange{{first, last, math.MaxInt64}}
	}
	rest := searchRange{after.BatchSeq, after.BatchSeq, after.Number}
	if f.BatchSeq != 0 {
		return []searchRange{rest}
	}
	return []searchRange{rest, {0, after.BatchSeq - 1, math.MaxInt64}}
}

// searchArgs are $1 to $20 of a part of a search in a range.
func searchArgs(f *job.Search, in searchRange, part searchPart, n int) []any {
	return []any{
		in.first, in.last, in.number, n, encodeList(f.Accounts), encodeNonEmpty(f.Labels), earliestUpdate(f),
		encodeList(f.States), f.KeyPrefix, keyAfter(f.KeyPrefix), encodeList(distinct(f.Keys)), encodeList(distinct(f.Causes)),
		ms(f.Created.Since), ms(f.Created.Until), ms(f.Changed.Since), ms(f.Changed.Until), ms(f.Finished.Since), ms(f.Finished.Until),
		part.state, part.cause,
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

// FindJobs asks for one job more than the page has, to know whether there are others.
func (r queries) FindJobs(ctx context.Context, f job.Search, page job.SearchPage) (job.FoundJobs, error) {
	switch {
	case f.Text != "":
		return r.findText(ctx, &f, page)
	case f.EncodingID != "":
		positions, err := r.encodingPositions(ctx, encodingExactly, f.EncodingID)
		if err != nil {
			return job.FoundJobs{}, err
		}
		jobs, err := r.jobsAt(ctx, &f, page, positions)
		return cutPage(jobs, page.Limit), err
	case isByKey(&f):
		return r.findByKey(ctx, &f, page)
	}
	return r.findInParts(ctx, &f, page)
}

// findInParts goes through the parts of a search in each of its ranges.
func (r queries) findInParts(ctx context.Context, f *job.Search, page job.SearchPage) (job.FoundJobs, error) {
	parts := partsOfSearch(f)
	var found []job.FoundJob
	for _, in := range ranges(f, page) {
		some, err := r.findIn(ctx, f, parts, in, page.Ascending, page.Limit+1-len(found))
		if err != nil {
			return job.FoundJobs{}, err
		}
		if found = append(found, some...); len(found) > page.Limit {
			break
		}
	}
	return cutPage(found, page.Limit), nil
}

// findIn finds the first n jobs of some parts of a search in a range.
func (r queries) findIn(ctx context.Context, f *job.Search, parts []searchPart, in searchRange, asc bool, n int) ([]job.FoundJob, error) {
	var found []job.FoundJob
	for _, part := range parts {
		some, err := all(ctx, r.q, scanFound(), searchStatement(f, part.source, asc), searchArgs(f, in, part, n)...)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	sortFound(found, asc)
	return found[:min(len(found), n)], nil
}

func sortFound(found []job.FoundJob, asc bool) {
	slices.SortFunc(found, func(a, b job.FoundJob) int {
		return comparePositions(positionOf(&a), positionOf(&b), asc)
	})
}

func positionOf(f *job.FoundJob) job.JobPosition {
	return job.JobPosition{BatchSeq: f.BatchSeq, Number: f.ID.Number}
}

func comparePositions(a, b job.JobPosition, asc bool) int {
	c := cmp.Or(cmp.Compare(a.BatchSeq, b.BatchSeq), cmp.Compare(a.Number, b.Number))
	if !asc {
		return -c
	}
	return c
}

// cutPage cuts what was found to a page.
func cutPage(found []job.FoundJob, limit int) job.FoundJobs {
	if len(found) <= limit {
		return job.FoundJobs{Jobs: found}
	}
	return job.FoundJobs{Jobs: found[:limit], Next: positionOf(&found[limit-1])}
}

// positionsPerQuery is how many jobs one statement reads by their positions.
const positionsPerQuery = 500

// jobsAt returns those of the jobs at some positions that a search selects and a page may have, at most one
// more than its limit, in its order. The positions may be in any order.
func (r queries) jobsAt(ctx context.Context, f *job.Search, page job.SearchPage, positions []job.JobPosition) ([]job.FoundJob, error) {
	var found []job.FoundJob
	all := positions[:0:0]
	for _, p := range positions {
		if page.After == (job.JobPosition{}) || comparePositions(p, page.After, page.Ascending) > 0 {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b job.JobPosition) int { return comparePositions(a, b, page.Ascending) })
	for chunk := range slices.Chunk(slices.Compact(all), positionsPerQuery) {
		some, err := r.readAt(ctx, f, chunk)
		if err != nil {
			return nil, err
		}
		sortFound(some, page.Ascending)
		if found = append(found, some...); len(found) > page.Limit {
			return found[:page.Limit+1], nil
		}
	}
	return found, nil
}

// readAt reads those of the jobs at some positions that a search selects.
func (r queries) readAt(ctx context.Context, f *job.Search, positions []job.JobPosition) ([]job.FoundJob, error) {
	pairs := make([][2]int64, len(positions))
	for i, p := range positions {
		pairs[i] = [2]int64{p.BatchSeq, p.Number}
	}
	list, err := json.Marshal(pairs)
	if err != nil {
		return nil, err
	}
	in := searchRange{0, math.MaxInt64, math.MaxInt64}
	if f.BatchSeq != 0 {
		in.first, in.last = f.BatchSeq, f.BatchSeq
	}
	args := append(searchArgs(f, in, searchPart{}, len(positions)), string(list))
	return all(ctx, r.q, scanFound(), searchStatement(f, searchPosition, descending), args...)
}
