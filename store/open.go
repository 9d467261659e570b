package store

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
	"sync"
)

// Open opens the job table at path, which must be the name of a file; one that
// does not exist is made. A schema of an older Stoker is brought up to date.
//
// It refuses with [ErrLocked] a file that is open elsewhere, with [ErrNewer] one
// with a schema it does not know, with [ErrNotDatabase] one that is something
// else, and with an error of package job one that cannot be written.
//
// The context is for opening only.
func Open(ctx context.Context, path string, o Options) (_ *Store, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open job table: %w", err)
	}
	s := &Store{path: path, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), board: newBoard(), reap: make(chan struct{}, 1)}
	s.SetOnChange(o.OnChange)
	s.lock, err = lockFile(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open job table: %w", err)
	}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("open job table %s: %w", path, err), s.lock.release())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) (err error) {
	if _, err := inspect(ctx, s.path); err != nil {
		return err
	}
	s.writeDB, err = sql.Open("sqlite", writerDSN(s.path, o.Unsafe))
	if err != nil {
		return err
	}
	// Migrations read and write on connections of their own, one after the other.
	s.writeDB.SetMaxOpenConns(1)
	s.reader, err = openReader(s.path, cmp.Or(o.Readers, defaultReaders))
	if err != nil {
		return errors.Join(err, s.writeDB.Close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.reader.close(), s.writeDB.Close())
		}
	}()
	if err := migrate(ctx, s.writeDB); err != nil {
		return err
	}
	s.instance, err = instanceID(ctx, s.writeDB)
	if err != nil {
		return err
	}
	s.writer, err = startWriter(ctx, s.writeDB, s.log, s.notify)
	if err != nil {
		return err
	}
	s.closeOnce = sync.OnceValue(s.close)
	background, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	s.stop = stop
	s.background.Go(func() { s.reapDeleted(background) })
	s.background.Go(func() { s.recountOnce(background) })
	s.reap <- struct{}{} // an earlier process may not have come to the end of it
	return nil
}

// writerDSN: WAL lets readers go on beside the writer; FULL flushes every
// commit, which group commit makes cheap; the cache and the rare checkpoints (at
// most 40 MiB of log) are what durable writes profit from most. A cache of 16 MiB
// takes about twice as much memory: to each page of 4 KiB comes a header, and the
// driver's allocator rounds up. A larger one helps those alone who add random keys to
// a batch that has several hundred thousand: by a fourth.
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
// change it. It tells whether there is nothing in it yet, or no file.
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
	const look = `
SELECT (SELECT application_id FROM pragma_application_id),
       (SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'goose\_%' ESCAPE '\')`
	if err := db.QueryRowContext(ctx, look).Scan(&application, &tables); err != nil {
		return false, fmt.Errorf("look at it: %w", interpret(err))
	}
	switch {
	case tables == 0:
		return true, nil
	case application != applicationID:
		return false, fmt.Errorf("%w: it is a SQLite database of another program", ErrNotDatabase)
	}
	return false, checkVersion(ctx, db)
}

// instanceID reads the random name of this file, or makes it.
func instanceID(ctx context.Context, db *sql.DB) (string, error) {
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
