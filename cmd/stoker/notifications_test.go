package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/output"
)

// inbox is a receiver that keeps what arrives.
type inbox struct {
	*httptest.Server
	status atomic.Int64 // of the answers; 0: 204

	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
	arrived  chan struct{}
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{arrived: make(chan struct{}, 100)}
	in.Server = httptest.NewServer(in)
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // of a short message
	in.mu.Lock()
	in.requests, in.bodies = append(in.requests, r), append(in.bodies, string(body))
	in.mu.Unlock()
	if status := in.status.Load(); status != 0 {
		w.WriteHeader(int(status))
	} else {
		w.WriteHeader(http.StatusNoContent)
	}
	in.arrived <- struct{}{}
}

// await waits for a message and returns it.
func (in *inbox) await(t *testing.T) (*http.Request, string) {
	t.Helper()
	select {
	case <-in.arrived:
	case <-time.After(longEnough):
		t.Fatal("no message has arrived")
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	last := len(in.requests) - 1
	return in.requests[last], in.bodies[last]
}

// TestSecretInAFile warns of a secret that goes to a file which others may read.
func TestSecretInAFile(t *testing.T) {
	s := startService(t, serviceEnv(t, &simulator.Simulator{}))
	for _, mode := range []os.FileMode{0o644, 0o600} {
		file, err := os.OpenFile(filepath.Join(t.TempDir(), "secret"), os.O_WRONLY|os.O_CREATE, mode)
		if err == nil {
			err = file.Chmod(mode) // whatever the umask
		}
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("ops-%o", mode)
		for _, args := range [][]string{
			{"token", "create", name, "--role", "viewer"},
			{"notifications", "add", name, "https://ops.example.com/stoker"},
			{"notifications", "rotate", name},
		} {
			var stderr strings.Builder
			c := &cli{args: append(args, "--server", s.grpc), getenv: func(string) string { return "" }, stdout: file, stderr: &stderr}
			c.look = func(io.Writer) output.Look { return output.Look{} }
			if code := c.run(t.Context()); code != exitOK {
				t.Errorf("%v: exit code %d: %s", args, code, stderr.String())
			}
			if got, want := strings.Contains(stderr.String(), "chmod 600 it"), mode == 0o644; got != want {
				t.Errorf("%v to a file of mode %o: warned %t, want %t: %s", args, mode, got, want, stderr.String())
			}
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNotifications goes an operator's way: makes an endpoint, tests it, is told of a batch, rotates the secret, finds what
// failed and has it sent again, and removes the endpoint.
func TestNotifications(t *testing.T) {
	env := serviceEnv(t, &simulator.Simulator{Duration: 50 * time.Millisecond})
	s := startService(t, env)
	in := newInbox(t)
	stoker := func(args ...string) result {
		t.Helper()
		return command{}.run(t.Context(), append(append([]string{"notifications"}, args...), "--server", s.grpc)...)
	}
	ok := func(args ...string) result {
		t.Helper()
		got := stoker(args...)
		if got.code != exitOK {
			t.Fatalf("%v: exit code %d: %s%s", args, got.code, got.stdout, got.stderr)
		}
		return got
	}
	verify := func(secret string, r *http.Request, body string) {
		t.Helper()
		webhook, err := standardwebhooks.NewWebhook(strings.TrimSpace(secret))
		if err != nil {
			t.Fatal(err)
		}
		if err := webhook.Verify([]byte(body), r.Header); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}

	secret := ok("add", "ops", in.URL+"/hook", "--allow-private", "--event", "batch.finished,job.failed").stdout
	if key, err := os.Stat(env["STOKER_DB"] + ".notification-key"); err != nil || key.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", key, err)
	}
	if got := ok("test", "ops"); !strings.Contains(got.stderr, "Endpoint ops has accepted the message") {
		t.Errorf("test: %s", got.stderr)
	}
	r, body := in.await(t)
	verify(secret, r, body)
	submit := func() string {
		t.Helper()
		got := command{stdin: "input_path\na.mov\n"}.run(t.Context(), "submit", "-", "--server", s.grpc)
		if got.code != exitOK {
			t.Fatalf("submit: %s", got.stderr)
		}
		return strings.TrimSpace(got.stdout)
	}
	first := submit()
	r, body = in.await(t)
	verify(secret, r, body)
	if !strings.Contains(body, `"type":"batch.finished"`) || !strings.Contains(body, `"batch_number":`+first+",") || !strings.Contains(body, `"succeeded":1`) {
		t.Errorf("the message: %s", body)
	}
	if got := ok("rotate", "ops", "--overlap", "1h"); !strings.Contains(got.stderr, "2 secrets are valid") {
		t.Errorf("rotate: %s", got.stderr)
	} else {
		in.status.Store(http.StatusInternalServerError)
		if got := stoker("test", "ops"); got.code != exitFailed || !strings.Contains(got.stderr, "did not accept the message: answered 500") {
			t.Errorf("test of a receiver that fails: exit code %d, %s", got.code, got.stderr)
		}
		r, body = in.await(t)
		verify(secret, r, body)
		verify(got.stdout, r, body)
	}

	in.status.Store(http.StatusGone)
	second := submit()
	in.await(t)
	var failed string
	for deadline := time.Now().Add(longEnough); failed == "" && time.Now().Before(deadline); {
		failed = strings.TrimSpace(ok("deliveries", "ops", "--state", "failed", "--batch", second, "-o", "name").stdout)
	}
	if !strings.HasPrefix(failed, "msg_") {
		t.Fatalf("what has failed: %q", failed)
	}
	if got := ok("list"); !strings.HasPrefix(got.stdout, "ops\tdisabled\t0\tbatch.finished, job.failed\tall accounts\t") {
		t.Errorf("list: %q", got.stdout)
	}
	if got := stoker("redeliver", "ops", failed); got.code == exitOK || !strings.Contains(got.stderr, "enable it first") {
		t.Errorf("redelivery to a disabled endpoint: exit code %d, %s", got.code, got.stderr)
	}
	in.status.Store(0)
	ok("update", "ops", "--enable")
	if got := ok("redeliver", "ops", "--failed-since", "1h"); !strings.Contains(got.stderr, "1 message to be sent once more") {
		t.Errorf("redeliver: %s", got.stderr)
	}
	if r, body = in.await(t); r.Header.Get("webhook-id") != failed || !strings.Contains(body, `"batch_number":`+second+",") {
		t.Errorf("redelivered: %s %s", r.Header.Get("webhook-id"), body)
	}
	if got := fetch(t, "http://"+s.admin+"/metrics"); !strings.Contains(got, `stoker_notification_endpoints{state="working"} 1`) || !strings.Contains(got, `stoker_notification_deliveries_total{event="batch.finished",outcome="failed"} 1`) {
		t.Errorf("metrics: %s", got)
	}
	var removal result // the message has arrived, and that it has is recorded afterwards
	for deadline := time.Now().Add(longEnough); time.Now().Before(deadline) && !strings.Contains(removal.stderr, "to which 0 messages were to be delivered."); {
		removal = ok("rm", "ops", "--dry-run")
	}
	if !strings.Contains(removal.stderr, "Would remove endpoint ops, to which 0 messages were to be delivered.") {
		t.Errorf("rm --dry-run: %s", removal.stderr)
	}
	ok("rm", "ops", "--yes")
	for _, tt := range []struct{ args, want string }{
		{"add ops", "want two arguments"},
		{"add ops http://example.com", "endpoint.url: want https://"},
		{"add ops https://example.com --event batch.finnished", `there is no event "batch.finnished"; did you mean "batch.finished"?`},
		{"update ops", "say what to change"},
		{"update ops --enable", `endpoint "ops" was not found`},
		{"update ops --enable --disable", "cannot be used together"},
		{"test ops", `endpoint "ops" was not found`},
		{"deliveries nope", `endpoint "nope" was not found`},
		{"rm nope --dry-run", `there is no endpoint "nope"`},
		{"rotate ops --overlap 40d", "--overlap 40d: want 1 minute to 30 days"},
		{"deliveries ops --state gone", `there is no state "gone"`},
		{"deliveries ops --since tomorrow", "--since tomorrow: want a time such as"},
		{"redeliver ops", "name the messages, or give --failed-since"},
		{"redeliver ops msg_1 --failed-since 1h", "not both"},
		{"rotate ops --overlap soon", "--overlap soon: want 1 minute to 30 days"},
		{"rm ops", "asks first, and there is no terminal; add --yes"},
	} {
		if got := stoker(strings.Fields(tt.args)...); got.code == exitOK || !strings.Contains(got.stderr, tt.want) {
			t.Errorf("%s: exit code %d and %q, want %q", tt.args, got.code, got.stderr, tt.want)
		}
	}
}

// A service does not start with a configured endpoint of a name that somebody has given to another one.
func TestServeWithATakenEndpoint(t *testing.T) {
	env := serviceEnv(t, &simulator.Simulator{Unlimited: true})
	s := startService(t, env)
	mustRun(t, command{env: map[string]string{"STOKER_SERVER": s.grpc}}, "notifications add ops https://example.com/made")
	s.stop()
	env["STOKER_CONFIG"], env["STOKER_LISTEN"] = filepath.Join(t.TempDir(), "stoker.yaml"), "127.0.0.1:0"
	env["OPS_SECRET"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	if err := os.WriteFile(env["STOKER_CONFIG"], []byte("notifications: [{name: ops, url: https://example.com/configured, secret_env: OPS_SECRET}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := command{env: env}.run(t.Context(), "serve", "--http-listen", "", "--web-listen", "", "--admin-listen", "")
	if got.code != exitUsage || !strings.Contains(got.stderr, `notifications[0].name: endpoint "ops" was made while the service ran`) {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}
