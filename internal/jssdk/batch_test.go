package jssdk

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// scriptJob is a job as batch.js reports it.
type scriptJob struct {
	Name       string
	EncodingID string
	State      string
	Retries    int
	QueueFull  int
	Messages   []string
}

func TestBatch(t *testing.T) {
	needSDK(t)
	sim := &simulator.Simulator{
		Encoders: 2, Duration: 200 * time.Millisecond, Unlimited: true, Seed: 1,
		APIKeys: []string{"the-api-key"},
		Outcome: outcome,
		Fault:   startFault,
	}
	defer sim.Close()
	server := httptest.NewServer(sim)
	defer server.Close()

	jobs := runBatch(t, server.URL+"/v1", "the-api-key")

	type result struct {
		State     string
		Retries   int
		QueueFull int
		Starts    int
		Messages  []string
	}
	want := map[string]result{
		"encoding1": {"SUCCESSFUL", 0, 0, 1, nil},
		"encoding2": {"SUCCESSFUL", 1, 0, 2, nil}, // failed once
		"encoding3": {"SUCCESSFUL", 1, 0, 1, nil}, // its first start got a 503
		"encoding4": {"GIVEN_UP", 0, 0, 1, []string{"not a media file"}},
		"encoding5": {"GIVEN_UP", 2, 0, 3, []string{"again"}},
		"encoding6": {"SUCCESSFUL", 0, 1, 1, nil}, // met a full queue once
	}
	got := make(map[string]result)
	for _, job := range jobs {
		got[job.Name] = result{job.State, job.Retries, job.QueueFull, len(sim.Starts(job.EncodingID)), job.Messages}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	checkEncodings(t, sim)
	checkLedger(t, sim)
	if stats := sim.ReadStats(); stats.MaxQueued > 3 {
		t.Errorf("%d encodings were queued, more than the target of 3", stats.MaxQueued)
	}
}

func outcome(enc simulator.Encoding, run int) simulator.Outcome {
	failure := func(hint simulator.RetryHint, text string) simulator.Outcome {
		return simulator.Outcome{
			Status: simulator.Error, After: 50 * time.Millisecond,
			Error:    &simulator.TaskError{Code: 10006, Category: "DECODING ERROR", Text: text, RetryHint: hint},
			Messages: []simulator.Message{{Text: text}, {Type: "INFO", Text: "not an error"}},
		}
	}
	switch {
	case enc.Name == "encoding2" && run == 1:
		return failure(simulator.Retry, "once")
	case enc.Name == "encoding4":
		return failure(simulator.NoRetry, "not a media file")
	case enc.Name == "encoding5":
		return failure(simulator.RetryInDifferentRegion, "again")
	}
	return simulator.Outcome{}
}

// startFault fails the first starts of the third and the last encoding.
func startFault(c simulator.Call) simulator.Fault {
	if c.Route != "POST /encoding/encodings/{id}/start" || c.NthOfEncoding != 1 {
		return simulator.Fault{}
	}
	switch c.Name {
	case "encoding3":
		return simulator.Fault{Kind: simulator.JSONFault}
	case "encoding6":
		return simulator.Fault{Kind: simulator.JSONFault, Status: 403, Code: simulator.CodeQueueFull}
	}
	return simulator.Fault{}
}

func runBatch(t *testing.T, url, key string) []scriptJob {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "batch.js", url, key)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("node batch.js: %v\n%s", err, stderr.String())
	}
	var jobs []scriptJob
	if err := json.Unmarshal(stdout.Bytes(), &jobs); err != nil {
		t.Fatalf("report of batch.js: %v\n%s", err, stdout.String())
	}
	return jobs
}

// checkEncodings checks the encodings: the ladder in its order, and its output paths.
func checkEncodings(t *testing.T, sim *simulator.Simulator) {
	t.Helper()
	encodings := sim.Encodings()
	if len(encodings) != 6 {
		t.Fatalf("%d encodings, want 6", len(encodings))
	}
	for _, enc := range encodings {
		var ladder, paths []string
		for _, stream := range enc.Streams {
			config, _ := sim.FindResource(stream.CodecConfigID)
			ladder = append(ladder, config.Type)
			if in := stream.InputStreams[0]; in.InputPath != "videos/in.mp4" || in.SelectionMode != "AUTO" {
				t.Errorf("%s reads %+v", enc.Name, in)
			}
		}
		for _, muxing := range enc.Muxings {
			if muxing.Type != "FMP4" || muxing.SegmentLength != 4 || muxing.Outputs[0].ACL[0].Permission != "PUBLIC_READ" {
				t.Errorf("%s has a muxing %+v", enc.Name, muxing)
			}
			paths = append(paths, strings.TrimPrefix(muxing.Outputs[0].OutputPath, "outputs/BatchEncoding/videos/in.mp4/"+enc.Name))
		}
		if diff := cmp.Diff([]string{"H264", "H264", "H264", "AAC"}, ladder); diff != "" {
			t.Errorf("%s: ladder (-want +got):\n%s", enc.Name, diff)
		}
		if diff := cmp.Diff([]string{"/video/480", "/video/720", "/video/1080", "/audio/128"}, paths); diff != "" {
			t.Errorf("%s: paths (-want +got):\n%s", enc.Name, diff)
		}
	}
}

// checkLedger checks the calls.
func checkLedger(t *testing.T, sim *simulator.Simulator) {
	t.Helper()
	calls := make(map[string]int)
	var setup []string
	for _, e := range sim.Ledger() {
		calls[e.Route]++
		if e.Seq <= 6 {
			setup = append(setup, e.Route)
		}
		if strings.Contains(string(e.RequestBody), "SECRET-VALUE") || strings.Contains(e.Key, "the-api-key") {
			t.Errorf("entry %d shows a secret", e.Seq)
		}
	}
	slices.Sort(setup)
	wantSetup := []string{
		"POST /encoding/configurations/audio/aac",
		"POST /encoding/configurations/video/h264",
		"POST /encoding/configurations/video/h264",
		"POST /encoding/configurations/video/h264",
		"POST /encoding/inputs/http",
		"POST /encoding/outputs/s3",
	}
	if diff := cmp.Diff(wantSetup, setup); diff != "" {
		t.Errorf("first calls (-want +got):\n%s", diff)
	}
	for route, want := range map[string]int{
		"POST /encoding/encodings":                   6,
		"POST /encoding/encodings/{id}/streams":      24,
		"POST /encoding/encodings/{id}/muxings/fmp4": 24,
		"POST /encoding/encodings/{id}/start":        11, // 9 accepted, a 503, a full queue
	} {
		if calls[route] != want {
			t.Errorf("%d calls of %s, want %d", calls[route], route, want)
		}
	}
}

// needSDK makes sure that the SDK is installed. Without node and npm the test
// is skipped, except in continuous integration.
func needSDK(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("this test needs %s: %v", tool, err)
			}
			t.Skipf("this test needs %s: %v", tool, err)
		}
	}
	if _, err := os.Stat("node_modules/@bitmovin/api-sdk/package.json"); err == nil {
		return
	}
	if out, err := exec.CommandContext(t.Context(), "npm", "ci").CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}
