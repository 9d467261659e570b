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

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// Open opens the job table at path, which must be the name of a file; one that
// does not exist is made. A schema of an older Stoker is brought up to date, after
// the table was copied to a file beside it, whose name ends in .before- and the
// number of the new schema. If there is no room for the copy the error is a [RoomError].
//
// It refuses with [ErrLocked] a file that is open elsewhere, with [ErrNewer] one
// with a schema it does not know, with [ErrNotDatabase] one that is something
// else, with [job.ErrDamaged] one that is damaged, with [ErrNoLog] one whose latest
// changes are missing, and with an error of package job one that cannot be written.
//
// A file beside the table keeps its identity. If that is there and the table is
// not, the error is [ErrMissing], and with another table [ErrOtherTable]. Another one
// says that the table was copied to a database; then the error is a [CopiedError].
//
// If a file of the table is moved, deleted or replaced while it is open, every
// write from then on fails with [ErrMoved]; see also [store.Options].
//
// The context is for opening only.
func Open(ctx context.Context, path string, o store.Options) (*store.Store, error) {
	path, err := resolvePath(path)
	if err == nil {
		err = checkCopied(path, "")
	}
	if err != nil {
		return nil, fmt.Errorf("open job table: %w", err)
	}
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
	presence *presence
	folder   *folder // nil if commits are not flushed
	// diskSpace is [DiskSpace], unless a test has a disk of its own.
	diskSpace func(dir string) (free, total int64, err error)
}

var _ store.Engine = (*database)(nil)

func openDatabase(ctx context.Context, path string, o store.Options) (*database, error) {
	path, err := resolvePath(path)
	if err != nil {
		return nil, fmt.Errorf("open job table: %w", err)
	}
	db := &database{path: path, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), presence: newPresence(o.OnLost), diskSpace: DiskSpace}
	identity, err := readIdentity(path)
	if err == nil {
		err = errors.Join(checkPresent(path, identity, o.MustExist), checkLinks(path))
	}
	if err != nil {
		return nil, fmt.Errorf("open job table %s: %w", path, err)
	}
	db.lock, err = lockFile(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open job table: %w", err)
	}
	if err := db.open(ctx, o, identity); err != nil {
		if identity != "" && errors.Is(err, ErrNotDatabase) {
			err = fmt.Errorf("%w: %w", job.ErrDamaged, err)
		}
		return nil, errors.Join(fmt.Errorf("open job table %s: %w", path, err), db.lock.release())
	}
	return db, nil
}

func (db *database) open(ctx context.Context, o store.Options, identity string) (err error) {
	if err := db.renameForeignLog(ctx); err != nil {
		return err
	}
	empty, err := inspect(ctx, db.path, o.AcceptNoLog)
	switch {
	case err != nil:
		return err
	case empty && identity != "":
		return fmt.Errorf("%w: the file is empty, and %s%s says that it was not", ErrMissing, db.path, identitySuffix)
	}
	if err := createForService(db.path); err != nil {
		return err
	}
	if empty {
		if err := createReleasing(ctx, db.path); err != nil {
			return err
		}
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
	db.queries = newQueries(db.reader)
	defer func() {
		if err != nil {
			err = errors.Join(err, db.reader.close(), pool.Close())
		}
	}()
	if err := db.migrate(ctx, pool, o.MigrateWithoutCopy); err != nil {
		return err
	}
	db.instance, err = readInstanceID(ctx, pool)
	if err != nil {
		return err
	}
	if err := db.keepIdentity(identity); err != nil {
		return err
	}
	db.writer = &writer{path: db.path, db: pool, log: db.log, stmts: map[string]*sql.Stmt{}}
	if !o.Unsafe {
		db.folder = &folder{db: db.reader.db, log: db.log}
		if err := markInUse(ctx, pool); err != nil { // a full disk, for example; it is only a precaution
			db.log.WarnContext(ctx, "a copy of the job table without its write-ahead log will not be noticed", "err", err)
		}
	}
	if err := db.writer.connect(ctx); err != nil {
		return err
	}
	warnOfReaders(db.path, db.log)
	return nil
}

// keepIdentity keeps the instance id beside the table, if it is not there yet.
func (db *database) keepIdentity(identity string) error {
	switch identity {
	case db.instance:
		return nil
	case "":
		return writeIdentity(db.path, db.instance)
	}
	return fmt.Errorf("%w: its instance id is %s, and %s%s says %s", ErrOtherTable, db.instance, db.path, identitySuffix, identity)
}

// InstanceID is the random name of this file.
func (db *database) InstanceID() string { return db.instance }

// Campaign has nobody to wait for: the lock of the file lasts as long as this process has it open.
func (db *database) Campaign(context.Context, []string) (store.Lease, error) {
	return store.UnendingLease(), nil
}

// Snapshot calls read with one view of the table.
func (db *database) Snapshot(ctx context.Context, read func(store.Reader) error) error {
	return db.reader.withSnapshot(ctx, func(s snapshot) error { return read(newQueries(s)) })
}

// Close closes all connections and releases the lock.
func (db *database) Close() error {
	if db.folder != nil {
		db.folder.close()
	}
	if db.presence.check() != nil {
		db.rescue()
	} else {
		db.unmark()
	}
	return errors.Join(db.writer.close(), db.reader.close(), db.lock.release())
}

// unmark says in the table that it was closed.
func (db *database) unmark() {
	ctx := context.Background()
	err := db.writer.connect(ctx)
	if err == nil {
		err = db.writer.exec(ctx, unmarkInUse)
	}
	if err != nil { // then the table says that it is in use, which is no harm while its log is there
		db.log.Warn("the job table was not marked as closed", "err", err)
	}
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

// dsn names the database at path to the driver. The path is escaped: a question mark in it would otherwise
// begin the parameters. A connection does not create the file: where it was taken
// away, an empty table in its place would know nothing of what was acknowledged.
func dsn(path string, pragmas ...string) string {
	u := url.URL{Path: filepath.ToSlash(path)}
	return "file:" + u.EscapedPath() + "?mode=rw&_pragma=" + strings.Join(pragmas, "&_pragma=")
}

// inspect refuses a file that is not for this Stoker before anything could
// change it. It reports whether the file is empty or does not exist.
func inspect(ctx context.Context, path string, acceptNoLog bool) (empty bool, err error) {
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
	db, logged, err := openBeside(ctx, path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

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
	if err := checkVersion(ctx, db); err != nil || acceptNoLog {
		return false, err
	}
	return false, checkLog(ctx, db, path, logged)
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
