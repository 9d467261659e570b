package config_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/job"
)

// environment holds the files and the environment variables that a configuration is read from.
type environment struct {
	files map[string]string
	env   map[string]string
}

func (w environment) sources(file string) config.Sources {
	return config.Sources{
		File:   file,
		Home:   "/home/user",
		Getenv: func(name string) string { return w.env[name] },
		ReadFile: func(name string) ([]byte, error) {
			if text, ok := w.files[name]; ok {
				return []byte(text), nil
			}
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		},
	}
}

func mustLoad(t *testing.T, s config.Sources) *config.Config {
	t.Helper()
	c, err := config.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustKey(t *testing.T, a config.Account) string {
	t.Helper()
	key, err := a.APIKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// plain compares secrets by their values.
var plain = cmp.Transformer("plain", func(s bitmovin.Secret) string { return string(s) })

func TestDefaults(t *testing.T) {
	c := mustLoad(t, environment{}.sources(""))
	got := []any{c.Listen, c.HTTPListen, c.DB, c.BitmovinURL, c.QueueTarget, c.MaxRetries, c.PollInterval, c.LogLevel, c.InsecureListen}
	want := []any{"127.0.0.1:7070", "127.0.0.1:7071", "stoker.db", "https://api.bitmovin.com/v1", 3, 2, 10 * time.Second, slog.LevelInfo, false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(job.DefaultRecipe(), c.Profiles["default"]); diff != "" {
		t.Errorf("profile default (-want +got):\n%s", diff)
	}
	if len(c.Accounts) != 1 || c.Accounts[0].ID != "default" || c.Accounts[0].QueueTarget != 3 {
		t.Fatalf("accounts = %+v, want default alone", c.Accounts)
	}
	if key, err := c.Accounts[0].APIKey(); err == nil || !strings.Contains(err.Error(), "BITMOVIN_API_KEY") {
		t.Errorf("APIKey = %q, %v, want an error that names BITMOVIN_API_KEY", key, err)
	}
}

func TestPrecedence(t *testing.T) {
	w := environment{
		files: map[string]string{"stoker.yaml": "queue_target: 5\nmax_retries: 5\npoll_interval: 5s\nlog_level: warn\n"},
		env:   map[string]string{"STOKER_QUEUE_TARGET": "6", "STOKER_MAX_RETRIES": "6", "STOKER_CONFIG": "stoker.yaml"},
	}
	s := w.sources("")
	s.Flags = map[string]string{"queue-target": "7"}
	c := mustLoad(t, s)
	got := []any{c.QueueTarget, c.MaxRetries, c.PollInterval, c.LogLevel}
	want := []any{7, 6, 5 * time.Second, slog.LevelWarn}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// perTitle is the least that a template can be.
const perTitle = `
metadata: {type: VOD}
encodings:
  main:
    streams: {video: {properties: {codecConfigId: c, inputStreams: [{inputPath: p}]}}}
    start: {properties: {perTitle: {h264Configuration: {}}}}
`

// trailer is a template with variables.
const trailer = `
metadata: {type: VOD}
configurations: {video: {h264: {v: {properties: {bitrate: "${number:bitrate}"}}}}}
encodings:
  main:
    streams: {video: {properties: {codecConfigId: $/configurations/video/h264/v, inputStreams: [{inputPath: p}], metadata: {language: "${language}"}}}}
    start: {}
`

const worseTemplate = `metadata: {type: VOD}
encodings: {main:
  {streams: {v: {properties:
    {codecConfigId: c, inputStreams: [{inputPath: "${env:HOME}"}]}}}}}
`

func TestExample(t *testing.T) {
	w := environment{
		files: map[string]string{
			"/etc/stoker/stoker.yaml":              config.Uncommented(config.ExampleFile),
			"/etc/stoker/secrets/encodes":          "s3cret\n",
			"/etc/stoker/templates/per-title.yaml": perTitle,
			"/etc/stoker/templates/trailer.yaml":   trailer,
			"/run/secrets/bitmovin":                "first\n",
			"/run/secrets/webhook":                 "the key of all accounts\n",
			"/run/secrets/ops":                     "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
		},
		env: map[string]string{
			"ARCHIVE_API_KEY": "archive-key", "MASTERS_PASSWORD": "pw", "ENCODES_ACCESS_KEY": "AKIA",
			"PARTNER_KEY": "azure", "LAB_SECRET_KEY": "lab",
			"ARCHIVE_WEBHOOK_KEY": "the key of the archive", "CREDENTIALS_DIRECTORY": "/run/credentials/stoker",
		},
	}
	c := mustLoad(t, w.sources("/etc/stoker/stoker.yaml"))

	t.Run("accounts", func(t *testing.T) {
		if got := mustKey(t, c.Accounts[0]); got != "first" {
			t.Errorf("key of default = %q, want first", got)
		}
		w.files["/run/secrets/bitmovin"] = "second"
		if got := mustKey(t, c.Accounts[0]); got != "second" {
			t.Errorf("key of default after it was replaced = %q, want second", got)
		}
		if got := mustKey(t, c.Accounts[1]); got != "archive-key" || c.Accounts[1].QueueTarget != 20 {
			t.Errorf("archive = %q, %+v", got, c.Accounts[1])
		}
	})
	t.Run("storages", func(t *testing.T) {
		inputs := map[string]config.Storage{
			"default": {BasePath: "vod", Storage: bitmovin.Storage{
				Type: "HTTPS", Host: "masters.example.com", Username: "stoker", Password: "pw",
			}},
			"cold": {Storage: bitmovin.Storage{
				Type: "S3_ROLE_BASED", Bucket: "cold", RoleARN: "arn:aws:iam::000000000000:role/stoker",
				ExternalID: "stoker", ExternalIDMode: "CUSTOM",
			}},
			"lab": {Storage: bitmovin.Storage{
				Type: "GENERIC_S3", Host: "minio.example.com", Port: 9000, SSL: new(true), Bucket: "lab",
				AccessKey: "AKIA", SecretKey: "lab",
			}},
		}
		outputs := map[string]config.Storage{
			"default": {BasePath: "published", Accounts: []string{"default"}, Storage: bitmovin.Storage{
				Type: "S3", Bucket: "encodes", CloudRegion: "EU_WEST_1", AccessKey: "AKIA", SecretKey: "s3cret",
				SignatureVersion: "S3_V4", StorageClass: "STANDARD",
			}},
			"cold": inputs["cold"],
			"lab":  inputs["lab"],
			"partner": {Storage: bitmovin.Storage{
				Type: "AZURE", AccountName: "partner", Container: "incoming", AccountKey: "azure",
			}},
		}
		if diff := cmp.Diff(inputs, c.Inputs, plain); diff != "" {
			t.Errorf("inputs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(outputs, c.Outputs, plain); diff != "" {
			t.Errorf("outputs (-want +got):\n%s", diff)
		}
	})
	t.Run("profiles", func(t *testing.T) {
		stereo := []job.Audio{{Codec: job.AAC, Bitrate: 128_000, ChannelLayout: "STEREO"}}
		want := map[string]job.Recipe{
			"default": job.DefaultRecipe(),
			"hevc": {
				Videos: []job.Video{
					{Codec: job.H265, Height: 1080, Bitrate: 3_500_000, Preset: "VOD_STANDARD"},
					{Codec: job.H265, Height: 2160, CRF: 21},
				},
				Audios:    stereo,
				Muxings:   []job.Muxing{{Container: job.CMAF, SegmentLength: 6}},
				Manifests: []job.Manifest{{Format: job.DASH}, {Format: job.HLS, Name: "index.m3u8"}},
				ACL:       job.Private, Region: "AWS_EU_WEST_1", FallbackRegions: []string{"AWS_EU_CENTRAL_1"},
			},
			"preview": {
				Videos:  []job.Video{{Name: "small", Codec: job.H264, Height: 360, Bitrate: 400_000}},
				Audios:  stereo,
				Muxings: []job.Muxing{{Container: job.MP4}},
			},
			"per-title": {
				Videos:    []job.Video{{Codec: job.H264, Mode: job.PerTitleTemplate}},
				Audios:    []job.Audio{{Codec: job.AAC, Bitrate: 128_000, Optional: true}},
				Muxings:   []job.Muxing{{Container: job.MP4, FragmentDuration: 4000}},
				Manifests: []job.Manifest{{Format: job.HLS}},
				PerTitle:  &job.PerTitle{MinBitrate: 400_000, MaxBitrate: 8_000_000},
			},
		}
		if premium := c.Profiles["premium"]; len(premium.Videos) != 2 || len(premium.Audios) != 2 || premium.Audios[1].Label != "Deutsch" { // see TestWholeProfile
			t.Errorf("profile premium: %+v", premium)
		}
		delete(c.Profiles, "premium")
		if diff := cmp.Diff(want, c.Profiles); diff != "" {
			t.Errorf("profiles (-want +got):\n%s", diff)
		}
	})
	t.Run("templates", func(t *testing.T) {
		want := map[string]job.Template{
			"per-title": {Name: "per-title", Text: perTitle},
			"anywhere":  {Name: "anywhere", Text: perTitle, FallbackRegions: []string{"AWS_EU_CENTRAL_1", "AWS_US_EAST_1"}, AllowUnknown: true},
			"trailer": {Name: "trailer", Text: trailer, Variables: map[string]job.TemplateVariable{
				"language": {Type: job.TextVariable, Required: true, Description: "language of the audio, such as en"},
				"bitrate":  {Type: job.NumberVariable, Default: new("4500000")},
			}},
		}
		if diff := cmp.Diff(want, c.Templates); diff != "" {
			t.Errorf("templates (-want +got):\n%s", diff)
		}
	})
}

func TestLimits(t *testing.T) {
	w := environment{files: map[string]string{"stoker.yaml": "limits:\n  calls_per_second: 7\n  waiting_jobs_per_account: 100\n"}}
	if c := mustLoad(t, w.sources("stoker.yaml")); c.Limits.CallsPerSecond != 7 || c.Limits.WaitingJobsPerAccount != 100 || c.Limits.CallBurst != 20_000 {
		t.Errorf("limits: %+v", c.Limits)
	}
	w.files["stoker.yaml"] = "limits:\n  watches: 0\n  request_bytes: 2_000_000\n  receive_bytes: 1_000_000\n  calls: 1\n"
	_, err := config.Load(w.sources("stoker.yaml"))
	for _, want := range []string{
		"stoker.yaml:2: limits.watches: 0: want 1 to 1000000", "stoker.yaml:4: limits.receive_bytes: 1000000 is less than one request may have",
		`stoker.yaml:5: limits: unknown key "calls"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestSampleVariables(t *testing.T) {
	home := filepath.Join("/home/user", ".bitmovin", "examples.properties")
	w := environment{
		files: map[string]string{
			"examples.properties": "# mine\nHTTP_INPUT_HOST = local.example.com\n",
			home:                  "HTTP_INPUT_HOST=home.example.com\nS3_OUTPUT_BUCKET_NAME=home\nS3_OUTPUT_SECRET_KEY=home=\n",
		},
		env: map[string]string{
			"BITMOVIN_API_KEY": "key", "BITMOVIN_TENANT_ORG_ID": "tenant", "HTTP_INPUT_HOST": "env.example.com",
			"S3_OUTPUT_BUCKET_NAME": "env", "S3_OUTPUT_ACCESS_KEY": "access", "S3_OUTPUT_BASE_PATH": "/outputs/",
		},
	}
	c := mustLoad(t, w.sources(""))
	if got := mustKey(t, c.Accounts[0]); got != "key" || c.Accounts[0].TenantOrgID != "tenant" {
		t.Errorf("account = %q, %+v", got, c.Accounts[0])
	}
	wantIn := config.Storage{Storage: bitmovin.Storage{Type: "HTTP", Host: "local.example.com"}}
	if diff := cmp.Diff(wantIn, c.Inputs["default"], plain); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
	wantOut := config.Storage{BasePath: "outputs", Storage: bitmovin.Storage{
		Type: "S3", Bucket: "env", AccessKey: "access", SecretKey: "home=",
	}}
	if diff := cmp.Diff(wantOut, c.Outputs["default"], plain); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	w.env["BITMOVIN_API_KEY"] = "rotated"
	if got := mustKey(t, c.Accounts[0]); got != "rotated" {
		t.Errorf("key after it was replaced = %q", got)
	}
}

func TestTheFileWinsOverSampleVariables(t *testing.T) {
	w := environment{
		files: map[string]string{"stoker.yaml": "storages:\n  - {name: default, type: HTTPS, host: file.example.com}\n"},
		env:   map[string]string{"HTTP_INPUT_HOST": "env.example.com"},
	}
	if got := mustLoad(t, w.sources("stoker.yaml")).Inputs["default"].Host; got != "file.example.com" {
		t.Errorf("host of the default input = %q", got)
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		file  string
		env   map[string]string
		flags map[string]string
		want  string
	}{
		{
			name: "settings",
			file: "queue_target: many\nqueue-target: 3\nlisten: [a]\ndb:\nlog_format:\n",
			env:  map[string]string{"STOKER_POLL_INTERVAL": "10"},
			flags: map[string]string{
				"max-retries": "-1", "bitmovin-url": "api.bitmovin.com", "http-listen": "7071", "log-level": "loud",
			},
			want: `stoker.yaml:2: unknown key "queue-target"; did you mean "queue_target"?
stoker.yaml:3: listen: want a single value
--http-listen: "7071": want host:port, for example 127.0.0.1:7070, or unix:///path
--bitmovin-url: "api.bitmovin.com": want http:// or https://, host and path, for example https://api.bitmovin.com/v1
stoker.yaml:1: queue_target: "many": want a whole number, 1 to 1000, or auto
--max-retries: "-1": want 0 to 100
STOKER_POLL_INTERVAL: "10": want 100ms to 1h0m0s, for example 10s
--log-level: "loud": want debug, info, warn or error`,
		},
		{
			name: "accounts",
			file: `
accounts:
  - id: a
    api_key: 11111111
    queue_target: 2000
  - id: a
    api_key_file: one
    api_key_env: TWO
  - queue_target: x
    url: nowhere
`,
			want: `stoker.yaml:4: accounts[0].api_key: a secret must not be in this file; name an environment variable (api_key_env) or a file (api_key_file) that holds it
stoker.yaml:9: accounts[2].queue_target: "x": want a whole number
stoker.yaml:5: accounts[0].queue_target: 2000: want 1 to 1000
stoker.yaml:3: accounts[0]: say where the API key is: api_key_env or api_key_file
stoker.yaml:6: accounts[1].id: another account has the id "a"
stoker.yaml:7: accounts[1].api_key_file: api_key_env and api_key_file exclude each other
stoker.yaml:9: accounts[2]: an account needs an id
stoker.yaml:10: accounts[2].url: "nowhere": want http:// or https://, host and path, for example https://api.bitmovin.com/v1
stoker.yaml:9: accounts[2]: say where the API key is: api_key_env or api_key_file`,
		},
		{
			name: "storages",
			file: `
storages:
  - name: a
    type: S3
    bucket: b
  - name: b
    type: HTTP
    host: h
    use: output
  - name: c
    type: FTP
  - name: b
    type: HTTPS
    host: h
    password_env: NOT_SET
  - name: b
    type: HTTPS
    hostname: h
    host: h
    secret_key: x
  - name: b
    type: HTTPS
    host: h
  - type: HTTPS
    host: h
    use: read
`,
			want: `stoker.yaml:18: storages[4]: unknown key "hostname"; did you mean "host"?
stoker.yaml:20: storages[4].secret_key: a secret must not be in this file; name an environment variable (secret_key_env) or a file (secret_key_file) that holds it
stoker.yaml:3: storages[0]: S3 storage lacks access key, secret key
stoker.yaml:9: storages[1].use: HTTP can only be an input
stoker.yaml:11: storages[2].type: unknown type "FTP"; did you mean "HTTP"?
stoker.yaml:15: storages[3].password_env: environment variable NOT_SET is not set
stoker.yaml:21: storages[5].name: there is an input named "b" already; use: input and use: output let two storages share a name
stoker.yaml:24: storages[6]: a storage needs a name
stoker.yaml:26: storages[6].use: "read": want input, output or both`,
		},
		{
			name: "profiles and templates",
			file: `
profiles:
  hd:
    videos:
      - {codec: H264, height: 1080}
      - {codec: XVID, heigth: 720,
         bitrate: 800k}
    muxings: {container: FMP4}
templates:
  a: nowhere.yaml
  b: bad.yaml
  c: worse.yaml
  d: {file: fine.yaml, fallback_regions: [AWS_US_EAST_1, eu-west-1, AWS_US_EAST_2, AZURE_US_EAST], region: A}
  e: {fallback_regions: [A]}
  f: [fine.yaml]
  g:
`,
			want: `stoker.yaml:6: profiles.hd.videos[1]: unknown key "heigth"; did you mean "height"?
stoker.yaml:7: profiles.hd.videos[1].bitrate: "800k": want a whole number
stoker.yaml:8: profiles.hd.muxings: want a list, one entry per line that begins with -
stoker.yaml:13: templates.d: unknown key "region"; known keys: accounts, allow_unknown, fallback_regions, file, variables
stoker.yaml:15: templates.f: want a mapping, key: value
stoker.yaml:8: profiles.hd.muxings: name at least one muxing, for example container FMP4
stoker.yaml:5: profiles.hd.videos[0].bitrate: give a bitrate in bit/s, or a crf
stoker.yaml:6: profiles.hd.videos[1].codec: "XVID" is not one of H264, H265, VP9, AV1
stoker.yaml:7: profiles.hd.videos[1].bitrate: give a bitrate in bit/s, or a crf
stoker.yaml:10: templates.a: nowhere.yaml: file does not exist
bad.yaml:1: template b: not YAML: sequence end token ']' not found
worse.yaml:2: template c: encodings.main: start is missing, without which the encoding never leaves CREATED; write start: {} for a start without properties
worse.yaml:4: template c: encodings.main.streams.v.properties.inputStreams[0].inputPath: ${env:HOME}: a variable that jobs define is written ${var:NAME}, ${number:NAME} or ${bool:NAME}, and a secret ${secret:NAME}
stoker.yaml:13: templates.d.fallback_regions: want at most 3 regions
stoker.yaml:13: templates.d.fallback_regions[1]: unknown cloud region "eu-west-1"; did you mean "AWS_EU_WEST_1"? (allow_unknown: true passes it on as it is)
stoker.yaml:13: templates.d.fallback_regions[3]: AZURE_US_EAST is a region of AZURE, and AWS_US_EAST_1 one of AWS; the platform takes fallback regions of one provider only
stoker.yaml:14: templates.e: say where the template is: a file, or {file: ..., fallback_regions: [...], variables: {...}}
stoker.yaml:15: templates.f: say where the template is: a file, or {file: ..., fallback_regions: [...], variables: {...}}
stoker.yaml:16: templates.g: say where the template is: a file, or {file: ..., fallback_regions: [...], variables: {...}}`,
		},
		{
			name: "not YAML",
			file: "db: a\naccounts: [{\n",
			want: `stoker.yaml:2: not YAML: could not find flow mapping end token '}'`,
		},
		{
			name: "a URL for a host",
			file: "storages: [{name: masters, type: HTTPS, host: 'https://me:secret@files.example.com/a'}]\n",
			env:  map[string]string{"HTTP_INPUT_HOST": "http://masters.example.com"},
			want: `stoker.yaml:1: storages[0]: the host of HTTPS storage must be a name such as files.example.com: leave out https://, users and paths
environment variable HTTP_INPUT_HOST: the host of HTTP storage must be a name such as files.example.com: leave out https://, users and paths`,
		},
		{
			name: "half a bucket",
			env:  map[string]string{"S3_OUTPUT_BUCKET_NAME": "b"},
			want: `environment variable S3_OUTPUT_BUCKET_NAME: a bucket needs S3_OUTPUT_ACCESS_KEY and S3_OUTPUT_SECRET_KEY as well`,
		},
		{
			name: "a long id of an account",
			file: "accounts: [{id: " + strings.Repeat("a", 101) + ", api_key_env: KEY}]\n",
			want: "stoker.yaml:1: accounts[0].id: an id has at most 100 characters",
		},
		{
			name: "a self-containing alias",
			file: "accounts: &a [*a]\n",
			want: `stoker.yaml:1: alias *a: nothing above is marked &a
stoker.yaml:1: accounts[0]: an account needs an id
stoker.yaml:1: accounts[0]: say where the API key is: api_key_env or api_key_file`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := environment{files: map[string]string{"stoker.yaml": tt.file, "bad.yaml": "[1", "worse.yaml": worseTemplate, "fine.yaml": perTitle}, env: tt.env}
			s := w.sources("stoker.yaml")
			s.Flags = tt.flags
			c, err := config.Load(s)
			if _, ok := errors.AsType[*config.Error](err); !ok {
				t.Fatalf("Load = %+v, %v, want a *config.Error", c, err)
			}
			if diff := cmp.Diff(strings.Split(tt.want, "\n"), strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	_, err := config.Load(environment{}.sources("stoker.yaml"))
	if want := "stoker.yaml: cannot be read: file does not exist"; err == nil || err.Error() != want {
		t.Errorf("Load: %v, want %s", err, want)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(config.ExampleFile)
	f.Add(config.Uncommented(config.ExampleFile))
	f.Add("profiles: {a: &a {videos: []}, b: {<<: [*a, {x: 1}], <<: *b}}")
	f.Add("accounts: &a\n  - <<: *a\nprofiles: {x: {videos: [1, {codec: ~}]}}\n")
	f.Add("? [a]\n: !!str b\n---\n...")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Load(environment{files: map[string]string{"stoker.yaml": text}}.sources("stoker.yaml"))
		if err != nil {
			if wrong, ok := errors.AsType[*config.Error](err); !ok || len(wrong.Mistakes) == 0 {
				t.Fatalf("Load: %v, want mistakes", err)
			}
			return
		}
		if len(c.Accounts) == 0 || len(c.Profiles) == 0 {
			t.Fatalf("a configuration without account or profile: %+v", c)
		}
		for name, recipe := range c.Profiles {
			if v := recipe.Validate(""); len(v) > 0 {
				t.Fatalf("profile %s: %v", name, v)
			}
		}
	})
}

func TestAutomaticTarget(t *testing.T) {
	s := config.Sources{
		Flags: map[string]string{"queue-target": "auto", "queue-target-max": "30"},
		File:  "stoker.yaml",
		ReadFile: func(string) ([]byte, error) {
			return []byte("accounts:\n- {id: a, api_key_env: A}\n- {id: b, api_key_env: B, queue_target: 7}\n"), nil
		},
	}
	c, err := config.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Accounts[0]; !a.AutoTarget || a.QueueTarget != 30 {
		t.Errorf("account a: automatic %v, at most %d, want true and 30", a.AutoTarget, a.QueueTarget)
	}
	if b := c.Accounts[1]; b.AutoTarget || b.QueueTarget != 7 {
		t.Errorf("account b: automatic %v with %d, want a fixed target of 7", b.AutoTarget, b.QueueTarget)
	}
}

// A file in which nothing is set is told: it may be half written.
func TestBlankFile(t *testing.T) {
	for text, blank := range map[string]bool{"": true, " \n\t\n": true, "# a comment\n": true, "---\n": true, "{}\n": true, "queue_target: 3\n": false, "limits: {}\n": false} {
		c := mustLoad(t, environment{files: map[string]string{"stoker.yaml": text}}.sources("stoker.yaml"))
		if (c.BlankFile == "stoker.yaml") != blank || len(c.Warnings) > 0 != blank {
			t.Errorf("%q: blank file %q, warnings %v", text, c.BlankFile, c.Warnings)
		}
	}
	if c := mustLoad(t, environment{}.sources("")); c.BlankFile != "" || len(c.Warnings) > 0 {
		t.Errorf("without a file: blank file %q, warnings %v", c.BlankFile, c.Warnings)
	}
}
