package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"modernc.org/sqlite"
)

// The write-ahead log, the file that ends in -wal, holds the latest changes until they are folded into the
// main file. Two mistakes of people who copy files are met here. Who copies the main file alone gets all but
// the last seconds, because the log is folded soon after a change. Who then starts a service on such a copy
// is told that the log is missing, because the main file says while it is in use that a log belongs to it.

const logSuffix = "-wal"

// ErrNoLog says that the file of the latest changes is missing.
var ErrNoLog = errors.New("the write-ahead log of the job table is missing, and the latest changes with it")

const (
	// foldAfter is how long a change stays in the log alone on a quiet service.
	foldAfter = 10 * time.Second
	// foldAtLeast is how long it does so on a busy one, which has more than busyCommits commits in
	// foldAfter: then folding costs more, and the log grows to its limit within minutes.
	foldAtLeast = time.Minute
	busyCommits = 500
	// foldReaped is after how many removed rows the log is folded without delay. They change pages all over the
	// table, and fill the log within seconds; then the writer itself would fold it, and everybody wait.
	foldReaped = 250
)

// folder folds the log into the main file after changes.
type folder struct {
	db  *sql.DB // folding needs no right to write
	log *slog.Logger

	mu      sync.Mutex
	timer   *time.Timer // set while there are changes to fold
	commits int         // since the timer was set
	reaped  int64       // rows since the log was folded because of them
	since   time.Time   // of the first change that was not folded
	closed  bool
	folds   sync.WaitGroup
}

// noteCommit has the log be folded in a while, or now if many rows were removed.
func (f *folder) noteCommit(reaped int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commits++
	if f.reaped += reaped; f.reaped >= foldReaped && !f.closed {
		f.reaped = 0
		f.folds.Go(f.foldNow)
	}
	if f.timer == nil && !f.closed {
		f.since = time.Now()
		f.arm()
	}
}

// arm sets the timer. The caller holds f.mu.
func (f *folder) arm() {
	f.commits = 0
	f.folds.Add(1)
	f.timer = time.AfterFunc(foldAfter, func() {
		defer f.folds.Done()
		f.fold()
	})
}

func (f *folder) fold() {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return
	}
	if f.commits > busyCommits && time.Since(f.since) < foldAtLeast {
		f.arm()
		f.mu.Unlock()
		return
	}
	f.timer = nil
	f.mu.Unlock()
	f.foldNow()
}

func (f *folder) foldNow() {
	if err := foldLog(context.Background(), f.db); err != nil {
		f.log.Warn("the write-ahead log was not folded into the job table", "err", err)
	}
}

// close ends folding, and waits until it has ended.
func (f *folder) close() {
	f.mu.Lock()
	f.closed = true
	if f.timer != nil && f.timer.Stop() {
		f.folds.Done()
	}
	f.mu.Unlock()
	f.folds.Wait()
}

// foldLog folds what is in the log into the main file, and flushes it. Readers and the writer go on; what
// an old reader still needs stays in the log.
func foldLog(ctx context.Context, db *sql.DB) error {
	var busy, logged, folded int
	if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &logged, &folded); err != nil {
		return interpret(err)
	}
	return nil
}

// hasLog reports whether there is a log beside the table at path.
func hasLog(path string) (bool, error) {
	_, err := os.Stat(path + logSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// How a file says, at the 20th byte, where its changes go first. A copy that VACUUM has made says rollback.
const (
	formatUnknown  = 0 // it is no database, or none any more
	formatRollback = 1
	formatLog      = 2
)

// readFormat reads what the file at path says.
func readFormat(path string) (byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return formatUnknown, err
	}
	header := make([]byte, 20)
	_, err = io.ReadFull(f, header)
	if err := errors.Join(ignoreShort(err), f.Close()); err != nil {
		return formatUnknown, err
	}
	if !bytes.HasPrefix(header, []byte("SQLite format 3\x00")) {
		return formatUnknown, nil
	}
	return header[19], nil
}

func ignoreShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// renameForeignLog renames a log that lies beside a table to which it does not belong: a backup was put in
// the place of the table that had it. SQLite would take the log for the backup's, and damage it.
func (db *database) renameForeignLog(ctx context.Context) error {
	logged, err := hasLog(db.path)
	if err != nil || !logged {
		return err
	}
	if format, err := readFormat(db.path); err != nil || format != formatRollback {
		return ignoreMissing(err) // SQLite itself drops the log of a table that is not there
	}
	renamed := db.path + logSuffix + foreignSuffix + time.Now().UTC().Format(timeInName)
	if err := os.Rename(db.path+logSuffix, renamed); err != nil {
		return err
	}
	db.log.WarnContext(ctx, "the write-ahead log beside the job table belongs to another one, and was renamed", "file", renamed)
	return ignoreMissing(os.Remove(db.path + "-shm"))
}

// foreignSuffix is what the name of a log that belongs to another table ends in, followed by the time.
const foreignSuffix = ".foreign-"

// timeInName is how a time stands in the name of a file.
const timeInName = "20060102T150405.000Z"

// checkLog returns [ErrNoLog] if the main file says that a log belongs to it, and logged is false. db reads
// the main file.
func checkLog(ctx context.Context, db *sql.DB, path string, logged bool) error {
	if logged {
		return nil
	}
	if format, err := readFormat(path); err != nil || format != formatLog {
		return err
	}
	var inUse int
	const query = `SELECT count(*) FROM meta WHERE name = 'in_use'`
	if err := db.QueryRowContext(ctx, query).Scan(&inUse); err != nil {
		return fmt.Errorf("read whether it was in use: %w", interpret(err))
	}
	if inUse > 0 {
		return ErrNoLog
	}
	return nil
}

// unmarkInUse says in the main file that the table was closed: SQLite folds the whole log then, and removes
// it.
const unmarkInUse = `DELETE FROM meta WHERE name = 'in_use'`

// markInUse says in the main file that a log belongs to it.
func markInUse(ctx context.Context, db *sql.DB) error {
	result, err := db.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('in_use', '') ON CONFLICT DO NOTHING`)
	if err != nil {
		return interpret(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return foldLog(ctx, db)
}

// openBeside opens the table at path with one connection, beside a service that may have it open, and leaves
// its files as they are. logged says whether it has a log.
func openBeside(ctx context.Context, path string) (_ *sql.DB, logged bool, err error) {
	if logged, err = hasLog(path); err != nil { // asked before SQLite makes one
		return nil, false, err
	}
	db, err := sql.Open("sqlite", dsn(path, "busy_timeout(10000)"))
	if err != nil {
		return nil, false, err
	}
	db.SetMaxOpenConns(1)
	if logged {
		if err := keepLog(ctx, db); err != nil {
			return nil, false, errors.Join(err, db.Close())
		}
	}
	return db, logged, nil
}

// keepLog keeps SQLite from folding and removing the log when the one connection of db is closed as the
// last one of the table: a program that only reads leaves the files of a service as they are, also of one
// that was killed.
func keepLog(ctx context.Context, db *sql.DB) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return interpret(err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return conn.Raw(func(driverConn any) error {
		control, ok := driverConn.(sqlite.FileControl)
		if !ok {
			return fmt.Errorf("the driver's connection is a %T", driverConn)
		}
		_, err := control.FileControlPersistWAL("main", 1)
		return interpret(err)
	})
}
