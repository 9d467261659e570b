package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/doctor"
	"github.com/stokerd/stoker/internal/logdedup"
	"github.com/stokerd/stoker/internal/service"
)

// logLine is a line of a log in JSON.
type logLine map[string]any

// reloading is a service whose configuration is a file that the test rewrites.
type reloading struct {
	t       *testing.T
	dir     string
	base    string // what every version of the file has
	signals chan struct{}
	lines   chan logLine
	conn    *client.Client
	service *service.Service
	level   *slog.LevelVar
}

// startReloading starts a service on a platform.
func startReloading(t *testing.T, platformURL, base string) *reloading {
	t.Helper()
	r := &reloading{t: t, dir: t.TempDir(), signals: make(chan struct{}), lines: make(chan logLine, 100_000), level: new(slog.LevelVar)}
	r.base = fmt.Sprintf(`
listen: 127.0.0.1:0
http_listen: ""
web_listen: ""
admin_listen: ""
db: %s
bitmovin_url: %s
poll_interval: 100ms
`, filepath.Join(r.dir, "stoker.db"), platformURL) + base
	r.write("key", "first")
	r.write("drm", "secret")
	r.write("stoker.yaml", r.base)
	load := func() (*config.Config, error) {
		return config.Load(config.Sources{File: filepath.Join(r.dir, "stoker.yaml")})
	}
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	handler := logdedup.New(slog.NewJSONHandler(lineWriter(r.lines), &slog.HandlerOptions{Level: r.level}), logdedup.Options{}) // as the command has it
	t.Cleanup(func() { _ = handler.Close() })                                                                                   // nobody reads the counts
	log := slog.New(handler)
	r.service, err = service.New(t.Context(), cfg, log, &service.Process{Reloads: r.signals, Load: load, LogLevel: r.level, LogTail: service.NewLogTail()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- r.service.Run(ctx) }()
	t.Cleanup(func() {
		cancel(errStop)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	if r.conn, err = client.Dial(r.service.Address("--listen"), client.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.conn.Close() }) // the calls are over
	return r
}

// lineWriter sends each line that is written to it.
type lineWriter chan logLine

func (w lineWriter) Write(text []byte) (int, error) {
	for line := range bytes.Lines(text) {
		var l logLine
		if json.Unmarshal(line, &l) == nil {
			w <- l
		}
	}
	return len(text), nil
}

func (r *reloading) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// reload writes the file, asks the service to take it up, and returns the lines up to the one that says what became
// of it.
func (r *reloading) reload(file string) (lines []logLine) {
	r.t.Helper()
	r.write("stoker.yaml", file)
	r.signals <- struct{}{}
	for l := range r.lines {
		lines = append(lines, l)
		switch message := fmt.Sprint(l["msg"]); {
		case message == "configuration taken up", strings.HasPrefix(message, "the new configuration is not taken up"):
			return lines
		}
	}
	return nil
}

// accepted fails the test unless the service has taken up what is expected.
func (r *reloading) accepted(lines []logLine, changed, restart string) {
	r.t.Helper()
	last := lines[len(lines)-1]
	want := logLine{"msg": "configuration taken up", "changed": changed}
	if restart != "" {
		want["needs_restart"] = restart
	}
	for name, value := range want {
		if last[name] != value {
			r.t.Errorf("the log says %v, want %s=%v", last, name, value)
		}
	}
	if _, has := last["needs_restart"]; has != (restart != "") {
		r.t.Errorf("the log says %v, want needs_restart %q", last, restart)
	}
}

// refused fails the test unless the service has refused the file, with a mistake that says so.
func (r *reloading) refused(lines []logLine, where, what string) {
	r.t.Helper()
	if last := lines[len(lines)-1]; !strings.HasPrefix(fmt.Sprint(last["msg"]), "the new configuration is not taken up") || last["level"] != "ERROR" {
		r.t.Fatalf("the log says %v", last)
	}
	if !slices.ContainsFunc(lines, func(l logLine) bool {
		return strings.HasSuffix(fmt.Sprint(l["where"]), where) && strings.Contains(fmt.Sprint(l["what"]), what)
	}) {
		r.t.Errorf("no line says %s: %s: %v", where, what, lines)
	}
}

func (r *reloading) profiles() string {
	r.t.Helper()
	list, err := r.conn.Catalog().ListProfiles(r.t.Context(), &stokerv1.ListProfilesRequest{})
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, p := range list.GetProfiles() {
		names = append(names, p.GetName())
	}
	return strings.Join(names, " ")
}

const storagesOfReload = `
storages:
  - {name: default, use: input, type: HTTPS, host: masters.example.com}
  - {name: default, use: output, type: S3_ROLE_BASED, bucket: encodes, role_arn: "arn:aws:iam::000000000000:role/stoker", external_id: e, external_id_mode: CUSTOM}
`

const smallProfile = `
profiles:
  small: {videos: [{codec: H264, height: 360, bitrate: 500000}], muxings: [{container: FMP4}]}
`

// servePlatform serves a simulator that takes the keys that accepts says.
func servePlatform(t *testing.T, sim *simulator.Simulator, accepts func(key string) bool) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !accepts(r.Header.Get("X-Api-Key")) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"requestId":"r","status":"ERROR","data":{"code":1001,"message":"unauthorized"}}`)) // the caller may have hung up
			return
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		sim.Close()
		server.Close()
	})
	return server.URL + "/v1"
}

func anyKey(string) bool { return true }

// A changed configuration is taken up, all of it or nothing, and the log says what changed.
func TestReload(t *testing.T) {
	sim := &simulator.Simulator{Unlimited: true, Encoders: 1, Duration: time.Hour}
	r := startReloading(t, servePlatform(t, sim, anyKey), "accounts: [{id: default, api_key_file: key}]\nsecrets: {drm: {file: drm}}\n"+storagesOfReload)
	r.accepted(r.reload(r.base), "nothing", "")

	next := r.base + smallProfile + "queue_target: 7\nlog_level: debug\nlimits: {calls_per_second: 50}\naudit_retention: 90\n"
	r.accepted(r.reload(next), "limits.calls_per_second, log_level, profiles.small, queue_target", "audit_retention")
	if got := r.profiles(); got != "default small" {
		t.Errorf("profiles: %s", got)
	}
	if r.level.Level() != slog.LevelDebug {
		t.Errorf("log level %v", r.level)
	}

	// The queue is filled up to the new target.
	specs := make([]*stokerv1.JobSpec, 20)
	for i := range specs {
		specs[i] = &stokerv1.JobSpec{InputPath: fmt.Sprintf("%d.mov", i), OutputPath: fmt.Sprint(i)}
	}
	batch, err := r.conn.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs, EncodeWith: &stokerv1.SubmitBatchRequest_Profile{Profile: "small"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.AwaitStats(t.Context(), func(s simulator.Stats) bool { return s.ByStatus["QUEUED"] == 7 }); err != nil {
		t.Fatal(err)
	}
	r.accepted(r.reload(strings.Replace(next, "queue_target: 7", "queue_target: 9", 1)), "queue_target", "audit_retention")
	if err := sim.AwaitStats(t.Context(), func(s simulator.Stats) bool { return s.ByStatus["QUEUED"] == 9 }); err != nil {
		t.Fatal(err)
	}

	// A wrong file changes nothing, and neither does one that takes away what an unfinished batch needs.
	r.refused(r.reload(next+"queue_traget: 3\n"), "stoker.yaml:"+fmt.Sprint(strings.Count(next, "\n")+1), "did you mean")
	r.refused(r.reload(strings.Replace(r.base, "name: default, use: input", "name: other, use: input", 1)), "input default", "unfinished batches need it ("+fmt.Sprint(batch.GetNumber())+")")
	if got := r.profiles(); got != "default small" {
		t.Errorf("profiles after a file that was refused: %s", got)
	}
	// Whoever tries again is told again, although nothing is new.
	r.refused(r.reload(next+"queue_traget: 3\n"), "stoker.yaml:"+fmt.Sprint(strings.Count(next, "\n")+1), "did you mean")
	// A profile can be taken away: the batch has brought its recipe along. A secret that nobody needs can too.
	r.accepted(r.reload(strings.Replace(r.base, "secrets: {drm: {file: drm}}", "", 1)), "limits.calls_per_second, log_level, profiles.small, queue_target, secrets.drm", "")
	if got := r.profiles(); got != "default" {
		t.Errorf("profiles: %s", got)
	}
}

// A file in which nothing is set is one that is being written: what was set stays in force.
func TestReloadOfABlankFile(t *testing.T) {
	sim := &simulator.Simulator{Unlimited: true}
	r := startReloading(t, servePlatform(t, sim, anyKey), "accounts: [{id: default, api_key_file: key}]\n"+storagesOfReload+smallProfile)
	for _, blank := range []string{"", "\n \n", "# Stoker's configuration.\n", "---\n"} {
		r.refused(r.reload(blank), "stoker.yaml", "nothing is set in it")
		if got := r.profiles(); got != "default small" {
			t.Fatalf("profiles after %q: %s", blank, got)
		}
	}
	checks, err := r.conn.Diagnostics().RunChecks(t.Context(), &stokerv1.RunChecksRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(checks.GetResults(), func(c *stokerv1.CheckResult) bool {
		return c.GetCheck() == doctor.AboutConfiguration && c.GetOutcome() == stokerv1.CheckOutcome_CHECK_OUTCOME_FAIL && strings.Contains(c.GetText(), "nothing is set in it")
	}) {
		t.Errorf("the checks do not say so: %v", checks)
	}
	r.accepted(r.reload(r.base), "nothing", "")
}

// The keys of webhooks can be replaced, added and taken away, by their files and by the names of these.
func TestReloadOfWebhookKeys(t *testing.T) {
	sim := &simulator.Simulator{Unlimited: true}
	const accounts = "accounts: [{id: default, api_key_file: key}, {id: other, api_key_file: key}]\n"
	r := startReloading(t, servePlatform(t, sim, anyKey), accounts+storagesOfReload)
	receives := func(want ...bool) {
		t.Helper()
		for i, id := range []string{"default", "other"} {
			account, err := r.conn.Accounts().GetAccount(t.Context(), &stokerv1.GetAccountRequest{AccountId: id})
			if err != nil {
				t.Fatal(err)
			}
			if got := account.GetAccount().GetWebhooks() != nil; got != want[i] {
				t.Errorf("account %s receives webhooks: %v, want %v", id, got, want[i])
			}
		}
	}
	receives(false, false)
	r.write("hooks", "0123456789abcdef")
	r.accepted(r.reload(strings.Replace(r.base, "key}]", "key, webhook_key_file: hooks}]", 1)), "accounts.other.webhook_key, accounts.other.webhook_key_file", "")
	receives(false, true)
	r.write("hooks", "fedcba9876543210")
	r.accepted(r.reload(strings.Replace(r.base, "key}]", "key, webhook_key_file: hooks}]", 1)), "accounts.other.webhook_key", "")
	r.accepted(r.reload("webhook_key_file: "+filepath.Join(r.dir, "hooks")+"\n"+r.base), "accounts.default.webhook_key, accounts.other.webhook_key_file, webhook_key_file", "")
	receives(true, true)
	r.write("hooks", "too short")
	r.refused(r.reload("webhook_key_file: "+filepath.Join(r.dir, "hooks")+"\n"+r.base), "", "want at least 16")
	r.accepted(r.reload(r.base), "accounts.default.webhook_key, accounts.other.webhook_key, webhook_key_file", "")
	receives(false, false)
}

// The ceiling of a principal can be raised, lowered and taken away while its jobs wait for it.
func TestReloadOfCeilings(t *testing.T) {
	sim := &simulator.Simulator{Unlimited: true, Encoders: 1, Duration: time.Hour}
	r := startReloading(t, servePlatform(t, sim, anyKey), "accounts: [{id: default, api_key_file: key}]\n"+storagesOfReload)
	ceiling := func(starts int) string {
		return fmt.Sprintf("%squeue_target: 9\nauth: {max_starts_per_day: [{principal: local, starts: %d}]}\n", r.base, starts)
	}
	started := func(want int) {
		t.Helper()
		if err := sim.AwaitStats(t.Context(), func(s simulator.Stats) bool { return s.Starts == want }); err != nil {
			t.Fatal(err)
		}
	}
	r.accepted(r.reload(ceiling(1)), "auth.max_starts_per_day, queue_target", "")
	specs := make([]*stokerv1.JobSpec, 6)
	for i := range specs {
		specs[i] = &stokerv1.JobSpec{InputPath: fmt.Sprintf("%d.mov", i), OutputPath: fmt.Sprint(i)}
	}
	if _, err := r.conn.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs}); err != nil {
		t.Fatal(err)
	}
	started(1)
	r.accepted(r.reload(ceiling(3)), "auth.max_starts_per_day", "")
	started(3)
	r.accepted(r.reload(ceiling(2)), "auth.max_starts_per_day", "")
	r.accepted(r.reload(r.base+"queue_target: 9\n"), "auth.max_starts_per_day", "")
	started(6)
}

// Under load the configuration is taken up again and again, right ones and wrong ones, and the API key is replaced. No
// job fails, none is started twice, and the old key is not used any more.
func TestReloadUnderLoad(t *testing.T) {
	const jobs = 60
	var accepted atomic.Pointer[[]string]
	accepted.Store(&[]string{"first"})
	var refusedCalls, second atomic.Int64
	sim := &simulator.Simulator{Unlimited: true, Encoders: 8, Duration: 100 * time.Millisecond}
	platformURL := servePlatform(t, sim, func(key string) bool {
		if key == "second" {
			second.Add(1)
		}
		if slices.Contains(*accepted.Load(), key) {
			return true
		}
		refusedCalls.Add(1)
		return false
	})
	r := startReloading(t, platformURL, "accounts: [{id: default, api_key_file: key}]\nqueue_target: 5\n"+storagesOfReload)
	r.write("key2", "second")
	specs := make([]*stokerv1.JobSpec, jobs)
	for i := range specs {
		specs[i] = &stokerv1.JobSpec{InputPath: fmt.Sprintf("%d.mov", i), OutputPath: fmt.Sprint(i)}
	}
	batch, err := r.conn.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs})
	if err != nil {
		t.Fatal(err)
	}
	finished := make(chan *stokerv1.Batch, 1)
	go func() {
		var last *stokerv1.Batch
		for m, err := range r.conn.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: batch.GetId()}) {
			if err != nil {
				t.Error(err)
				break
			}
			if m.GetBatch() != nil {
				last = m.GetBatch()
			}
		}
		finished <- last
	}()
	var last *stokerv1.Batch
	for n := 0; last == nil; n++ {
		switch n {
		case 3: // both keys are valid for a while, as in every rotation
			accepted.Store(&[]string{"first", "second"})
			r.accepted(r.reload(strings.Replace(r.base, "api_key_file: key", "api_key_file: key2", 1)), "accounts.default.api_key_file, max_retries", "")
			r.base = strings.Replace(r.base, "api_key_file: key", "api_key_file: key2", 1)
		case 6: // calls with the old key that were under way have ended
			accepted.Store(&[]string{"second"})
		}
		if n%2 == 0 {
			r.refused(r.reload(r.base+"profiles: {x: {}}\n"), "stoker.yaml:"+fmt.Sprint(strings.Count(r.base, "\n")+1), "")
		} else {
			lines := r.reload(r.base + strings.Repeat(smallProfile, n/2%2) + fmt.Sprintf("max_retries: %d\n", n%100))
			if last := lines[len(lines)-1]; last["msg"] != "configuration taken up" {
				t.Fatalf("not taken up: %v", last)
			}
		}
		select {
		case last = <-finished:
		case <-time.After(20 * time.Millisecond): // let the jobs go on between two reloads
		}
	}
	if last.GetCounts().GetSucceeded() != jobs {
		t.Errorf("the batch ended as %v", last)
	}
	for _, e := range sim.Encodings() {
		if n := len(sim.Starts(e.ID)); n != 1 {
			t.Errorf("encoding %s was started %d times", e.ID, n)
		}
	}
	if n := sim.ReadStats(); len(sim.Encodings()) != jobs {
		t.Errorf("%d encodings for %d jobs: %+v", len(sim.Encodings()), jobs, n)
	}
	if refusedCalls.Load() > 0 || second.Load() == 0 {
		t.Errorf("%d calls were refused for their key, %d calls had the new one", refusedCalls.Load(), second.Load())
	}
}

// The checks of the service say what is wrong inside it: a configuration that was not taken up, a key, an output.
func TestDiagnostics(t *testing.T) {
	sim := &simulator.Simulator{Unlimited: true, DenyPermission: func(simulator.PermissionCheck) string { return "access denied" }}
	r := startReloading(t, servePlatform(t, sim, func(key string) bool { return key == "first" }),
		"accounts: [{id: default, api_key_file: key}, {id: other, api_key_file: drm}]\n"+storagesOfReload)
	r.write("stoker.yaml", r.base+smallProfile)
	resp, err := r.conn.Diagnostics().RunChecks(t.Context(), &stokerv1.RunChecksRequest{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*stokerv1.CheckResult{}
	for _, c := range resp.GetResults() {
		found[c.GetCheck()+" "+c.GetSubject()] = c
	}
	for key, want := range map[string]stokerv1.CheckOutcome{
		"service ":               stokerv1.CheckOutcome_CHECK_OUTCOME_OK,
		"configuration ":         stokerv1.CheckOutcome_CHECK_OUTCOME_WARN,
		"key default":            stokerv1.CheckOutcome_CHECK_OUTCOME_OK,
		"key other":              stokerv1.CheckOutcome_CHECK_OUTCOME_FAIL,
		"clock default":          stokerv1.CheckOutcome_CHECK_OUTCOME_OK,
		"rights default":         stokerv1.CheckOutcome_CHECK_OUTCOME_OK,
		"output default/default": stokerv1.CheckOutcome_CHECK_OUTCOME_FAIL,
		"webhooks default":       stokerv1.CheckOutcome_CHECK_OUTCOME_OK,
	} {
		if found[key].GetOutcome() != want {
			t.Errorf("%s: %v, want %v", key, found[key], want)
		}
	}
	if text := found["output default/default"].GetText(); !strings.Contains(text, "access denied") {
		t.Errorf("the output: %s", text)
	}
	if text := found["configuration "].GetText(); !strings.Contains(text, "profiles.small") {
		t.Errorf("the configuration: %s", text)
	}
	report, err := r.conn.Diagnostics().GetReport(t.Context(), &stokerv1.GetReportRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(report.GetMetrics(), "stoker_account_queued") || report.GetInstanceId() == "" || len(report.GetConfiguration()) < 30 {
		t.Errorf("the report: %d bytes of metrics, instance %q, %d values", len(report.GetMetrics()), report.GetInstanceId(), len(report.GetConfiguration()))
	}
}

// Who takes a right away by a reload is warned that this one does not count yet.
func TestReloadOfWhoMayCall(t *testing.T) {
	const rules = "auth: {mode: required, proxy: {header: X-User, from: [unix], principals: [{name: ann, role: %s}]}}\n"
	r := startReloading(t, servePlatform(t, &simulator.Simulator{}, anyKey), "accounts: [{id: default, api_key_file: key}]\n"+fmt.Sprintf(rules, "admin"))
	warned := func(lines []logLine) bool {
		return slices.ContainsFunc(lines, func(l logLine) bool {
			return l["level"] == "WARN" && strings.HasPrefix(fmt.Sprint(l["msg"]), "who may call, and what, is as it was")
		})
	}
	lines := r.reload(strings.ReplaceAll(r.base, "admin}", "viewer}"))
	r.accepted(lines, "nothing", "auth")
	if !warned(lines) {
		t.Errorf("nothing warns that a role which was taken away still counts: %v", lines)
	}
	lines = r.reload(r.base + "queue_target: 5\n")
	r.accepted(lines, "queue_target", "")
	if warned(lines) {
		t.Errorf("a warning about a change that counts: %v", lines)
	}
}
