package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// TestBackup copies the job table while a service uses it, and while none does.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "stoker.db")
	s := mustOpenTable(t, path)
	want, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: make([]job.Spec, 3)}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := command{env: map[string]string{"STOKER_DB": path}}
	for _, name := range []string{"running.db", "stopped.db"} {
		to := filepath.Join(dir, name)
		if got := c.run(t.Context(), "backup", "create", to); got.code != 0 || got.stdout != "" {
			t.Fatalf("%s: exit code %d, %s%s", name, got.code, got.stdout, got.stderr)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		copied := mustOpenTable(t, to)
		got, err := copied.Batch(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-submitted +copied):\n%s", name, diff)
		}
		if err := copied.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBackupRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "stoker.db")
	if err := mustOpenTable(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "diary.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("Dear diary, ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, from, to, stderr string
		code                   int
	}{
		{"a copy that exists", path, text, "exists already", exitUsage},
		{"a copy onto itself", path, path, "exists already", exitUsage},
		{"nothing to copy", filepath.Join(dir, "missing.db"), filepath.Join(dir, "new"), "no job table", exitUsage},
		{"something else", text, filepath.Join(dir, "new"), "not a job table", exitUsage},
		{"a folder that does not exist", path, filepath.Join(dir, "missing", "new"), "missing/new: there is no such directory", exitFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := names(t, dir)
			got := command{}.run(t.Context(), "backup", "create", "--db", tt.from, tt.to)
			if got.code != tt.code || !strings.Contains(got.stderr, tt.stderr) {
				t.Errorf("exit code %d, %q, want %d, %q", got.code, got.stderr, tt.code, tt.stderr)
			}
			if diff := cmp.Diff(before, names(t, dir)); diff != "" {
				t.Errorf("files (-before +after):\n%s", diff)
			}
		})
	}
}

