package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// TestJobTableIsTakenAway deletes, moves or replaces the job table of a running service. The service acknowledges
// nothing more, says what is the matter, and stops. Everything that it had acknowledged is in the copy that it leaves. It
// does not begin a new table where one was, nor take up another one.
func TestJobTableIsTakenAway(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		take func(t *testing.T, s *service)
		why  string // the next one does not start
	}{
		"deleted": {func(t *testing.T, s *service) { mustDo(t, os.Remove(s.db)) }, "is missing"},
		"moved":   {func(t *testing.T, s *service) { mustDo(t, os.Rename(s.db, s.db+".moved")) }, "is missing"},
		"replaced": {func(t *testing.T, s *service) {
			other, _ := used(t)
			mustDo(t, os.Rename(other.db, s.db))
		}, "another job table than the one that was here"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
			life := s.run()
			batch := s.submit([]string{"well/1.mov"}, time.Second)
			tt.take(t, s)
			_, err := s.client.Batches().SubmitBatch(t.Context(), submission("into the void", 1))
			if status.Code(err) != codes.Unavailable {
				t.Errorf("a submission into the void: %v, want UNAVAILABLE", err)
			}
			if code := life.wait(graceful); code != 1 || !strings.Contains(life.said(), "put its files back") {
				t.Errorf("exit code %d, want 1 and what to do: %s", code, life.said())
			}
			if next := start(t, s.env, "serve"); next.wait(processTimeout) != 1 || !strings.Contains(next.said(), tt.why) {
				t.Errorf("the next one: want that it %s: %s", tt.why, next.said())
			}
			copies, err := filepath.Glob(s.db + ".rescued-*")
			if err != nil || len(copies) != 1 {
				t.Fatalf("copies %v, %v, want one", copies, err)
			}
			for _, suffix := range []string{"", "-wal", "-shm"} {
				if err := os.Remove(s.db + suffix); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
			mustDo(t, os.Rename(copies[0], s.db))
			s.works(batch)
		})
	}
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A job table that is damaged under a running service is told as damaged, with what to do. The service acknowledges
// nothing that it could not write. The next process does not start with it, but with the backup.
func TestJobTableIsDamaged(t *testing.T) {
	t.Parallel()
	s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
	life := s.run()
	batch := s.submit([]string{"well/1.mov"}, time.Second)
	backup := filepath.Join(t.TempDir(), "backup.db")
	s.stoker("backup", "create", backup, "--db", s.db)
	life.signal(syscall.SIGTERM) // folds the log into the table
	life.wait(graceful)
	life = s.run()
	listening, _ := life.hears(`"msg":"listening"`)
	content, err := os.ReadFile(s.db)
	mustDo(t, err)
	file, err := os.OpenFile(s.db, os.O_WRONLY, 0)
	mustDo(t, err)
	_, err = file.WriteAt([]byte(strings.Repeat("\xAA", len(content)-4096)), 4096)
	mustDo(t, err)
	mustDo(t, file.Close())

	n := 0
	await(t, func() bool { // of pages that the service has in its memory already, nothing is wrong
		n++
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // the client waits for a service to come back
		defer cancel()
		_, err = s.client.Batches().SubmitBatch(ctx, submission(fmt.Sprint("more ", n), 100))
		return err != nil
	})
	const remedy = "restore the latest backup in its place"
	select {
	case <-life.exited: // it had to read at once what cannot be read
		if !strings.Contains(life.said(), remedy) {
			t.Errorf("%v, and it did not say what to do: %s", err, life.said())
		}
	default:
		if got := get(t, http.DefaultClient, "http://"+field(listening, "http")+"/readyz", ""); !strings.HasPrefix(got, "503 ") || !strings.Contains(got, remedy) {
			t.Errorf("%v, and /readyz does not say what to do: %s", err, got)
		}
	}
	life.kill()
	next := start(t, s.env, "serve")
	if code := next.wait(processTimeout); code != 1 || !strings.Contains(next.said(), remedy) {
		t.Errorf("exit code %d, want 1 and what to do: %s", code, next.said())
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(s.db+suffix, s.db+".damaged"+suffix); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	s.stoker("backup", "restore", backup, "--db", s.db)
	s.works(batch)
}

// /readyz tells the truth of a disk that is really full, and so do the metrics; both come back by themselves.
func TestReadinessOnAFullDisk(t *testing.T) {
	t.Parallel()
	disk := newDisk(t, "4m")
	s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
	s.onDisk(disk)
	s.env = append(s.env, "STOKER_DISK_FLOOR=0")
	listening, _ := s.run().hears(`"msg":"listening"`)
	ready := func() string { return get(t, http.DefaultClient, "http://"+field(listening, "http")+"/readyz", "") }
	writable := func() string {
		_, value, _ := strings.Cut(get(t, http.DefaultClient, "http://"+field(listening, "admin")+"/metrics", ""), "\nstoker_database_writable ")
		return value[:1]
	}
	if got := ready(); !strings.HasPrefix(got, "200 ") || writable() != "1" {
		t.Fatalf("at first: %s", got)
	}
	disk.fill()
	n := 0
	await(t, func() bool { // what is left of the log is written first
		n++
		_, err := s.client.Batches().SubmitBatch(t.Context(), submission(fmt.Sprint("more ", n), 10))
		got := ready()
		return client.Reason(err) == "DISK_FULL" && strings.HasPrefix(got, "503 ") && strings.Contains(got, "the disk is full")
	})
	disk.empty()
	await(t, func() bool { return strings.HasPrefix(ready(), "200 ") }) // nobody else writes
	if got := writable(); got != "1" {
		t.Errorf("with room again: writable %s", got)
	}
	if _, err := s.client.Batches().ListBatches(t.Context(), &stokerv1.ListBatchesRequest{}); err != nil {
		t.Error(err)
	}
}

// A service that reaches its limit of memory says so once, with what to do, and goes on.
func TestMemoryRunsOut(t *testing.T) {
	t.Parallel()
	s := newService(t, platform.Serve(t, &simulator.Simulator{Unlimited: true, Duration: 50 * time.Millisecond}), "GOMEMLIMIT=24MiB")
	life := s.run()
	if line, ok := life.hears("the memory of this process runs out"); !ok || !strings.Contains(line, `"level":"ERROR"`) || !strings.Contains(line, "raise MemoryMax") {
		t.Errorf("the log does not say that memory runs out, and what to do: %s", line)
	}
	if last := <-s.follow(s.submit([]string{"well/1.mov", "well/2.mov"}, time.Minute)).done; last.GetState() != stokerv1.BatchState_BATCH_STATE_SUCCEEDED {
		t.Errorf("the batch ended as %v", last)
	}
	if n := strings.Count(life.said(), "the memory of this process runs out"); n != 1 {
		t.Errorf("it was said %d times", n)
	}
}
