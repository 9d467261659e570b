package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/stokerd/stoker/job"
)

// Backup writes a compact copy of the job table, as it is at one moment, to a new
// file while the store is in use. A file that exists is not overwritten: the
// answer is [job.ErrExists]. Copying the file of a running store by other means
// neither gives a whole copy nor leaves SQLite's locks alone.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("back up the job table to %s: %w", path, err)
		}
	}()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		if err != nil {
			return err
		}
		return job.ErrExists
	}
	// A connection of its own: those of the readers refuse everything that writes.
	db, err := sql.Open("sqlite", dsn(s.path, "busy_timeout(10000)"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	partial := path + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, partial); err != nil {
		return errors.Join(interpret(err), ignoreMissing(os.Remove(partial)))
	}
	if err := flush(partial); err != nil {
		return err
	}
	return os.Rename(partial, path)
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// flush brings a file's content to the disk.
func flush(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
