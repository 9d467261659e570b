package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// Each statement fills a table of the file with rows that have something in every column, or as good as nothing.
var sourceRows = []string{
	`INSERT INTO batches (seq, id, deleted, request_id, payload_hash, display_name, account, priority, state, state_reason, state_time, open,
	   profile, recipe, template, input, output, retry, failure_limit, failures_forgiven, labels, skip_succeeded, told_apart_by, created_by,
	   waiting, starting, queued, running, succeeded, failed, cancelling, cancelled, skipped, revision, create_time, update_time, start_time, finish_time, call_id, trace_parent)
	 VALUES
	 (3, 'b-3', 0, 'r-1', x'00ff10', 'Ünï "quoted" ' || char(10) || 'name', 'default', 70, 'ACTIVE', '', 11, 0, 'film', '{"codec":"h264"}', '', '{"id":"in"}', '{"id":"out"}',
	   '{"max_retries":2}', '{"jobs":4}', 1, '{"show":"a"}', 1, 0, 'token:ci', 2, 1, 1, 1, 1, 1, 1, 1, 1, 99, 10, 20, 15, 0, 'call-1', '00-aa-bb-01'),
	 (5, 'b-5', 0, '', x'', '', 'other', 0, 'SUCCEEDED', '', 0, 0, '', '', '{}', '', '', '', '', 0, '', 0, 2, 'local', 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 3, '', ''),
	 (6, 'b-6', 1, 'r-1', x'01', 'gone', 'default', 50, 'OPEN', 'why', 0, 1, '', '', '', '', '', '', '', 0, '', 0, 1, 'local', 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 0, 0, '', ''),
	 (7, 'b-7', 0, '', x'02', 'paused', 'default', 50, 'PAUSED', 'by hand', 4, 0, '', '', '', '', '', '', '', 0, '', 0, 0, 'local', 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 0, 0, '', '')`,
	`UPDATE sqlite_sequence SET seq = 41 WHERE name = 'batches'`,
	`INSERT INTO batch_labels (name, value, batch) VALUES ('show', 'a', 3), ('', '', 5)`,
	`INSERT INTO jobs (batch, number, key, name, input_path, output_path, variables, state, version, revision, step, step_time, attempt, failures, encoding_id,
	   manifests, regions, stale_mark, progress, next_attempt_time, create_time, update_time, start_time, queued_time, running_time, finish_time, failure, reason,
	   platform_status, platform_status_time, cause)
	 VALUES
	 (3, 1, 'k1', 'n', 'in/1', 'out/1', '{"a":"b"}', 'WAITING', 1, 1, '', 0, 0, 0, '', '', 0, '', 0, 0, 10, 10, 0, 0, 0, 0, NULL, '', '', 0, ''),
	 (3, 2, 'k2', '', 'in/2', 'out/2', '', 'WAITING', 7, 8, '', 0, 1, 1, 'e-2', '', 0, '', 0, 5000, 10, 11, 1, 2, 3, 0, '{"kind":"ENCODE", "text":"é", "cause":"c1"}', 'backs off', '', 0, 'c1'),
	 (3, 3, 'K3', '', 'in/3', 'out/3', '', 'STARTING', 3, 9, 'START', 12, 1, 0, 'e-3', '["m.m3u8"]', 2, 'mark', 0, 0, 10, 12, 12, 0, 0, 0, NULL, '', '', 0, ''),
	 (3, 4, 'k4', '', 'in/4', 'out/4', '', 'QUEUED', 4, 10, '', 0, 1, 0, 'e-4', '', 0, '', 0, 0, 10, 13, 12, 13, 0, 0, NULL, '', 'NEW_WORD', 14, ''),
	 (3, 5, 'k5', '', 'in/5', 'out/5', '', 'RUNNING', 5, 11, '', 0, 1, 0, 'e-5', '', 0, '', 55, 0, 10, 14, 12, 13, 14, 0, NULL, '', '', 0, ''),
	 (3, 6, 'k6', '', 'in/6', 'out/6', '', 'SUCCEEDED', 6, 12, '', 0, 1, 0, 'e-6', '', 0, '', 100, 0, 10, 15, 12, 13, 14, 15, NULL, '', '', 0, ''),
	 (3, 7, 'k7', '', 'in/7', 'out/7', '', 'FAILED', 7, 13, '', 0, 2, 2, 'e-7', '', 0, '', 20, 0, 10, 16, 12, 13, 14, 16, '{"kind":"ENCODE"}', 'gave up', '', 0, 'c1'),
	 (3, 8, 'k8', '', 'in/8', 'out/8', '', 'CANCELLING', 8, 14, 'STOP', 16, 1, 0, 'e-8', '', 0, '', 20, 0, 10, 17, 12, 13, 14, 0, NULL, 'by hand', '', 0, ''),
	 (3, 9, 'k9', '', 'in/9', 'out/9', '', 'CANCELLED', 9, 15, '', 0, 0, 0, '', '', 0, '', 0, 0, 10, 18, 0, 0, 0, 18, NULL, 'by hand', '', 0, ''),
	 (6, 1, '', '', '', '', '', 'WAITING', 1, 1, '', 0, 0, 0, '', '', 0, '', 0, 0, 1, 1, 0, 0, 0, 0, NULL, '', '', 0, ''),
	 (7, 1, '', '', '', '', '', 'WAITING', 1, 1, '', 0, 0, 0, '', '', 0, '', 0, 0, 1, 1, 0, 0, 0, 0, NULL, '', '', 0, '')`,
	`INSERT INTO attempts (batch, number, attempt, encoding_id, state, start_time, queued_time, running_time, finish_time, failure, regions)
	 VALUES (3, 7, 1, 'e-7a', 'FAILED', 1, 2, 3, 4, '{"kind":"ENCODE"}', -1), (3, 2, 1, '', 'CANCELLED', 1, 0, 0, 4, NULL, 3)`,
	`INSERT INTO events (batch, number, version, time, from_state, to_state, attempt, reason) VALUES (3, 9, 2, 18, 'WAITING', 'CANCELLED', 0, 'by hand')`,
	`INSERT INTO skipped (batch, key, output_path) VALUES (3, 'k0', 'out/0')`,
	`INSERT INTO ready_blocks (batch, block, ready) VALUES (3, 0, 1), (6, 0, 1), (7, 0, 1)`,
	`INSERT INTO failure_causes (batch, cause, jobs) VALUES (3, 'c1', 1)`,
	`INSERT INTO job_texts (batch, first_number, texts) VALUES (3, 1, 'k1 in/1')`,
	`INSERT INTO orphans (account, encoding_id, create_time) VALUES ('default', 'e-0', 1)`,
	`INSERT INTO resources (account, kind, hash, remote_id, update_time) VALUES ('default', 'input', 'h', 'remote', 1)`,
	`INSERT INTO accounts (id, paused, paused_reason, paused_time, queue_target, auto_target, update_time) VALUES ('default', 1, 'night', 2, 7, 0, 3), ('other', 0, '', 0, 0, 1, 3)`,
	`INSERT INTO unreconciled (account, since) VALUES ('other', 1)`,
	`INSERT INTO daily_starts (account, day, made, forgiven) VALUES ('default', 86400000, 12, 2)`,
	`INSERT INTO principal_starts (principal, day, made) VALUES ('token:ci', 86400000, 3)`,
	`INSERT INTO list_parameters (account, name, fault, time) VALUES ('default', 'sort', 'IGNORED', 1)`,
	`INSERT INTO tokens (id, change, name, hash, role, accounts, created_by, create_time, expire_time, revoke_time, last_use_time)
	 VALUES ('t', 4, 'ci', randomblob(32), 'submitter', '["default"]', 'local', 1, 2, 0, 3)`,
	`INSERT INTO audit (id, time, principal, kind, address, method, target, outcome, detail, call_id, refused) VALUES (9000000000000001, 1, 'p', 'k', 'a', 'm', 't', 'OK', 'd', 'c', 2)`,
	`INSERT INTO notification_endpoints (name, url, events, accounts, allow_private, configured, keys, disabled, disabled_reason, disabled_time, failing_since,
	   last_success_time, created_by, create_time, update_time) VALUES ('ops', 'https://example.com', '["batch.ended"]', '', 1, 0, '[]', 1, 'gone', 5, 4, 3, 'local', 1, 2)`,
	`INSERT INTO deliveries (seq, id, endpoint, event, account, batch_id, batch, revision, content, jobs, listed, numbers, joining, create_time, state, attempts,
	   next_time, last_time, http_status, problem, finish_time)
	 VALUES (8, 'd', 'ops', 'job.failed', 'default', 'b-3', 3, 13, '{}', 1, 1, '7', 1, 1, 'PENDING', 0, 2, 0, 0, '', 0),
	        (9, 'd2', 'ops', 'job.failed', 'default', 'b-3', 3, 12, '{}', 1, 1, '7', 0, 1, 'FAILED', 3, 0, 2, 500, 'no', 3)`,
	`INSERT INTO unavailable_accounts (account, since) VALUES ('other', 1)`,
	`INSERT INTO results (hash, account, encoding_id, time) VALUES (x'000102030405060708090a0b0c0d0e0f', 'default', x'00112233445566778899aabbccddeeff', 1), (randomblob(16), 'default', 'e-6', 1)`,
	`INSERT INTO deleted_batches (seq, id, account, request_id, created_by, payload_hash, delete_time) VALUES (40, 'b-40', 'default', 'r', 'local', x'ff', 1)`,
	`INSERT INTO last_changes (account, time) VALUES ('third', 77)`,
}

