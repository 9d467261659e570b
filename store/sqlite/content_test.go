package sqlite

import (
	"fmt"
	"strings"
	"testing"
)

// content is everything that callers have put into the table, as text.
func content(t *testing.T, s *table) string {
	t.Helper()
	var b strings.Builder
	for _, table := range []string{"batches", "batch_labels", "jobs", "attempts", "events", "orphans"} {
		if err := printRows(t, &b, s, table); err != nil {
			t.Fatalf("read %s: %v", table, err)
		}
	}
	return b.String()
}

func printRows(t *testing.T, w *strings.Builder, s *table, table string) error {
	t.Helper()
	rows, err := s.db.reader.db.QueryContext(t.Context(), `SELECT * FROM `+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		fmt.Fprintln(w, table, values)
	}
	return rows.Err()
}

// checkWhole fails the test if the parts of the table contradict each other.
func checkWhole(t *testing.T, s *table) {
	t.Helper()
	for _, tt := range []struct{ name, query string }{
		{"pages and indexes", `SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'`},
		{"rows that belong to nothing", `SELECT "table" FROM pragma_foreign_key_check`},
		{"batches that count their jobs wrongly", `
SELECT id FROM batches AS b
 WHERE json_array(waiting, starting, queued, running, succeeded, failed, cancelling, cancelled) <>
       (SELECT json_array(count(*) FILTER (WHERE state = 'WAITING'), count(*) FILTER (WHERE state = 'STARTING'), count(*) FILTER (WHERE state = 'QUEUED'), count(*) FILTER (WHERE state = 'RUNNING'), count(*) FILTER (WHERE state = 'SUCCEEDED'),
               count(*) FILTER (WHERE state = 'FAILED'), count(*) FILTER (WHERE state = 'CANCELLING'), count(*) FILTER (WHERE state = 'CANCELLED')) FROM jobs WHERE batch = b.seq)
   AND b.deleted = 0`},
		{"jobs with another cause than their failure", `SELECT number FROM jobs WHERE cause <> coalesce(failure ->> '$.cause', '')`},
		{"causes that count their jobs wrongly", `
SELECT json_array(batch, cause, n, jobs) FROM (SELECT batch, cause, count(*) AS n FROM jobs WHERE state = 'FAILED' AND cause <> '' GROUP BY batch, cause)
  FULL JOIN failure_causes USING (batch, cause) WHERE n IS NOT jobs`},
		{"batches that count wrongly what they left out", `SELECT id FROM batches AS b WHERE deleted = 0 AND skipped <> (SELECT count(*) FROM skipped WHERE batch = b.seq)`},
		{"jobs that were left out and are there", `SELECT s.key FROM skipped AS s JOIN jobs AS j ON j.batch = s.batch AND j.key = s.key`},
		{"jobs that are not where their last event took them", `
SELECT number FROM jobs AS j
 WHERE state <> coalesce((SELECT to_state FROM events AS e WHERE e.batch = j.batch AND e.number = j.number ORDER BY version DESC LIMIT 1), 'WAITING')`},
		{"jobs newer than their batch", `SELECT number FROM jobs AS j JOIN batches AS b ON b.seq = j.batch WHERE j.revision > b.revision`},
	} {
		found, err := all(t.Context(), s.db.reader, scalar[string], tt.query)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if len(found) > 0 {
			t.Errorf("%s: %q", tt.name, found)
		}
	}
}
