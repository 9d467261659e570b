package clients

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/gobuild"
	"github.com/stokerd/stoker/internal/testkit/loopback"
	"github.com/stokerd/stoker/internal/testkit/transcript"
)

// receiverSecret is the secret of the endpoints in these tests.
const receiverSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiverProgram is an example of a receiver.
type receiverProgram struct {
	name    string
	dir     string
	command []string
	prepare func(t *testing.T, dir string)
}

// receiverPrograms are the examples, of which that in Go is built into binary.
func receiverPrograms(binary string) []receiverProgram {
	return []receiverProgram{
		{
			name: "go", dir: ".", command: []string{binary},
			prepare: func(t *testing.T, _ string) {
				if err := gobuild.Program(t.Context(), binary, "examples/receivers/go"); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "typescript", dir: "../../examples/receivers/typescript", command: []string{"node", "--import", "tsx", "main.ts"},
			prepare: func(t *testing.T, dir string) {
				need(t, dir, "node", "--version")
				need(t, dir, "npm", "--version")
				if _, err := os.Stat(dir + "/node_modules/.bin/tsx"); err != nil {
					must(t, dir, "npm", "ci")
				}
				must(t, dir, "npm", "run", "check")
			},
		},
		{
			name: "python", dir: "../../examples/receivers/python", command: []string{"/usr/bin/python3", "main.py"},
			prepare: func(t *testing.T, dir string) {
				need(t, dir, "/usr/bin/python3", "--version")
				must(t, dir, "/usr/bin/python3", "verify.py")
			},
		},
	}
}

// TestReceivers has each example of a receiver take the notifications of a service that is killed, and refuse what
// nobody has signed. Every batch that finished is told of at least once, and taken once.
func TestReceivers(t *testing.T) {
	const batches, deaths = 8, 3
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(receiverSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	programs := receiverPrograms(filepath.Join(dir, "receiver"))
	addresses := loopback.Addresses(t, len(programs))
	var config strings.Builder
	config.WriteString("notifications:\n")
	var receivers []*runningReceiver
	for i, p := range programs {
		t.Run(p.name, func(t *testing.T) { p.prepare(t, p.dir) }) // skipped where something is missing
		fmt.Fprintf(&config, "  - {name: %s, url: \"http://%s/hook\", allow_private: true, secret_file: %s, events: [batch.finished]}\n", p.name, addresses[i], secret)
	}
	if t.Failed() {
		return
	}
	for i, p := range programs {
		if r := startReceiver(t, p, addresses[i], secret); r != nil {
			receivers = append(receivers, r)
		}
	}
	file := filepath.Join(dir, "stoker.yaml")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := prepareService(t, "STOKER_CONFIG="+file)
	s.start()
	t.Cleanup(s.kill)
	c := connect(t, s.address)
	finished := map[string]bool{}
	for n := range batches {
		batch, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{
			RequestId: strconv.Itoa(n), Jobs: []*stokerv1.JobSpec{{Key: "a", InputPath: "in/a.mp4", OutputPath: fmt.Sprintf("receivers/%d", n)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		finished[batch.GetId()] = false
		if n%(batches/deaths) == 1 {
			s.kill() // in the middle of whatever it does
			s.start()
		}
	}
	for _, r := range receivers {
		seen := map[string]int{}
		for len(seen) < len(finished) {
			line, ok := <-r.lines
			if !ok {
				t.Fatalf("the receiver %s has ended", r.name)
			}
			if _, ours := finished[line.Batch]; !ours || line.Type != "batch.finished" || line.Revision == 0 || !strings.HasPrefix(line.ID, "msg_") {
				t.Errorf("%s: %+v", r.name, line)
			}
			if seen[line.Batch]++; seen[line.Batch] > 1 {
				t.Errorf("%s took the end of batch %s twice", r.name, line.Batch)
			}
		}
		transcript.Add(t, "%s took the ends of %d batches through %d deaths of the service", r.name, len(seen), deaths)
		r.testRefusals(t)
	}
}

// takenLine is what a receiver prints for a message.
type takenLine struct {
	ID, Type, Batch string
	Revision        int64
	Old             bool
}

// runningReceiver is a receiver that runs.
type runningReceiver struct {
	name, address string
	lines         chan takenLine
}

// startReceiver starts a receiver and waits until it listens. It returns nil if what it needs is missing.
func startReceiver(t *testing.T, p receiverProgram, address, secret string) *runningReceiver {
	t.Helper()
	if _, err := exec.LookPath(p.command[0]); err != nil && os.Getenv("CI") != "true" {
		return nil
	}
	cmd := exec.CommandContext(t.Context(), p.command[0], append(p.command[1:len(p.command):len(p.command)], address, secret)...)
	cmd.Dir = p.dir
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &runningReceiver{name: p.name, address: address, lines: make(chan takenLine, 1_000)}
	var reading sync.WaitGroup
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it serves for ever
		reading.Wait()
		_ = cmd.Wait() // says that it was killed
	})
	said := bufio.NewScanner(stderr)
	if !said.Scan() || !strings.HasPrefix(said.Text(), "listening on http://") {
		rest, _ := io.ReadAll(stderr) // it has ended
		t.Fatalf("the receiver %s says %q %s", p.name, said.Text(), rest)
	}
	reading.Go(func() { _, _ = io.Copy(io.Discard, stderr) })
	reading.Go(func() {
		defer close(r.lines)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var line takenLine
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				t.Errorf("the receiver %s prints %q", p.name, lines.Text())
			}
			r.lines <- line
		}
	})
	return r
}

// testRefusals sends what a receiver must not take, and what it takes once.
func (r *runningReceiver) testRefusals(t *testing.T) {
	t.Helper()
	webhook, err := standardwebhooks.NewWebhook(receiverSecret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	const body = `{"type":"batch.paused","timestamp":"2026-11-29T14:02:26.535Z","data":{"batch_id":"b","revision":7}}`
	post := func(id, signedBody, sentBody string, at time.Time, first string) int {
		signature, err := webhook.Sign(id, at, []byte(signedBody))
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.address, strings.NewReader(sentBody))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"webhook-id": id, "webhook-timestamp": strconv.FormatInt(at.Unix(), 10), "webhook-signature": first + signature} {
			req.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // nothing is read from it
		return resp.StatusCode
	}
	older := strings.Replace(body, `"revision":7`, `"revision":6`, 1)
	for _, tt := range []struct {
		what, id, signed, sent string
		at                     time.Time
		first                  string // of the signatures
		want                   int
	}{
		{"another body", "m1", body, older, now, "", 401},
		{"an old one", "m1", body, body, now.Add(-10 * time.Minute), "", 401},
		{"one from the future", "m1", body, body, now.Add(10 * time.Minute), "", 401},
		{"a valid one", "m1", body, body, now, "", 204},
		{"the same again", "m1", body, body, now, "", 204},
		{"an older revision, with a signature of a secret that is gone", "m2", older, older, now, "v1,MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo= ", 204},
	} {
		if got := post(tt.id, tt.signed, tt.sent, tt.at, tt.first); got != tt.want {
			t.Errorf("%s: %s answered %d, want %d", r.name, tt.what, got, tt.want)
		}
	}
	for _, want := range []takenLine{{"m1", "batch.paused", "b", 7, false}, {"m2", "batch.paused", "b", 6, true}} {
		if got := <-r.lines; got != want {
			t.Errorf("%s took %+v, want %+v", r.name, got, want)
		}
	}
}
