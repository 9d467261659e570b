package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/stokerd/stoker/job"
)

// Backup writes a compact copy of the job table at from, as it is at one moment,
// to a new file. The table may be in use, by this process or another: a backup
// reads beside everything else and does not take the lock of [Open]. Copying the
// file of a running Stoker by other means gives no whole copy. The copy can give
// room back to the disk, also if the table was made by a Stoker that could not.
//
// The copy is on the disk when Backup returns; until then its name ends in
// [PartialSuffix]. A file that exists is not overwritten: the answer is [job.ErrExists].
// If there is nothing at from the answer is [job.ErrNotFound], and if that is no job table
// [ErrNotDatabase].
func Backup(ctx context.Context, from, to string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("back up the job table to %s: %w", to, err)
		}
	}()
	if err := checkNew(to); err != nil {
		return err
	}
	from, err = resolvePath(from)
	if err != nil {
		return err
	}
	if err := checkTable(ctx, from); err != nil {
		return err
	}
	return copyTable(ctx, from, to, createPrivate, checkNew)
}

// PartialSuffix is what the name of a copy ends in until it is complete.
const PartialSuffix = ".partial"

// copyTable writes a compact copy of the table at from to a file that is whole or not there. create makes the file, and
// check is asked once more before it gets its name.
func copyTable(ctx context.Context, from, to string, create, check func(path string) error) error {
	partial := to + PartialSuffix
	if err := removePartial(partial); err != nil {
		return err
	}
	if err := create(partial); err != nil {
		return err
	}
	err := vacuumInto(ctx, from, partial)
	if err == nil {
		err = flush(partial)
	}
	if err == nil {
		err = check(to) // another copy may have been faster
	}
	if err == nil {
		err = os.Rename(partial, to)
	}
	if err != nil {
		return errors.Join(err, removePartial(partial))
	}
	return flushDir(filepath.Dir(to))
}

// removePartial removes a copy that is not complete, with the journal that SQLite leaves beside it when the disk is full.
func removePartial(path string) error {
	return errors.Join(ignoreMissing(os.Remove(path)), ignoreMissing(os.Remove(path+"-journal")))
}

// checkNew returns [job.ErrExists] if there is something at path.
func checkNew(path string) error {
	_, err := os.Lstat(path)
	if err == nil {
		return job.ErrExists
	}
	return ignoreMissing(err)
}

// checkTable returns an error unless the file at path is a job table: opening it must not make
// one.
func checkTable(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s: %w", path, job.ErrNotFound)
		}
		return err
	}
	empty, err := inspect(ctx, path, false)
	if err == nil && empty {
		err = fmt.Errorf("%w: it is empty", ErrNotDatabase)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// vacuumInto copies on a connection of its own: those of the readers refuse
// every statement that writes.
func vacuumInto(ctx context.Context, from, to string) (err error) {
	db, _, err := openBeside(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	p, err := readPagesOf(ctx, db)
	if err == nil && !p.releases {
		_, err = db.ExecContext(ctx, `PRAGMA auto_vacuum = INCREMENTAL`) // of the copy: that of a table with rows stays
	}
	if err == nil {
		_, err = db.ExecContext(ctx, `VACUUM INTO $1`, to)
	}
	return interpret(err)
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

// flushDir brings the names in a directory to the disk, where the system has a way.
func flushDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
