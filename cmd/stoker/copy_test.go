package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/pgserver"
)

// TestCopy moves a service that works on a batch from a file into a database, as its operator does. The batch ends
// there, each of its titles is encoded once, and the file is not used any more.
func TestCopy(t *testing.T) {
	const jobs = 12
	sim := &simulator.Simulator{Encoders: 3, Duration: 200 * time.Millisecond, Unlimited: true}
	env := serviceEnv(t, sim)
	env["STOKER_QUEUE_TARGET"], env["STOKER_POLL_INTERVAL"] = "4", "200ms"
	file := env["STOKER_DB"]
	u, err := url.Parse(pgserver.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("postgres", "hunter2")
	db := u.String()
	check := func(code int, text string, args ...string) {
		t.Helper()
		got := command{env: env}.run(t.Context(), args...)
		if got.code != code || !strings.Contains(got.stderr, text) {
			t.Errorf("stoker %s: exit code %d, want %d with %q:\n%s", strings.Join(args, " "), got.code, code, text, got.stderr)
		}
		if strings.Contains(got.stdout+got.stderr, "hunter2") {
			t.Errorf("stoker %s: the password is in the output:\n%s%s", strings.Join(args, " "), got.stdout, got.stderr)
		}
	}
	first := startService(t, env)
	var list strings.Builder
	list.WriteString("input_path\n")
	for i := range jobs {
		list.WriteString("in/" + strconv.Itoa(i) + ".mov\n")
	}
	submitted := command{stdin: list.String()}.run(t.Context(), "submit", "-", "--server", first.grpc)
	if submitted.code != exitOK {
		t.Fatalf("submit: exit code %d: %s", submitted.code, submitted.stderr)
	}
	if err := sim.AwaitStats(t.Context(), func(s simulator.Stats) bool { return s.Busy > 300*time.Millisecond }); err != nil {
		t.Fatal(err)
	}
	check(exitFailed, "run stoker migrate --db postgres://postgres@/", "copy", "--from", file, "--to", db)
	check(exitOK, "migrated", "migrate", "--db", db)
	check(exitFailed, "stop the service first", "copy", "--from", file, "--to", db)
	if code := first.stop(); code != exitOK {
		t.Fatalf("stopped with exit code %d", code)
	}
	check(exitUsage, "--from: want the file", "copy", "--to", db)
	check(exitUsage, "--from: want the file", "copy", "--from", db, "--to", db)
	check(exitUsage, "--to: want postgres://", "copy", "--from", file, "--to", filepath.Join(t.TempDir(), "other.db"))
	check(exitUsage, "there is no job table", "copy", "--from", filepath.Join(t.TempDir(), "other.db"), "--to", db)
	check(exitUsage, "not a job table", "copy", "--from", notATable(t), "--to", db)
	check(exitOK, "copied to postgres://postgres@/", "copy", "--from", file, "--to", db)
	check(exitFailed, "its jobs were copied to a database, postgres://postgres@/", "serve", "--listen", "127.0.0.1:0")
	check(exitFailed, "start the service with --db postgres://postgres@/", "copy", "--from", file, "--to", db)

	env["STOKER_DB"] = db
	second := startService(t, env)
	watched := command{}.run(t.Context(), "watch", strings.TrimSpace(submitted.stdout), "--server", second.grpc)
	if watched.code != exitOK {
		t.Fatalf("watch: exit code %d: %s", watched.code, watched.stderr)
	}
	starts := 0
	for _, e := range sim.Encodings() {
		starts += len(e.Starts)
	}
	if starts != jobs {
		t.Errorf("%d encodings were started, want %d", starts, jobs)
	}
	second.stop()
	check(exitFailed, "start the service with --db postgres://postgres@/", "copy", "--from", file, "--to", db)
}

// notATable is a file that is no job table.
func notATable(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "diary.txt")
	if err := os.WriteFile(name, []byte(strings.Repeat("Dear diary, ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
