package sqlite

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/stokerd/stoker/store"
)

// Open opens the job table at path, which must be the name of a file; one that
// does not exist is made. A schema of an older Stoker is brought up to date.
//
// It refuses with [ErrLocked] a file that is open elsewhere, with [ErrNewer] one
// with a schema it does not know, with [ErrNotDatabase] one that is something
// else, and with an error of package job one that cannot be written.
//
// The context is for opening only.
func Open(ctx context.Context, path string, o store.Options) (*store.Store, error) {
	db, err := openDatabase(ctx, path, o)
	if err != nil {
		return nil, err
	}
	return store.New(db, o), nil
}

// database is the engine of a job table in one file.
type database struct {
	queries // on the readers' connections
	path    string
	log     *slog.Logger

	instance string
	lock     *fileLock
	writer   *writer
	reader   *reader
}

var _ store.Engine = (*database)(nil)

func openDatabase(ctx context.Context, path string, o store.Options) (*database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open job table: %w", err)
	}
	db := &database{path: path, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler))}
	db.lock, err = lockFile(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open job table: %w", err)
	}
	if err := db.open(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("open job table %s: %w", path, err), db.lock.release())
	}
	return db, nil
}

func (db *database) open(ctx context.Context, o store.Options) (err error) {
	if _, err := inspect(ctx, db.path); err != nil {
		return err
	}
	pool, err := sql.Open("sqlite", writerDSN(db.path, o.Unsafe))
	if err != nil {
		return err
	}
	// Migrations read and write on connections of their own, one after the other.
	pool.SetMaxOpenConns(1)
	db.reader, err = openReader(db.path, cmp.Or(o.Readers, store.DefaultReaders))
	if err != nil {
		return errors.Join(err, pool.Close())
	}
	db.queries = queries{db.reader}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.reader.close(), pool.Close())
		}
	}()
	if err := migrate(ctx, pool); err != nil {
		return err
	}
	db.instance, err = readInstanceID(ctx, pool)
	if err != nil {
		return err
	}
	db.writer = &writer{db: pool, log: db.log, stmts: map[string]*sql.Stmt{}}
	return db.writer.connect(ctx)
}

// InstanceID is the random name of this file.
func (db *database) InstanceID() string { return db.instance }

// Snapshot calls read with one view of the table.
func (db *database) Snapshot(ctx context.Context, read func(store.Reader) error) error {
	return db.reader.withSnapshot(ctx, func(s snapshot) error { return read(queries{s}) })
}

// Close closes all connections and releases the lock.
func (db *database) Close() error {
	return errors.Join(db.writer.close(), db.reader.close(), db.lock.release())
}

// writerDSN names the database for the connection that writes.
//
// WAL lets readers go on beside the writer. FULL flushes every commit, which group commit makes
// cheap. Durable writes profit most from the cache and from rare checkpoints (at most 40 MiB of
// log). A cache of 16 MiB takes about twice as much memory: each page of 4 KiB has a header, and
// the driver's allocator rounds up. A larger cache helps only where random keys are added to a
// batch that has several hundred thousand: by a fourth.
func writerDSN(path string, unsafe bool) string {
	synchronous := "synchronous(FULL)"
	if unsafe {
		synchronous = "synchronous(OFF)"
	}
	return dsn(path, "busy_timeout(10000)", "journal_mode(WAL)", synchronous, "foreign_keys(1)",
		"cache_size(-16384)", "wal_autocheckpoint(10000)", "journal_size_limit(67108864)")
}

// dsn names the database at path to the driver. The path is escaped: a question
// mark in it would otherwise begin the parameters.
func dsn(path string, pragmas ...string) string {
	u := url.URL{Path: filepath.ToSlash(path)}
	return "file:" + u.EscapedPath() + "?_pragma=" + strings.Join(pragmas, "&_pragma=")
}

// inspect refuses a file that is not for this Stoker before anything could
// change it. It reports whether the file is empty or does not exist.
func inspect(ctx context.Context, path string) (empty bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if info.IsDir() {
		return false, fmt.Errorf("%w: it is a directory", ErrNotDatabase)
	}
	db, err := sql.Open("sqlite", dsn(path, "busy_timeout(10000)"))
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)

	var application, tables int64
	// The migrations' own book-keeping is there before the first of them has run.
	const query = `
SELECT (SELECT application_id FROM pragma_application_id),
       (SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'goose\_%' ESCAPE '\')`
	if err := db.QueryRowContext(ctx, query).Scan(&application, &tables); err != nil {
		return false, fmt.Errorf("read what it is: %w", interpret(err))
	}
	switch {
	case tables == 0:
		return true, nil
	case application != applicationID:
		return false, fmt.Errorf("%w: it is a SQLite database of another program", ErrNotDatabase)
	}
	return false, checkVersion(ctx, db)
}

// readInstanceID reads the random name of this file, or makes it.
func readInstanceID(ctx context.Context, db *sql.DB) (string, error) {
	const insert = `INSERT INTO meta (name, value) VALUES ('instance_id', $1) ON CONFLICT DO NOTHING`
	if _, err := db.ExecContext(ctx, insert, strings.ToLower(rand.Text()[:16])); err != nil {
		return "", fmt.Errorf("name the instance: %w", interpret(err))
	}
	var id string
	const query = `SELECT value FROM meta WHERE name = 'instance_id'`
	if err := db.QueryRowContext(ctx, query).Scan(&id); err != nil {
		return "", fmt.Errorf("name of the instance: %w", interpret(err))
	}
	return id, nil
}