// newSource makes a job table in a file that has rows in every table and jobs in every state.
func newSource(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "stoker.db")
	s, err := sqlite.Open(t.Context(), path, store.Options{Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	changeFile(t, path, sourceRows...)
	return path
}

// changeFile runs statements on a file.
func changeFile(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // everything is committed
	for _, text := range statements {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// openExport opens a file for copying it to a database.
func openExport(t *testing.T, path, database string) *sqlite.Export {
	t.Helper()
	e, err := sqlite.OpenExport(t.Context(), path, Name(database), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// copyTable copies a file into a database.
func copyTable(t *testing.T, path, database string) error {
	t.Helper()
	e := openExport(t, path, database)
	defer func() { _ = e.Close() }() // it was only read
	return Import(t.Context(), database, e, func(int64, int64) {})
}

// Every row of every table is copied, whatever state its job is in, and the copy is a job table that goes on.
func TestImport(t *testing.T) {
	path, database := newSource(t), migrated(t)
	e := openExport(t, path, database)
	var done, total int64
	if err := Import(t.Context(), database, e, func(d, n int64) { done, total = d, n }); err != nil {
		t.Fatal(err)
	}
	if done != total || total < 40 {
		t.Errorf("told of %d rows of %d", done, total)
	}
	conn := connectTo(t, database)
	for _, table := range importedTables {
		want, got := rowsOf(t, e, conn, table), rowsIn(t, conn, table)
		if len(want) == 0 && table != "batch_heads" {
			t.Errorf("the source has no row in %s", table)
		}
		if table == "unreconciled" { // as the start of a service does it: see below
			continue
		}
		sorted := cmpopts.SortSlices(func(a, b map[string]any) bool { return fmt.Sprint(a) < fmt.Sprint(b) })
		if diff := cmp.Diff(want, got, sorted); diff != "" {
			t.Errorf("table %s (-source +copy):\n%s", table, diff)
		}
	}
	instance := e.InstanceID()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	var unreconciled string
	if err := conn.QueryRow(t.Context(), `SELECT string_agg(account || ' ' || since, ', ' ORDER BY account) FROM unreconciled`).Scan(&unreconciled); err != nil {
		t.Fatal(err)
	}
	if want := "default 20, other 1, third 77"; unreconciled != want {
		t.Errorf("accounts to be compared with the platform: %q, want %q", unreconciled, want)
	}
	_, err := sqlite.Open(t.Context(), path, store.Options{})
	if copied, ok := errors.AsType[*sqlite.CopiedError](err); !ok || copied.To != Name(database) {
		t.Errorf("the file is opened after it was copied: %v", err)
	}
	s := mustOpen(t, database)
	if s.InstanceID() != instance {
		t.Errorf("instance %q, want %q", s.InstanceID(), instance)
	}
	if b := submit(t, s, 2); b.Seq != 42 {
		t.Errorf("the next batch has seq %d, want 42", b.Seq)
	}
	if n, err := s.Recount(t.Context(), testTime); n != 0 || err != nil {
		t.Errorf("%d batches were corrected, %v", n, err)
	}
	if j, err := s.UpdateJob(t.Context(), job.ID{Batch: "b-3", Number: 1}, testTime, func(u *job.Update) error { return u.Cancel("", testTime) }); err != nil || j.Version != 2 {
		t.Errorf("version %d, %v", j.Version, err)
	}
}

// rowsOf reads a table of the source as a table of the database has it.
func rowsOf(t *testing.T, e *sqlite.Export, conn *pgx.Conn, table string) (list []map[string]any) {
	t.Helper()
	columns := []string{}
	for name := range strings.FieldsSeq(columnsOf(t, conn, table)) {
		columns = append(columns, name)
	}
	for values, err := range e.Rows(t.Context(), sourceOf(table), columns) {
		if err != nil {
			t.Fatal(err)
		}
		row := map[string]any{}
		for i, name := range columns {
			row[name] = values[i]
			if text, ok := values[i].(string); ok && name == "failure" {
				row[name] = decoded(t, text)
			}
		}
		list = append(list, row)
	}
	return list
}

// columnsOf are the columns of a table that the source has, with those of batches in one place or the other.
func columnsOf(t *testing.T, conn *pgx.Conn, table string) string {
	t.Helper()
	var columns string
	err := conn.QueryRow(t.Context(), `
SELECT string_agg(CASE WHEN $1 = 'batch_heads' AND attname = 'batch' THEN 'seq' ELSE attname END, ' ')
  FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND attname NOT IN ('dispatchable', 'ended')`, table).Scan(&columns)
	if err != nil {
		t.Fatal(err)
	}
	return columns
}

// rowsIn reads a table of a database, with the values that a file has. What follows from other columns is checked.
func rowsIn(t *testing.T, conn *pgx.Conn, table string) []map[string]any {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT * FROM `+table)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range list {
		if table == "batches" {
			if want := row["seq"] == int64(3) || row["seq"] == int64(6); row["dispatchable"] != want {
				t.Errorf("batch %v: dispatchable %v", row["seq"], row["dispatchable"])
			}
			if want := row["seq"] == int64(5); row["ended"] != want {
				t.Errorf("batch %v: ended %v", row["seq"], row["ended"])
			}
			delete(row, "dispatchable")
			delete(row, "ended")
		}
		if table == "batch_heads" {
			row["seq"] = row["batch"]
			delete(row, "batch")
		}
		for name, value := range row {
			switch v := value.(type) {
			case int32:
				row[name] = int64(v)
			case bool:
				row[name] = int64(0)
				if v {
					row[name] = int64(1)
				}
			}
		}
	}
	return list
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The tables that are copied are those of a job table.
func TestImportKnowsAllTables(t *testing.T) {
	copied := map[string]bool{"meta": true}
	for _, table := range importedTables {
		copied[table] = true
	}
	for _, column := range sqliteColumns(t) {
		if table, _, _ := strings.Cut(column, "."); !copied[table] {
			t.Errorf("the table %s is not copied", table)
		}
	}
}

// What cannot be copied into is refused, and stays as it is. So does the file, which can be opened afterwards.
func TestImportRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T) (database string)
		want    error
		text    string
	}{
		{"no tables", func(t *testing.T) string { return pgserver.Empty(t) }, ErrNotMigrated, ""},
		{"an older schema", func(t *testing.T) string {
			database := migrated(t)
			pgserver.Exec(t, database, `UPDATE goose_db_version SET version_id = 1 WHERE version_id > 1`)
			return database
		}, ErrNotMigrated, ""},
		{"a newer schema", func(t *testing.T) string {
			database := migrated(t)
			pgserver.Exec(t, database, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (1000, true)`)
			return database
		}, ErrNewer, ""},
		{"tables of another application", func(t *testing.T) string {
			database := pgserver.Empty(t)
			pgserver.Exec(t, database, `CREATE TABLE invoices (id integer)`)
			return database
		}, ErrNotJobTable, ""},
		{"jobs", func(t *testing.T) string {
			database := migrated(t)
			s := mustOpen(t, database)
			submit(t, s, 1)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return database
		}, ErrNotEmpty, "batches"},
		{"a token alone", func(t *testing.T) string {
			database := migrated(t)
			pgserver.Exec(t, database, `INSERT INTO tokens VALUES ('t', 1, 'n', decode(repeat('00', 32), 'hex'), 'admin', '', '', 0, 0, 0, 0)`)
			return database
		}, ErrNotEmpty, "tokens"},
		{"a service on it", func(t *testing.T) string {
			database := migrated(t)
			mustOpen(t, database)
			return database
		}, ErrInUse, ""},
		{"a role without rights", func(t *testing.T) string { return asReader(t, migrated(t)) }, ErrRights, ""},
		{"a role without the rights on sequences", func(t *testing.T) string {
			database := migrated(t)
			as := asReader(t, database)
			pgserver.Exec(t, database, `GRANT ALL ON ALL TABLES IN SCHEMA public TO stoker_reader`)
			return as
		}, ErrRights, "sequence"},
		{"a standby", func(t *testing.T) string {
			return configured(t, migrated(t), `SET default_transaction_read_only = on`)
		}, ErrReadOnly, ""},
		{"a full disk", func(t *testing.T) string {
			database := migrated(t)
			pgserver.Exec(t, database, `
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''could not extend file'' USING ERRCODE = ''53100''; END';
CREATE TRIGGER no_room BEFORE INSERT ON events EXECUTE FUNCTION no_room()`)
			return database
		}, job.ErrFull, "events"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, database := newSource(t), tt.prepare(t)
			err := copyTable(t, path, database)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.text)
			}
			s, err := sqlite.Open(t.Context(), path, store.Options{})
			if err != nil {
				t.Fatalf("the file cannot be used any more: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A copy that ends early leaves nothing, and can be made anew.
func TestImportInterrupted(t *testing.T) {
	path, database := newSource(t), migrated(t)
	e := openExport(t, path, database)
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	err := Import(ctx, database, e, func(done, _ int64) {
		if done > 10 {
			cancel(interrupted)
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + ".copied"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is marked: %v", err)
	}
	if err := copyTable(t, path, database); err != nil {
		t.Fatal(err)
	}
	if err := copyTable(t, path, database); !errors.Is(err, ErrCopied) {
		t.Errorf("the second copy: %v, want %v", err, ErrCopied)
	}
	_, err = sqlite.OpenExport(t.Context(), path, "postgres://elsewhere", store.Options{})
	if !errors.Is(err, sqlite.ErrCopied) {
		t.Errorf("a copy to another database: %v, want %v", err, sqlite.ErrCopied)
	}
}

// A server that refuses COMMIT has nothing, and the file is used on. One that is cut off before it answers may have
// everything: then the file is not used until that is known.
func TestImportCommit(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		path, database := newSource(t), migrated(t)
		pgserver.Exec(t, database, `
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not now'' USING ERRCODE = ''53100''; END';
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`)
		if err := copyTable(t, path, database); !errors.Is(err, job.ErrFull) || errors.Is(err, job.ErrUnconfirmed) {
			t.Errorf("got %v, want %v", err, job.ErrFull)
		}
		if err := openExport(t, path, "postgres://another@h/d").Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("cut off", func(t *testing.T) {
		path, database := newSource(t), migrated(t)
		pgserver.Exec(t, database, `
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut()`)
		if err := copyTable(t, path, database); !errors.Is(err, job.ErrUnconfirmed) {
			t.Errorf("got %v, want %v", err, job.ErrUnconfirmed)
		}
		if _, err := sqlite.Open(t.Context(), path, store.Options{}); !errors.Is(err, sqlite.ErrCopied) {
			t.Errorf("the file is opened: %v", err)
		}
		pgserver.Exec(t, database, `DROP TRIGGER cut ON events`)
		deadline := time.Now().Add(time.Minute) // the server may still be ending the session
		err := copyTable(t, path, database)
		for errors.Is(err, ErrInUse) && time.Now().Before(deadline) {
			err = copyTable(t, path, database)
		}
		if err != nil {
			t.Errorf("the next copy: %v", err)
		}
	})
}

// A file that is damaged, or in use, is not copied.
func TestExportRefuses(t *testing.T) {
	path := newSource(t)
	changeFile(t, path, `UPDATE batches SET waiting = 17 WHERE seq = 3`)
	if _, err := sqlite.OpenExport(t.Context(), path, "", store.Options{}); !errors.Is(err, job.ErrDamaged) {
		t.Errorf("counters that are wrong: %v, want %v", err, job.ErrDamaged)
	}
	changeFile(t, path, `UPDATE batches SET waiting = 2 WHERE seq = 3`)
	s, err := sqlite.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.OpenExport(t.Context(), path, "", store.Options{}); !errors.Is(err, sqlite.ErrLocked) {
		t.Errorf("a file in use: %v, want %v", err, sqlite.ErrLocked)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := sqlite.OpenExport(t.Context(), path+".missing", "", store.Options{}); !errors.Is(err, job.ErrNotFound) {
		t.Errorf("no file: %v, want %v", err, job.ErrNotFound)
	}
}
