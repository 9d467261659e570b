package config_test

import (
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/config"
)

// The URLs of a database may have a password, which is shown nowhere.
func TestPasswordsOfDatabasesAreNotShown(t *testing.T) {
	cfg := mustLoad(t, config.Sources{WithoutPlatform: true, Flags: map[string]string{
		"db": "postgres://stoker:planted@db.example/stoker", "db-listen": "postgres://stoker:planted@db.example:5433/stoker?sslpassword=planted",
	}})
	for _, v := range cfg.Values {
		if strings.Contains(v.Value, "planted") || v.Path == "db_listen" && !strings.Contains(v.Value, "stoker@db.example:5433") {
			t.Errorf("%s is shown as %s", v.Path, v.Value)
		}
	}
	if shown := config.WithoutPassword("postgres://stoker:12/planted@db.example/stoker"); strings.Contains(shown, "planted") {
		t.Errorf("a password with a slash is shown as %s", shown)
	}
	for _, setting := range []string{"db", "db-listen"} {
		for _, text := range []string{
			"mysql://stoker:planted@db.example/stoker", "host=db.example user=stoker password=planted", "host=db.example PASSWORD = planted",
			"postgres://stoker:12/planted@db.example/stoker", "postgres://stoker:12?planted@db.example/stoker", "postgres://stoker:12#planted@db.example/stoker",
		} {
			_, err := config.Load(config.Sources{WithoutPlatform: true, Flags: map[string]string{setting: text}})
			if setting == "db" && strings.Contains(text, "PASSWORD") {
				continue // it may be the path of a file
			}
			if err == nil || strings.Contains(err.Error(), "planted") || !strings.Contains(err.Error(), "want ") {
				t.Errorf("--%s %s: %v, want an error without the password", setting, text, err)
			}
		}
	}
}

// What the service refuses when it starts is a mistake of the configuration.
func TestWhatWouldNotStartIsAMistake(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
	}{
		{"backups of a database", "db: postgres://stoker@db.example/stoker\nbackup: {dir: /mnt/backup}\n", "stoker.yaml:2: a database is copied by its own tools"},
		{"query of the platform's URL", "bitmovin_url: https://api.example.com/v1?x=1\n", `stoker.yaml:1: bitmovin_url: "https://api.example.com/v1?x=1": want http:// or https://, host and path`},
		{"query of an account's URL", "accounts: [{id: default, url: 'https://api.example.com/v1?x=1'}]\n", `stoker.yaml:1: accounts[0].url: "https://api.example.com/v1?x=1": want http:// or https://, host and path`},
		{"fragment", "webhook_url: https://stoker.example.com/#x\n", `stoker.yaml:1: webhook_url: "https://stoker.example.com/#x": want http:// or https://, host and path`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := environment{files: map[string]string{"stoker.yaml": tt.text}}
			if _, err := config.Load(w.sources("stoker.yaml")); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q in it", err, tt.want)
			}
		})
	}
	w := environment{files: map[string]string{"stoker.yaml": "db: postgres://stoker@db.example/stoker\nbackup: {dir: /mnt/backup, every: 0}\n"}}
	if _, err := config.Load(w.sources("stoker.yaml")); err != nil {
		t.Errorf("with no backups scheduled: %v", err)
	}
}
