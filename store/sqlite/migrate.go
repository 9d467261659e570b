package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/stokerd/stoker/job"
)

// applicationID marks a SQLite file as a job table; the first migration sets it.
const applicationID = 0x53746f6b

// schemaVersion is the number of the newest migration.
const schemaVersion = 22

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date, one transaction per step, after it has copied a table that has rows.
func (db *database) migrate(ctx context.Context, pool *sql.DB, withoutCopy bool) error {
	version, err := readVersion(ctx, pool)
	if err != nil {
		return err
	}
	if version == schemaVersion {
		return guardTransitions(ctx, pool)
	}
	if version > 0 && !withoutCopy {
		if err := db.copyBefore(ctx, pool, version); err != nil {
			return err
		}
	}
	steps, err := newMigrations(pool)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := steps.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", interpret(err))
	}
	db.removeOlderCopies(ctx)
	return guardTransitions(ctx, pool)
}

// newMigrations returns all migrations: those in SQL, and those that need rules that SQL does not have.
func newMigrations(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithGoMigrations(
			goose.NewGoMigration(fillCausesVersion, &goose.GoFunc{RunTx: fillCauses}, nil),
			goose.NewGoMigration(fillTextsVersion, &goose.GoFunc{RunTx: fillTexts}, nil),
		))
}

// rowQuerier is a database, or a transaction of one.
type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// readVersion reads the number of the newest migration that the file has had; 0 for a new one.
func readVersion(ctx context.Context, db rowQuerier) (int64, error) {
	var version int64
	var migrated bool
	const exists = `SELECT count(*) FROM sqlite_schema WHERE name = 'goose_db_version'`
	const query = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`
	err := db.QueryRowContext(ctx, exists).Scan(&migrated)
	if err == nil && migrated {
		err = db.QueryRowContext(ctx, query).Scan(&version)
	}
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", interpret(err))
	}
	return version, nil
}

// checkVersion returns [ErrNewer], with the versions of both schemas, if the schema is one this binary does not know.
func checkVersion(ctx context.Context, db *sql.DB) error {
	version, err := readVersion(ctx, db)
	if err != nil {
		return err
	}
	if version > schemaVersion {
		return fmt.Errorf("%w: its schema has version %d, this one knows up to %d", ErrNewer, version, schemaVersion)
	}
	return nil
}

// guardTransitions makes the database refuse every move that is not in the table
// of package job. The trigger is made from that table, not by a migration, and is replaced
// whenever it differs.
func guardTransitions(ctx context.Context, db *sql.DB) error {
	want := transitionTrigger()
	var have string
	const query = `SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = 'jobs_transition'`
	err := db.QueryRowContext(ctx, query).Scan(&have)
	if err == nil && have == want {
		return nil
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read the guard of transitions: %w", interpret(err))
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("guard transitions: %w", interpret(err))
	}
	defer tx.Rollback()
	for _, statement := range []string{"DROP TRIGGER IF EXISTS jobs_transition", want} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("guard transitions: %w", interpret(err))
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("guard transitions: %w", interpret(err))
	}
	return nil
}

func transitionTrigger() string {
	var b strings.Builder
	b.WriteString("CREATE TRIGGER jobs_transition BEFORE UPDATE OF state ON jobs\n" +
		"WHEN OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN (")
	for i, t := range job.Transitions() {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "'%s>%s'", t.From, t.To)
	}
	b.WriteString(")\nBEGIN SELECT RAISE(ABORT, 'job state transition not allowed'); END")
	return b.String()
}
