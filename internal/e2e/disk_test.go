package e2e

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	_ "modernc.org/sqlite" // to damage a job table

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// refuses checks that the service refuses to start on its job table: with one line on stderr that
// says why, with exit code 1, and without a change to any file.
func (s *service) refuses(t *testing.T, why string) {
	t.Helper()
	before := contents(t, filepath.Dir(s.db))
	p := start(t, append(s.env, "STOKER_DB="+s.db), "serve")
	if code := p.wait(processTimeout); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if said := p.said(); !strings.Contains(said, why) || !strings.HasPrefix(said, "stoker: ") || strings.Count(said, "\n") != 1 {
		t.Errorf("stderr is %q, want one line with %q in it", said, why)
	}
	if diff := cmp.Diff(before, contents(t, filepath.Dir(s.db))); diff != "" {
		t.Errorf("the directory of the job table has changed (-before +after):\n%s", diff)
	}
}

// contents are checksums of all files below a directory, except the one that names the process that
// holds the job table.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() || strings.Contains(path, ".lock") {
			return err
		}
		data, err := os.ReadFile(path)
		sums[path] = fmt.Sprintf("%x, %d bytes", sha256.Sum256(data), len(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// used returns a service that has run, holds a batch, and has stopped.
func used(t *testing.T) (s *service, batch string) {
	t.Helper()
	s = newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
	batch = s.useOnce()
	return s, batch
}

// useOnce starts the service, submits a batch, and stops it.
func (s *service) useOnce() (batch string) {
	s.t.Helper()
	life := s.run()
	batch = s.submit([]string{"well/1.mov"}, time.Second)
	life.signal(syscall.SIGTERM)
	life.wait(graceful)
	return batch
}

// works checks that the service starts and still has the batch.
func (s *service) works(batch string) {
	s.t.Helper()
	s.run()
	if _, err := s.client.Batches().GetBatch(s.t.Context(), &stokerv1.GetBatchRequest{BatchId: batch}); err != nil {
		s.t.Errorf("the batch is gone: %v", err)
	}
}

// edit changes a job table with SQL.
func (s *service) edit(statement string) {
	s.t.Helper()
	db, err := sql.Open("sqlite", s.db)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := db.ExecContext(s.t.Context(), statement); err != nil {
		s.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		s.t.Fatal(err)
	}
}

func TestRefusesALockedJobTable(t *testing.T) {
	t.Parallel()
	s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
	first := s.run()
	s.submit([]string{"well/1.mov"}, time.Second)
	second := start(t, append(s.env, "STOKER_LISTEN=127.0.0.1:0", "STOKER_WEB_LISTEN=127.0.0.1:0"), "serve")
	if code := second.wait(processTimeout); code != 1 || !strings.Contains(second.said(), "in use by another Stoker") {
		t.Errorf("exit code %d, want 1 and who has it: %s", code, second.said())
	}
	first.kill()
	s.run() // a lock does not outlive its process
}

func TestRefusesWhatIsNoJobTable(t *testing.T) {
	t.Parallel()
	s, _ := used(t)
	for name, data := range map[string][]byte{
		"text":   []byte(strings.Repeat("something that somebody still needs\n", 100)),
		"zeroes": make([]byte, 8192),
	} {
		s.db = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(s.db, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s.refuses(t, "not a job table")
	}
	s.db = filepath.Join(t.TempDir(), "other.db")
	s.edit("CREATE TABLE notes (text TEXT)")
	s.refuses(t, "not a job table")
	s.db = t.TempDir()
	s.refuses(t, "not a job table")
	s.db = filepath.Join(t.TempDir(), "no", "such", "directory", "stoker.db")
	p := start(t, append(s.env, "STOKER_DB="+s.db), "serve")
	if code := p.wait(processTimeout); code != 1 || !strings.Contains(p.said(), "there is no such directory: make it") {
		t.Errorf("exit code %d, want 1 and that there is no such directory: %s", code, p.said())
	}
}

func TestRefusesANewerJobTable(t *testing.T) {
	t.Parallel()
	s, batch := used(t)
	const newer = "(SELECT max(version_id) + 1 FROM goose_db_version)"
	s.edit("INSERT INTO goose_db_version (version_id, is_applied) VALUES (" + newer + ", 1)")
	s.refuses(t, "newer")
	s.edit("DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)")
	s.works(batch)
}

func TestRefusesAReadOnlyJobTable(t *testing.T) {
	t.Parallel()
	disk := newDisk(t, "4m")
	s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
	s.onDisk(disk)
	batch := s.useOnce()
	disk.mount("remount,ro")
	s.refuses(t, "read-only")
	disk.mount("remount,rw")
	s.works(batch)
}

// TestFullDisk fills the disk of a running service. The service refuses a batch that does not fit as a
// whole. It still answers reads, also after a restart, and goes on by itself when there is space again.
// It does not begin a new job table on a full disk.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := newDisk(t, "4m")
	s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
	s.onDisk(disk)
	s.env = append(s.env, "STOKER_DISK_FLOOR=0") // else nothing is taken long before
	life := s.run()
	first := s.submit([]string{"well/1.mov"}, time.Second)
	var err error
	disk.fill()
	s.isFull(first)
	life.kill()
	other := newService(t, platform.Serve(t, &simulator.Simulator{})) // while nobody else writes there
	other.db = filepath.Join(disk.dir, "other.db")
	other.refuses(t, "no space left")
	life = s.run()
	s.isFull(first)

	disk.empty()
	await(t, func() bool { // the service finds out by trying
		_, err = s.client.Batches().SubmitBatch(t.Context(), submission("not too much", 50))
		return err == nil
	})
	all, err := s.client.Batches().ListBatches(t.Context(), &stokerv1.ListBatchesRequest{})
	if err != nil || len(all.GetBatches()) != 2 {
		t.Errorf("after the disk was full there is %v, want two batches: %v", all, err)
	}
	life.signal(syscall.SIGTERM)
	if code := life.wait(graceful); code != 0 {
		t.Errorf("stopped with exit code %d", code)
	}
}

// isFull checks that a service on a full disk refuses a batch that does not fit, and still shows the one
// that it has.
func (s *service) isFull(batch string) {
	s.t.Helper()
	// Far more than the files of the table have room for that have grown already.
	_, err := s.client.Batches().SubmitBatch(s.t.Context(), submission("too much", 50_000))
	if status.Code(err) != codes.ResourceExhausted || strings.Contains(err.Error(), "SQL") {
		s.t.Errorf("submitting to a full disk: %v, want RESOURCE_EXHAUSTED", err)
	}
	all, err := s.client.Batches().ListBatches(s.t.Context(), &stokerv1.ListBatchesRequest{})
	if err != nil || len(all.GetBatches()) != 1 || all.GetBatches()[0].GetId() != batch {
		s.t.Errorf("with a full disk there is %v, want batch %s: %v", all, batch, err)
	}
}

// onDisk moves the job table of a service.
func (s *service) onDisk(d *disk) {
	s.db = filepath.Join(d.dir, "stoker.db")
	s.env = append(s.env, "STOKER_DB="+s.db)
}

// disk is a small file system of its own.
type disk struct {
	t   *testing.T
	dir string
}

// newDisk makes a disk, which takes root and Linux. Without them the test is skipped,
// except in CI.
func newDisk(t *testing.T, size string) *disk {
	t.Helper()
	d := &disk{t: t, dir: t.TempDir()}
	out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", d.dir).CombinedOutput()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mount a disk: %v: %s", err, out)
		}
		t.Skipf("cannot mount a disk: %v: %s", err, out)
	}
	t.Cleanup(func() {
		// Lazily: a process that is being killed may still hold a file.
		if out, err := exec.Command("umount", "-l", d.dir).CombinedOutput(); err != nil {
			t.Errorf("unmount: %v: %s", err, out)
		}
	})
	return d
}

