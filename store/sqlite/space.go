package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// DiskSpace returns how much room the disk of the table has.
func (db *database) DiskSpace() (free, total int64, err error) {
	return db.diskSpace(filepath.Dir(db.path))
}

// DiskSpace returns how much room the disk under a directory has for this process, and in all, in bytes. On
// systems where it cannot tell, both are 0.
func DiskSpace(dir string) (free, total int64, err error) {
	free, total, err = statDisk(dir)
	if err != nil {
		return 0, 0, fmt.Errorf("room on the disk of %s: %w", dir, err)
	}
	return free, total, nil
}

// TableSize returns how much room the files of the table take, and how much of that has nothing in it.
func (db *database) TableSize(ctx context.Context) (size, unused int64, err error) {
	for _, suffix := range []string{"", logSuffix, "-shm"} {
		info, err := os.Stat(db.path + suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, 0, err
		}
		if err == nil {
			size += info.Size()
		}
	}
	p, err := readPages(ctx, db.reader)
	return size, p.unused * p.size, err
}

// pages says how large a file is.
type pages struct {
	total, unused, size int64 // in pages, and the bytes of one
	releases            bool  // the file can give unused pages back
}

const pagesOfFile = `
SELECT (SELECT page_count FROM pragma_page_count), (SELECT freelist_count FROM pragma_freelist_count),
       (SELECT page_size FROM pragma_page_size), (SELECT auto_vacuum FROM pragma_auto_vacuum)`

func scanPages(r row) (p pages, err error) {
	const incremental = 2 // the mode of a file that gives unused pages back when it is told to
	var mode int
	err = r.Scan(&p.total, &p.unused, &p.size, &mode)
	p.releases = mode == incremental
	return p, err
}

func readPages(ctx context.Context, q querier) (pages, error) {
	return one(ctx, q, scanPages, pagesOfFile)
}

// readPagesOf is [readPages] of a file that is not open as a job table.
func readPagesOf(ctx context.Context, db *sql.DB) (pages, error) {
	p, err := scanPages(db.QueryRowContext(ctx, pagesOfFile))
	return p, interpret(err)
}

// createReleasing makes an empty database of an empty file. It gives unused pages back when it is told to, which
// can be chosen before there is a table in it.
func createReleasing(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", dsn(path, "busy_timeout(10000)", "auto_vacuum(INCREMENTAL)", "journal_mode(WAL)"))
	if err != nil {
		return err
	}
	return errors.Join(interpret(db.PingContext(ctx)), db.Close())
}
