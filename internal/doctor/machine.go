package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/stokerd/stoker/internal/config"
)

const (
	// Less free space than diskWarn, or than twice the floor, is told. Without a floor, with less than diskFail the job
	// table may soon not grow any more.
	diskWarn, diskFail = 1 << 30, 256 << 20
	// fewDescriptors is a limit of open files that a busy service reaches: each connection takes one.
	fewDescriptors = 4096
)

// CheckDisk looks at the free space of the file system that has the job table, and at the floor below which no jobs
// are taken.
func CheckDisk(cfg *config.Config) Finding {
	directory := filepath.Dir(cfg.DB)
	var fs syscall.Statfs_t
	if err := syscall.Statfs(directory, &fs); err != nil {
		return fail(AboutDisk, directory, "make the directory, or name another file with --db", "cannot be looked at: %v", err)
	}
	if fs.Files > 0 && fs.Ffree < 100 {
		return fail(AboutDisk, directory, "delete files of this file system", "there is room for %d more files", fs.Ffree)
	}
	unit := uint64(fs.Bsize)
	return DiskFinding(directory, fs.Bavail*unit, uint64(max(cfg.DiskFloor.Of(int64(fs.Blocks*unit)), 0))) //nolint:gosec // sizes of disks
}

// DiskFinding is the finding of a disk of which so many bytes are free, and have to be left for jobs to be taken.
func DiskFinding(directory string, free, floor uint64) Finding {
	const remedy = "make room, or delete batches; the job table has 480 to 680 bytes for each job"
	switch {
	case free < floor:
		return fail(AboutDisk, directory, remedy, "%s are free, and no jobs are taken below %s (disk_floor)", size(free), size(floor))
	case floor == 0 && free < diskFail:
		return fail(AboutDisk, directory, remedy, "%s are free", size(free))
	case free < max(2*floor, diskWarn):
		return warn(AboutDisk, directory, remedy, "%s are free; no jobs are taken below %s (disk_floor)", size(free), size(floor))
	}
	return ok(AboutDisk, directory, "%s are free; no jobs are taken below %s (disk_floor)", size(free), size(floor))
}

// size is a number of bytes for people.
func size(bytes uint64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}

// CheckDescriptors looks at the open files of this process.
func CheckDescriptors() Finding {
	const remedy = "set LimitNOFILE=65536 in the unit, or ulimit -n 65536 before the start"
	used, limit, err := Descriptors()
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fail(AboutDescriptors, "", remedy, "all %d file descriptors are used up", limit)
	case err != nil:
		return ok(AboutDescriptors, "", "the limit is %d; how many are used is not known on this system", limit)
	case used*10 >= limit*9:
		return fail(AboutDescriptors, "", remedy, "%d of %d file descriptors are used", used, limit)
	case limit < fewDescriptors:
		return warn(AboutDescriptors, "", remedy, "the limit of %d file descriptors is low: each connection takes one (%d are used)", limit, used)
	}
	return ok(AboutDescriptors, "", "%d of %d file descriptors are used", used, limit)
}

// Descriptors returns how many file descriptors this process uses, and how many it may use. The error of a process
// that has none left matches [syscall.EMFILE].
func Descriptors() (used, limit uint64, err error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, 0, err
	}
	entries, err := os.ReadDir("/proc/self/fd")
	return uint64(len(entries)), l.Cur, err
}

// Memory returns how much memory this process may use by the limit that is set for it, and how much it uses, both in
// bytes; limit is 0 if there is none.
func Memory() (used, limit uint64) {
	limit = memoryLimit()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	used = stats.Sys - stats.HeapReleased
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			if pages, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
				used = pages * uint64(os.Getpagesize())
			}
		}
	}
	return used, limit
}

// memoryLimit is the least of the limits of the control group and of Go's own; 0 if there is none.
func memoryLimit() uint64 {
	limit := CgroupMemory("/")
	if soft := debug.SetMemoryLimit(-1); soft < 1<<62 && (limit == 0 || uint64(soft) < limit) {
		limit = uint64(soft)
	}
	return limit
}

// CgroupMemory is the least memory limit of the control groups that this process belongs to, in bytes; 0 if there is
// none. root is where the file system begins. Control groups of both versions count.
func CgroupMemory(root string) (least uint64) {
	text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	note := func(limit uint64) {
		if limit > 0 && (least == 0 || limit < least) {
			least = limit
		}
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // hierarchy, controllers, path
		switch {
		case len(fields) < 3:
		case fields[1] == "":
			note(leastLimit(filepath.Join(root, "sys/fs/cgroup"), fields[2], "memory.max"))
		case slices.Contains(strings.Split(fields[1], ","), "memory"):
			note(leastLimit(filepath.Join(root, "sys/fs/cgroup/memory"), fields[2], "memory.limit_in_bytes"))
		}
	}
	return least
}

// leastLimit is the least limit of a control group below mount and of those that it is in; 0 if there is none.
func leastLimit(mount, group, file string) (least uint64) {
	const none = 1 << 62 // the first version says so with a number near to 1<<63
	for at := filepath.Clean("/" + group); ; at = filepath.Dir(at) {
		if text, err := os.ReadFile(filepath.Join(mount, at, file)); err == nil {
			if n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil && n < none && (least == 0 || n < least) {
				least = n
			}
		}
		if at == "/" {
			return least
		}
	}
}

// CheckMemory looks at the memory of this process.
func CheckMemory() Finding {
	const least = 256 << 20
	used, limit := Memory()
	switch {
	case limit == 0:
		return ok(AboutMemory, "", "%s are used, and there is no limit", size(used))
	case used*10 >= limit*9:
		return fail(AboutMemory, "", "raise MemoryMax of the unit, or lower limits.receive_bytes and limits.answer_bytes", "%s of %s are used", size(used), size(limit))
	case limit < least:
		return warn(AboutMemory, "", "raise MemoryMax of the unit to 512M", "the limit of %s is low: a batch of a million jobs takes some 140 MiB", size(limit))
	}
	return ok(AboutMemory, "", "%s of %s are used", size(used), size(limit))
}

// jobTableFiles are the files of a job table, by what is put behind its name.
var jobTableFiles = []string{"", "-wal", "-shm", ".id", ".lock"}

// CheckFileModes looks at who may read the files with secrets, the notification key among them, and read or write those of
// the job table.
func CheckFileModes(cfg *config.Config, notificationKey string) (findings []Finding) {
	look := func(name string, mask fs.FileMode, outcome Outcome) (found bool) {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&mask == 0 {
			return false
		}
		f := fail(AboutFileMode, name, "chmod 600 "+name, "other users of this machine may read or change it (mode %04o)", info.Mode().Perm())
		f.Outcome = outcome
		findings = append(findings, f)
		return true
	}
	for _, name := range append(slices.Clone(cfg.SecretFiles), notificationKey) {
		if !look(name, 0o007, Fail) {
			look(name, 0o060, Warn)
		}
	}
	for _, suffix := range jobTableFiles {
		look(cfg.DB+suffix, 0o077, Warn)
	}
	if len(findings) == 0 {
		findings = append(findings, ok(AboutFileMode, "", "files with secrets, and those of the job table, are for their owner alone"))
	}
	return findings
}
