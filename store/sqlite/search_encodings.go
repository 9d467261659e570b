package sqlite

import (
	"context"
	"strconv"
	"strings"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// The encodings that a search may be for: $1 and $2 are the id, or the ids from the first to the one after the last.
const (
	encodingExactly = ` = $1`
	encodingRange   = ` >= $1 AND %.encoding_id < $2`
	encodingPart    = encodingRange + ` AND %.encoding_id GLOB $3` // faster than instr by a sixth
)

// EncodingPositions looks at jobs and at ended attempts.
func (r queries) EncodingPositions(ctx context.Context, ids store.EncodingIDs) ([]job.JobPosition, error) {
	switch {
	case ids.ID != "":
		return all(ctx, r.q, scanPosition, encodingsText(encodingExactly), ids.ID)
	case ids.Prefix != "":
		return all(ctx, r.q, scanPosition, encodingsText(encodingRange), ids.Prefix, keyAfter(ids.Prefix))
	}
	last := ids.Last
	if last == "" {
		last = "\xff"
	}
	return all(ctx, r.q, scanPosition, encodingsText(encodingPart), ids.First, last, "*"+ids.Part+"*")
}

func scanPosition(r row) (p job.JobPosition, err error) {
	err = r.Scan(&p.BatchSeq, &p.Number)
	return p, err
}

// encodingsText is the statement that finds jobs by the encodings that they have, or had.
func encodingsText(condition string) string {
	const query = `
SELECT * FROM (SELECT j.batch, j.number FROM jobs AS j INDEXED BY jobs_encoding
                WHERE j.encoding_id <> '' AND j.encoding_id{j} LIMIT {limit})
 UNION
SELECT * FROM (SELECT a.batch, a.number FROM attempts AS a INDEXED BY attempts_encoding
                WHERE a.encoding_id <> '' AND a.encoding_id{a} LIMIT {limit})`
	return strings.NewReplacer("{limit}", strconv.Itoa(store.MaxEncodings), "{j}", strings.ReplaceAll(condition, "%.", "j."), "{a}", strings.ReplaceAll(condition, "%.", "a.")).Replace(query)
}
