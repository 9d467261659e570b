package doctor_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/doctor"
)

// The least limit of the control groups of a process counts, and "max" is none.
func TestCgroupMemory(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := doctor.CgroupMemory(root); got != 0 {
		t.Errorf("without control groups: %d", got)
	}
	write("proc/self/cgroup", "0::/system.slice/stoker.service\n")
	write("sys/fs/cgroup/system.slice/stoker.service/memory.max", "max\n")
	if got := doctor.CgroupMemory(root); got != 0 {
		t.Errorf("without a limit: %d", got)
	}
	write("sys/fs/cgroup/system.slice/memory.max", "1000\n")
	write("sys/fs/cgroup/memory.max", "9000\n")
	if got := doctor.CgroupMemory(root); got != 1000 {
		t.Errorf("with the limit of the slice: %d, want 1000", got)
	}
	write("proc/self/cgroup", "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/system.slice\n")
	write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
	if got := doctor.CgroupMemory(root); got != 1000 {
		t.Errorf("without a limit in the first version: %d, want 1000", got)
	}
	write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "600\n")
	if got := doctor.CgroupMemory(root); got != 600 {
		t.Errorf("with one in the first version: %d, want 600", got)
	}
}

// Who may read a secret, and who may change a job table.
func TestCheckFileModes(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name string
		mode os.FileMode
		want string // outcomes of the findings
	}{{"private", 0o600, "OK"}, {"group", 0o640, "WARN"}, {"world", 0o644, "FAIL"}} {
		path := filepath.Join(dir, tt.name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tt.mode); err != nil {
			t.Fatal(err)
		}
		var outcomes []string
		none := filepath.Join(dir, "none")
		for _, f := range doctor.CheckFileModes(&config.Config{DB: none, SecretFiles: []string{path}}, none) {
			outcomes = append(outcomes, f.Outcome.String())
		}
		for _, f := range doctor.CheckFileModes(&config.Config{DB: none}, path) {
			outcomes = append(outcomes, f.Outcome.String())
		}
		if got := strings.Join(outcomes, " "); got != tt.want+" "+tt.want {
			t.Errorf("mode %04o of a secret, and of the notification key: %s, want %s", tt.mode, got, tt.want)
		}
	}
}
