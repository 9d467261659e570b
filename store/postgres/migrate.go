package postgres

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// schemaVersion is the number of the newest migration.
const schemaVersion = 6

// minServer is the oldest version of the server, as server_version_num says it.
const minServer = 15_00_00

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate makes the tables of a job table in the database that a URL names, or brings them up to date, one
// transaction per step. It returns the versions of the schema before and after. A job table may be in use
// meanwhile. Two processes that migrate at the same time do it one after the other.
//
// The errors are those of [Open], as far as they are about the database.
func Migrate(ctx context.Context, url string) (before, after int64, err error) {
	config, err := parse(url)
	if err != nil {
		return 0, 0, fmt.Errorf("migrate: %w", err)
	}
	before, after, err = migrate(ctx, &connector{config: config})
	if err != nil {
		return before, after, fmt.Errorf("migrate %s: %w", nameOf(config.ConnConfig), err)
	}
	return before, after, nil
}

// Check returns the version of the schema in the database that a URL names, 0 if there is none, and the one
// that this Stoker needs. The errors are those of [Open], without [ErrNotMigrated].
func Check(ctx context.Context, url string) (have, want int64, err error) {
	config, err := parse(url)
	if err != nil {
		return 0, 0, fmt.Errorf("check the schema: %w", err)
	}
	have, err = check(ctx, &connector{config: config})
	if err != nil {
		return have, schemaVersion, fmt.Errorf("check the schema of %s: %w", nameOf(config.ConnConfig), err)
	}
	return have, schemaVersion, nil
}

func check(ctx context.Context, c *connector) (have int64, err error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return 0, interpret(err)
	}
	defer conn.close()
	if err := checkServer(ctx, conn.Conn); err != nil {
		return 0, err
	}
	have, err = readVersion(ctx, conn.Conn)
	if err != nil || have <= schemaVersion {
		return have, err
	}
	return have, checkCompatible(ctx, conn.Conn, have)
}

func migrate(ctx context.Context, c *connector) (before, after int64, err error) {
	if before, err = check(ctx, c); err != nil || before >= schemaVersion {
		return before, before, err
	}
	db := stdlib.OpenDB(*c.config.ConnConfig)
	defer func() { err = errors.Join(err, db.Close()) }()
	locker, err := lock.NewPostgresTableLocker(lock.WithTableLockTimeout(time.Second, 300))
	if err != nil {
		return before, before, err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return before, before, err
	}
	steps, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithLocker(locker))
	if err != nil {
		return before, before, fmt.Errorf("read migrations: %w", err)
	}
	if _, err := steps.Up(ctx); err != nil {
		return before, before, interpret(err)
	}
	const name = `INSERT INTO meta (name, value) VALUES ('instance_id', $1) ON CONFLICT DO NOTHING`
	if _, err := db.ExecContext(ctx, name, strings.ToLower(rand.Text()[:16])); err != nil {
		return before, schemaVersion, fmt.Errorf("name the instance: %w", interpret(err))
	}
	return before, schemaVersion, nil
}

// checkServer refuses a server that is too old, or a database that cannot keep every text.
func checkServer(ctx context.Context, conn *pgx.Conn) error {
	var version int
	var encoding string
	const query = `SELECT current_setting('server_version_num')::integer, current_setting('server_encoding')`
	if err := conn.QueryRow(ctx, query).Scan(&version, &encoding); err != nil {
		return fmt.Errorf("ask the server for its version: %w", interpret(err))
	}
	if version < minServer {
		return fmt.Errorf("%w: it has version %d, and Stoker needs %d or later", ErrOldServer, version/10_000, minServer/10_000)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("%w, but %s", ErrEncoding, encoding)
	}
	return nil
}

// ofNoExtension leaves out the tables and views of extensions, which administrators make in every database to watch it.
const ofNoExtension = `
   AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

// readVersion reads the number of the newest migration that the database has had; 0 for an empty one. It refuses
// the tables of another application.
func readVersion(ctx context.Context, conn *pgx.Conn) (version int64, err error) {
	var schema *string
	var tables []string
	const list = `
SELECT current_schema(), array(SELECT relname::text FROM pg_class AS c
                                WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relname NOT LIKE 'goose\_%'` + ofNoExtension + ` ORDER BY 1)`
	if err := conn.QueryRow(ctx, list).Scan(&schema, &tables); err != nil {
		return 0, fmt.Errorf("list the tables: %w", interpret(err))
	}
	switch {
	case schema == nil:
		return 0, fmt.Errorf("%w: its search_path names no schema that exists", ErrRights)
	case len(tables) == 0:
		return 0, nil
	}
	var ours bool
	err = conn.QueryRow(ctx, `SELECT count(*) > 0 FROM meta WHERE name = 'application' AND value = 'stoker'`).Scan(&ours)
	if isCode(err, codeNoTable) || isCode(err, "42703") || err == nil && !ours {
		return 0, fmt.Errorf("%w: the schema %s has %s", ErrNotJobTable, *schema, tables[0])
	}
	if err == nil {
		err = conn.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&version)
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the schema: %w", interpret(err))
	}
	return version, nil
}

// checkSchema refuses a schema that this Stoker cannot work on.
func checkSchema(ctx context.Context, conn *pgx.Conn) error {
	version, err := readVersion(ctx, conn)
	switch {
	case err != nil:
		return err
	case version == 0:
		return fmt.Errorf("%w: it has no tables yet", ErrNotMigrated)
	case version < schemaVersion:
		return fmt.Errorf("%w: it has version %d, and this Stoker needs %d", ErrNotMigrated, version, schemaVersion)
	case version > schemaVersion:
		return checkCompatible(ctx, conn, version)
	}
	return nil
}

// checkCompatible refuses a newer schema that an older Stoker must not work on.
func checkCompatible(ctx context.Context, conn *pgx.Conn, version int64) error {
	var text string
	err := conn.QueryRow(ctx, `SELECT value FROM meta WHERE name = 'compatible_from'`).Scan(&text)
	if err != nil {
		return fmt.Errorf("read which Stokers may work on the schema: %w", interpret(err))
	}
	if oldest, err := strconv.ParseInt(text, 10, 64); err != nil || oldest > schemaVersion {
		return fmt.Errorf("%w: its schema has version %d, this one knows up to %d", ErrNewer, version, schemaVersion)
	}
	return nil
}

// checkRights refuses a role that may not read and write every table.
func checkRights(ctx context.Context, conn *pgx.Conn) error {
	const query = `
SELECT c.relname::text, p.privilege, current_user::text
  FROM pg_class AS c CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p(privilege)
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'goose\_%' AND NOT has_table_privilege(c.oid, p.privilege)` + ofNoExtension + `
 ORDER BY 1, 2 LIMIT 1`
	var table, privilege, role string
	err := conn.QueryRow(ctx, query).Scan(&table, &privilege, &role)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("read the rights of the role: %w", interpret(err))
	}
	return fmt.Errorf("%w: the role %s has no right to %s in the table %s", ErrRights, role, privilege, table)
}
