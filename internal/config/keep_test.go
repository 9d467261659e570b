package config

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseAge(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0": 0, "1m": time.Minute, "12h": 12 * time.Hour, "1h30m": 90 * time.Minute, "30d": 30 * day, "2w": 14 * day, "1y": 365 * day, "100y": 36_500 * day,
	} {
		if got, err := parseAge(text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "30", "-1d", "1s", "0d", "1.5d", "d", "30 d", "101y", "99999999999999999999d", "for ever", "1month"} {
		if got, err := parseAge(text); err == nil || !strings.Contains(err.Error(), "30d") {
			t.Errorf("%q: %v, %v, want an error with an example", text, got, err)
		}
	}
}

func TestParseFloor(t *testing.T) {
	for text, want := range map[string]Floor{
		"auto": {512 << 20, 0.1}, "0": {}, "512MiB": {Bytes: 512 << 20}, "2GiB": {Bytes: 2 << 30}, "1.5 GiB": {Bytes: 3 << 29}, "1GB": {Bytes: 1e9}, "4096": {Bytes: 4096},
		"5%": {math.MaxInt64, 0.05}, "0%": {},
	} {
		if got, err := parseFloor(text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "-1GiB", "91%", "-1%", "%", "GiB", "1 gigabyte", "1e30", "NaN", "NaN%", "Inf", "automatic"} {
		if got, err := parseFloor(text); err == nil {
			t.Errorf("%q: %v, want an error", text, got)
		}
	}
}

func TestLoadKeep(t *testing.T) {
	cfg, err := Load(Sources{
		File: "/etc/stoker/stoker.yaml",
		ReadFile: func(string) ([]byte, error) {
			return []byte("keep_succeeded: 30d\nkeep_failed: 90d\nkeep_jobs: 1_000_000\nkeep_results: 1y\ndisk_floor: 2GiB\nbackup: {dir: backups, keep: 3}\n"), nil
		},
		Flags: map[string]string{"keep-failed": "60d", "backup-every": "1h"}, WithoutPlatform: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	want := Config{
		Retention: Retention{Succeeded: 30 * day, Failed: 60 * day, Jobs: 1_000_000, Results: 365 * day}, DiskFloor: Floor{Bytes: 2 << 30},
		Backup: Backup{Every: time.Hour, Keep: 3, Dir: "/etc/stoker/backups"},
	}
	got := Config{Retention: cfg.Retention, DiskFloor: cfg.DiskFloor, Backup: cfg.Backup}
	if diff := cmp.Diff(want.Retention, got.Retention); diff != "" {
		t.Errorf("retention (-want +got):\n%s", diff)
	}
	if got.DiskFloor != want.DiskFloor || got.Backup != want.Backup {
		t.Errorf("%+v, %+v", got.DiskFloor, got.Backup)
	}
	_, err = Load(Sources{File: "s.yaml", ReadFile: func(string) ([]byte, error) {
		return []byte("keep_succeeded: soon\nbackup: {evry: 1h}\ndisk_floor: 99%\n"), nil
	}, WithoutPlatform: true})
	for _, want := range []string{"s.yaml:1: keep_succeeded", "s.yaml:2: backup", `did you mean "every"`, "s.yaml:3: disk_floor"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}
