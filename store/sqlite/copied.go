package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A small file beside the job table says that its rows were copied into a database. Two services that went on from
// the same rows would both pay for them.

const copiedSuffix = ".copied"

// ErrCopied says that a job table was copied into a database, where a service goes on from it. The error is a
// [CopiedError].
var ErrCopied = errors.New("its jobs were copied to a database")

// CopiedError says to which database a job table was copied.
type CopiedError struct{ To string }

func (e *CopiedError) Error() string { return ErrCopied.Error() + ", " + e.To }

func (e *CopiedError) Unwrap() error { return ErrCopied }

// copiedNote is what the file says to people.
const copiedNote = `# The job table beside this file was copied to this database, and Stoker goes on there. It does not open the file while
# this note exists: two services would pay for the same jobs. Delete the note if the database is not used.
`

// readCopied reads to which database the table at path was copied; empty if it was not.
func readCopied(path string) (to string, err error) {
	to, there, err := readNote(path + copiedSuffix)
	if there && to == "" {
		to = "a database" // the note cannot be read any more, and it is there
	}
	return to, err
}

// checkCopied returns a [CopiedError] if the table at path was copied to a database other than the one that is meant.
func checkCopied(path, meant string) error {
	to, err := readCopied(path)
	if err != nil || to == "" || to == meant {
		return err
	}
	return &CopiedError{to}
}

// writeCopied notes that the table at path was copied.
func writeCopied(path, to string) error {
	return writeNote(path+copiedSuffix, copiedNote, to)
}

// removeCopied takes the note back.
func removeCopied(path string) error {
	if err := ignoreMissing(os.Remove(path + copiedSuffix)); err != nil {
		return fmt.Errorf("take the note back: %w", err)
	}
	return flushDir(filepath.Dir(path))
}
