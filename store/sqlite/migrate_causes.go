package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// fillCausesVersion is the number of the migration [fillCauses].
const fillCausesVersion = 11

// fillCausesPage is how many failures are in memory at a time. Old ones may have megabytes.
const fillCausesPage = 50

// fillCauses gives every failure of a job its cause, and counts the causes.
func fillCauses(ctx context.Context, tx *sql.Tx) error {
	const update = `UPDATE jobs SET failure = json_set(failure, '$.cause', $3), cause = $3 WHERE batch = $1 AND number = $2`
	stmt, err := tx.PrepareContext(ctx, update)
	if err != nil {
		return fmt.Errorf("give failures their causes: %w", err)
	}
	defer func() { _ = stmt.Close() }() // the transaction has the errors
	for batch, last := int64(0), int64(0); ; {
		page, err := readFailed(ctx, tx, batch, last)
		if err != nil {
			return fmt.Errorf("read failures: %w", err)
		}
		if len(page) == 0 {
			break
		}
		for _, f := range page {
			if _, err := stmt.ExecContext(ctx, f.batch, f.job.ID.Number, f.job.CauseOf(f.job.Failure)); err != nil {
				return fmt.Errorf("give failures their causes: %w", err)
			}
			batch, last = f.batch, f.job.ID.Number
		}
	}
	const count = `
INSERT INTO failure_causes (batch, cause, jobs)
SELECT batch, cause, count(*)
  FROM jobs INDEXED BY jobs_cause
 WHERE cause <> '' AND state = 'FAILED'
 GROUP BY 1, 2`
	if _, err := tx.ExecContext(ctx, count); err != nil {
		return fmt.Errorf("count causes: %w", err)
	}
	return nil
}

// failedJob is a job with a failure, as far as it decides on the cause.
type failedJob struct {
	batch int64 // seq
	job   job.Job
}

// readFailed reads a page of the jobs with a failure that come after a job, in the order of the table.
func readFailed(ctx context.Context, tx *sql.Tx, batch, number int64) ([]failedJob, error) {
	const query = `
SELECT batch, number, encoding_id, input_path, output_path, failure
  FROM jobs
 WHERE (batch, number) > ($1, $2) AND failure IS NOT NULL
 ORDER BY batch, number LIMIT $3`
	rows, err := tx.QueryContext(ctx, query, batch, number, fillCausesPage)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []failedJob
	for rows.Next() {
		var f failedJob
		var failure text
		if err := rows.Scan(&f.batch, &f.job.ID.Number, &f.job.EncodingID, &f.job.InputPath, &f.job.OutputPath, &failure); err != nil {
			return nil, err
		}
		if err := failure.decode(&f.job.Failure); err != nil {
			return nil, err
		}
		page = append(page, f)
	}
	return page, rows.Err()
}
