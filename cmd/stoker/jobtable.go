package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store/postgres"
	"github.com/stokerd/stoker/store/sqlite"
)

// explainJobTable adds a remedy to an error of the job table in the file or database db, which flag names on
// the command line. Other errors are returned as they are.
func explainJobTable(db, flag string, err error) error {
	if postgres.IsURL(db) {
		return explainDatabase(db, flag, err)
	}
	for _, known := range []struct {
		err    error
		remedy string
	}{
		{sqlite.ErrLocked, "stop that process, or name another file with " + flag},
		{sqlite.ErrLinked, "two processes that open it by different names would destroy it; remove the other names (find -samefile " + db + ")"},
		{sqlite.ErrNewer, "start the newer Stoker, or name another file with " + flag},
		{sqlite.ErrMissing, "bring it back, from where it was moved to, by mounting its disk, or from a backup; to begin an empty one," +
			" which knows no batch and encodes again what is submitted again, delete " + db + ".id"},
		{sqlite.ErrOtherTable, "bring the right one back; if this one is meant, delete " + db + ".id"},
		{sqlite.ErrNoLog, "copy " + db + "-wal to its side too, or restore a backup; if a program other than stoker has folded it into the file," +
			" nothing is missing: start once with --accept-no-log"},
		{sqlite.ErrMoved, "put its files back, or the copy beside it, " + db + ".rescued-<time>, and start the service again; both have everything that was acknowledged"},
		{job.ErrDamaged, "keep the file, restore the latest backup in its place (stoker backup restore), and start the service again: it finds what the platform has" +
			" encoded since; an empty table would encode everything again"},
		{sqlite.ErrNotDatabase, "name another file with " + flag + "; this one was not touched"},
		{job.ErrFull, "make room on the disk; nothing that was acknowledged is lost"},
	} {
		if errors.Is(err, known.err) {
			problem := known.err
			if errors.Is(err, sqlite.ErrNewer) {
				problem = err // it has the versions
			}
			return fmt.Errorf("%s: %w: %s", db, problem, known.remedy)
		}
	}
	if copied, ok := errors.AsType[*sqlite.CopiedError](err); ok {
		return fmt.Errorf("%s: %w: start the service with --db and this database, or delete %s.copied if the database is not used", db, copied, db)
	}
	if room, ok := errors.AsType[*sqlite.RoomError](err); ok {
		return fmt.Errorf("%s: %w: make room there, or copy the table to another disk (stoker backup create) and start once with --migrate-without-copy", db, room)
	}
	if errors.Is(err, job.ErrUnavailable) {
		return explainFile(db, flag, err)
	}
	if denied, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s: permission denied: give the files of the job table to the user that the service runs as (chown)", denied.Path)
	}
	return err
}

// explainDatabase is [explainJobTable] for a database.
func explainDatabase(url, flag string, err error) error {
	name := postgres.Name(url)
	for _, known := range []struct {
		err    error
		remedy string
	}{
		{postgres.ErrNotMigrated, "run stoker migrate --db " + name + ", or start with --migrate"},
		{postgres.ErrNewer, "start the newer Stoker, or name another database with " + flag},
		{postgres.ErrNotJobTable, "give Stoker a database of its own; this one was not touched"},
		{postgres.ErrOldServer, "name a newer server with " + flag},
		{postgres.ErrEncoding, "make another database, with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"},
		{postgres.ErrNotDurable, "the server would acknowledge what it may lose: set synchronous_commit to on, for the server or for the role"},
		{postgres.ErrReadOnly, "it is a standby, or set to be read only: name the primary, or all hosts and target_session_attrs=read-write"},
		{postgres.ErrRights, "let the role that owns the tables run stoker migrate, and grant this one SELECT, INSERT, UPDATE and DELETE on all of them"},
		{postgres.ErrRefused, "check the user, the password, which belongs into the file that PGPASSFILE names, the name of the database, and the parameters of the URL"},
		{postgres.ErrConnections, "a replica takes up to fourteen: end what holds the others, or raise the limit of the role, of the database, or max_connections"},
		{postgres.ErrTables, "restore it from a backup, or name the right database with " + flag + "; nothing was changed"},
		{postgres.ErrPooler, "name the server itself with " + flag + ", or add default_query_exec_mode=exec to the URL"},
		{job.ErrFull, "make room for the database; nothing that was acknowledged is lost"},
	} {
		if errors.Is(err, known.err) {
			return fmt.Errorf("%w: %s", err, known.remedy)
		}
	}
	if errors.Is(err, job.ErrUnavailable) {
		return fmt.Errorf("%w: check that the server runs, and that this machine reaches it", err)
	}
	return err
}

// explainFile says why the file at path cannot be opened for writing. It returns err if it can.
func explainFile(path, flag string, err error) error {
	if _, dirErr := os.Stat(filepath.Dir(path)); errors.Is(dirErr, os.ErrNotExist) {
		return fmt.Errorf("%s: there is no such directory: make it, or name another file with %s", path, flag)
	}
	file, openErr := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case errors.Is(openErr, syscall.EROFS):
		return fmt.Errorf("%s: its disk is read-only: mount it for writing (dmesg says why it is not), and start again", path)
	case openErr != nil:
		return fmt.Errorf("%s: the file and its directory must be writable: %w", path, openErr)
	}
	_ = file.Close() // nothing was written
	return err
}
