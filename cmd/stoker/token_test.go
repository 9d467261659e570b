package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/access"
)

// TestTokens secures an installation as its operator does: with the first token, which is made in the job table,
// all others are made, used and revoked.
func TestTokens(t *testing.T) {
	env := serviceEnv(t, &simulator.Simulator{})
	env["STOKER_AUTH"] = "required"
	db := env["STOKER_DB"]
	mustSecret := func(got result) string {
		t.Helper()
		secret := strings.TrimSpace(got.stdout)
		if got.code != exitOK || !access.IsSecret(secret) || strings.Contains(got.stderr, secret) {
			t.Fatalf("exit code %d, %q, %s", got.code, got.stdout, got.stderr)
		}
		return secret
	}
	s := startService(t, env)
	s.stop()
	if first := "stoker token create ops --role admin --db " + db; !strings.Contains(s.log.String(), first) {
		t.Errorf("without a token the service logs no %q: %s", first, s.log)
	}
	admin := mustSecret(command{}.run(t.Context(), "token", "create", "ops", "--role", "admin", "--db", db)) // while the service does not run

	s = startService(t, env)
	as := func(secret string) command {
		return command{env: map[string]string{"STOKER_SERVER": s.grpc, "STOKER_TOKEN": secret}}
	}
	if got := as("").run(t.Context(), "whoami"); got.code != exitUsage || !strings.Contains(got.stderr, "the caller is not known") || !strings.Contains(got.stderr, "none was shown: name the file of a token with --token-file") {
		t.Errorf("whoami without a token: exit code %d, %s", got.code, got.stderr)
	}
	if got := as(admin).run(t.Context(), "whoami"); got.code != exitOK || !strings.HasPrefix(got.stdout, "token:ops\tadmin\tall accounts") {
		t.Errorf("whoami: exit code %d, %s%s", got.code, got.stdout, got.stderr)
	}
	ci := mustSecret(as(admin).run(t.Context(), "token", "create", "ci", "--role", "submitter", "--account", "default", "--expires", "90d"))
	if got := as(ci).run(t.Context(), "pause", "--account", "default"); got.code == exitOK || !strings.Contains(got.stderr, "needs the role operator; token:ci has submitter") {
		t.Errorf("pause by a submitter: exit code %d, %s", got.code, got.stderr)
	}
	list := as(admin).run(t.Context(), "token", "list", "-o", "name")
	ids := strings.Fields(list.stdout)
	if list.code != exitOK || len(ids) != 2 {
		t.Fatalf("token list: exit code %d, %q, %s", list.code, list.stdout, list.stderr)
	}
	if got := (command{}).run(t.Context(), "token", "revoke", ids[0], "--db", db); got.code != exitOK { // beside the service
		t.Fatalf("token revoke: exit code %d, %s", got.code, got.stderr)
	}
	for deadline := time.Now().Add(10 * time.Second); ; { // the service looks each second
		got := as(ci).run(t.Context(), "whoami")
		if got.code == exitUsage && strings.Contains(got.stderr, "the caller is not known") {
			if strings.Contains(got.stderr, "none was shown") {
				t.Errorf("a token was shown: %s", got.stderr)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a revoked token still counts: exit code %d, %s", got.code, got.stdout)
		}
	}
	audit := as(admin).run(t.Context(), "audit", "--columns", "principal,method,outcome")
	want := "local\tRevokeToken\tOK\ntoken:ci\tPauseAccount\tPERMISSION_DENIED\ntoken:ops\tCreateToken\tOK\nlocal\tCreateToken\tOK\n"
	if audit.code != exitOK || audit.stdout != want {
		t.Errorf("audit: exit code %d, %s\n%s\nwant\n%s", audit.code, audit.stderr, audit.stdout, want)
	}
}

func TestTokenMistakes(t *testing.T) {
	db := filepath.Join(t.TempDir(), "stoker.db")
	for _, tt := range []struct{ args, want string }{
		{"token create", "want one argument"},
		{"token create a*b --role viewer", `"a*b": want 1 to 64 letters`},
		{"token create ci", "--role: say what the token allows: viewer, submitter, operator, admin"},
		{"token create ci --role boss", "--role boss: want one of viewer, submitter, operator, admin"},
		{"token create ci --role viewer --expires 10s", "--expires 10s: want 1 minute to 10 years"},
		{"token create ci --role viewer --expires 11y", "--expires 11y: want 1 minute to 10 years"},
		{"token create ci --role viewer --expires soon", "--expires soon: want 1 minute to 10 years"},
		{"token create ci --role admin --account default", "cannot be bound to some"},
		{"token revoke nobody", `there is no token with the id "nobody"`},
		{"audit --since yesterday", "--since yesterday: want a time such as"},
		{"audit --limit -1", "--limit -1: want 0 or more"},
	} {
		args := strings.Fields(tt.args)
		if args[0] == "token" {
			args = append(args, "--db", db)
		}
		if got := (command{}).run(t.Context(), args...); got.code != exitUsage || !strings.Contains(got.stderr, tt.want) {
			t.Errorf("stoker %s: exit code %d, %s\nwant: %s", tt.args, got.code, got.stderr, tt.want)
		}
	}
}

func TestParseLifetime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1m": time.Minute, "12h": 12 * time.Hour, "90d": 90 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "1y": 365 * 24 * time.Hour, "10y": access.MaxLifetime,
		"": 0, "59s": 0, "d": 0, "-1d": 0, "1.5d": 0, "99999999999d": 0, "9223372036854775807d": 0, "1 d": 0,
	} {
		if got, err := parseLifetime(text); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}
