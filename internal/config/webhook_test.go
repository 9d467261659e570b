package config_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/config"
)

const twoAccounts = `
accounts:
  - {id: a, api_key_env: A}
  - {id: b, api_key_env: B, webhook_key_env: B_HOOKS}
`

func TestWebhookKeys(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		files, env map[string]string
		want       []bitmovin.Secret // of the accounts in turn
	}{
		{name: "none", want: []bitmovin.Secret{""}},
		{
			name: "a variable for all", env: map[string]string{"STOKER_WEBHOOK_KEY": " 0123456789abcdef\n"},
			want: []bitmovin.Secret{"0123456789abcdef"},
		},
		{
			name: "a file for all", file: "webhook_key_file: keys/hooks\n", files: map[string]string{"keys/hooks": "0123456789abcdef\n"},
			want: []bitmovin.Secret{"0123456789abcdef"},
		},
		{
			name: "one of its own", file: twoAccounts,
			env:  map[string]string{"STOKER_WEBHOOK_KEY": "0123456789abcdef", "B_HOOKS": "fedcba9876543210"},
			want: []bitmovin.Secret{"0123456789abcdef", "fedcba9876543210"},
		},
		{
			name: "one of its own alone", file: twoAccounts, env: map[string]string{"B_HOOKS": "fedcba9876543210"},
			want: []bitmovin.Secret{"", "fedcba9876543210"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := environment{files: map[string]string{"stoker.yaml": tt.file}, env: tt.env}
			maps.Copy(w.files, tt.files)
			c := mustLoad(t, w.sources("stoker.yaml"))
			var got []bitmovin.Secret
			for _, a := range c.Accounts {
				got = append(got, a.WebhookKey)
			}
			if diff := cmp.Diff(tt.want, got, plain); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWebhookMistakes(t *testing.T) {
	const url = "webhook_url: https://stoker.example.com/\n"
	for _, tt := range []struct {
		name, file string
		env        map[string]string
		want       []string // the beginning of each mistake
	}{
		{"no key", url, nil, []string{`stoker.yaml:1: account "default" has no key to sign its webhooks`}},
		{
			"a key for one of two", url + twoAccounts,
			map[string]string{"B_HOOKS": "fedcba9876543210"},
			[]string{`stoker.yaml:1: account "a" has no key to sign its webhooks`},
		},
		{
			"nowhere to arrive", url + "http_listen: \"\"\n",
			map[string]string{"STOKER_WEBHOOK_KEY": "0123456789abcdef"},
			[]string{"stoker.yaml:1: webhooks arrive at --http-listen, which is empty"},
		},
		{"no URL", "webhook_url: stoker.example.com\n", map[string]string{"STOKER_WEBHOOK_KEY": "0123456789abcdef"}, []string{
			`stoker.yaml:1: webhook_url: "stoker.example.com": want http://`,
		}},
		{"short", "", map[string]string{"STOKER_WEBHOOK_KEY": "0123456789abcde"}, []string{
			"STOKER_WEBHOOK_KEY: the key for webhooks has 15 characters; want at least 16",
		}},
		{"short, of an account", twoAccounts, map[string]string{"B_HOOKS": "short"}, []string{
			"stoker.yaml:4: the key for webhooks has 5 characters; want at least 16",
		}},
		{"twice", "webhook_key_file: f\n", map[string]string{"STOKER_WEBHOOK_KEY": "0123456789abcdef"}, []string{
			"stoker.yaml:1: --webhook-key-file and STOKER_WEBHOOK_KEY exclude each other",
		}},
		{"no file", "webhook_key_file: f\n", nil, []string{"stoker.yaml:1: f: file does not exist"}},
		{"variable not set", twoAccounts, nil, []string{
			"stoker.yaml:4: accounts[1].webhook_key_env: environment variable B_HOOKS is not set",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := environment{files: map[string]string{"stoker.yaml": tt.file}, env: tt.env}
			_, err := config.Load(w.sources("stoker.yaml"))
			wrong, ok := errors.AsType[*config.Error](err)
			if !ok || len(wrong.Mistakes) != len(tt.want) {
				t.Fatalf("err = %v, want %d mistakes", err, len(tt.want))
			}
			for i, m := range wrong.Mistakes {
				if !strings.HasPrefix(m.String(), tt.want[i]) {
					t.Errorf("mistake %q, want %q", m, tt.want[i])
				}
			}
		})
	}
}
