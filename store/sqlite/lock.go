package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// fileLock keeps a second Stoker away from a job table. It is an exclusive
// transaction, open as long as the store is, on an empty database beside the
// table. SQLite takes the operating system's lock for it, on every system, and the
// system releases it when the process ends, however it ends.
type fileLock struct {
	db   *sql.DB
	conn *sql.Conn
}

// lockFile takes the lock of the table at path, or returns [ErrLocked] at once.
func lockFile(ctx context.Context, path string) (_ *fileLock, err error) {
	if err := createForService(path + ".lock"); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn(path+".lock", "busy_timeout(0)"))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open %s.lock: %w", path, interpret(err))
	}
	if _, err := conn.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		if isBusy(err) {
			return nil, fmt.Errorf("%s: %w: stop that one, or give this one a file of its own", path, ErrLocked)
		}
		return nil, fmt.Errorf("lock %s.lock: %w", path, interpret(err))
	}
	return &fileLock{db: db, conn: conn}, nil
}

func (l *fileLock) release() error { return errors.Join(l.conn.Close(), l.db.Close()) }
