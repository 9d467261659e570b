package e2e

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// volume is a disk with a file system that the kernel makes read-only when it meets an error.
type volume struct {
	t      *testing.T
	dir    string
	device string // empty while it is not mounted
	image  string
}

// newVolume makes a volume, which takes root, Linux and a loop device. Without them the test is skipped: the faults of
// store/sqlite have the same disk, seen by the job table alone.
func newVolume(t *testing.T) *volume {
	t.Helper()
	v := &volume{t: t, dir: t.TempDir(), image: filepath.Join(t.TempDir(), "disk.img")}
	if err := os.WriteFile(v.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(v.image, 32<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "mkfs.ext4", "-q", "-F", v.image).CombinedOutput(); err != nil {
		t.Skipf("cannot make a file system: %v: %s", err, out)
	}
	if err := v.mount(); err != "" {
		t.Skip("cannot mount a disk: " + err)
	}
	t.Cleanup(func() {
		if v.device != "" {
			v.unmount()
		}
	})
	if _, err := os.Stat(v.trigger()); err != nil {
		t.Skipf("this kernel cannot be told of an error of its disk: %v", err)
	}
	return v
}

// mount mounts the volume, and returns why that is not possible.
func (v *volume) mount() (problem string) {
	out, err := exec.Command("losetup", "--find", "--show", v.image).CombinedOutput()
	if err != nil {
		return err.Error() + ": " + string(out)
	}
	device := strings.TrimSpace(string(out))
	if out, err := exec.Command("mount", "-o", "errors=remount-ro", device, v.dir).CombinedOutput(); err != nil {
		_ = exec.Command("losetup", "--detach", device).Run() // the mount has failed already
		return err.Error() + ": " + string(out)
	}
	v.device = device
	return ""
}

// unmount takes the volume away. A process that is being killed may still hold a file.
func (v *volume) unmount() {
	v.t.Helper()
	for _, args := range [][]string{{"umount", "-l", v.dir}, {"losetup", "--detach", v.device}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			v.t.Errorf("%v: %v: %s", args, err, out)
		}
	}
	v.device = ""
}

func (v *volume) trigger() string {
	return filepath.Join("/sys/fs/ext4", filepath.Base(v.device), "trigger_fs_error")
}

// fail has the kernel meet an error of the volume: from then on it can only be read.
func (v *volume) fail() {
	v.t.Helper()
	if err := os.WriteFile(v.trigger(), []byte("1"), 0); err != nil {
		v.t.Fatal(err)
	}
}

// repair does what an operator does with a file system that has become read-only.
func (v *volume) repair() {
	v.t.Helper()
	v.unmount()
	if out, err := exec.Command("e2fsck", "-p", "-f", v.image).CombinedOutput(); err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() > 1 { // 1: it has been repaired
			v.t.Fatalf("e2fsck: %v: %s", err, out)
		}
	}
	if problem := v.mount(); problem != "" {
		v.t.Fatal(problem)
	}
}

// A disk that becomes read-only under the running service is told in one sentence with the remedy: to callers, by
// /readyz, in the log, by the batch, and by stoker doctor. Nothing is started meanwhile, and nothing is lost: after the
// repair every job is encoded once.
func TestDiskBecomesReadOnly(t *testing.T) {
	t.Parallel()
	disk := newVolume(t)
	const remedy = "mount it for writing"
	sim := &simulator.Simulator{Unlimited: true, Encoders: 1, Duration: time.Hour}
	url := platform.Serve(t, sim)
	s := newService(t, url, "STOKER_QUEUE_TARGET=1", "STOKER_POLL_INTERVAL=200ms")
	s.db = filepath.Join(disk.dir, "stoker.db")
	s.env = append(s.env, "STOKER_DB="+s.db, "STOKER_DISK_FLOOR=0")
	life := s.run()
	listening, _ := life.hears(`"msg":"listening"`)
	batch := s.submit([]string{"well/1.mov", "well/2.mov", "well/3.mov", "well/4.mov"}, time.Hour)
	request := &stokerv1.GetBatchRequest{BatchId: batch}
	await(t, func() bool { // the table has both starts
		got, err := s.client.Batches().GetBatch(t.Context(), request)
		counts := got.GetBatch().GetCounts()
		return err == nil && counts.GetRunning() == 1 && counts.GetQueued() == 1
	})

	disk.fail()
	_, err := s.client.Batches().SubmitBatch(t.Context(), submission("nowhere to go", 1))
	if status.Code(err) != codes.FailedPrecondition || client.Reason(err) != "DISK_READ_ONLY" || strings.Contains(err.Error(), "SQL") {
		t.Errorf("submitting: %v, want FAILED_PRECONDITION with DISK_READ_ONLY", err)
	}
	if got := get(t, http.DefaultClient, "http://"+field(listening, "http")+"/readyz", ""); !strings.HasPrefix(got, "503 ") || !strings.Contains(got, remedy) {
		t.Errorf("/readyz: %s", got)
	}
	if line, _ := life.hears("the job table cannot be written"); !strings.Contains(line, `"level":"ERROR"`) || !strings.Contains(line, remedy) {
		t.Errorf("the log: %s", line)
	}
	got, err := s.client.Batches().GetBatch(t.Context(), request)
	if w := got.GetBatch(); err != nil || w.GetWait().GetCode() != stokerv1.WaitCode_WAIT_CODE_PROBLEM || w.GetWait().GetSince() == nil || !strings.Contains(w.GetWaitReason(), remedy) {
		t.Errorf("the batch waits for %v (%q): %v", w.GetWait(), w.GetWaitReason(), err)
	}
	if code, out, stderr := s.user().types("doctor"); code != 2 || !strings.Contains(out, remedy) {
		t.Errorf("doctor: exit code %d: %s%s", code, out, stderr)
	}
	for _, e := range sim.Encodings() {
		if e.Status == simulator.Queued { // its place becomes free, and nobody fills it
			post(t, url+"/encoding/encodings/"+e.ID+"/stop")
		}
	}
	life.hears(`"task":"poll"`) // it has seen the end, and cannot write it
	if n := sim.ReadStats().Starts; n != 2 {
		t.Errorf("%d starts, want two", n)
	}

	life.kill()
	disk.repair()
	s.run()
	if err := sim.AwaitStats(t.Context(), func(stats simulator.Stats) bool { return stats.Starts == 3 }); err != nil {
		t.Fatal(err)
	}
	for _, e := range sim.Encodings() {
		if n := len(sim.Starts(e.ID)); n > 1 {
			t.Errorf("encoding %s was started %d times", e.ID, n)
		}
	}
}

// post makes a call of the platform, as somebody else with the same key.
func post(t *testing.T, url string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Api-Key", "key") // of platform.Environ
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, response.Status)
	}
}
