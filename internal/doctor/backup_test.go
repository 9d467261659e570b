package doctor_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/doctor"
)

// A backup that is too old, or could not be made, is told; so is the disk that runs low.
func TestCheckBackups(t *testing.T) {
	plan := config.Backup{Dir: "/mnt/backup", Every: 6 * time.Hour}
	for _, tt := range []struct {
		name  string
		plan  config.Backup
		state doctor.BackupState
		want  doctor.Outcome
		text  string
	}{
		{"none scheduled", config.Backup{Every: time.Hour}, doctor.BackupState{}, doctor.OK, "none are scheduled"},
		{"the first", plan, doctor.BackupState{None: true, Age: time.Minute}, doctor.OK, "the first one is being made"},
		{"never", plan, doctor.BackupState{None: true, Age: 13 * time.Hour, Failed: true}, doctor.Fail, "there is none, and one is due every 6h0m0s"},
		{"young", plan, doctor.BackupState{Age: 7 * time.Hour}, doctor.OK, "the newest is 7h0m0s old"},
		{"failed", plan, doctor.BackupState{Age: 7 * time.Hour, Failed: true}, doctor.Warn, "could not be made"},
		{"old", plan, doctor.BackupState{Age: 13 * time.Hour, Failed: true}, doctor.Fail, "the newest is 13h0m0s old"},
	} {
		if got := doctor.CheckBackups(tt.plan, tt.state); got.Outcome != tt.want || !strings.Contains(got.Text, tt.text) || (got.Remedy == "") != (tt.want == doctor.OK) {
			t.Errorf("%s: %+v, want %v, %q", tt.name, got, tt.want, tt.text)
		}
	}
}

func TestFindBackups(t *testing.T) {
	plan := config.Backup{Dir: t.TempDir(), Every: time.Hour}
	for _, tt := range []struct {
		file string
		want string
	}{
		{"", "there is none yet"},
		{"stoker-other-20260101T000000Z.db", "there is none yet"},
		{"stoker-abc-20260101T000000Z.db.partial", "there is none yet"},
		{"stoker-abc-20260101T000000Z.db", "the newest is 1h0m0s old"},
	} {
		if tt.file != "" {
			if err := os.WriteFile(filepath.Join(plan.Dir, tt.file), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := doctor.FindBackups(plan, "abc", time.Now().Add(time.Hour)); got.Outcome != doctor.OK || got.Text != tt.want {
			t.Errorf("with %q: %+v, want %q", tt.file, got, tt.want)
		}
	}
	plan.Dir = filepath.Join(plan.Dir, "not-mounted")
	if got := doctor.FindBackups(plan, "abc", time.Now()); got.Outcome != doctor.Fail {
		t.Errorf("without the directory: %+v", got)
	}
}

func TestDiskFinding(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		free, floor uint64
		want        doctor.Outcome
	}{
		{511 * mib, 512 * mib, doctor.Fail},
		{513 * mib, 512 * mib, doctor.Warn},
		{2048 * mib, 512 * mib, doctor.OK},
		{900 * mib, 5 * mib, doctor.Warn},
		{9000 * mib, 5000 * mib, doctor.Warn},
		{100 * mib, 0, doctor.Fail},
		{300 * mib, 0, doctor.Warn},
		{0, 0, doctor.Fail},
	} {
		if got := doctor.DiskFinding("/var/lib/stoker", tt.free, tt.floor); got.Outcome != tt.want {
			t.Errorf("%d MiB free, floor %d MiB: %+v, want %v", tt.free/mib, tt.floor/mib, got, tt.want)
		}
	}
	if got := doctor.CheckDisk(&config.Config{DB: filepath.Join(t.TempDir(), "stoker.db"), DiskFloor: config.Floor{Bytes: 1 << 60}}); got.Outcome != doctor.Fail || !strings.Contains(got.Text, "no jobs are taken below") {
		t.Errorf("below the floor: %+v", got)
	}
}
