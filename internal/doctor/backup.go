package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stokerd/stoker/internal/config"
)

// BackupState is how the scheduled backups of a service stand.
type BackupState struct {
	Age    time.Duration // of the newest; without one, how long the service has waited for it
	None   bool          // there is none yet
	Failed bool          // the last that was tried
}

// CheckBackups looks at the age of the newest scheduled backup.
func CheckBackups(b config.Backup, s BackupState) Finding {
	const remedy = "the log says why; most often its disk is not there or has no room. stoker backup create makes one by hand"
	age := s.Age.Round(time.Second)
	switch {
	case b.Dir == "" || b.Every == 0:
		return ok(AboutBackup, "", "none are scheduled: set backup, or make them by stoker backup create")
	case s.Age > 2*b.Every && s.None:
		return fail(AboutBackup, b.Dir, remedy, "there is none, and one is due every %v", b.Every)
	case s.Age > 2*b.Every:
		return fail(AboutBackup, b.Dir, remedy, "the newest is %v old, and one is due every %v", age, b.Every)
	case s.Failed:
		return warn(AboutBackup, b.Dir, remedy, "the last one could not be made")
	case s.None:
		return ok(AboutBackup, b.Dir, "the first one is being made")
	}
	return ok(AboutBackup, b.Dir, "the newest is %v old, and one is due every %v", age, b.Every)
}

// FindBackups looks at the files of the scheduled backups of a service that does not run. However old they are, nothing
// is due while it is stopped.
func FindBackups(b config.Backup, instance string, now time.Time) Finding {
	if b.Dir == "" || b.Every == 0 {
		return CheckBackups(b, BackupState{})
	}
	entries, err := os.ReadDir(b.Dir)
	if err != nil {
		return fail(AboutBackup, b.Dir, "make the directory, or mount its disk", "cannot be read: %v", err)
	}
	var newest time.Time
	for _, e := range entries {
		if ours := strings.HasPrefix(e.Name(), "stoker-"+instance+"-") && filepath.Ext(e.Name()) == ".db"; !ours {
			continue
		}
		if info, err := e.Info(); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	if newest.IsZero() {
		return ok(AboutBackup, b.Dir, "there is none yet")
	}
	return ok(AboutBackup, b.Dir, "the newest is %v old", now.Sub(newest).Round(time.Second))
}
