package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/config"
)

// writeConfig writes a configuration file, and returns its path.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stoker.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The example passes its own check, from a file and from standard input, and an editor gets the schema.
func TestConfigExample(t *testing.T) {
	example := mustRun(t, command{}, "config example").stdout
	file := writeConfig(t, example)
	for _, args := range []string{"config check " + file, "config check --config " + file, "config check -"} {
		if got := mustRun(t, command{stdin: example}, args); !strings.Contains(got.stdout, "is right: 2 accounts, 2 inputs, 1 output, 5 profiles, 0 templates") {
			t.Errorf("%s: %q", args, got.stdout)
		}
	}
	if got := mustRun(t, command{}, "config schema").stdout; got != config.SchemaFile || !json.Valid([]byte(got)) {
		t.Error("the schema is not what is published")
	}
}

// Every mistake is told, each with its line, whatever else is wrong.
func TestConfigCheckTellsEveryMistake(t *testing.T) {
	file := writeConfig(t, `queue_traget: 3
queue_target: 5
queue_target: 6
poll_interval: fast
accounts:
  - {id: a, api_key: x}
storages:
  - {name: s, type: HTTPS, host: h, accounts: [b], base_path: a, base_path: c}
profiles:
  base: &base
    videos: [{codec: H264, height: 360, bitrate: 500000}]
    muxings: [{container: FMP4}]
  merged: {<<: *base, acl: PRIVAT}
templates: {t: nowhere.yaml}
`)
	got := command{}.run(t.Context(), "config", "check", file)
	for _, want := range []string{
		`:1: unknown key "queue_traget"; did you mean "queue_target"?`, `:3: "queue_target" is there twice, and first in line 2: leave one of them out`, `:4: poll_interval: "fast": want 100ms to 1h0m0s`,
		":6: accounts[0].api_key: a secret must not be in this file", `:8: storages[0]: "base_path" is there twice`, `:8: storages[0].accounts[0]: there is no account "b"`,
		`:13: profiles.merged.acl: `, ":14: templates.t: nowhere.yaml: no such file",
	} {
		if !strings.Contains(got.stderr, file+want) {
			t.Errorf("no mistake %s%s", file, want)
		}
	}
	if got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, "with this configuration nothing starts") {
		t.Errorf("exit code %d, output %q, %s", got.code, got.stdout, got.stderr)
	}
	asJSON := command{}.run(t.Context(), "config", "check", file, "-o", "json")
	var document struct {
		Mistakes []struct{ Where, Text string }
	}
	if err := json.Unmarshal([]byte(asJSON.stdout), &document); err != nil || asJSON.code != exitUsage || len(document.Mistakes) < 8 {
		t.Errorf("as JSON: exit code %d, %d mistakes, %v", asJSON.code, len(document.Mistakes), err)
	}
}

// A check elsewhere looks for no secrets.
func TestConfigCheckWithoutSecrets(t *testing.T) {
	file := writeConfig(t, config.ExampleFile+`
tls: {cert_file: nowhere.crt, key_file: $CREDENTIALS_DIRECTORY/tls.key}
webhook_url: https://stoker.example.com
webhook_key_file: nowhere
`)
	if got := (command{}).run(t.Context(), "config", "check", file); got.code != exitUsage || !strings.Contains(got.stderr, "CREDENTIALS_DIRECTORY is not set: systemd sets it for a unit with LoadCredential=tls.key:FILE") {
		t.Errorf("with secrets: exit code %d: %s", got.code, got.stderr)
	}
	mustRun(t, command{}, "config check --without-secrets "+file)
}

// Each value comes from the place that is named, and no secret is shown.
func TestConfigShow(t *testing.T) {
	file := writeConfig(t, "queue_target: 5\nmax_retries: 4\naccounts: [{id: a, api_key_env: KEY}, {id: b, api_key_env: NONE, queue_target: 9}]\n")
	env := map[string]string{"KEY": "planted", "STOKER_MAX_RETRIES": "6", "STOKER_WEBHOOK_KEY": "planted-webhook-key"}
	got := mustRun(t, command{env: env}, "config show --config "+file+" --poll-interval 5s").stdout
	for _, want := range []string{
		"queue_target\t5\t" + file + ":1", "max_retries\t6\tSTOKER_MAX_RETRIES", "poll_interval\t5s\t--poll-interval", "log_level\tinfo\tdefault",
		"accounts[0].api_key\t(set)\tKEY", "accounts[1].api_key\t(missing)\tNONE", "accounts[0].queue_target\t5\t" + file + ":1", "accounts[1].queue_target\t9\t" + file + ":3",
		"webhook_key\t(set)\tenvironment variable STOKER_WEBHOOK_KEY", "limits.call_burst\t20000\tdefault", "profiles.default\t(built in)\tdefault",
	} {
		if !strings.Contains("\n"+got, "\n"+want+"\n") {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "planted") {
		t.Error("a secret is shown")
	}
	for _, format := range []string{"json", "yaml"} {
		if got := mustRun(t, command{env: env}, "config show --config "+file+" -o "+format).stdout; !strings.Contains(got, "max_retries") || strings.Contains(got, "planted") {
			t.Errorf("-o %s: %s", format, got)
		}
	}
}

const keysAndStorages = `
listen: 127.0.0.1:0
web_listen: ""
http_listen: ""
admin_listen: ""
accounts:
  - {id: good, api_key_env: GOOD}
  - {id: bad, api_key_env: BAD}
storages:
  - {name: default, use: output, type: S3_ROLE_BASED, bucket: encodes, role_arn: "arn:aws:iam::000000000000:role/stoker", external_id: e, external_id_mode: CUSTOM}
`

// The check with the platform, and the doctor of a service that does not run, find a key that is not taken and an
// output that may not be written to. Nothing stays at the platform.
func TestCheckOnlineAndStopped(t *testing.T) {
	sim := &simulator.Simulator{Unlimited: true, APIKeys: []string{"good"}, DenyPermission: func(simulator.PermissionCheck) string { return "access denied" }}
	env := serviceEnv(t, sim)
	env["GOOD"], env["BAD"] = "good", "bad"
	file := writeConfig(t, keysAndStorages)
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
	}{{"config check --online " + file, exitFailed}, {"doctor --stopped --config " + file, 2}} {
		got := command{env: env}.run(t.Context(), strings.Fields(tt.args)...)
		for _, want := range []string{"OK\tkey\tgood\t", "FAIL\tkey\tbad\t", "FAIL\toutput\tgood/default\tthe platform may not write: access denied; ", "OK\tclock\tgood\t", "OK\twebhooks\tgood\t"} {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("stoker %s: no %q in\n%s%s", tt.args, want, got.stdout, got.stderr)
			}
		}
		if got.code != tt.code {
			t.Errorf("stoker %s: exit code %d, want %d", tt.args, got.code, tt.code)
		}
	}
	if left := sim.Resources(); len(left) > 0 {
		t.Errorf("left at the platform: %+v", left)
	}
}
