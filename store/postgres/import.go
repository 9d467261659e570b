package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/job"
)

// Source is a job table whose rows are copied into a database. Nobody changes it meanwhile.
type Source interface {
	InstanceID() string
	// Count counts the rows of a table.
	Count(ctx context.Context, table string) (int64, error)
	// Rows are the rows of a table. A value is an int64, a string, a []byte or nil; a boolean is 0 or 1.
	Rows(ctx context.Context, table string, columns []string) iter.Seq2[[]any, error]
	// LastSeq is the greatest seq that a batch has ever had; 0 if there never was one.
	LastSeq(ctx context.Context) (int64, error)
	// MarkCopied has the source be opened no more, because a database of this name goes on from it.
	MarkCopied(to string) error
	// UnmarkCopied takes that back.
	UnmarkCopied() error
}

// ErrNotEmpty says that a database has rows already.
var ErrNotEmpty = errors.New("the database is not empty")

// ErrCopied says that a database has the rows of this very job table.
var ErrCopied = errors.New("the job table was copied into this database already")

// ErrInUse says that a service works on a database.
var ErrInUse = errors.New("in use by a Stoker")

// Import copies the rows of a source into an empty, migrated job table: all of them, or none. The new table has the
// instance id of the source, so the platform's encodings are recognised, and the next process compares all accounts
// with the platform before it starts anything. progress is told now and then how many rows of how many are copied.
//
// The source is marked as copied just before the rows become visible in the database. If they certainly do not, the
// mark is taken back. If nobody knows, it stays, and the error is [job.ErrUnconfirmed].
//
// The errors are [ErrNotEmpty], [ErrCopied], [ErrInUse], and those of [Open].
func Import(ctx context.Context, url string, from Source, progress func(done, total int64)) error {
	config, err := parse(url)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	c := &connector{config: config}
	conn, err := c.connect(ctx)
	if err != nil {
		return fmt.Errorf("copy to %s: %w", nameOf(config.ConnConfig), interpret(err))
	}
	defer conn.close()
	i := &importer{conn: conn, from: from, progress: progress}
	if err := i.run(ctx, nameOf(config.ConnConfig)); err != nil {
		return fmt.Errorf("copy to %s: %w", nameOf(config.ConnConfig), interpret(err))
	}
	return nil
}

// importer is one run of [Import].
type importer struct {
	conn     *session
	from     Source
	progress func(done, total int64)

	counts      map[string]int64 // of the rows in the source, by table
	done, total int64            // rows of all tables
}

// importedTables are the tables that are copied, those first that others refer to. Each has the columns that it has in
// the source, but for the two tables of the batches.
var importedTables = []string{
	"batches", "batch_heads", "batch_labels", "jobs", "attempts", "events", "skipped", "ready_blocks", "failure_causes", "job_texts",
	"orphans", "resources", "accounts", "unreconciled", "daily_starts", "principal_starts", "list_parameters",
	"tokens", "audit", "notification_endpoints", "deliveries", "unavailable_accounts", "results", "deleted_batches", "last_changes",
}

// sourceOf is the table of the source that has the rows of a table.
func sourceOf(table string) string {
	if table == "batch_heads" {
		return "batches"
	}
	return table
}

func (i *importer) run(ctx context.Context, to string) error {
	for _, check := range []func(context.Context, *pgx.Conn) error{checkServer, checkSchema, checkImportable, checkRights} {
		if err := check(ctx, i.conn.Conn); err != nil {
			return err
		}
	}
	i.counts = map[string]int64{}
	for _, table := range importedTables {
		n, err := i.from.Count(ctx, sourceOf(table))
		if err != nil {
			return fmt.Errorf("count the rows of %s: %w", table, err)
		}
		i.counts[table] = n
		i.total += n
	}
	tx, err := i.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
		defer cancel()
		_ = tx.Rollback(ctx) // it may be over
	}()
	if err := i.fill(ctx, tx); err != nil {
		return err
	}
	if err := i.from.MarkCopied(to); err != nil {
		return fmt.Errorf("note beside the job table that it was copied: %w", err)
	}
	if err := i.commit(ctx, tx); err != nil {
		if errors.Is(err, job.ErrUnconfirmed) {
			return err
		}
		return errors.Join(err, i.from.UnmarkCopied())
	}
	_, _ = i.conn.Exec(ctx, `ANALYZE`) // autovacuum does it a little later otherwise
	return nil
}

