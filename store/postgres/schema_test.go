package postgres

import (
	"context"
	"database/sql"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// connectTo opens a connection to a database.
func connectTo(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// The tables have the columns that they have in SQLite. Those of the heads of batches belong to the batches.
func TestSchemaColumns(t *testing.T) {
	conn := connectTo(t, migrated(t))
	rows, err := conn.Query(t.Context(), `
SELECT CASE table_name WHEN 'batch_heads' THEN 'batches' ELSE table_name END || '.' || column_name
  FROM information_schema.columns
 WHERE table_schema = current_schema() AND table_name NOT LIKE 'goose\_%' AND table_name NOT IN ('leases', 'replicas', 'account_status')`)
	if err != nil {
		t.Fatal(err)
	}
	have, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"batches.batch", "batches.dispatchable", "batches.ended"} {
		have = slices.DeleteFunc(have, func(column string) bool { return column == own })
	}
	slices.Sort(have)
	if diff := cmp.Diff(sqliteColumns(t), have); diff != "" {
		t.Errorf("columns (-SQLite +PostgreSQL):\n%s", diff)
	}
}

// sqliteColumns are the columns of a job table in a file, sorted.
func sqliteColumns(t *testing.T) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stoker.db")
	s, err := sqlite.Open(t.Context(), path, store.Options{Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // nothing was written
	rows, err := db.QueryContext(t.Context(), `
SELECT s.name || '.' || c.name FROM sqlite_schema AS s JOIN pragma_table_info(s.name) AS c
 WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND s.name NOT LIKE 'goose\_%' ESCAPE '\'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns := map[string]bool{}
	for rows.Next() {
		var column string
		if err := rows.Scan(&column); err != nil {
			t.Fatal(err)
		}
		columns[column] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(columns))
}

// Whoever writes to the table, with Stoker or without: it moves along the transition table or not at all.
func TestSchemaTransitions(t *testing.T) {
	conn := connectTo(t, migrated(t))
	for i, from := range job.States() {
		for k, to := range job.States() {
			number := int64(100*i + k + 1)
			insertJob(t, conn, number, from)
			_, err := conn.Exec(t.Context(), `UPDATE jobs SET state = $2, finish_time = $3 WHERE number = $1`, number, string(to), finish(to))
			allowed := from == to || from.To(to) == nil
			if (err == nil) != allowed || err != nil && !isCode(err, codeTransition) {
				t.Errorf("%s to %s: %v, allowed: %t", from, to, err, allowed)
			}
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	conn := connectTo(t, migrated(t))
	insertJob(t, conn, 1, job.Waiting)
	insertJob(t, conn, 2, job.Succeeded)
	const batch = `
INSERT INTO batches (seq, id, request_id, payload_hash, display_name, account, priority, state, state_reason, state_time, open, profile, recipe, template,
       input, output, retry, failure_limit, failures_forgiven, labels, skip_succeeded, told_apart_by, created_by, create_time, dispatchable, ended)
VALUES (1, 'b', '', '', '', 'default', 50, 'ACTIVE', '', 0, false, '', '', '', '', '', '', '', 0, '', false, 0, 'local', 0, false, false)`
	const head = `INSERT INTO batch_heads VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)`
	for _, insert := range []string{batch, head} {
		if _, err := conn.Exec(t.Context(), insert); err != nil {
			t.Fatal(err)
		}
	}
	for _, change := range []string{
		`UPDATE jobs SET state = 'LOST' WHERE number = 1`,
		`UPDATE jobs SET finish_time = 1 WHERE number = 1`,
		`UPDATE jobs SET finish_time = 0 WHERE number = 2`,
		`UPDATE jobs SET progress = 101`,
		`UPDATE jobs SET step = 'GUESS', step_time = 1`,
		`UPDATE jobs SET step = 'START'`,
		`UPDATE jobs SET attempt = -1`,
		`UPDATE batch_heads SET waiting = -1`,
		`UPDATE batches SET state = 'SUCCEEDED'`,
		`UPDATE batches SET ended = true`,
		`UPDATE batches SET priority = 101`,
		`UPDATE batches SET state = 'PAUSED', dispatchable = true`,
		`INSERT INTO orphans (account, encoding_id, create_time) VALUES ('a', '', 0)`,
	} {
		if _, err := conn.Exec(t.Context(), change); err == nil {
			t.Errorf("accepted: %s", change)
		}
	}
}

func finish(s job.State) int64 {
	if s.Terminal() {
		return 1
	}
	return 0
}

// insertJob puts a job in any state into the batch with seq 1.
func insertJob(t *testing.T, conn *pgx.Conn, number int64, state job.State) {
	t.Helper()
	const insert = `
INSERT INTO jobs (batch, number, state, finish_time, key, name, input_path, output_path, variables, revision, create_time, update_time)
VALUES (1, $1, $2, $3, '', '', '', '', '', 1, 0, 0)`
	if _, err := conn.Exec(t.Context(), insert, number, string(state), finish(state)); err != nil {
		t.Fatal(err)
	}
}
