package notification

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// KeyFileSuffix ends the name of the file with the notification key, beside a job table and beside its backups.
const KeyFileSuffix = ".notification-key"

// keyFileNote is what the file says to people.
const keyFileNote = `# The secrets of the endpoints of notifications are made from this key. Whoever has it and the job table can sign
# messages as this service does.
`

// ReadKeyFile reads the key in a file. Without the file, the error is [fs.ErrNotExist].
func ReadKeyFile(name string) (Key, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return Key{}, fmt.Errorf("notification key: %w", err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	key, err := ParseKey(strings.Join(lines, "\n"))
	if err != nil {
		return key, fmt.Errorf("notification key %s: %w", name, err)
	}
	return key, nil
}

// WriteKeyFile keeps a key in a file of its own, which its owner alone may read. The file is whole or not there. If there
// is one already, the error is [fs.ErrExist].
func WriteKeyFile(name string, key Key) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("notification key: %w", err)
		}
	}()
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // for its owner only
	if err != nil {
		return err
	}
	defer func() {
		if left := os.Remove(f.Name()); !errors.Is(left, fs.ErrNotExist) {
			err = errors.Join(err, left)
		}
	}()
	_, err = f.WriteString(keyFileNote + key.Reveal() + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return giveName(os.Link, f.Name(), name)
}

// giveName gives a complete file its name, unless another one has it. Disks of some kinds, which backups may be on, have
// no links.
func giveName(link func(from, to string) error, from, to string) error {
	err := link(from, to) // fails if somebody else was faster
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, there := os.Lstat(to); there == nil {
		return &fs.PathError{Op: "create", Path: to, Err: fs.ErrExist}
	} else if !errors.Is(there, fs.ErrNotExist) {
		return errors.Join(err, there)
	}
	return os.Rename(from, to)
}

// CopyKeyFile copies a key from one file to another, and reports whether it has made one. Without a file to copy there is
// nothing to do, and where the same key is already neither. If another one is there, the error is [ErrOtherKeyThere].
func CopyKeyFile(from, to string) (made bool, err error) {
	key, err := ReadKeyFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = WriteKeyFile(to, key)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err == nil, err
	}
	there, err := ReadKeyFile(to)
	if err == nil && there != key {
		err = fmt.Errorf("%s: %w", to, ErrOtherKeyThere)
	}
	return false, err
}

// ErrOtherKeyThere is the error for a key that would take the place of another one.
var ErrOtherKeyThere = errors.New("another notification key is there")
