package e2e

import (
	"cmp"
	"database/sql"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver that the job table uses

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// bare measures how long storing a submission takes at least: it inserts the same rows into the same
// schema on the same disk, with the same flushes, and does nothing else.
type bare struct {
	t    *testing.T
	db   *sql.DB
	text string // inserts rowsPerInsert rows
	last int
}

// rowsPerInsert is how many rows the job table inserts with one statement.
const rowsPerInsert = 64

// newBare makes an empty database with the schema of the job table, with or without the
// indexes on its jobs, and one batch.
func newBare(t *testing.T, indexed bool) *bare {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bare.db")
	table, err := sqlite.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := table.Submit(t.Context(), job.Submission{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"+
		"&_pragma=cache_size(-16384)&_pragma=wal_autocheckpoint(10000)&_pragma=journal_size_limit(67108864)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // its content is of no interest
	db.SetMaxOpenConns(1)
	b := &bare{t: t, db: db}
	if !indexed {
		for _, name := range b.words(`SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'jobs' AND sql IS NOT NULL`) {
			b.exec("DROP INDEX " + name)
		}
	}
	b.text = b.statement()
	return b
}

// statement inserts rows that look like new jobs: each has a number, a key, an input and an
// output, in this order.
func (b *bare) statement() string {
	// In the order of the table. Columns that a new job does not set are empty.
	columns := b.words(`SELECT name FROM pragma_table_info('jobs')`)
	empty := b.words(`SELECT CASE WHEN "notnull" = 0 THEN 'NULL' WHEN type = 'TEXT' THEN '''''' ELSE '0' END FROM pragma_table_info('jobs')`)
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	given := map[string]string{
		"batch": "1", "state": "'WAITING'", "version": "1", "revision": "1", "create_time": now, "update_time": now,
	}
	var rows []string
	for _, name := range []string{"number", "key", "input_path", "output_path"} {
		given[name] = "?" // a named parameter takes a search
	}
	for range rowsPerInsert {
		values := make([]string, len(columns))
		for c, name := range columns {
			values[c] = cmp.Or(given[name], empty[c])
		}
		rows = append(rows, "("+strings.Join(values, ", ")+")")
	}
	return "INSERT INTO jobs (" + strings.Join(columns, ", ") + ") VALUES " + strings.Join(rows, ", ")
}

// insert stores jobs in one transaction, and returns how long that took. It leaves out the last jobs if
// they do not fill a statement, at most 63.
func (b *bare) insert(jobs []*stokerv1.JobSpec) time.Duration {
	b.t.Helper()
	began := time.Now()
	tx, err := b.db.BeginTx(b.t.Context(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	stmt, err := tx.PrepareContext(b.t.Context(), b.text)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = stmt.Close() }() // the transaction has ended with or without it
	for ; len(jobs) >= rowsPerInsert; jobs = jobs[rowsPerInsert:] {
		args := make([]any, 0, 4*rowsPerInsert)
		for _, j := range jobs[:rowsPerInsert] {
			b.last++
			args = append(args, b.last, j.GetKey(), j.GetInputPath(), j.GetOutputPath())
		}
		if _, err := stmt.ExecContext(b.t.Context(), args...); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.t.Fatal(err)
	}
	return time.Since(began)
}

func (b *bare) exec(text string) {
	b.t.Helper()
	if _, err := b.db.ExecContext(b.t.Context(), text); err != nil {
		b.t.Fatal(err)
	}
}

// words runs a query that selects one column of text, and returns its rows.
func (b *bare) words(text string) (list []string) {
	b.t.Helper()
	rows, err := b.db.QueryContext(b.t.Context(), text)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var word string
		if err := rows.Scan(&word); err != nil {
			b.t.Fatal(err)
		}
		list = append(list, word)
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return list
}
