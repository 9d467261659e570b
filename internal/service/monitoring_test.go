package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/internal/testkit/certs"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// The files for monitoring, from here.
const (
	rulesFile     = "../../deploy/prometheus/stoker.rules.yml"
	ruleTestsFile = "../../deploy/prometheus/stoker.rules_test.yml"
	dashboardFile = "../../deploy/grafana/stoker.json"
	monitorPage   = "../../docs/operations/monitor.md"
	retentionPage = "../../docs/operations/retention.md" // has the metrics of what it is about
	alertsPage    = "../../docs/operations/alerts.md"
)

// promtool runs Prometheus' own tool; input is its standard input.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("promtool is missing: install Debian's package prometheus")
		}
		t.Skip("promtool is not installed (Debian's package prometheus)")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(input)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

func TestAlertRules(t *testing.T) {
	promtool(t, "", "check", "rules", rulesFile)
	promtool(t, "", "test", "rules", ruleTestsFile)
}

// scrape runs a service with a batch of two jobs, and returns what /metrics tells when they have ended.
func scrape(t *testing.T) string {
	t.Helper()
	ca := certs.NewCA(t, "test")
	pair := ca.Server(t)
	sim := &simulator.Simulator{Duration: 20 * time.Millisecond, Unlimited: true}
	env := platform.Env(platform.Serve(t, sim))
	env["STOKER_DB"] = filepath.Join(t.TempDir(), "stoker.db")
	env["STOKER_LISTEN"], env["STOKER_HTTP_LISTEN"], env["STOKER_WEB_LISTEN"], env["STOKER_ADMIN_LISTEN"] = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	file := filepath.Join(t.TempDir(), "stoker.yaml")
	if err := os.WriteFile(file, []byte("tls: {cert_file: "+pair.Cert+", key_file: "+pair.Key+"}\nbackup: {every: 6h, dir: "+t.TempDir()+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Sources{File: file, Getenv: func(name string) string { return env[name] }})
	if err != nil {
		t.Fatal(err)
	}
	s, err := service.New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	defer func() {
		cancel(errStop)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	}()
	tls, err := client.TLSFiles{CA: ca.File}.Config()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(s.Address("--listen"), client.Options{TLS: tls})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	batch, err := conn.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: []*stokerv1.JobSpec{{InputPath: "a.mov", OutputPath: "a"}, {InputPath: "b.mov", OutputPath: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range conn.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: batch.GetId()}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: tls}}
	defer web.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.Address("--admin-listen")+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := web.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.Status, err)
	}
	return string(text)
}

// metricName finds the names of metrics in texts of many kinds; those with a colon are made by rules.
var metricName = regexp.MustCompile(`(?:[a-z]+:)?(?:stoker|grpc_server)_[a-z0-9_:]*[a-z0-9]`)

// occasional are metrics that a healthy service on a file does not tell.
var occasional = map[string]bool{
	"stoker_account_faulty_parameter": true,
	// Of replicas.
	"stoker_drives": true, "stoker_epoch": true, "stoker_takeovers_total": true, "stoker_deposed_writes_total": true,
	"stoker_renewals_total": true, "stoker_renew_seconds_total": true, "stoker_listen_up": true,
}

// alertRules are what the tests read of the rules.
type alertRules struct {
	Groups []struct {
		Rules []struct{ Alert, Record, Expr string }
	}
}

// TestMonitoring holds rules, dashboard and documentation to what a running service tells.
func TestMonitoring(t *testing.T) {
	text := scrape(t)
	promtool(t, text, "check", "metrics")
	told := map[string]bool{}
	for line := range strings.Lines(text) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "# TYPE "), " "); ok && strings.HasPrefix(line, "# TYPE ") {
			told[name] = true
		}
	}
	var rules alertRules
	mustUnmarshal(t, rulesFile, &rules)
	made, alerts := map[string]bool{}, map[string]bool{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				made[r.Record] = true
			} else {
				alerts[r.Alert] = true
			}
		}
	}
	documented := map[string]bool{}
	for _, file := range []string{rulesFile, ruleTestsFile, dashboardFile, monitorPage, retentionPage, alertsPage} {
		names := metricName.FindAllString(mustRead(t, file), -1)
		if len(names) == 0 {
			t.Errorf("%s names no metric: the pattern does not fit it any more", file)
		}
		for _, name := range names {
			base := name
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				if trimmed := strings.TrimSuffix(name, suffix); told[trimmed] {
					base = trimmed
				}
			}
			if !told[base] && !made[base] && !occasional[base] {
				t.Errorf("%s names %s, which the service does not tell", file, name)
			}
			documented[base] = documented[base] || file == monitorPage || file == retentionPage
		}
	}
	for _, name := range slices.Sorted(maps.Keys(told)) {
		if strings.HasPrefix(name, "stoker_") && !documented[name] {
			t.Errorf("docs/operations/monitor.md does not say what %s tells", name)
		}
	}
	tests, docs := mustRead(t, ruleTestsFile), mustRead(t, alertsPage)
	for alert := range alerts {
		if !strings.Contains(tests, `alertname="`+alert+`"`) {
			t.Errorf("no test of the rules has %s fire", alert)
		}
		if !strings.Contains(docs, "\n## "+alert+"\n") {
			t.Errorf("docs/operations/alerts.md does not say what to do about %s", alert)
		}
		if !strings.Contains(mustRead(t, rulesFile), "docs/operations/alerts.md#"+strings.ToLower(alert)+"\n") {
			t.Errorf("%s does not lead to what the documentation says about it", alert)
		}
	}
	var dashboard struct{ Panels []struct{ Title string } }
	if err := json.Unmarshal([]byte(mustRead(t, dashboardFile)), &dashboard); err != nil || len(dashboard.Panels) != 12 {
		t.Errorf("%s: %v, %d panels, want 12", dashboardFile, err, len(dashboard.Panels))
	}
}

func mustRead(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func mustUnmarshal(t *testing.T, file string, v any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(mustRead(t, file)), v); err != nil {
		t.Fatal(err)
	}
}
