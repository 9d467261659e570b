package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
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
	if got := c.run(t.Context(), "doctor", "--bundle", filepath.Join(path, "..", "none", "report.tar.gz")); got.code != exitUnknown || !strings.Contains(got.stderr, "there is no directory") || got.stdout != "" {
		t.Errorf("a bundle into no directory: exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	if got := c.run(t.Context(), "doctor", "--bundle", path+".2", "--batch", "999"); got.code != exitUnknown || !strings.Contains(got.stderr, `there is no batch "999"`) || !strings.Contains(got.stderr, "stoker batches") {
		t.Errorf("no such batch: exit code %d: %s", got.code, got.stderr)
	}
	if _, err := os.Stat(path + ".2"); err == nil {
		t.Error("there is a bundle without its batch")
	}
}

// A bundle is sent to others, and a variable of a job may have a content key.
func TestBundleHidesVariables(t *testing.T) {
	const secret = "0123456789abcdef"
	job := &stokerv1.Job{Number: 1, Variables: map[string]string{"content_key": secret, "title": "a"}}
	files, err := appendMessage(nil, "batch/jobs.json", &stokerv1.ListJobsResponse{Jobs: []*stokerv1.Job{job}})
	if err == nil {
		files, err = appendMessage(files, "batch/job-1.json", &stokerv1.GetJobResponse{Job: job})
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if text := string(f.text); strings.Contains(text, secret) || !strings.Contains(text, "content_key") {
			t.Errorf("%s: %s", f.name, text)
		}
	}
}

// The job table of a service that has stopped is read: whether it is whole, and whose encodings are at the platform.
func TestDoctorOfAStoppedTable(t *testing.T) {
	env := serviceEnv(t, &simulator.Simulator{Unlimited: true, Duration: time.Hour})
	s := startService(t, env)
	mustRun(t, command{env: map[string]string{"STOKER_SERVER": s.grpc}, stdin: "input_path\na.mov\n"}, "submit -")
	s.stop()
	stopped := command{env: env}
	for _, tt := range []struct {
		name  string
		spoil func() error
		fails bool
		want  string
	}{
		{"whole", func() error { return nil }, false, "OK\tjob-table\t" + env["STOKER_DB"] + "\tis whole\n"},
		{"damaged", func() error { return os.WriteFile(env["STOKER_DB"], bytes.Repeat([]byte("\xAA"), 1<<16), 0o600) }, true, "restore the latest backup in its place"},
		{"missing", func() error { return os.Remove(env["STOKER_DB"]) }, true, "bring it back"},
		{"none yet", func() error { return os.Remove(env["STOKER_DB"] + ".id") }, false, "there is none yet: the first start makes it"},
	} {
		if err := tt.spoil(); err != nil {
			t.Fatal(err)
		}
		got := stopped.run(t.Context(), "doctor", "--stopped")
		if !strings.Contains(got.stdout, tt.want) || strings.Contains(got.stdout, "FAIL\tjob-table") != tt.fails {
			t.Errorf("%s: exit code %d\n%s%s", tt.name, got.code, got.stdout, got.stderr)
		}
		if ours := !strings.Contains(got.stdout, "another Stoker uses the key"); ours != (tt.name != "none yet") {
			t.Errorf("%s: the encodings are ours: %v\n%s", tt.name, ours, got.stdout)
		}
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

// To a monitor, 1 and 2 are findings. A mistake in the command line is none.
func TestDoctorWithAWrongCommandLine(t *testing.T) {
	for line, want := range map[string]string{
		"doctor --stoped":                   "did you mean --stopped?",
		"doctor --stopped=perhaps":          "want true or false",
		"doctor now":                        "takes no arguments",
		"doctor -o xml":                     "-o xml: want",
		"doctor --columns none":             "--columns",
		"doctor --server a:1 --context b":   "cannot be used together",
		"doctor --tls-cert a":               "tls-key",
		"doctor --context none":             "stoker context list",
		"doctor --server http://a:1":        "want host:port",
		"doctor --bundle=":                  "--bundle: the value is empty",
		"doctor --batch 411":                "name its file with --bundle",
		"doctor --stopped --bundle /none/a": "there is no directory",
	} {
		env := map[string]string{"XDG_CONFIG_HOME": t.TempDir()}
		got := command{env: env}.run(t.Context(), words(line)...)
		if got.code != exitUnknown || !strings.Contains(got.stderr, want) || got.stdout != "" {
			t.Errorf("%s: exit code %d, %q%s; want %d, %q", line, got.code, got.stderr, got.stdout, exitUnknown, want)
		}
	}
}

// Checks whose results cannot be written have not been made, for a monitor.
func TestDoctorOnAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = full.Close() }()
	env := serviceEnv(t, &simulator.Simulator{Unlimited: true})
	for _, args := range [][]string{{"doctor", "--stopped"}, {"doctor", "--stopped", "-o", "json"}} {
		var stderr strings.Builder
		code := run(t.Context(), args, func(name string) string { return env[name] }, strings.NewReader(""), full, &stderr)
		if code != exitUnknown || !strings.HasPrefix(stderr.String(), "stoker: ") {
			t.Errorf("%v: exit code %d: %s", args, code, stderr.String())
		}
	}
}

// fullLog is a log on a disk that is full from the first line on that says so.
type fullLog struct {
	io.Writer
	full atomic.Bool
}

func (l *fullLog) Write(line []byte) (int, error) {
	if l.full.Load() {
		return 0, syscall.ENOSPC
	}
	return l.Writer.Write(line)
}

// A report has the lines of the log that could not be written where the log goes.
func TestReportWithoutALog(t *testing.T) {
	var log *fullLog
	s := startServiceLogging(t, serviceEnv(t, &simulator.Simulator{Unlimited: true, Duration: 50 * time.Millisecond}), func(to io.Writer) io.Writer {
		log = &fullLog{Writer: to}
		return log
	})
	log.full.Store(true)
	c := command{env: map[string]string{"STOKER_SERVER": s.grpc}, stdin: "input_path\na.mov\n"}
	mustRun(t, c, "watch "+strings.Fields(mustRun(t, c, "submit -").stdout)[0])
	path := filepath.Join(t.TempDir(), "report.tar.gz")
	if got := c.run(t.Context(), "doctor", "--bundle", path); got.stdout == "" {
		t.Fatal(got.stderr)
	}
	if text := readBundle(t, path)["log.txt"]; !strings.Contains(text, "SubmitBatch") {
		t.Errorf("the log of the report ends before the disk was full: %s", text)
	}
}
