package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/stokerd/stoker/job"
)

// A schema is only ever changed forwards. Who wants to go back to an older Stoker needs the table as it was:
// so it is copied before the first step.

// beforeSuffix is what the name of the copy ends in, followed by the number of the new schema.
const beforeSuffix = ".before-"

// A RoomError says that there is no room for the copy of a table. The table stays as it is.
type RoomError struct {
	To         string // where the copy would be
	Need, Free int64  // bytes
}

func (e *RoomError) Error() string {
	return fmt.Sprintf("no room for a copy of the job table, which is made before its schema is changed: %s takes %s, and %s are free",
		e.To, job.FormatBytes(e.Need), job.FormatBytes(e.Free))
}

// copyBefore copies a table whose schema has an older version. A copy that an earlier process has made stays, if
// that process was interrupted while it changed the schema.
func (db *database) copyBefore(ctx context.Context, pool *sql.DB, version int64) error {
	to := db.path + beforeSuffix + strconv.Itoa(schemaVersion)
	if copied, err := versionOf(ctx, to); err == nil && 0 < copied && copied < version {
		return nil
	}
	p, err := readPagesOf(ctx, pool)
	if err != nil {
		return fmt.Errorf("size of the job table: %w", err)
	}
	need := (p.total - p.unused) * p.size
	if free, total, err := db.DiskSpace(); err == nil && total > 0 && free < need {
		return &RoomError{To: to, Need: need, Free: free}
	}
	db.log.InfoContext(ctx, "the schema of the job table is older than this Stoker; copying the table before it is changed",
		"file", to, "schema", version, "new_schema", schemaVersion)
	overwrite := func(string) error { return nil }
	if err := copyTable(ctx, db.path, to, createForService, overwrite); err != nil {
		return fmt.Errorf("copy the job table to %s before its schema is changed: %w", to, err)
	}
	return nil
}

// versionOf is [readVersion] of the table at path.
func versionOf(ctx context.Context, path string) (version int64, err error) {
	if _, err := os.Stat(path); err != nil { // opening it must not make it
		return 0, err
	}
	db, _, err := openBeside(ctx, path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return readVersion(ctx, db)
}

// removeOlderCopies removes the copies from before earlier changes of the schema, which the latest one replaces.
func (db *database) removeOlderCopies(ctx context.Context) {
	entries, err := os.ReadDir(filepath.Dir(db.path))
	if err != nil {
		db.log.WarnContext(ctx, "older copies of the job table were not looked for", "err", err)
		return
	}
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), filepath.Base(db.path)+beforeSuffix)
		if n, err := strconv.Atoi(number); !ok || err != nil || n >= schemaVersion {
			continue
		}
		path := filepath.Join(filepath.Dir(db.path), e.Name())
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			db.log.WarnContext(ctx, "an older copy of the job table was not removed", "file", path, "err", err)
		}
	}
}
