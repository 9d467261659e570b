package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/grpcurl"
)

// TestGrpcurl makes the calls of the documentation with a client that knows the
// contract from reflection alone.
func TestGrpcurl(t *testing.T) {
	tool := grpcurl.Path(t)
	sim := &simulator.Simulator{Encoders: 1, EncodingDuration: func(e simulator.Encoding) time.Duration {
		if e.InputPath() == "in/long.mp4" {
			return time.Hour // it is there to be cancelled
		}
		return 50 * time.Millisecond
	}}
	env := serviceEnv(t, sim)
	env["STOKER_POLL_INTERVAL"] = "200ms"
	s := startService(t, env)
	call := func(method, request string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), tool, "-plaintext", "-d", request, s.grpc, method)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("grpcurl %s: %v: %s", method, err, stderr.String())
		}
		return string(out)
	}
	submit := func(name string) string {
		t.Helper()
		answer := call("stoker.v1.BatchService/SubmitBatch", `{"request_id": "`+name+`", "display_name": "night run", "account": "default",
			"priority": 50, "profile": "default", "input": "default", "output": "default", "max_retries": 2, "labels": {"team": "vod"},
			"jobs": [{"key": "a-1", "name": "optional", "input_path": "in/`+name+`.mp4", "output_path": "out/`+name+`"}]}`)
		var got struct {
			Batch struct{ ID, State, JobCount string }
		}
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatal(err)
		}
		if got.Batch.State != "BATCH_STATE_ACTIVE" || got.Batch.JobCount != "1" {
			t.Errorf("SubmitBatch answered %s", answer)
		}
		return got.Batch.ID
	}
	short := submit("short")
	if again := submit("short"); again != short {
		t.Errorf("the same request_id made batch %s and then %s", short, again)
	}
	watched := call("stoker.v1.BatchService/WatchBatch", `{"batch_id": "`+short+`", "include_jobs": true}`)
	for _, want := range []string{`"snapshot": true`, `"state": "JOB_STATE_SUCCEEDED"`, `"state": "BATCH_STATE_SUCCEEDED"`} {
		if !strings.Contains(watched, want) {
			t.Errorf("WatchBatch never sent %s:\n%s", want, watched)
		}
	}
	long := submit("long")
	call("stoker.v1.BatchService/CancelJob", `{"job_id": "`+long+`/1", "reason": "wrong file"}`)
	watched = call("stoker.v1.BatchService/WatchBatch", `{"batch_id": "`+long+`", "include_jobs": true}`)
	for _, want := range []string{`"state": "JOB_STATE_CANCELLED"`, `"reason": "wrong file"`, `"state": "BATCH_STATE_CANCELLED"`} {
		if !strings.Contains(watched, want) {
			t.Errorf("WatchBatch of the cancelled batch never sent %s:\n%s", want, watched)
		}
	}
}
