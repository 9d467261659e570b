package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// Whatever keeps jobs from being taken, the command says why and what to do, the JSON that the page shows says the same, and
// so do the metrics. Of what lasts /readyz and stoker doctor tell as well.
func TestNothingIsTaken(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config string
		submit string // flags
		why    string // with the remedy
		reason string // of the error
		metric string
		lasts  bool
	}{
		{
			name: "disk floor", config: "disk_floor: 100000GiB", why: "Make room on the disk, or delete batches; jobs that were taken go on",
			reason: "DISK_LOW", metric: "\nstoker_disk_low 1\n", lasts: true,
		},
		{
			name: "more jobs than may wait", config: "limits: {waiting_jobs_per_account: 2}", why: "(limits.waiting_jobs_per_account): submit fewer, or raise the limit",
			reason: "LIMIT_REACHED", metric: `stoker_calls_refused_total{limit="waiting_jobs_per_account"} `,
		},
		{
			name: "no such profile", submit: "--profile uhd", why: `unknown profile "uhd"; there are: default`, reason: "INVALID",
			metric: `grpc_server_handled_total{grpc_code="InvalidArgument",grpc_method="SubmitBatch"`,
		},
		{
			name: "no such template", submit: "--template drm", why: `unknown template "drm"; there are none`, reason: "INVALID",
			metric: `grpc_server_handled_total{grpc_code="InvalidArgument",grpc_method="SubmitBatch"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := serviceEnv(t, &simulator.Simulator{Unlimited: true})
			env["STOKER_CONFIG"] = filepath.Join(t.TempDir(), "stoker.yaml")
			if err := os.WriteFile(env["STOKER_CONFIG"], []byte(tt.config+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			s := startService(t, env)
			flags := strings.Fields(tt.submit)
			got := command{stdin: "input_path\na.mov\nb.mov\nc.mov\n"}.run(t.Context(), append([]string{"submit", "-", "--server", s.grpc}, flags...)...)
			if got.code == exitOK || !strings.Contains(got.stderr, tt.why) || strings.Contains(got.stderr, "trying again") {
				t.Errorf("exit code %d: %s", got.code, got.stderr)
			}
			request := map[string]any{"jobs": []map[string]string{{"inputPath": "a.mov"}, {"inputPath": "b.mov"}, {"inputPath": "c.mov"}}}
			if len(flags) == 2 {
				request[strings.TrimPrefix(flags[0], "--")] = flags[1]
			}
			if answer := refuse(t, s.web+"/stoker.v1.BatchService/SubmitBatch", request); !strings.Contains(answer, strings.ReplaceAll(tt.why, `"`, `\"`)) || !strings.Contains(answer, `"`+tt.reason+`"`) {
				t.Errorf("the page gets %s", answer)
			}
			if metrics := fetch(t, "http://"+s.admin+"/metrics"); !strings.Contains(metrics, tt.metric) || strings.Contains(metrics, tt.metric+"0\n") {
				t.Errorf("the metrics do not have %s", tt.metric)
			}
			if !tt.lasts {
				return
			}
			if ready := fetch(t, "http://"+s.http+"/readyz"); !strings.HasPrefix(ready, "degraded: ") || !strings.Contains(ready, tt.why) {
				t.Errorf("/readyz: %s", ready)
			}
			if got := (command{}).run(t.Context(), "doctor", "--server", s.grpc); got.code != 2 || !strings.Contains(got.stdout, "make room, or delete batches") {
				t.Errorf("doctor: exit code %d: %s%s", got.code, got.stdout, got.stderr)
			}
			s.stop()
			if since := s.log.String(); !strings.Contains(since, "no jobs are taken until there is more") {
				t.Errorf("the log does not say since when: %s", since)
			}
		})
	}
}

// refuse makes a call as a browser does that is refused, and returns the answer.
func refuse(t *testing.T, url string, request any) string {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	call, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	call.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(call)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode == http.StatusOK {
		t.Errorf("%s: %s, %v", url, response.Status, err)
	}
	return string(answer)
}