// mount changes how the disk is mounted.
func (d *disk) mount(options string) {
	d.t.Helper()
	if out, err := exec.CommandContext(d.t.Context(), "mount", "-o", options, d.dir).CombinedOutput(); err != nil {
		d.t.Fatalf("mount -o %s: %v: %s", options, err, out)
	}
}

func (d *disk) filler() string { return filepath.Join(d.dir, "filler") }

// fill writes until there is no space left.
func (d *disk) fill() {
	d.t.Helper()
	file, err := os.Create(d.filler())
	if err != nil {
		d.t.Fatal(err)
	}
	for chunk := make([]byte, 4096); err == nil; {
		_, err = file.Write(chunk)
	}
	_ = file.Close() // the disk is full
}

// empty makes space again.
func (d *disk) empty() {
	d.t.Helper()
	if err := os.Remove(d.filler()); err != nil {
		d.t.Fatal(err)
	}
}

// TestDiskFloor lets a disk run low under a running service. Jobs that were taken go on to their end, and can be
// watched and cancelled; new ones are refused until there is room again.
func TestDiskFloor(t *testing.T) {
	t.Parallel()
	disk := newDisk(t, "16m")
	s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Second}))
	s.onDisk(disk)
	s.env = append(s.env, "STOKER_DISK_FLOOR=50%")
	s.run()
	batch := s.submit([]string{"well/1.mov", "well/2.mov", "well/3.mov"}, time.Second)
	if err := os.WriteFile(disk.filler(), make([]byte, 9<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := s.client.Batches().SubmitBatch(t.Context(), submission("one more", 1))
	if status.Code(err) != codes.ResourceExhausted || client.Reason(err) != "DISK_LOW" || !strings.Contains(err.Error(), "Make room on the disk") {
		t.Errorf("below the floor: %v, want RESOURCE_EXHAUSTED with DISK_LOW and what to do", err)
	}
	await(t, func() bool {
		b, err := s.client.Batches().GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: batch})
		return err == nil && b.GetBatch().GetState() == stokerv1.BatchState_BATCH_STATE_SUCCEEDED
	})
	disk.empty()
	if _, err := s.client.Batches().SubmitBatch(t.Context(), submission("one more", 1)); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
