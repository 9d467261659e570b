package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/stokerd/stoker/job"
)

// Restore puts a copy of a job table where a service is going to open it, and returns what is in the copy. The
// copy is verified first, and stays where it is. At its new place it is whole or not there.
//
// It overwrites nothing: if a service has a table at to open, the answer is [ErrLocked], and if there is one
// that none has open [job.ErrExists]. If the file beside it says that another table belongs there, the answer is [ErrOtherTable]. A
// write-ahead log that was left behind there is renamed: it belongs to the table that is gone. Other errors are
// those of [Verify].
//
// What was done at the platform since the copy was made is not in it. The next process to open the table
// compares it with the platform before it starts anything that may have been started already: see
// [store.Store.ReconcileSince]. What root restores belongs to the owner of the directory.
func Restore(ctx context.Context, from, to string) (c Content, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("restore the job table to %s: %w", to, err)
		}
	}()
	to, err = resolvePath(to)
	if err != nil {
		return c, err
	}
	lock, err := lockFile(ctx, to) // by a service whose table was moved away, too
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	if err := checkNew(to); err != nil {
		return c, err
	}
	identity, err := readIdentity(to)
	if err != nil {
		return c, err
	}
	if c, err = Verify(ctx, from); err != nil {
		return c, err
	}
	if identity != "" && identity != c.InstanceID {
		return c, fmt.Errorf("%w: the copy's instance id is %s, and %s%s says %s", ErrOtherTable, c.InstanceID, to, identitySuffix, identity)
	}
	if free, total, err := DiskSpace(filepath.Dir(to)); err == nil && total > 0 && free < c.Size {
		return c, fmt.Errorf("%w: the table takes %s, and %s are free", job.ErrFull, job.FormatBytes(c.Size), job.FormatBytes(free))
	}
	from, err = resolvePath(from)
	if err != nil {
		return c, err
	}
	if err := renameLeftLog(to); err != nil {
		return c, err
	}
	if err := copyTable(ctx, from, to, createForService, checkNew); err != nil {
		return c, err
	}
	if identity == "" && c.InstanceID != "" {
		err = writeIdentity(to, c.InstanceID)
	}
	return c, err
}

// renameLeftLog renames the log of a table that is gone from path.
func renameLeftLog(path string) error {
	err := os.Rename(path+logSuffix, path+logSuffix+foreignSuffix+time.Now().UTC().Format(timeInName))
	return errors.Join(ignoreMissing(err), ignoreMissing(os.Remove(path+"-shm")))
}
