package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// A small file beside the job table keeps its instance id. Where that file is and the table is not, the
// table was moved away, deleted, or is on a disk that is not mounted: to begin an empty one would mean to
// forget every batch, and to pay for them again when they are submitted anew.

const identitySuffix = ".id"

// The ways in which [Open] refuses a table that is not the one that was there.
var (
	ErrMissing    = errors.New("the job table is missing")
	ErrOtherTable = errors.New("another job table than the one that was here")
)

// identityNote is what the file says to people.
const identityNote = `# The job table beside this file. Stoker begins no other one here while this file exists.
`

// readIdentity reads the instance id of the table that belongs at path; empty if none was there.
func readIdentity(path string) (string, error) {
	instance, there, err := readNote(path + identitySuffix)
	if err != nil || !there || instance != "" {
		return instance, err
	}
	return "", fmt.Errorf("%s%s has no instance id in it: delete it if the job table is the right one", path, identitySuffix)
}

// writeIdentity keeps the instance id of the table at path.
func writeIdentity(path, instance string) error {
	return writeNote(path+identitySuffix, identityNote, instance)
}

// checkPresent refuses to begin a table where one is to be: because the caller says so, or because the
// file beside it does.
func checkPresent(path, identity string, mustExist bool) error {
	_, err := os.Stat(path)
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return nil
	case identity != "":
		return fmt.Errorf("%w, and %s%s says that there was one", ErrMissing, path, identitySuffix)
	case mustExist:
		return ErrMissing
	}
	return nil
}
