package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/stokerd/stoker/job"
)

// privateMode is the mode of every file that is made here, whatever the umask: nobody but the user of this
// process may read the jobs, or write any. SQLite gives its own files the mode of the table.
const privateMode = 0o600

// ErrLinked says that the file of a job table has more than one name. Two processes that open it by different
// names would not see each other's locks and logs.
var ErrLinked = errors.New("the file has more than one hard link")

// resolvePath returns the absolute path of a job table without symbolic links, so that its lock and its log are
// the same by whatever path it is opened. There need not be a file.
func resolvePath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	const most = 40 // as many links in a row as Linux follows
	for range most {
		resolved, err := filepath.EvalSymlinks(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return resolved, err
		}
		// A link may lead to a file that is still to be made, and so may the directory.
		target, err := os.Readlink(path)
		if err != nil {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if errors.Is(err, fs.ErrNotExist) {
				return path, nil // opening it says so
			}
			return filepath.Join(dir, filepath.Base(path)), err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return "", fmt.Errorf("%s: too many symbolic links", path)
}

// checkLinks returns [ErrLinked] if the file at path has more than one name.
func checkLinks(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return ignoreMissing(err)
	}
	if info.Mode().IsRegular() && linkCount(info) > 1 {
		return ErrLinked
	}
	return nil
}

// SameDisk reports whether two files or directories are on one disk, as far as the system tells.
func SameDisk(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && sameDevice(first, second)
}

// createForService makes an empty file of a job table for the service, and nobody else, unless there is a file.
func createForService(path string) error { return create(path, giveToOwner) }

// createPrivate makes an empty file that nobody else may read, unless there is a file.
func createPrivate(path string) error { return create(path, func(*os.File) error { return nil }) }

// create makes an empty private file, unless there is a file, and calls give with it.
func create(path string, give func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: %w", job.ErrFull, err)
	case err != nil:
		return fmt.Errorf("%w: %w", job.ErrUnavailable, err)
	}
	return errors.Join(f.Chmod(privateMode), give(f), f.Close())
}

// warnOfReaders says which files of the table at path others may read or write. Files of an older Stoker may have
// any mode.
func warnOfReaders(path string, log *slog.Logger) {
	for _, suffix := range []string{"", logSuffix, "-shm", ".lock", identitySuffix} {
		if info, err := os.Stat(path + suffix); err == nil && info.Mode().Perm()&^privateMode != 0 {
			log.Warn("other users may read or write a file of the job table: chmod 600", "file", path+suffix, "mode", info.Mode().Perm())
		}
	}
}
