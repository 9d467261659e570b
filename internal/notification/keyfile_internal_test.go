package notification

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Backups may be on a disk that has no links, as those of cameras and some shares have none.
func TestNamesOnADiskWithoutLinks(t *testing.T) {
	without := func(from, to string) error { return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM} }
	dir := t.TempDir()
	from, to := filepath.Join(dir, "made"), filepath.Join(dir, "key")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(from, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	if err := giveName(without, from, to); err != nil {
		t.Fatal(err)
	}
	write("two")
	if err := giveName(without, from, to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: %v, want %v", err, fs.ErrExist)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != "one" {
		t.Errorf("%q, %v", text, err)
	}
	if err := giveName(without, from, filepath.Join(dir, "nowhere", "key")); !errors.Is(err, syscall.EPERM) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a directory that is not there: %v", err)
	}
}
