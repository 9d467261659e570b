package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// fillTextsVersion is the number of the migration [fillTexts].
const fillTextsVersion = 14

// fillTexts makes the rows by which the jobs there are can be found.
func fillTexts(ctx context.Context, tx *sql.Tx) error {
	stmt, err := tx.PrepareContext(ctx, insertText)
	if err != nil {
		return fmt.Errorf("keep the texts of jobs: %w", err)
	}
	defer func() { _ = stmt.Close() }() // the transaction has the errors
	for after := (job.JobPosition{}); ; {
		page, next, err := readSpecs(ctx, tx, after)
		if err != nil {
			return fmt.Errorf("read jobs: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		for texts := range store.NewTextRows(next.Number-int64(len(page)), page) {
			if _, err := stmt.ExecContext(ctx, next.BatchSeq, texts.FirstNumber, string(texts.Texts)); err != nil {
				return fmt.Errorf("keep the texts of jobs: %w", err)
			}
		}
		after = next
	}
}

// readSpecs reads the jobs that come after a position, in the order of the table: at most as many as one
// row of texts has, all of one batch, and without a gap in their numbers. It also returns the position of
// the last one.
func readSpecs(ctx context.Context, tx *sql.Tx, after job.JobPosition) (page []job.Spec, last job.JobPosition, err error) {
	const query = `
SELECT batch, number, key, name, input_path, output_path
  FROM jobs
 WHERE (batch, number) > ($1, $2)
 ORDER BY batch, number LIMIT $3`
	rows, err := tx.QueryContext(ctx, query, after.BatchSeq, after.Number, store.JobsPerText)
	if err != nil {
		return nil, last, err
	}
	defer rows.Close()
	for rows.Next() {
		var at job.JobPosition
		var j job.Spec
		if err := rows.Scan(&at.BatchSeq, &at.Number, &j.Key, &j.Name, &j.InputPath, &j.OutputPath); err != nil {
			return nil, last, err
		}
		if len(page) > 0 && (at.BatchSeq != last.BatchSeq || at.Number != last.Number+1) {
			break
		}
		page, last = append(page, j), at
	}
	return page, last, rows.Err()
}
