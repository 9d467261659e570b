package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// longEnough is a timeout for what takes a moment, on a busy machine too.
const longEnough = 3 * time.Minute

// serviceEnv serves a simulator and returns the environment of a service on it.
func serviceEnv(t *testing.T, sim *simulator.Simulator) map[string]string {
	t.Helper()
	env := platform.Env(platform.Serve(t, sim))
	env["STOKER_DB"], env["STOKER_LOG_FORMAT"] = filepath.Join(t.TempDir(), "stoker.db"), "json"
	return env
}

// serving is a running service.
type serving struct {
	grpc, http, web, admin string
	log                    *bytes.Buffer // since it listens; complete once it has stopped
	// stop interrupts the service like a signal and returns its exit code.
	stop func() int
}

// startService runs `stoker serve` and waits until it listens.
func startService(t *testing.T, env map[string]string) serving {
	t.Helper()
	return startServiceLogging(t, env, func(log io.Writer) io.Writer { return log })
}

// startServiceLogging is startService with something between the service and its log.
func startServiceLogging(t *testing.T, env map[string]string, between func(io.Writer) io.Writer) serving {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	log, stderr := io.Pipe()
	code := make(chan int, 1)
	go func() {
		getenv := func(name string) string { return env[name] }
		args := []string{"serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--web-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
		code <- run(ctx, args, getenv, strings.NewReader(""), io.Discard, between(stderr))
		_ = stderr.Close() // a pipe writer's Close never fails
	}()
	s := serving{log: new(bytes.Buffer)}
	lines := bufio.NewScanner(log)
	for s.grpc == "" && lines.Scan() {
		var record struct{ Msg, GRPC, HTTP, Web, Admin string }
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			t.Errorf("log line %q: %v", lines.Text(), err)
		}
		if record.Msg == "listening" {
			s.grpc, s.http, s.web, s.admin = record.GRPC, record.HTTP, record.Web, record.Admin
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(s.log, log) // the service must not wait for a reader
	}()
	s.stop = func() int {
		cancel(&interrupted{signal: syscall.SIGTERM})
		got := <-code
		code <- got // for another call
		<-drained
		return got
	}
	t.Cleanup(func() { s.stop() })
	if s.grpc == "" {
		t.Fatalf("the service did not start: exit code %d", s.stop())
	}
	return s
}

func TestServeGoesOnAfterSIGTERM(t *testing.T) {
	const jobs = 16
	sim := &simulator.Simulator{Encoders: 4, Duration: 200 * time.Millisecond, Unlimited: true}
	env := serviceEnv(t, sim)
	env["STOKER_QUEUE_TARGET"], env["STOKER_POLL_INTERVAL"] = "6", "200ms"
	var list strings.Builder
	list.WriteString("input_path\n")
	for i := range jobs {
		list.WriteString("in/" + strconv.Itoa(i) + ".mov\n")
	}
	first := startService(t, env)
	submitted := command{stdin: list.String()}.run(t.Context(), "submit", "-", "--server", first.grpc)
	if submitted.code != exitOK {
		t.Fatalf("submit: exit code %d: %s", submitted.code, submitted.stderr)
	}
	if err := sim.AwaitStats(t.Context(), func(s simulator.Stats) bool { return s.Busy > 300*time.Millisecond }); err != nil {
		t.Fatal(err)
	}
	if code := first.stop(); code != exitOK {
		t.Errorf("stopped with exit code %d, want %d", code, exitOK)
	}
	second := startService(t, env)
	watched := command{}.run(t.Context(), "watch", strings.TrimSpace(submitted.stdout), "--server", second.grpc)
	if watched.code != exitOK {
		t.Fatalf("watch: exit code %d: %s", watched.code, watched.stderr)
	}
	encoded := map[string]int{}
	for _, e := range sim.Encodings() {
		encoded[e.InputPath()] += len(e.Starts)
	}
	for i := range jobs {
		if n := encoded["in/"+strconv.Itoa(i)+".mov"]; n != 1 {
			t.Errorf("in/%d.mov was started %d times, want once", i, n)
		}
	}
}

func TestServeWithoutKeyShowsItInTheAccounts(t *testing.T) {
	env := serviceEnv(t, &simulator.Simulator{})
	delete(env, "BITMOVIN_API_KEY")
	s := startService(t, env)
	list := command{stdin: "input_path\na.mov\n"}.run(t.Context(), "submit", "-", "--server", s.grpc)
	if list.code != exitOK {
		t.Fatalf("submit: %s", list.stderr)
	}
	for deadline := time.Now().Add(longEnough); ; {
		got := command{}.run(t.Context(), "accounts", "--server", s.grpc)
		if strings.Contains(got.stdout, "BITMOVIN_API_KEY") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("accounts does not say that the key is missing: %s%s", got.stdout, got.stderr)
		}
	}
}

