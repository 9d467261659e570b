package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/pgserver"
)

// TestDatabase sets up a job table in a database as its operator does, from an empty database to a service that
// runs, and asks for what is refused. No message has the password.
func TestDatabase(t *testing.T) {
	env := serviceEnv(t, &simulator.Simulator{})
	u, err := url.Parse(pgserver.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("postgres", "hunter2")
	db := u.String()
	env["STOKER_DB"] = db
	for _, listener := range []string{"LISTEN", "HTTP_LISTEN", "WEB_LISTEN", "ADMIN_LISTEN"} {
		env["STOKER_"+listener] = "127.0.0.1:0"
	}
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
	check(exitFailed, "run stoker migrate --db postgres://postgres@/", "migrate", "--check")
	check(exitFailed, "or start with --migrate", "serve")
	check(exitFailed, "run stoker migrate", "token", "create", "ops", "--role", "admin", "--db", db)
	check(exitOK, "migrated from version 0", "migrate")
	check(exitOK, "is up to date", "migrate")
	check(exitOK, "is up to date", "migrate", "--check")
	check(exitOK, "token:ops", "token", "create", "ops", "--role", "admin", "--db", db)
	check(exitUsage, "want postgres://", "migrate", "--db", filepath.Join(t.TempDir(), "stoker.db"))
	check(exitUsage, "want the path of a file, or postgres://", "migrate", "--db", "mysql://stoker:hunter2@h/d")
	check(exitUsage, "pg_dump", "backup", "create", filepath.Join(t.TempDir(), "copy.db"))

	s := startService(t, env)
	second := startService(t, env) // beside it, on the same database
	for _, replica := range []serving{s, second} {
		asking := map[string]string{"STOKER_SERVER": replica.grpc}
		for { // each says in the first moments that it is there
			got := command{env: asking}.run(t.Context(), "replicas", "--columns", "address,drives,epoch")
			if got.code != exitOK {
				t.Fatalf("replicas: exit code %d: %s", got.code, got.stderr)
			}
			if strings.Count(got.stdout, ", process ") == 2 && strings.Contains(got.stdout, "*housekeeping") && strings.Contains(got.stdout, "default") {
				break
			}
		}
		for { // and shows within a second who drives an account
			got := command{env: asking}.run(t.Context(), "account", "get", "default", "-o", "json", "--jq", ".driver.address")
			if got.code != exitOK {
				t.Fatalf("account: exit code %d: %s", got.code, got.stderr)
			}
			if strings.Contains(got.stdout, ", process ") {
				break
			}
		}
	}
	if got := (command{env: map[string]string{"STOKER_SERVER": s.grpc}}).run(t.Context(), "batches"); got.code != exitOK {
		t.Errorf("batches: exit code %d: %s", got.code, got.stderr)
	}
	check(exitOK, "token:ci", "token", "create", "ci", "--role", "viewer", "--db", db) // beside the service
}
