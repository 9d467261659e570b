package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// readBundle returns the files of a bundle by their names.
func readBundle(t *testing.T, path string) map[string]string {
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
	files := map[string]string{}
	for archive := tar.NewReader(zipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(header.Name, "stoker-report/")] = string(text)
	}
}

// The doctor asks the service that runs, and its bundle has what a report needs.
func TestDoctorOfAService(t *testing.T) {
	env := serviceEnv(t, &simulator.Simulator{Unlimited: true, Duration: 50 * time.Millisecond})
	s := startService(t, env)
	defer s.stop()
	c := command{env: map[string]string{"STOKER_SERVER": s.grpc}, stdin: "input_path\na.mov\nb.mov\n"}
	batch := strings.Fields(mustRun(t, c, "submit -").stdout)[0]
	mustRun(t, c, "watch "+batch)
	got := c.run(t.Context(), "doctor")
	for _, want := range []string{"OK\tservice\t", "OK\tkey\tdefault\t", "OK\toutput\tdefault/default\t", "OK\tjob-table\t", "OK\taccount\tdefault\t", "OK\tconfiguration\t"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s%s", want, got.stdout, got.stderr)
		}
	}
	path := filepath.Join(t.TempDir(), "report.tar.gz")
	got = c.run(t.Context(), "doctor", "--bundle", path, "--batch", batch)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatalf("%v: %s", err, got.stderr)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the bundle has mode %v", info.Mode())
	}
	files := readBundle(t, path)
	for name, want := range map[string]string{
		"checks.json": "CHECK_OUTCOME_OK", "versions.txt": "stoker\t", "service.txt": "instance\t", "configuration.txt": "queue_target\t3\tdefault",
		"log.txt": "listening", "metrics.txt": "stoker_account_queued", "accounts.json": "default", "batch/batch.json": batch, "batch/jobs.json": "b.mov",
		"batch/failures.json": "", "batch/job-2.json": "SUCCEEDED",
	} {
		if text, ok := files[name]; !ok || !strings.Contains(text, want) {
			t.Errorf("%s: %.200q, want %q in it", name, text, want)
		}
	}
	if got := c.run(t.Context(), "doctor", "--bundle", path); got.code != exitUnknown || !strings.Contains(got.stderr, "exists already") {
		t.Errorf("a bundle over another: exit code %d: %s", got.code, got.stderr)
	}
}

// Where no service answers, that is told, and the configuration is looked at.
func TestDoctorWithoutAService(t *testing.T) {
	env := serviceEnv(t, &simulator.Simulator{Unlimited: true})
	env["STOKER_LISTEN"] = "127.0.0.1:1"
	got := command{env: env}.run(t.Context(), "doctor")
	for _, want := range []string{"FAIL\tservice\t127.0.0.1:1\tnothing answers", "OK\tkey\tdefault\t", "OK\toutput\tdefault/default\t"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s%s", want, got.stdout, got.stderr)
		}
	}
	if got.code != 2 {
		t.Errorf("exit code %d", got.code)
	}
	env["STOKER_QUEUE_TARGET"] = "many"
	got = command{env: env}.run(t.Context(), "doctor", "--stopped")
	if got.code != 2 || !strings.Contains(got.stdout, "FAIL\tconfiguration\tSTOKER_QUEUE_TARGET\t") {
		t.Errorf("a wrong configuration: exit code %d\n%s", got.code, got.stdout)
	}
}