func TestServeRefusesAJobTable(t *testing.T) {
	env := serviceEnv(t, &simulator.Simulator{})
	startService(t, env)
	noise := filepath.Join(t.TempDir(), "notes.txt")
	const text = "not a database, but something that somebody still needs, and more than a header of it is here\n"
	if err := os.WriteFile(noise, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ db, want string }{
		{env["STOKER_DB"], "in use by another Stoker"},
		{noise, "not a job table"},
		{newerTable(t), "written by a newer Stoker: its schema has version 1000, this one knows up to "},
		{filepath.Join(t.TempDir(), "no", "such", "directory", "stoker.db"), "there is no such directory: make it"},
	} {
		got := command{env: env}.run(t.Context(), "serve", "--listen", "127.0.0.1:0", "--http-listen", "", "--web-listen", "", "--admin-listen", "", "--db", tt.db)
		if got.code != exitFailed || !strings.Contains(got.stderr, tt.want) || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("serve --db %s: exit code %d, want %d and one line with %q: %s", tt.db, got.code, exitFailed, tt.want, got.stderr)
		}
	}
	after, err := os.ReadFile(noise)
	if err != nil || string(after) != text {
		t.Errorf("the file that is no job table was changed: %q, %v", after, err)
	}
}

// newerTable makes a job table as a Stoker of the future leaves it.
func newerTable(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stoker.db")
	if err := mustOpenTable(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err == nil {
		_, err = db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (1000, 1)`)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInterruptedWatch(t *testing.T) {
	s := startService(t, serviceEnv(t, &simulator.Simulator{Encoders: 1, Duration: time.Hour}))
	submitted := command{stdin: "input_path\na.mov\n"}.run(t.Context(), "submit", "-", "--server", s.grpc)
	id := strings.TrimSpace(submitted.stdout)
	ctx, cancel := context.WithCancelCause(t.Context())
	seen := &firstWrite{then: func() { cancel(&interrupted{signal: syscall.SIGINT}) }}
	var stderr strings.Builder
	none := func(string) string { return "" }
	code := run(ctx, []string{"watch", id, "--server", s.grpc}, none, strings.NewReader(""), seen, &stderr)
	if code != 130 || !strings.Contains(stderr.String(), "stoker watch "+id) {
		t.Errorf("exit code %d, want 130 and how to go on: %s", code, stderr.String())
	}
	if got := (command{}).run(t.Context(), "batches", "--state", "active", "--server", s.grpc); !strings.Contains(got.stdout, id) {
		t.Errorf("the batch does not go on: %+v", got)
	}
}

// firstWrite does something after the first write.
type firstWrite struct{ then func() }

func (f *firstWrite) Write(p []byte) (int, error) {
	f.then()
	return len(p), nil
}

func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("the demo takes half a minute")
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	got := command{}.run(t.Context(), "demo")
	if got.code != exitOK {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	for _, want := range []string{"49 of 50 titles encoded", "3 of them after a retry", "Failed for good: White Zombie", "DECODING ERROR 10003"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("the summary does not say %q:\n%s", want, got.stderr)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("the demo left behind: %v, %v", left, err)
	}
}

func TestSimulateEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	seen := &firstWrite{then: func() { cancel(errors.New("seen")) }}
	none := func(string) string { return "" }
	if code := run(ctx, []string{"simulate", "--listen", "127.0.0.1:0"}, none, strings.NewReader(""), io.Discard, seen); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestDemoTakesAnotherPort(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	stderr, to := io.Pipe()
	code := make(chan int, 2)
	serve := func(to *io.PipeWriter, args ...string) {
		code <- run(ctx, append([]string{"demo", "--serve"}, args...), func(string) string { return "" }, strings.NewReader(""), io.Discard, to)
		_ = to.Close() // a pipe writer's Close never fails
	}
	go serve(to)
	var told strings.Builder
	address := listeningAddress(t, stderr, &told)
	// The default port is in use from now on: by the demo, or else by another program.
	stderr2, to2 := io.Pipe()
	go serve(to2)
	told.Reset()
	other := listeningAddress(t, stderr2, &told)
	if other == address || other == defaultServer {
		t.Errorf("the second demo listens on %s, like the first one on %s", other, address)
	}
	if want := "The usual addresses are in use already. To talk to this demo, in another terminal:\n  export STOKER_SERVER=" + other + "\n"; !strings.HasPrefix(told.String(), want) {
		t.Errorf("the second demo says %q, want %q", told.String(), want)
	}
	mustRun(t, command{env: map[string]string{"STOKER_SERVER": other}}, "batches")
	if got := (command{}).run(ctx, "demo", "--serve", "--listen", other); got.code != exitFailed || !strings.Contains(got.stderr, "--listen and --web-listen name other addresses") {
		t.Errorf("a port that was asked for and is in use: %+v", got)
	}
	stop(&interrupted{signal: syscall.SIGINT})
	for range 2 {
		if got := <-code; got != exitOK {
			t.Errorf("exit code %d, want %d", got, exitOK)
		}
	}
}

// listeningAddress reads what a demo says until it tells its address, and lets it go on.
func listeningAddress(t *testing.T, stderr io.Reader, told *strings.Builder) string {
	t.Helper()
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		told.WriteString(lines.Text() + "\n")
		if rest, ok := strings.CutPrefix(lines.Text(), "The service listens on "); ok {
			address, _, _ := strings.Cut(rest, ",")
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return address
		}
	}
	t.Fatalf("the demo does not listen; it said %q", told)
	return ""
}