// checkImportable refuses a schema that may have columns which this Stoker would leave empty.
func checkImportable(ctx context.Context, conn *pgx.Conn) error {
	version, err := readVersion(ctx, conn)
	if err == nil && version != schemaVersion {
		err = fmt.Errorf("%w: its schema has version %d, this one copies into %d", ErrNewer, version, schemaVersion)
	}
	return err
}

// fill copies all tables, and compares what is there then with the source.
func (i *importer) fill(ctx context.Context, tx pgx.Tx) error {
	// Whoever opens the table reads its name in meta first, and waits.
	const prepare = `
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL lock_timeout = '5s';
LOCK TABLE meta IN ACCESS EXCLUSIVE MODE`
	if _, err := tx.Exec(ctx, prepare, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	if err := i.checkUnused(ctx, tx); err != nil {
		return err
	}
	for _, table := range importedTables {
		if err := i.fillTable(ctx, tx, table); err != nil {
			return fmt.Errorf("copy table %s: %w", table, err)
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE meta SET value = $1 WHERE name = 'instance_id'`, i.from.InstanceID()); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, noteLastChange); err != nil {
		return err
	}
	if err := i.restartNumbers(ctx, tx); err != nil {
		return err
	}
	for _, table := range importedTables {
		var n int64
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM `+table).Scan(&n); err != nil {
			return err
		}
		if want := i.counts[table]; n != want && table != "unreconciled" {
			return fmt.Errorf("the table %s has %d rows after it was copied, and the source has %d", table, n, want)
		}
	}
	return nil
}

// checkUnused refuses a database that another Stoker uses, or that has rows.
func (i *importer) checkUnused(ctx context.Context, tx pgx.Tx) error {
	var address string
	const present = `SELECT coalesce(min(address), '') FROM replicas WHERE seen >= clock_timestamp() - $1 * interval '1 millisecond'`
	if err := tx.QueryRow(ctx, present, presenceEnd.Milliseconds()).Scan(&address); err != nil {
		return err
	}
	if address != "" {
		return fmt.Errorf("%w, at %s", ErrInUse, address)
	}
	var sessions int
	const others = `
SELECT count(*) FROM pg_stat_activity AS a
 WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.application_name = current_setting('application_name')`
	if err := tx.QueryRow(ctx, others).Scan(&sessions); err != nil {
		return err
	}
	if sessions > 0 {
		return fmt.Errorf("%w: %d of its connections are open", ErrInUse, sessions)
	}
	for _, table := range importedTables {
		var any bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+table+`)`).Scan(&any); err != nil {
			return err
		}
		if !any {
			continue
		}
		var instance string
		if err := tx.QueryRow(ctx, `SELECT value FROM meta WHERE name = 'instance_id'`).Scan(&instance); err != nil {
			return err
		}
		if instance == i.from.InstanceID() {
			return ErrCopied
		}
		return fmt.Errorf("%w: the table %s has rows", ErrNotEmpty, table)
	}
	return nil
}

// columnType is a column of a table in the database, and the type of its values.
type columnType struct{ name, kind string }

