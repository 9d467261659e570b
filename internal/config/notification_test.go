package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/notification"
)

const (
	opsSecret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	nextSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

func TestNotifications(t *testing.T) {
	w := environment{
		files: map[string]string{
			"/etc/stoker.yaml": `
accounts: [{id: default, api_key_env: KEY}]
notifications:
  - {name: ops, url: "https://ops.example.com", secret_file: ops.secret}
  - {name: lab, url: "http://10.0.0.7:8080/hook", allow_private: true, secret_env: LAB, events: [job.succeeded, batch.paused], accounts: [default]}
`,
			"/etc/ops.secret": opsSecret + "\n",
		},
		env: map[string]string{"KEY": "k", "LAB": opsSecret},
	}
	c := mustLoad(t, w.sources("/etc/stoker.yaml"))
	if len(c.Notifications) != 2 {
		t.Fatalf("%d endpoints, want 2", len(c.Notifications))
	}
	want := notification.Endpoint{Name: "ops", URL: "https://ops.example.com", Configured: true, Events: notification.DefaultEvents()}
	if diff := cmp.Diff(want, c.Notifications[0].Endpoint); diff != "" {
		t.Errorf("ops (-want +got):\n%s", diff)
	}
	want = notification.Endpoint{
		Name: "lab", URL: "http://10.0.0.7:8080/hook", Configured: true, AllowPrivate: true, Accounts: []string{"default"},
		Events: []notification.Event{notification.BatchPaused, notification.JobSucceeded},
	}
	if diff := cmp.Diff(want, c.Notifications[1].Endpoint); diff != "" {
		t.Errorf("lab (-want +got):\n%s", diff)
	}
	for _, v := range c.Values {
		if strings.Contains(v.Value, "/hook") || v.Path == "notifications[1].url" && v.Value != "http://10.0.0.7:8080/…" {
			t.Errorf("%s is shown as %s", v.Path, v.Value)
		}
	}
	w.files["/etc/ops.secret"] = nextSecret + "\n" + opsSecret + "\n" // rotated while the service runs
	secrets, err := c.Notifications[0].Secrets()
	if err != nil || len(secrets) != 2 || secrets[0].Reveal() != nextSecret || secrets[1].Reveal() != opsSecret {
		t.Errorf("after the rotation: %d secrets, %v", len(secrets), err)
	}
	if len(c.SecretFiles) != 1 || c.SecretFiles[0] != "/etc/ops.secret" {
		t.Errorf("secret files: %v", c.SecretFiles)
	}
}

func TestBadNotifications(t *testing.T) {
	w := environment{
		files: map[string]string{
			"stoker.yaml": `accounts: [{id: default, api_key_env: KEY}]
notifications:
  - {url: "https://a.example.com", secret_env: OPS}
  - {name: "a b", url: "https://a.example.com", secret_env: OPS}
  - {name: ops, secret_env: OPS}
  - {name: ops, url: "http://a.example.com", secret_env: OPS}
  - {name: c, url: "https://127.0.0.1/s3cret", secret_env: OPS}
  - {name: d, url: "https://a.example.com", secret_env: OPS, events: [batch.finnished]}
  - {name: e, url: "https://a.example.com", secret_env: OPS, events: []}
  - {name: f, url: "https://a.example.com", secret_env: OPS, accounts: [dfault]}
  - {name: g, url: "https://a.example.com"}
  - {name: h, url: "https://a.example.com", secret_env: OPS, secret_file: x}
  - {name: i, url: "https://a.example.com", secret_file: nowhere}
  - {name: j, url: "https://a.example.com", secret_env: NONE}
  - {name: k, url: "https://a.example.com", secret_env: WEAK}
  - {name: l, url: "https://a.example.com", secret_env: "whsec_MfKQ9r8G="}
  - {name: m, url: "https://a.example.com", secret_env: OPS, retries: 3}
`,
			"x": opsSecret,
		},
		env: map[string]string{"KEY": "k", "OPS": opsSecret, "WEAK": "password"},
	}
	_, err := config.Load(w.sources("stoker.yaml"))
	wrong, ok := errors.AsType[*config.Error](err)
	if !ok {
		t.Fatalf("Load: %v, want mistakes", err)
	}
	for _, want := range []string{
		"stoker.yaml:3: notifications[0]: an endpoint needs a name",
		`stoker.yaml:4: notifications[1].name: "a b": want 1 to 64 letters`,
		"stoker.yaml:5: notifications[2]: an endpoint needs a url",
		`stoker.yaml:6: notifications[3].name: another endpoint has the name "ops"`,
		"stoker.yaml:6: notifications[3].url: want https://",
		"stoker.yaml:7: notifications[4].url: the address 127.0.0.1 is loopback",
		`stoker.yaml:8: notifications[5].events[0]: unknown event "batch.finnished"`,
		`did you mean "batch.finished"?`,
		"stoker.yaml:9: notifications[6].events: the list is empty",
		`stoker.yaml:10: notifications[7].accounts[0]: there is no account "dfault"; did you mean "default"?`,
		"stoker.yaml:11: notifications[8]: say where the secret is",
		"stoker.yaml:12: notifications[9].secret_file: an environment variable and a file exclude each other",
		"stoker.yaml:13: notifications[10].secret_file: key file nowhere: file does not exist",
		"stoker.yaml:14: notifications[11].secret_env: environment variable NONE is not set",
		"stoker.yaml:15: notifications[12].secret_env: secret 1 of 1: want whsec_",
		"stoker.yaml:16: notifications[13].secret_env: this is not the name of an environment variable",
		`stoker.yaml:17: notifications[14]: unknown key "retries"`,
	} {
		if !strings.Contains(wrong.Error(), want) {
			t.Errorf("the mistakes lack %q", want)
		}
	}
	for _, secret := range []string{"s3cret", "MfKQ9r8G", "password"} {
		if strings.Contains(wrong.Error(), secret) {
			t.Errorf("the mistakes quote %q", secret)
		}
	}
	if t.Failed() {
		t.Log(wrong.Error())
	}
}
