package e2e

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/testkit/certs"
	"github.com/stokerd/stoker/internal/testkit/platform"
	"github.com/stokerd/stoker/internal/testkit/sample"
	"github.com/stokerd/stoker/internal/testkit/spans"
)

// planted are secrets that must not come out anywhere, by what they are. Nothing else has their words in it.
var planted = map[string]string{
	"API key":              "planted-apikey-5b1c2d",
	"password":             "planted-password-77aa01",
	"access key":           "planted-access-0c9e21",
	"secret key":           "planted-secretkey-e1f2a3",
	"webhook key":          "planted-webhook-4d4d4d4d",
	"secret of a template": "planted-drm-3e3e3e",
	"password in a URL":    "planted-urlpass-9a8b7c",
	"key of the collector": "planted-collector-5c5c5c",
	"wrong token":          "stk_plantedwrongtoken0123456789ABCDEF00",
	"key of certificate":   "", // set by the test
	"token":                "", // likewise
	"token in the header":  "planted-basic-662211",

	"configured secret of notifications": "cGxhbnRlZC1ub3RpZmljYXRpb24tc2VjcmV0LTAx",
	"secret of notifications":            "", // set by the test
	"notification key":                   "", // likewise
}

// TestPlantedSecrets runs a service with secrets of every kind, on a platform that quotes them in its errors,
// and looks for them in everything that comes out: log at debug level, answers and errors, traces, the pages of
// operators, the files of the job table, the list of processes, --help, and what a crash prints.
func TestPlantedSecrets(t *testing.T) {
	secrets := maps.Clone(planted)
	home := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(home, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sim := &simulator.Simulator{Encoders: 2, Duration: 100 * time.Millisecond, Unlimited: true}
	platformURL := quoting(t, platform.Serve(t, sim))
	ca := certs.NewCA(t, "planted")
	pair := ca.Server(t)
	key, err := os.ReadFile(pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	secrets["key of certificate"] = strings.Split(string(key), "\n")[1]
	config := write("stoker.yaml", fmt.Sprintf(`
listen: 127.0.0.1:0
http_listen: 127.0.0.1:0
web_listen: 127.0.0.1:0
admin_listen: 127.0.0.1:0
auth: required
tls: {cert_file: %s, key_file: %s}
bitmovin_url: %s
webhook_url: https://stoker.example.com
webhook_key_file: %s
log_level: debug
log_format: json
poll_interval: 200ms
db: %s
accounts: [{id: default, api_key_file: %s}]
secrets: {drm: {file: %s}}
notifications: [{name: configured, url: "http://127.0.0.1:1/hook", allow_private: true, secret_file: %s}]
templates: {drm: drm.yaml}
storages:
  - {name: default, use: input, type: HTTPS, host: masters.example.com, username: stoker, password_env: PASSWORD}
  - {name: default, use: output, type: S3, bucket: encodes, access_key_env: ACCESS, secret_key_file: %s}
`, pair.Cert, pair.Key, platformURL, write("webhook", secrets["webhook key"]), filepath.Join(home, "stoker.db"),
		write("apikey", secrets["API key"]), write("drm", secrets["secret of a template"]),
		write("notify", "whsec_"+secrets["configured secret of notifications"]), write("secretkey", secrets["secret key"])))
	write("drm.yaml", sample.SecretTemplate)
	env := []string{"PASSWORD=" + secrets["password"], "ACCESS=" + secrets["access key"], "STOKER_TOKEN=" + secrets["wrong token"]}
	collector := spans.Serve(t)
	env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_EXPORTER_OTLP_HEADERS=x-key="+secrets["key of the collector"], "OTEL_BSP_SCHEDULE_DELAY=100")
	var out output

	admin := &user{t: t, dir: home}
	code, token, stderr := admin.types("token", "create", "ops", "--role", "admin", "--db", filepath.Join(home, "stoker.db"))
	if code != 0 {
		t.Fatalf("token create: %s", stderr)
	}
	secrets["token"] = strings.TrimSpace(token)
	out.add("token create says", stderr)

	p := start(t, env, "serve", "--config", config)
	line, ok := p.hears(`"msg":"listening"`)
	if !ok {
		t.Fatalf("the service did not start: exit code %d", p.wait(processTimeout))
	}
	admin.server = field(line, "grpc")
	tokenFile := write("token", secrets["token"])
	call := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := admin.types(append(args, "--tls-ca", ca.File, "--token-file", tokenFile)...)
		out.add("stoker "+strings.Join(args, " "), stdout+stderr)
		if code > 1 {
			t.Errorf("stoker %s: exit code %d: %s", strings.Join(args, " "), code, stderr)
		}
		return stdout
	}
	code, secret, stderr := admin.types("notifications", "add", "made", "http://127.0.0.1:1/hook", "--allow-private", "--tls-ca", ca.File, "--token-file", tokenFile)
	if code != 0 {
		t.Fatalf("notifications add: %s", stderr)
	}
	out.add("notifications add says", stderr)
	secrets["secret of notifications"] = strings.TrimPrefix(strings.TrimSpace(secret), "whsec_")
	_, made, _ := strings.Cut(read(t, filepath.Join(home, "stoker.db.notification-key")), "whsec_")
	secrets["notification key"] = strings.TrimSpace(made)
	admin.has("list.csv", []byte("input_path,output_path\na.mov,a\nb.mov,b\n"))
	batch := strings.Fields(call("submit", "list.csv"))[0]
	call("watch", batch)
	drm := strings.Fields(call("submit", "list.csv", "--template", "drm"))[0]
	call("watch", drm)
	if answer := call("jobs", drm, "-o", "json"); strings.Count(answer, "SUCCEEDED") < 2 {
		t.Errorf("the template with a secret was not encoded: %s", answer)
	}
	for _, args := range [][]string{
		{"batch", batch, "-o", "json"},
		{"jobs", batch, "-o", "json"},
		{"job", batch + "/1", "-o", "json"},
		{"queue", "-o", "json"},
		{"failures", batch},
		{"audit", "-o", "json"},
		{"token", "list", "-o", "json"},
		{"notifications", "list", "-o", "json"},
		{"notifications", "test", "made", "-o", "json"},
		{"notifications", "deliveries", "configured", "-o", "json"},
		{"whoami", "-o", "json"},
	} {
		call(args...)
	}
	bundle := filepath.Join(home, "report.tar.gz")
	_, stdout, stderr := admin.types("doctor", "--bundle", bundle, "--batch", drm, "--tls-ca", ca.File, "--token-file", tokenFile)
	out.add("doctor", stdout+stderr)
	out.addBundle(t, bundle)
	for _, args := range [][]string{{"config", "show", "--config", config}, {"config", "check", config}, {"doctor", "--stopped", "--config", config}} {
		cmd := admin.command(args...)
		cmd.Env = append(cmd.Env, env...)
		text, _ := cmd.CombinedOutput() // doctor ends with 2: the platform breaks calls
		if len(text) == 0 {
			t.Errorf("%v printed nothing", args)
		}
		out.add(strings.Join(args, " "), string(text))
	}
	for _, wrong := range []string{secrets["wrong token"], secrets["token in the header"]} {
		_, stdout, stderr := admin.types("queue", "--tls-ca", ca.File, "--token-file", write("wrong", wrong))
		out.add("a wrong token", stdout+stderr)
	}
	_, stdout, stderr = admin.types("queue", "--server", "https://me:"+secrets["password in a URL"]+"@stoker.example.com:7070")
	out.add("a URL in place of a server", stdout+stderr)
	_, stdout, stderr = admin.types("serve", "--bitmovin-url", "https://me:"+secrets["password in a URL"]+"@api.example.com")
	out.add("a URL with a password", stdout+stderr)
	for _, args := range [][]string{{"serve", "--help"}, {"queue", "--help"}, {"help"}} {
		cmd := admin.command(args...)
		cmd.Env = append(cmd.Env, env...)
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v", args, err)
		}
		out.add(strings.Join(args, " "), string(text))
	}
	pages := &http.Client{Transport: transportOf(t, ca)}
	for _, page := range []string{
		field(line, "admin") + "/metrics", field(line, "admin") + "/debug/pprof/goroutine?debug=2", field(line, "admin") + "/debug/pprof/heap?debug=1",
		field(line, "admin") + "/debug/pprof/cmdline", field(line, "http") + "/healthz", field(line, "http") + "/webhooks/bitmovin/default",
	} {
		out.add(page, get(t, pages, "https://"+page, secrets["token"]))
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	out.add("the list of processes", string(cmdline))
	ctx, cancel := context.WithTimeout(t.Context(), processTimeout)
	defer cancel()
	if err := collector.Await(ctx, tracev1.Span_SPAN_KIND_SERVER, tracev1.Span_SPAN_KIND_CLIENT); err != nil {
		t.Errorf("there were no spans of own calls and of calls to the platform: %v", err)
	}
	out.add("traces", collector.Text())
	p.signal(syscall.SIGQUIT) // as a crash does, it prints every goroutine with its arguments
	p.wait(processTimeout)
	p.mu.Lock()
	out.add("log and crash", strings.Join(p.lines, "\n"))
	crashed := len(p.lines)
	p.mu.Unlock()
	for _, name := range []string{"stoker.db", "stoker.db-wal", "stoker.db.id"} {
		out.add(name, read(t, filepath.Join(home, name)))
	}
	for what, secret := range secrets {
		if len(secret) < 15 { // it would be found anywhere, or nowhere
			t.Errorf("the %s is %q", what, secret)
		}
	}
	out.check(t, secrets)
	if crashed < 50 {
		t.Errorf("log and crash have %d lines: the crash did not print", crashed)
	}
}

// read reads a file.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// output is everything that came out, by where.
type output []struct{ where, text string }

func (o *output) add(where, text string) {
	*o = append(*o, struct{ where, text string }{where, text})
}

// addBundle adds the files of a bundle.
func (o *output) addBundle(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // it was only read
	zipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for archive := tar.NewReader(zipped); ; n++ {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		o.add(header.Name, string(text))
	}
	if n < 10 {
		t.Errorf("the bundle has %d files", n)
	}
}

// check looks for secrets.
func (o *output) check(t *testing.T, secrets map[string]string) {
	t.Helper()
	for _, one := range *o {
		for what, secret := range secrets {
			at := strings.Index(one.text, secret)
			if at < 0 {
				continue
			}
			t.Errorf("%s has the %s: …%q…", one.where, what, one.text[max(0, at-120):min(len(one.text), at+len(secret)+40)])
		}
	}
}

// quoting serves a platform that answers some of the calls that create something with an error that quotes the call: its
// headers and its body.
func quoting(t *testing.T, target string) string {
	t.Helper()
	u, err := url.Parse(strings.TrimSuffix(target, "/v1"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := strings.HasSuffix(r.URL.Path, "/start") // it would be looked up for 45 s
		if r.Method != http.MethodPost || start || calls.Add(1)%4 != 1 || calls.Load() > 16 {
			proxy.ServeHTTP(w, r)
			return
		}
		call, err := httputil.DumpRequest(r, true)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = fmt.Fprintf(w, "<html>cannot forward %s</html>", call) // the caller may have hung up
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1"
}

// field returns a field of a log line in JSON.
func field(line, name string) string {
	_, rest, _ := strings.Cut(line, `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// transportOf trusts a CA.
func transportOf(t *testing.T, ca *certs.CA) *http.Transport {
	t.Helper()
	config, err := tlsConfig(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Transport{TLSClientConfig: config}
}

// get reads a page, whatever its status.
func get(t *testing.T, c *http.Client, address, token string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // it was read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return response.Status + "\n" + string(text)
}

// tlsConfig trusts the CA in a file.
func tlsConfig(ca string) (*tls.Config, error) { return client.TLSFiles{CA: ca}.Config() }