// fillTable copies the rows of one table.
func (i *importer) fillTable(ctx context.Context, tx pgx.Tx, table string) error {
	const list = `
SELECT attname::text, atttypid::regtype::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`
	columns, err := all(ctx, i.conn, func(r row) (c columnType, err error) {
		err = r.Scan(&c.name, &c.kind)
		return c, err
	}, list, table)
	if err != nil {
		return err
	}
	derived := []columnType{}
	if table == "batches" {
		isDerived := func(c columnType) bool { return c.name == "dispatchable" || c.name == "ended" }
		columns = slices.DeleteFunc(columns, isDerived)
		derived = append(derived, columnType{"dispatchable", "boolean"}, columnType{"ended", "boolean"})
	}
	var sources, names []string // as the columns are called in the source, and here
	for _, c := range columns {
		names = append(names, c.name)
		if table == "batch_heads" && c.name == "batch" {
			c.name = "seq"
		}
		sources = append(sources, c.name)
	}
	columns = append(columns, derived...)
	for _, c := range derived {
		names = append(names, c.name)
	}
	if len(derived) > 0 {
		sources = append(sources, "waiting")
	}
	next, stop := iter.Pull2(i.from.Rows(ctx, sourceOf(table), sources))
	defer stop()
	var sourceErr error // COPY tells the server of it, and returns what the server says then
	_, err = tx.CopyFrom(ctx, pgx.Identifier{table}, names, pgx.CopyFromFunc(func() (values []any, err error) {
		defer func() { sourceErr = err }()
		values, err, more := next()
		if !more || err != nil {
			return nil, err
		}
		if i.done++; i.done%1000 == 0 {
			i.progress(i.done, i.total)
		}
		if len(derived) > 0 {
			values = deriveFlags(sources, values)
		}
		for n, c := range columns {
			if values[n], err = convert(values[n], c.kind); err != nil {
				return nil, fmt.Errorf("column %s: %w", c.name, err)
			}
		}
		return values, nil
	}))
	i.progress(i.done, i.total)
	return cmp.Or(sourceErr, err)
}

// deriveFlags replaces the count of waiting jobs, which is last, by what follows from it and from the state.
func deriveFlags(columns []string, values []any) []any {
	state, _ := values[slices.Index(columns, "state")].(string)
	waiting, _ := values[len(values)-1].(int64)
	b := job.Batch{State: job.BatchState(state), Counts: job.Counts{Waiting: waiting}}
	return append(values[:len(values)-1], dispatchable(&b), b.State.Terminal())
}

// convert turns a value of the source into one for a column of the database.
func convert(value any, kind string) (any, error) {
	switch v := value.(type) {
	case nil, bool:
		return v, nil
	case int64:
		if kind == "boolean" {
			return v != 0, nil
		}
		return v, nil
	case string:
		switch kind {
		case "jsonb":
			return storableJSON(strings.ToValidUTF8(v, "\uFFFD")), nil
		case "bytea":
			return []byte(v), nil
		}
		return storable(v), nil
	case []byte:
		if kind == "bytea" {
			return v, nil
		}
	}
	return nil, fmt.Errorf("a value is of a kind that %s does not keep", kind)
}

// restartNumbers has the next rows get numbers that none has had.
func (i *importer) restartNumbers(ctx context.Context, tx pgx.Tx) error {
	last, err := i.from.LastSeq(ctx)
	if err != nil {
		return fmt.Errorf("read the last number of a batch: %w", err)
	}
	const restart = `
SELECT setval(pg_get_serial_sequence('batches', 'seq'), greatest(b, 1), b > 0), setval(pg_get_serial_sequence('deliveries', 'seq'), greatest(d, 1), d > 0)
  FROM (SELECT greatest($1::bigint, (SELECT max(seq) FROM batches), (SELECT max(seq) FROM deleted_batches)) AS b,
               coalesce((SELECT max(seq) FROM deliveries), 0) AS d) AS last`
	_, err = tx.Exec(ctx, restart, last)
	return err
}

// commit ends the transaction. It waits until the server has answered or ctx has ended, and cancels nothing: see the
// package comment.
func (i *importer) commit(ctx context.Context, tx pgx.Tx) error {
	i.conn.unsynced.Store(false)
	done := make(chan error, 1)
	go func() { done <- tx.Commit(context.WithoutCancel(ctx)) }()
	select {
	case err := <-done:
		switch {
		case err == nil && !i.conn.unsynced.Load():
			return nil
		case err != nil && isRefused(err):
			return err
		}
		return fmt.Errorf("%w: %w", job.ErrUnconfirmed, errors.Join(err))
	case <-ctx.Done():
		i.conn.abandon()
		return fmt.Errorf("%w: %w", job.ErrUnconfirmed, context.Cause(ctx))
	}
}
