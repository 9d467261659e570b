package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Small files beside the job table note something about it: a line, after some that begin with # and explain to people
// what the file is.

// readNote reads what a note says. there is false if there is no such file. The text is empty if it has no line that says
// anything.
func readNote(name string) (text string, there bool, err error) {
	content, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line, true, nil
		}
	}
	return "", true, nil
}

// writeNote writes a note. The file is whole or not there, and belongs to whom the table belongs.
func writeNote(name, explanation, text string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(f.Name())))
		}
	}()
	_, err = f.WriteString(explanation + text + "\n")
	if err := errors.Join(err, f.Chmod(privateMode), giveToOwner(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return flushDir(filepath.Dir(name))
}
