package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/store/postgres"
	"github.com/stokerd/stoker/store/sqlite"
)

// NotificationKeyFile is where the key of the endpoints' secrets is: beside a job table in a file, or in the working
// directory, unless the configuration says another place.
func NotificationKeyFile(cfg *config.Config) string {
	beside := cfg.DB
	if postgres.IsURL(beside) {
		beside = "stoker"
	}
	return cmp.Or(cfg.NotificationKeyFile, beside+notification.KeyFileSuffix)
}

// BackUp copies the job table of a configuration, which may be in use, to a new file, and the notification key to one
// beside it. A key with a place of its own in the configuration is kept apart on purpose, and is not copied. The copy
// of the key comes first, so that where a copy of the table is its key is too. Errors are those of [sqlite.Backup].
func BackUp(ctx context.Context, cfg *config.Config, to string) error {
	if cfg.NotificationKeyFile != "" {
		return sqlite.Backup(ctx, cfg.DB, to)
	}
	return withKey(NotificationKeyFile(cfg), to+notification.KeyFileSuffix, func() error { return sqlite.Backup(ctx, cfg.DB, to) })
}

// Restore puts a copy of a job table in its place, and the notification key beside the copy where the configuration
// has it. If another key is there, nothing is restored and the error is [notification.ErrOtherKeyThere]. Other errors
// are those of [sqlite.Restore].
func Restore(ctx context.Context, cfg *config.Config, from string) (content sqlite.Content, err error) {
	err = withKey(from+notification.KeyFileSuffix, NotificationKeyFile(cfg), func() (err error) {
		content, err = sqlite.Restore(ctx, from, cfg.DB)
		return err
	})
	if err == nil {
		err = sqlite.GiveToOwner(NotificationKeyFile(cfg))
	}
	return content, err
}

// withKey copies a key file, and takes the copy back if what belongs to it fails.
func withKey(from, to string, do func() error) error {
	made, err := notification.CopyKeyFile(from, to)
	if err == nil {
		err = do()
	}
	if err != nil && made {
		err = errors.Join(err, os.Remove(to))
	}
	return err
}

// CheckCopiedKey says in words how the notification key of a copy of a job table is kept. If the secrets of endpoints
// cannot be made by the key beside the copy, the error says what to do.
func CheckCopiedKey(file string, content sqlite.Content) (string, error) {
	if len(content.NotificationKeys) == 0 {
		return "not needed", nil
	}
	beside := file + notification.KeyFileSuffix
	key, err := notification.ReadKeyFile(beside)
	switch {
	case errors.Is(err, os.ErrNotExist):
		err = errors.New("it is not beside the copy")
	case err == nil && len(content.NotificationKeys) == 1 && key.Fingerprint() == content.NotificationKeys[0]:
		return "beside the copy", nil
	case err == nil:
		err = errors.New("the one beside the copy is another")
	}
	return "missing", fmt.Errorf("the secrets of endpoints of notifications are made from a key, and %w: save the service's own, as %s, or `stoker notifications rotate` after a restore", err, beside)
}
