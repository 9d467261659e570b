package clients

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/loopback"
)

// service is a `stoker serve` that can be killed and started again on the same
// address and job table.
type service struct {
	t       *testing.T
	binary  string
	env     []string
	address string
	process *exec.Cmd
	logged  chan struct{} // closed when the process has closed its log
}

// newService builds stoker and starts it on a simulator, whose encodings take 200 ms,
// or an hour if they read in/long.mp4.
func newService(t *testing.T) *service {
	t.Helper()
	dir := t.TempDir()
	s := &service{t: t, binary: filepath.Join(dir, "stoker"), address: loopback.Addresses(t, 1)[0]}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", s.binary, "github.com/stokerd/stoker/cmd/stoker").CombinedOutput(); err != nil {
		t.Fatalf("build stoker: %v\n%s", err, out)
	}
	sim := &simulator.Simulator{Encoders: 4, Unlimited: true, EncodingDuration: func(e simulator.Encoding) time.Duration {
		for _, stream := range e.Streams {
			for _, in := range stream.InputStreams {
				if in.InputPath == "in/long.mp4" {
					return time.Hour
				}
			}
		}
		return 200 * time.Millisecond
	}}
	web := httptest.NewServer(sim)
	t.Cleanup(func() {
		web.Close()
		sim.Close()
	})
	s.env = append(os.Environ(),
		"STOKER_BITMOVIN_URL="+web.URL+"/v1", "STOKER_DB="+filepath.Join(dir, "stoker.db"),
		"STOKER_HTTP_LISTEN=", "STOKER_LOG_FORMAT=json", "STOKER_POLL_INTERVAL=1s",
		"BITMOVIN_API_KEY=key", "HTTP_INPUT_HOST=masters.example.com",
		"S3_OUTPUT_BUCKET_NAME=encodes", "S3_OUTPUT_ACCESS_KEY=access", "S3_OUTPUT_SECRET_KEY=secret")
	s.start()
	t.Cleanup(s.kill)
	return s
}

// start starts the process and waits until it listens.
func (s *service) start() {
	s.t.Helper()
	s.process = exec.Command(s.binary, "serve", "--listen", s.address, "--http-listen", "")
	s.process.Env = s.env
	log, err := s.process.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.logged = make(chan struct{})
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var record struct{ Msg string }
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			s.t.Fatalf("the service says %s", lines.Text())
		}
		if record.Msg == "listening" {
			go func() {
				defer close(s.logged)
				_, _ = io.Copy(io.Discard, log) // it must not wait for a reader
			}()
			return
		}
	}
	s.t.Fatalf("the service did not start: %v", s.process.Wait())
}

// kill ends the process as a power cut would.
func (s *service) kill() {
	_ = s.process.Process.Kill() // it may be dead
	<-s.logged
	_ = s.process.Wait() // says that it was killed
}