// A cron job has the configuration, but not the secrets that it names.
func TestBackupNeedsNoSecrets(t *testing.T) {
	dir := t.TempDir()
	if err := mustOpenTable(t, filepath.Join(dir, "stoker.db")).Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "stoker.yaml")
	text := "db: " + filepath.Join(dir, "stoker.db") + `
storages:
  - {name: default, type: S3, bucket: b, access_key_env: NOT_SET, secret_key_file: not-readable}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := (command{}).run(t.Context(), "backup", "create", "--config", file, filepath.Join(dir, "copy.db")); got.code != exitOK {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// TestBackupRestore goes the way of somebody whose job table is gone: a backup, a look at it, and back.
func TestBackupRestore(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "stoker.db"), filepath.Join(dir, "copy.db")
	s := mustOpenTable(t, path)
	if _, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: make([]job.Spec, 3)}, time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	c := command{env: map[string]string{"STOKER_DB": path}}
	if got := c.run(t.Context(), "backup", "create", copied); got.code != exitOK {
		t.Fatal(got.stderr)
	}
	got := c.run(t.Context(), "backup", "verify", copied)
	for _, want := range []string{"file\t" + copied + "\n", "instance\t" + s.InstanceID() + "\n", "batches\t1 ACTIVE\n", "jobs\t3 WAITING\n", "last change\tdefault 2026-11-29T12:00:00Z\n"} {
		if got.code != exitOK || !strings.Contains(got.stdout, want) {
			t.Errorf("exit code %d, %s%s, want %q in it", got.code, got.stdout, got.stderr, want)
		}
	}
	for _, tt := range []struct {
		prepare func() error
		stderr  string
		code    int
	}{
		{func() error { return nil }, path + ": in use by another Stoker: stop the service first", exitFailed},
		{s.Close, path + " exists, and nothing is overwritten: move it", exitUsage},
		{func() error { return os.Remove(path) }, "compares default with the platform first", exitOK},
	} {
		if err := tt.prepare(); err != nil {
			t.Fatal(err)
		}
		if got := c.run(t.Context(), "backup", "restore", copied); got.code != tt.code || !strings.Contains(got.stderr, tt.stderr) {
			t.Errorf("exit code %d, %q, want %d, %q", got.code, got.stderr, tt.code, tt.stderr)
		}
	}
	restored := mustOpenTable(t, path)
	if n, err := restored.CountBatches(t.Context(), job.BatchFilter{}); err != nil || n != 1 {
		t.Errorf("%d batches, %v", n, err)
	}
}

// The notification key goes with the table that needs it: into the copy, and back. Another key is not overwritten, and a
// key that is missing is told.
func TestBackupHasTheNotificationKey(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "stoker.db"), filepath.Join(dir, "copy.db")
	key, s := notification.NewKey(), mustOpenTable(t, path)
	_, made, err := key.NewSecret(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	endpoint := notification.Endpoint{Name: "ops", URL: "https://ops.example.com", Events: []notification.Event{notification.BatchFinished}, Keys: []notification.SecretKey{made}, CreateTime: time.Now(), UpdateTime: time.Now()}
	if err := store.NewNotificationTable(s).CreateEndpoint(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(notification.WriteKeyFile(path+".notification-key", key), s.Close()); err != nil {
		t.Fatal(err)
	}
	c := command{env: map[string]string{"STOKER_DB": path}}
	want := func(code int, text string, args ...string) {
		t.Helper()
		if got := c.run(t.Context(), append([]string{"backup"}, args...)...); got.code != code || !strings.Contains(got.stdout+got.stderr, text) {
			t.Errorf("%v: exit code %d, %s%s, want %d and %q", args, got.code, got.stdout, got.stderr, code, text)
		}
	}
	want(exitOK, "copied to", "create", copied)
	want(exitOK, "notification key\tbeside the copy\n", "verify", copied)
	if info, err := os.Stat(copied + ".notification-key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copied key: %v, %v", info, err)
	}

	other := path + ".notification-key"
	if err := errors.Join(os.Remove(path), os.Remove(other), notification.WriteKeyFile(other, notification.NewKey())); err != nil {
		t.Fatal(err)
	}
	want(exitUsage, other+": another notification key is there", "restore", copied)
	if _, err := os.Stat(path); err == nil {
		t.Error("the table was restored beside another key")
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	want(exitOK, "restored to "+path, "restore", copied)
	if got, err := notification.ReadKeyFile(other); err != nil || got != key {
		t.Errorf("the restored key: %v", err)
	}
	want(exitUsage, "nothing is overwritten", "restore", copied) // and the key, which is the same, stays
	if err := os.Remove(copied + ".notification-key"); err != nil {
		t.Fatal(err)
	}
	want(exitOK, "it is not beside the copy", "verify", copied)

	c.env["STOKER_NOTIFICATION_KEY_FILE"] = other
	apart := filepath.Join(dir, "apart.db")
	want(exitOK, "copied to", "create", apart)
	if _, err := os.Stat(apart + ".notification-key"); err == nil {
		t.Error("a key that is kept apart was copied")
	}
}

// What is no whole copy is told as what it is, by both commands, and nothing is put in place.
func TestBackupOfNothing(t *testing.T) {
	dir := t.TempDir()
	text, broken := filepath.Join(dir, "diary.txt"), filepath.Join(dir, "broken.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("Dear diary, ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := mustOpenTable(t, broken).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(broken, 20*4096); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		file, stderr string
		code         int
	}{
		{filepath.Join(dir, "missing.db"), "there is no such file", exitUsage},
		{text, "not a job table", exitUsage},
		{broken, "it is damaged", exitFailed},
	} {
		for _, args := range [][]string{{"backup", "verify", tt.file}, {"backup", "restore", tt.file, "--db", filepath.Join(dir, "stoker.db")}} {
			got := command{}.run(t.Context(), args...)
			if got.code != tt.code || !strings.Contains(got.stderr, tt.stderr) || got.stdout != "" {
				t.Errorf("%v: exit code %d, %q, want %d, %q", args, got.code, got.stderr, tt.code, tt.stderr)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "stoker.db")); err == nil {
		t.Error("something was restored")
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func mustOpenTable(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, store.Options{Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
