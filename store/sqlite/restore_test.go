package sqlite

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenAt(t, filepath.Join(dir, "stoker.db"))
	b, _ := mustSucceed(t, s, 300)
	mustSubmitTo(t, s, job.Spec{Key: "waits"})
	copied := filepath.Join(dir, "copy.db")
	if err := Backup(t.Context(), s.db.path, copied); err != nil {
		t.Fatal(err)
	}
	want := Content{
		InstanceID: s.InstanceID(), Schema: schemaVersion, CurrentSchema: schemaVersion,
		Batches: map[job.BatchState]int64{job.BatchSucceeded: 1, job.BatchActive: 1}, Jobs: job.Counts{Succeeded: 300, Waiting: 1},
		LastChange: map[string]time.Time{"default": b.UpdateTime},
	}
	for _, path := range []string{copied, s.db.path} { // the second one is in use
		got, err := Verify(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if got.Size < 1<<16 {
			t.Errorf("size %d", got.Size)
		}
		got.Size = 0
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// Whatever is wrong with a copy is found: a page that is overwritten, a counter, a row without its batch.
func TestVerifyFindsDamage(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenAt(t, filepath.Join(dir, "stoker.db"))
	mustSucceed(t, s, 3000)
	edit := func(statement string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", dsn(path, "busy_timeout(10000)"))
			if err == nil {
				_, err = db.ExecContext(t.Context(), statement)
			}
			if err := errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, path string)
		want   error
		says   string
	}{
		{"a page in the middle", func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			info, err := f.Stat()
			if err == nil {
				_, err = f.WriteAt([]byte(strings.Repeat("x", 8192)), info.Size()/8192*4096)
			}
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}, job.ErrDamaged, ""},
		{"the end is missing", func(t *testing.T, path string) {
			info, err := os.Stat(path)
			if err == nil {
				err = os.Truncate(path, info.Size()/2/4096*4096)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, job.ErrDamaged, ""},
		{"a counter", edit(`UPDATE batches SET succeeded = succeeded + 1`), job.ErrDamaged, "the counters of batch 1 do not agree with its jobs"},
		{"a row of nothing", edit(`UPDATE events SET number = 99999 WHERE number = 7`), job.ErrDamaged, "rows of events belong to nothing in jobs"},
		{"a newer schema", edit(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`), ErrNewer, "999"},
		{"another program's", edit(`PRAGMA application_id = 7`), ErrNotDatabase, ""},
		{"empty", func(t *testing.T, path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}, ErrNotDatabase, ""},
		{"gone", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, job.ErrNotFound, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "copy.db")
			if err := Backup(t.Context(), s.db.path, path); err != nil {
				t.Fatal(err)
			}
			tt.damage(t, path)
			_, err := Verify(t.Context(), path)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %v, %q", err, tt.want, tt.says)
			}
			to := filepath.Join(t.TempDir(), "stoker.db")
			if _, err := Restore(t.Context(), path, to); !errors.Is(err, tt.want) {
				t.Errorf("restore: %v, want %v", err, tt.want)
			}
			if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("it was put in place: %v", err)
			}
		})
	}
}

// A copy is put where a service opens it, with the identity that belongs to it. Each account is compared with the
// platform from the last change on that the copy knows.
func TestRestore(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "stoker.db"), filepath.Join(dir, "copy.db")
	s := mustOpenAt(t, path)
	b, _ := mustSucceed(t, s, 3)
	if err := Backup(t.Context(), path, copied); err != nil {
		t.Fatal(err)
	}
	mustSucceed(t, s, 4) // not in the copy

	if _, err := Restore(t.Context(), copied, path); !errors.Is(err, ErrLocked) {
		t.Errorf("while a service runs: %v, want %v", err, ErrLocked)
	}
	mustClose(t, s)
	if _, err := Restore(t.Context(), copied, path); !errors.Is(err, job.ErrExists) {
		t.Errorf("over a table: %v, want %v", err, job.ErrExists)
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path+logSuffix, []byte("of the table that is gone"), 0o600)); err != nil {
		t.Fatal(err)
	}
	content, err := Restore(t.Context(), copied, path)
	if err != nil || content.Jobs.Succeeded != 3 {
		t.Fatalf("%+v, %v", content, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != privateMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(path + logSuffix + foreignSuffix + "*"); err != nil || len(left) != 1 {
		t.Errorf("the log of the table that is gone: %v, %v", left, err)
	}
	s = mustOpenAt(t, path)
	since, err := s.ReconcileSince(t.Context(), "default")
	if err != nil || !since.Equal(b.UpdateTime) {
		t.Errorf("compared since %v, %v, want %v", since, err, b.UpdateTime)
	}
	if !pagesOf(t, s).releases {
		t.Error("it cannot give room back")
	}
	checkWhole(t, s)
	mustClose(t, s)

	other := filepath.Join(dir, "other.db")
	mustClose(t, mustOpenAt(t, other))
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), copied, other); !errors.Is(err, ErrOtherTable) {
		t.Errorf("in the place of another table: %v, want %v", err, ErrOtherTable)
	}
	fresh := filepath.Join(dir, "fresh.db")
	if _, err := Restore(t.Context(), copied, fresh); err != nil {
		t.Error(err)
	}
	if identity, err := readIdentity(fresh); err != nil || identity != content.InstanceID {
		t.Errorf("identity %q, %v", identity, err)
	}
}

// A disk that fills up during a backup leaves neither a copy nor a part of one.
func TestBackupOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenAt(t, filepath.Join(dir, "stoker.db"))
	mustSucceed(t, s, 10_000) // more than SQLite keeps in memory
	to := filepath.Join(dir, "copy.db")
	writes, full := 0, true
	watchDisk(t, to+PartialSuffix, func(a diskAccess) int32 {
		if a.op == "write" {
			if writes++; writes > 20 && full {
				return sqlite3.SQLITE_FULL
			}
		}
		return sqlite3.SQLITE_OK
	})
	if err := Backup(t.Context(), s.db.path, to); !errors.Is(err, job.ErrFull) {
		t.Errorf("%v, want %v", err, job.ErrFull)
	}
	if left, err := filepath.Glob(to + "*"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	full = false
	if err := Backup(t.Context(), s.db.path, to); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// A table of an older Stoker is copied before its schema is changed. The copy is as the table was, and an older
// Stoker can go on with it.
func TestCopyBeforeMigration(t *testing.T) {
	for _, old := range []int64{1, 9, schemaVersion - 1} {
		t.Run(strconv.FormatInt(old, 10), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stoker.db")
			copied := path + beforeSuffix + strconv.Itoa(schemaVersion)
			makeOld(t, path, old)
			stale := path + beforeSuffix + "3"
			if err := os.WriteFile(stale, []byte("of an earlier upgrade"), 0o600); err != nil {
				t.Fatal(err)
			}
			mustClose(t, mustOpenAt(t, path))
			version, err := versionOf(t.Context(), copied)
			if err != nil || version != old {
				t.Fatalf("the copy has schema %d, %v, want %d", version, err, old)
			}
			if c, err := Verify(t.Context(), copied); err != nil || c.Schema != old || c.Jobs.Total() != 5 {
				t.Errorf("verified as %+v, %v", c, err)
			}
			if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != privateMode {
				t.Errorf("mode of the copy: %v, %v", info.Mode(), err)
			}
			if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the copy of an earlier upgrade is still there: %v", err)
			}
			before, err := os.Stat(copied)
			if err != nil {
				t.Fatal(err)
			}
			mustClose(t, mustOpenAt(t, path)) // of the current schema: nothing is copied
			if after, err := os.Stat(copied); err != nil || !after.ModTime().Equal(before.ModTime()) {
				t.Errorf("copied again: %v", err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(copied, path); err != nil { // going back, and upgrading once more
				t.Fatal(err)
			}
			s := mustOpenAt(t, path)
			if b := mustBatch(t, s, "b"); b.Counts.Total() != 5 {
				t.Errorf("after going back: %+v", b.Counts)
			}
			checkWhole(t, s)
		})
	}
}

// A process that ends while it changes the schema does not replace the copy from before by one of the half.
func TestCopyBeforeAnInterruptedMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	copied := path + beforeSuffix + strconv.Itoa(schemaVersion)
	makeOld(t, path, 5)
	mustClose(t, mustOpenAt(t, path))
	half := filepath.Join(t.TempDir(), "stoker.db")
	makeOld(t, half, 9)
	if err := errors.Join(os.Remove(path), os.Remove(path+identitySuffix), os.Rename(half, path)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpenAt(t, path))
	if version, err := versionOf(t.Context(), copied); err != nil || version != 5 {
		t.Errorf("the copy has schema %d, %v, want 5", version, err)
	}
}

func TestMigrateWithoutCopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	makeOld(t, path, 9)
	s, err := openTable(t.Context(), path, store.Options{Unsafe: true, MigrateWithoutCopy: true})
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if left, err := filepath.Glob(path + beforeSuffix + "*"); err != nil || len(left) > 0 {
		t.Errorf("copies %v, %v", left, err)
	}
}

// Without room for the copy nothing is changed, and what is missing is said in numbers.
func TestNoRoomForTheCopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	makeOld(t, path, 9)
	pool, err := sql.Open("sqlite", writerDSN(path, true))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close() }() // nothing was done with it
	db := &database{path: path, diskSpace: func(string) (free, total int64, err error) { return 3 << 10, 1 << 30, nil }}
	err = db.migrate(t.Context(), pool, false)
	if room, ok := errors.AsType[*RoomError](err); !ok || room.Free != 3<<10 || room.Need < 1<<15 || !strings.Contains(err.Error(), "3 KiB are free") {
		t.Errorf("%v, want that there is no room", err)
	}
	if version, err := readVersion(t.Context(), pool); err != nil || version != 9 {
		t.Errorf("schema %d, %v, want 9", version, err)
	}
}
