package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// titles writes a list of n jobs and returns its path.
func titles(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("key,input_path,output_path\n")
	for i := range n {
		fmt.Fprintf(&b, "k%d,in/%d.mp4,out/%d\n", i, i, i)
	}
	path := filepath.Join(t.TempDir(), "titles.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPlan(t *testing.T) {
	list := titles(t, 1000)
	got := planned(t, list, "--sample", "40")
	const bound = 1000 * 60 / 4
	if b := got["bound_seconds"]; b < 0.98*bound || b > 1.02*bound {
		t.Errorf("the bound of %d seconds is %.0f", bound, b)
	}
	if m := got["makespan_seconds"]; m < got["bound_seconds"] || m > 1.05*bound {
		t.Errorf("the makespan is %.0f s", m)
	}
	if got["jobs"] != 1000 || got["simulated"] != 40 || got["earliest_seconds"] >= got["latest_seconds"] {
		t.Errorf("planned %v", got)
	}
	people := command{}.run(t.Context(), "plan", titles(t, 20), "--encoders", "4", "--duration", "1m", "--queue-target", "auto", "--spread", "0")
	if people.code != 0 || !strings.Contains(people.stderr, "20 jobs on 4 encoders, 1:00 each, queue target auto") || strings.Contains(people.stdout, "range") ||
		!strings.Contains(people.stdout, "makespan\t5:") || !strings.Contains(people.stdout, "bound\t5:00\n") {
		t.Errorf("exit code %d, printed\n%s%s", people.code, people.stdout, people.stderr)
	}
}

// planned is the outcome of a plan for 4 encoders and a minute a job.
func planned(t *testing.T, list string, args ...string) (outcome map[string]float64) {
	t.Helper()
	got := command{}.run(t.Context(), append([]string{"plan", list, "--encoders", "4", "--duration", "1m", "-o", "json"}, args...)...)
	if err := json.Unmarshal([]byte(got.stdout), &outcome); err != nil || got.code != 0 {
		t.Fatalf("exit code %d, %v: %s", got.code, err, got.stderr)
	}
	return outcome
}

func TestPlanWithConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stoker.yaml")
	text := `
profiles:
  small:
    videos: [{codec: H264, height: 360, bitrate: 500000}]
    muxings: [{container: FMP4}]
accounts:
  - {id: elsewhere, api_key_file: not-on-this-machine, webhook_key_file: nor-this}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	list := titles(t, 40)
	calls := func(args ...string) float64 { return planned(t, list, args...)["calls_per_job"] }
	if full, small := calls(), calls("--config", file, "--profile", "small"); small > full-5 {
		t.Errorf("one rendition takes %.1f calls a job, four take %.1f", small, full)
	}
}

func TestPlanWithTemplate(t *testing.T) {
	const ladder = "../../internal/template/testdata/ladder.yaml"
	list := titles(t, 40)
	if calls := planned(t, list, "--template-file", ladder)["calls_per_job"]; calls > 6 {
		t.Errorf("a template takes %.1f calls a job", calls)
	}
	text, err := os.ReadFile(ladder)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cut.yaml")
	for name, tt := range map[string]struct{ old, new, want string }{
		"mistake":  {"metadata:", "meta:", "cut.yaml:"},
		"variable": {"${input_path}", "${var:reel}", "titles.csv:2: var:reel: is required"},
	} {
		if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte(tt.old), []byte(tt.new)), 0o600); err != nil {
			t.Fatal(err)
		}
		got := command{}.run(t.Context(), "plan", list, "--encoders", "2", "--duration", "1m", "--template-file", file)
		if got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, tt.want) {
			t.Errorf("%s: exit code %d, %q; want %d and %q", name, got.code, got.stderr, exitUsage, tt.want)
		}
	}
}

// manyOdd is n paths with a blank at the end.
func manyOdd(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\"films/%d.mov \"\n", i)
	}
	return b.String()
}

// The jobs of a plan are held to the rules of the server, which is not asked.
func TestPlanChecksTheJobs(t *testing.T) {
	plan := func(list string) result {
		return command{stdin: list}.run(t.Context(), "plan", "-", "--encoders", "1", "--duration", "1m", "-o", "json")
	}
	got := plan("File;Input Path\na;https://me:s3cr3t@masters.example.com/a.mov\nb;films/b.mov\nc;films/b.mxf\n")
	if got.code != exitUsage || !strings.Contains(got.stderr, `unknown column "File"`) {
		t.Errorf("exit code %d, %q; want the unknown column", got.code, got.stderr)
	}
	got = plan("Key;Input Path\na;https://me:s3cr3t@masters.example.com/a.mov\nb;films/b.mov\nc;films/b.mxf\n")
	const want = `standard input:2: Input Path: is a URL: the storage "default" has the host; give the path below it: "a.mov"
standard input:4: Input Path "films/b.mxf": derives the output path "films/b", which is written to by standard input:3 already; one would overwrite the other; give one an output_path, or leave it out
stoker: 2 mistakes; nothing was planned
`
	if got.code != exitUsage || got.stdout != "" || got.stderr != want {
		t.Errorf("exit code %d, %q; want\n%s", got.code, got.stderr, want)
	}
	got = plan("input_path\n" + manyOdd(130))
	if got.code != exitOK || strings.Count(got.stderr, "\n") != maxWarnings+1 || !strings.HasSuffix(got.stderr, "\nwarning: and 30 more\n") {
		t.Errorf("exit code %d, %q; want %d of 130 warnings", got.code, got.stderr, maxWarnings)
	}
	got = plan(`[{"input_path": "films/b.mov "}, {"input_path": "films/B.mov"}]`)
	const odd = `standard input:1, job 1: warning: input_path: "films/b.mov " ends with a blank, which is kept
standard input:1, job 2: warning: input_path "films/B.mov": "films/B" and "films/b", the output path of standard input:1, job 1, differ in case only; some systems treat them as one
`
	if got.code != exitOK || got.stderr != odd {
		t.Errorf("exit code %d, %q; want\n%s", got.code, got.stderr, odd)
	}
}

// A template with newer keys is planned with --allow-unknown, and one with ids of the account as it is.
func TestPlanWithNewerTemplate(t *testing.T) {
	text, err := os.ReadFile("../../internal/template/testdata/ladder.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("cloudRegion:"), []byte("futureMode: FULL\n      cloudRegion:"), 1)
	text = bytes.ReplaceAll(text, []byte("$/configurations/video/h264/v480"), []byte("6f1c2d34-0000-4000-8000-000000000001"))
	file := filepath.Join(t.TempDir(), "newer.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"plan", titles(t, 10), "--encoders", "2", "--duration", "1m", "--template-file", file}
	const what = `unknown key "futureMode", which the platform would ignore`
	if got := (command{}).run(t.Context(), args...); got.code != exitUsage || !strings.Contains(got.stderr, what) {
		t.Errorf("exit code %d, %s", got.code, got.stderr)
	}
	got := command{}.run(t.Context(), append(args, "--allow-unknown")...)
	if got.code != exitOK || !strings.Contains(got.stderr, "newer.yaml:20: warning: ") || !strings.Contains(got.stderr, what) {
		t.Errorf("exit code %d, %s", got.code, got.stderr)
	}
	if got := (command{}).run(t.Context(), "plan", titles(t, 10), "--encoders", "2", "--duration", "1m", "--allow-unknown"); got.code != exitUsage || !strings.Contains(got.stderr, "--allow-unknown is for --template-file") {
		t.Errorf("exit code %d, %s", got.code, got.stderr)
	}
}

func TestPlanRefuses(t *testing.T) {
	list := titles(t, 3)
	for args, want := range map[string]string{
		"":                  "name one file",
		"LIST":              "--encoders: say how many",
		"LIST --encoders 2": "--duration: say how long",
		"LIST --encoders 2 --duration 1m --queue-target some": "want 1 to 1000, or auto",
		"LIST --encoders 2 --duration 1m --spread 2":          "--spread 2: want 0 to 1",
		"LIST --encoders 2 --duration 1m --fail -1":           "--fail -1: want 0 to 1",
		"LIST --encoders 2 --duration 1m --spread nan":        "--spread NaN: want 0 to 1",
		"LIST --encoders 2 --duration 1m --fail nan":          "--fail NaN: want 0 to 1",
		"LIST --encoders 2 --duration 876000h":                "--duration 876000h0m0s: want at most 168h",
		"LIST --encoders 2 --duration 1m --latency 30s":       "--latency 30s: want less than 30s",
		"LIST --encoders 2 --duration 1m --max-retries 101":   "--max-retries 101: want 0 to 100",
		"LIST --encoders 2 --duration 1m --sample 3":          "--sample 3: want at least 4, two for each encoder",
		"LIST --encoders 2 --duration 1m --poll-interval 0s":  "--poll-interval must be more than 0",
		"LIST --encoders 2 --duration 1m --profile hd":        "--profile hd: name the configuration file that has it with --config",
		"LIST --encoders 2 --duration 1m --template hd":       "--template hd: name the configuration file that has it with --config",
		"nowhere.csv --encoders 2 --duration 1m":              "no such file",
	} {
		got := command{}.run(t.Context(), strings.Fields("plan "+strings.ReplaceAll(args, "LIST", list))...)
		if got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, want) {
			t.Errorf("plan %s: exit code %d, %q, %q; want %d and %q", args, got.code, got.stdout, got.stderr, exitUsage, want)
		}
	}
}
