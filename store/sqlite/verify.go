package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// Content says what is in a job table, or in a copy of one.
type Content struct {
	InstanceID    string
	Schema        int64 // the version of its schema
	CurrentSchema int64 // the version that this Stoker brings it up to
	Size          int64 // bytes
	Batches       map[job.BatchState]int64
	Jobs          job.Counts
	// Results is how many successes are remembered of batches that are gone.
	Results int64
	// LastChange is when a batch of each account was last changed: what has been done at the platform since is
	// not in the table.
	LastChange map[string]time.Time
	// NotificationKeys are the fingerprints of the keys from which the secrets of notification endpoints are made.
	// The keys themselves are not in a job table.
	NotificationKeys []string
}

// Verify reads everything in the job table at path, and returns what is in it. The table may be in use.
//
// If a part of it cannot be read, or contradicts another, the error is [job.ErrDamaged] and says more. Otherwise the
// errors are those of [Backup].
func Verify(ctx context.Context, path string) (c Content, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("verify %s: %w", path, err)
		}
	}()
	path, err = resolvePath(path)
	if err != nil {
		return c, err
	}
	if err := checkTable(ctx, path); err != nil {
		return c, err
	}
	db, _, err := openBeside(ctx, path)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // so that all of it is as at one moment
	if err != nil {
		return c, interpret(err)
	}
	defer tx.Rollback()
	if err := verify(ctx, tx); err != nil {
		return c, err
	}
	return readContent(ctx, tx)
}

// verify reads everything, and returns [job.ErrDamaged] if a part cannot be read or contradicts another.
func verify(ctx context.Context, tx *sql.Tx) error {
	for _, check := range []func(context.Context, *sql.Tx) error{checkIntegrity, checkReferences, checkCounts} {
		if err := check(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// checkIntegrity reads every page of the file.
func checkIntegrity(ctx context.Context, tx *sql.Tx) error {
	lines, err := readLines(ctx, tx, `SELECT integrity_check FROM pragma_integrity_check LIMIT 10`)
	if err != nil {
		return err
	}
	if len(lines) == 1 && lines[0] == "ok" {
		return nil
	}
	return fmt.Errorf("%w: %s", job.ErrDamaged, strings.Join(lines, "; "))
}

// checkReferences looks for rows of batches and jobs that are not there.
func checkReferences(ctx context.Context, tx *sql.Tx) error {
	const query = `SELECT 'rows of ' || "table" || ' belong to nothing in ' || parent FROM pragma_foreign_key_check GROUP BY "table", parent`
	return damagedBy(ctx, tx, query)
}

// checkCounts compares the counters of batches with their jobs.
func checkCounts(ctx context.Context, tx *sql.Tx) error {
	const query = `
SELECT 'the counters of batch ' || b.seq || ' do not agree with its jobs'
  FROM batches AS b
  LEFT JOIN (SELECT batch, count(*) AS jobs, sum(state = 'WAITING') AS waiting, sum(state = 'STARTING') AS starting, sum(state = 'QUEUED') AS queued,
                    sum(state = 'RUNNING') AS running, sum(state = 'SUCCEEDED') AS succeeded, sum(state = 'FAILED') AS failed,
                    sum(state = 'CANCELLING') AS cancelling, sum(state = 'CANCELLED') AS cancelled
               FROM jobs INDEXED BY jobs_state GROUP BY batch) AS j ON j.batch = b.seq
 WHERE b.deleted = 0
   AND (b.waiting, b.starting, b.queued, b.running, b.succeeded, b.failed, b.cancelling, b.cancelled)
    <> (coalesce(j.waiting, 0), coalesce(j.starting, 0), coalesce(j.queued, 0), coalesce(j.running, 0),
        coalesce(j.succeeded, 0), coalesce(j.failed, 0), coalesce(j.cancelling, 0), coalesce(j.cancelled, 0))
 LIMIT 10`
	return damagedBy(ctx, tx, query)
}

// damagedBy returns [job.ErrDamaged] with the lines of a query, if it has any.
func damagedBy(ctx context.Context, tx *sql.Tx, query string) error {
	lines, err := readLines(ctx, tx, query)
	if err != nil || len(lines) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", job.ErrDamaged, strings.Join(lines, "; "))
}

func readLines(ctx context.Context, tx *sql.Tx, query string) (lines []string, err error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, interpret(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, interpret(err)
		}
		lines = append(lines, line)
	}
	return lines, interpret(rows.Err())
}

// readContent reads what is in a table, of this schema or an older one.
func readContent(ctx context.Context, tx *sql.Tx) (c Content, err error) {
	c.CurrentSchema, c.Batches, c.LastChange = schemaVersion, map[job.BatchState]int64{}, map[string]time.Time{}
	if c.Schema, err = readVersion(ctx, tx); err != nil {
		return c, err
	}
	p, err := scanPages(tx.QueryRowContext(ctx, pagesOfFile))
	if err != nil {
		return c, interpret(err)
	}
	c.Size = p.total * p.size
	if c.InstanceID, err = instanceOf(ctx, tx); err != nil {
		return c, err
	}
	const query = `
SELECT account, state, count(*), sum(waiting), sum(starting), sum(queued), sum(running), sum(succeeded), sum(failed), sum(cancelling), sum(cancelled), max(update_time)
  FROM batches WHERE deleted = 0 GROUP BY account, state`
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return c, interpret(err)
	}
	defer rows.Close()
	for rows.Next() {
		var account string
		var state job.BatchState
		var batches int64
		var jobs job.Counts
		var changed stamp
		err := rows.Scan(&account, (*string)(&state), &batches, &jobs.Waiting, &jobs.Starting, &jobs.Queued, &jobs.Running,
			&jobs.Succeeded, &jobs.Failed, &jobs.Cancelling, &jobs.Cancelled, &changed)
		if err != nil {
			return c, interpret(err)
		}
		c.Batches[state] += batches
		c.Jobs.Add(jobs)
		if t := changed.time(); t.After(c.LastChange[account]) {
			c.LastChange[account] = t
		}
	}
	if err := rows.Err(); err != nil {
		return c, interpret(err)
	}
	tables, err := readLines(ctx, tx, `SELECT name FROM sqlite_schema WHERE type = 'table'`)
	if err != nil {
		return c, err
	}
	if slices.Contains(tables, "results") { // a table of an older Stoker has none
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM results`).Scan(&c.Results); err != nil {
			return c, interpret(err)
		}
	}
	if slices.Contains(tables, "notification_endpoints") {
		c.NotificationKeys, err = readNotificationKeys(ctx, tx)
	}
	return c, err
}

// readNotificationKeys reads from which keys the secrets of endpoints are made.
func readNotificationKeys(ctx context.Context, tx *sql.Tx) (fingerprints []string, err error) {
	lists, err := readLines(ctx, tx, `SELECT keys FROM notification_endpoints WHERE keys <> '' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	for _, list := range lists {
		var keys []notification.SecretKey
		if err := text(list).decode(&keys); err != nil {
			return nil, fmt.Errorf("%w: the keys of an endpoint: %w", job.ErrDamaged, err)
		}
		for _, k := range notification.ValidKeys(keys, time.Now()) {
			if !slices.Contains(fingerprints, k.Fingerprint) {
				fingerprints = append(fingerprints, k.Fingerprint)
			}
		}
	}
	return fingerprints, nil
}

// instanceOf reads the random name of a table; empty if it was never opened.
func instanceOf(ctx context.Context, tx *sql.Tx) (id string, err error) {
	err = tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'instance_id'`).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, interpret(err)
}
