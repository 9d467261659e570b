package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// TestRestoreOfAnOlderTable loses a job table, and puts back a backup from before its jobs were started. Each of
// them is adopted, and none is encoded twice; a list that is run again is not paid again either.
func TestRestoreOfAnOlderTable(t *testing.T) {
	t.Parallel()
	sim := &simulator.Simulator{Duration: 100 * time.Millisecond}
	backups := t.TempDir()
	s := newService(t, platform.Serve(t, sim), "STOKER_QUEUE_TARGET=10")
	life := s.run()
	if _, err := s.client.Accounts().PauseAccount(t.Context(), &stokerv1.PauseAccountRequest{AccountId: "default"}); err != nil {
		t.Fatal(err)
	}
	request := submission("list", 5)
	for i, j := range request.GetJobs() {
		j.Key = fmt.Sprint("k", i)
	}
	batch, err := s.client.Batches().SubmitBatch(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	older := filepath.Join(backups, "older.db")
	s.stoker("backup", "create", older, "--db", s.db)
	s.goOn()
	s.succeeds(batch.GetBatch().GetId())
	life.signal(syscall.SIGTERM)
	life.wait(graceful)

	old := t.TempDir()
	for _, suffix := range []string{"", ".lock"} {
		if err := os.Rename(s.db+suffix, filepath.Join(old, "stoker.db"+suffix)); err != nil {
			t.Fatal(err)
		}
	}
	s.stoker("backup", "verify", older)
	s.stoker("backup", "restore", older, "--db", s.db)
	s.run()
	s.goOn()
	s.succeeds(batch.GetBatch().GetId())
	if _, err := s.client.Batches().DeleteBatch(t.Context(), &stokerv1.DeleteBatchRequest{BatchId: batch.GetBatch().GetId()}); err != nil {
		t.Fatal(err)
	}
	request.RequestId, request.SkipSucceeded = "again", true
	again, err := s.client.Batches().SubmitBatch(t.Context(), request)
	if err != nil || again.GetBatch().GetSkippedCount() != 5 {
		t.Errorf("run again: %v, %v, want five skipped jobs", again, err)
	}
	if n := len(sim.Encodings()); n != 5 {
		t.Errorf("%d encodings, want 5", n)
	}
	for _, e := range sim.Encodings() {
		if starts := sim.Starts(e.ID); len(starts) != 1 {
			t.Errorf("encoding %s was started %d times", e.ID, len(starts))
		}
	}
}

// stoker runs a command that has to succeed.
func (s *service) stoker(args ...string) {
	s.t.Helper()
	p := start(s.t, nil, args...)
	if code := p.wait(processTimeout); code != 0 {
		s.t.Fatalf("stoker %v: exit code %d: %s", args, code, p.said())
	}
}

// goOn resumes the account.
func (s *service) goOn() {
	s.t.Helper()
	if _, err := s.client.Accounts().ResumeAccount(s.t.Context(), &stokerv1.ResumeAccountRequest{AccountId: "default"}); err != nil {
		s.t.Fatal(err)
	}
}

// succeeds waits until a batch has succeeded.
func (s *service) succeeds(batch string) {
	s.t.Helper()
	await(s.t, func() bool {
		b, err := s.client.Batches().GetBatch(s.t.Context(), &stokerv1.GetBatchRequest{BatchId: batch})
		return err == nil && b.GetBatch().GetState() == stokerv1.BatchState_BATCH_STATE_SUCCEEDED
	})
}

// TestScheduledBackup has a service make its first backup by itself, and tell of it.
func TestScheduledBackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newService(t, platform.Serve(t, &simulator.Simulator{}), "STOKER_BACKUP_DIR="+dir)
	life := s.run()
	listening, _ := life.hears(`"msg":"listening"`)
	if _, ok := life.hears(`"msg":"a backup was made"`); !ok {
		t.Fatal("no backup was made")
	}
	made, err := filepath.Glob(filepath.Join(dir, "stoker-*.db"))
	if err != nil || len(made) != 1 {
		t.Fatalf("backups %v, %v", made, err)
	}
	if info, err := os.Stat(made[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	s.stoker("backup", "verify", made[0])
	metrics := get(t, http.DefaultClient, "http://"+field(listening, "admin")+"/metrics", "")
	for _, want := range []string{"stoker_backup_failed 0", "stoker_backup_interval_seconds 21600", "stoker_backup_failures_total 0", "stoker_disk_low 0", "stoker_retention_deleted_batches_total 0"} {
		if !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
}
