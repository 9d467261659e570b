package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/config"
)

// What was written where a secret must not be is not repeated: messages end in logs.
func TestSecretsInTheWrongPlace(t *testing.T) {
	w := environment{files: map[string]string{"stoker.yaml": `
webhook_key: s3cr3t-with-16-characters
bitmovin_url: https://me:s3cr3t@api.example.com/v1
accounts:
  - {id: a, api_key_env: 5f0c6c5e-s3cr3t, url: "https://me:s3cr3t@x/y@api.example.com"}
storages:
  - {name: a, type: S3, bucket: b, access_key_env: s3cr3t+, secret_key_env: s3cr3t/x}
`}}
	const noName = "this is not the name of an environment variable, which has letters, digits and _; a secret must not be in this file"
	const wantURL = "want http:// or https://, host and path, for example https://api.bitmovin.com/v1"
	want := []string{
		"stoker.yaml:2: webhook_key: a secret must not be in this file; name a file (webhook_key_file) that holds it",
		`stoker.yaml:3: bitmovin_url: "https://…@api.example.com/v1": ` + wantURL,
		`stoker.yaml:5: accounts[0].url: "https://…@api.example.com": ` + wantURL,
		"stoker.yaml:5: accounts[0].api_key_env: " + noName,
		"stoker.yaml:7: storages[0].access_key_env: " + noName,
		"stoker.yaml:7: storages[0].secret_key_env: " + noName,
	}
	_, err := config.Load(w.sources("stoker.yaml"))
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	got := strings.Split(err.Error(), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

// What works without the platform is not held up by secrets that are elsewhere.
func TestWithoutPlatform(t *testing.T) {
	w := environment{
		files: map[string]string{"stoker.yaml": `
db: jobs.db
webhook_url: https://stoker.example.com
accounts:
  - {id: a, api_key_env: NOT_SET}
storages:
  - {name: a, type: S3, bucket: b, access_key_env: NOT_SET, secret_key_file: nowhere}
profiles:
  small:
    videos: [{codec: H264, height: 360, bitrate: 500000}]
    muxings: [{container: FMP4}]
`},
		env: map[string]string{"S3_OUTPUT_BUCKET_NAME": "b"},
	}
	s := w.sources("stoker.yaml")
	s.WithoutPlatform = true
	c := mustLoad(t, s)
	if _, ok := c.Profiles["small"]; !ok || c.DB != "jobs.db" || len(c.Accounts) > 0 || len(c.Outputs) > 0 {
		t.Errorf("configuration is %+v, want the job table and the profile alone", c)
	}
	w.files["stoker.yaml"] += "templates: {x: nowhere.yaml}\n"
	if _, err := config.Load(s); err == nil || !strings.Contains(err.Error(), "templates.x: nowhere.yaml") {
		t.Errorf("a template that is not there: %v", err)
	}
}

// A credential of systemd that is not there is a matter of the unit, which the message says, for storages and accounts.
func TestMissingCredential(t *testing.T) {
	w := environment{files: map[string]string{"stoker.yaml": `
accounts:
  - {id: a, api_key_file: /run/credentials/stoker.service/key_bitmovin}
storages:
  - {name: a, type: S3, bucket: b, access_key_file: /run/credentials/stoker.service/key_access, secret_key_file: secret}
`, "secret": "s"}}
	s := w.sources("stoker.yaml")
	if _, err := config.Load(s); !strings.Contains(fmt.Sprint(err), "key_access: "+config.ErrNoCredential.Error()) {
		t.Errorf("the storage: %v", err)
	}
	w.files["/run/credentials/stoker.service/key_access"] = "a"
	if _, err := mustLoad(t, s).Accounts[0].APIKey(); !errors.Is(err, config.ErrNoCredential) {
		t.Errorf("the account: %v", err)
	}
}
