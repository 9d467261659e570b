package contexts

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/goccy/go-yaml"
)

// File is the file with a user's contexts. It need not exist.
type File struct {
	// Path is the place of the file.
	Path string
}

// UserFile is the file of the user whose environment getenv reads: stoker/contexts.yaml in
// $XDG_CONFIG_HOME, or else in ~/.config.
func UserFile(getenv func(string) string) (File, error) {
	dir := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // the XDG specification: a relative path is to be ignored
		home := getenv("HOME")
		if home == "" {
			return File{}, errors.New("there is no place for contexts: neither HOME nor XDG_CONFIG_HOME is set")
		}
		dir = filepath.Join(home, ".config")
	}
	return File{Path: filepath.Join(dir, "stoker", "contexts.yaml")}, nil
}

// Read reads the contexts. Without a file there are none.
func (f File) Read() (Set, error) {
	var set Set
	text, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return set, nil
	}
	if err != nil {
		return set, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return set, nil
	}
	if err := yaml.UnmarshalWithOptions(text, &set, yaml.Strict()); err != nil {
		return Set{}, fmt.Errorf("%s: %s", f.Path, strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	return set, nil
}

// ReadableByOthers reports whether the file exists and other users may read or change it.
func (f File) ReadableByOthers() bool {
	info, err := os.Stat(f.Path)
	return err == nil && info.Mode().Perm()&0o077 != 0
}

// Change reads the contexts, lets change change them, and writes them, unless change returns an error.
// Changes by several processes at once follow one another. Whoever reads the file sees it before or after a
// change; a crash leaves one of the two.
func (f File) Change(change func(*Set) error) error {
	dir := filepath.Dir(f.Path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	unlock, err := lockDirectory(dir)
	if err != nil {
		return err
	}
	defer unlock()
	set, err := f.Read()
	if err != nil {
		return err
	}
	if err := change(&set); err != nil {
		return err
	}
	text, err := yaml.Marshal(set)
	if err != nil {
		return err
	}
	return writeAtomically(f.Path, text)
}

// lockDirectory makes other calls for the same directory wait until unlock is called. The lock ends with the
// process.
func lockDirectory(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX); err != nil {
		_ = d.Close() // nothing was written
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { _ = d.Close() }, nil // which unlocks it
}

// writeAtomically replaces a file, which only its owner may read afterwards. A symbolic link stays one, so
// that the file can be kept among others of the user's settings.
func writeAtomically(path string, text []byte) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".contexts-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name()) // the first error counts
		}
	}()
	_, err = temporary.Write(text)
	if err == nil {
		err = temporary.Sync()
	}
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
