//go:build unix

package sqlite_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// Files of the job table and backups are nobody else's, whatever the umask.
func TestFilesArePrivate(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o277} {
		dir := t.TempDir()
		path := filepath.Join(dir, "stoker.db")
		before := syscall.Umask(umask)
		s, err := sqlite.Open(t.Context(), path, store.Options{})
		if err == nil {
			err = sqlite.Backup(t.Context(), path, filepath.Join(dir, "backup.db"))
		}
		syscall.Umask(before)
		if err != nil {
			t.Fatalf("umask %04o: %v", umask, err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) < 5 {
			t.Errorf("%v, %v: want the table, its log and index, the lock, the note and the backup", entries, err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("umask %04o: %s has mode %v, %v", umask, e.Name(), info.Mode(), err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What root restores, or makes beside a table, belongs to the owner of the directory: the service can open it.
func TestRootLeavesFilesToTheService(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	const service = 65532
	dir := t.TempDir()
	original, copied := filepath.Join(dir, "stoker.db"), filepath.Join(dir, "copy.db")
	mustOpenAndClose(t, original)
	if err := sqlite.Backup(t.Context(), original, copied); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "home")
	if err := errors.Join(os.Mkdir(home, 0o700), os.Chown(home, service, service)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home, "stoker.db")
	if _, err := sqlite.Restore(t.Context(), copied, path); err != nil {
		t.Fatal(err)
	}
	mustOpenAndClose(t, path)
	entries, err := os.ReadDir(home)
	if err != nil || len(entries) < 3 {
		t.Fatalf("%v, %v: want the table, the lock and the note", entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := info.Sys().(*syscall.Stat_t); !ok || s.Uid != service || s.Gid != service {
			t.Errorf("%s belongs to %d", e.Name(), s.Uid)
		}
	}
	info, err := os.Stat(copied)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := info.Sys().(*syscall.Stat_t); !ok || s.Uid != 0 {
		t.Errorf("the copy was given away to %d", s.Uid)
	}
}

func TestReadableFilesAreSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	mustOpenAndClose(t, path)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := sqlite.Open(t.Context(), path, store.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "other users may read") || !strings.Contains(log.String(), path) {
		t.Errorf("the log does not say it: %s", log.String())
	}
}

// A table is the same by each of its paths: the second process finds the lock of the first.
func TestSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	real, other := filepath.Join(dir, "real"), filepath.Join(dir, "other")
	for _, d := range []string{real, other} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(real, "stoker.db")
	links := map[string]string{filepath.Join(other, "file.db"): "../real/stoker.db", filepath.Join(other, "twice.db"): "file.db", filepath.Join(dir, "directory"): "real"}
	for link, target := range links {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	s, err := sqlite.Open(t.Context(), filepath.Join(other, "file.db"), store.Options{}) // makes the file
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".lock"); err != nil {
		t.Errorf("the lock is not beside the file: %v", err)
	}
	for _, name := range []string{path, filepath.Join(other, "twice.db"), filepath.Join(dir, "directory", "stoker.db")} {
		if _, err := sqlite.Open(t.Context(), name, store.Options{}); !errors.Is(err, sqlite.ErrLocked) {
			t.Errorf("%s: %v, want ErrLocked", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestHardLinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	mustOpenAndClose(t, path)
	if err := os.Link(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "2"} {
		if _, err := sqlite.Open(t.Context(), name, store.Options{}); !errors.Is(err, sqlite.ErrLinked) {
			t.Errorf("%s: %v, want ErrLinked", name, err)
		}
	}
	if _, err := os.Stat(path + "2.lock"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused table has a lock: %v", err)
	}
	if err := os.Remove(path + "2"); err != nil {
		t.Fatal(err)
	}
	mustOpenAndClose(t, path)
}

func mustOpenAndClose(t *testing.T, path string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
