package clients

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/gobuild"
	"github.com/stokerd/stoker/internal/testkit/loopback"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// service is a `stoker serve` that can be killed and started again on the same
// address and job table.
type service struct {
	t       *testing.T
	binary  string
	env     []string
	address string // that clients use: of gRPC or, for programs that speak JSON, of the page
	other   string // that nobody uses
	web     bool   // clients speak JSON
	db      string // the job table
	process *exec.Cmd
	logged  chan struct{} // closed when the process has closed its log
}

// newService builds stoker and starts it on a simulator, whose encodings take 200 ms,
// or an hour if they read in/long.mp4. Its address is that of gRPC or, with web, that of JSON over HTTP.
func newService(t *testing.T, web bool) *service {
	t.Helper()
	s := prepareService(t)
	s.web = web
	s.start()
	t.Cleanup(s.kill)
	return s
}

// prepareService is newService without the start. env are further variables.
func prepareService(t *testing.T, env ...string) *service {
	t.Helper()
	dir := t.TempDir()
	addresses := loopback.Addresses(t, 2)
	s := &service{t: t, binary: filepath.Join(dir, "stoker"), address: addresses[0], other: addresses[1]}
	if err := gobuild.Program(t.Context(), s.binary, "cmd/stoker"); err != nil {
		t.Fatal(err)
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
	s.db = filepath.Join(dir, "stoker.db")
	s.env = slices.Concat(os.Environ(), platform.Environ(platform.Serve(t, sim)), []string{
		"STOKER_DB=" + s.db, "STOKER_HTTP_LISTEN=", "STOKER_ADMIN_LISTEN=", "STOKER_LOG_FORMAT=json", "STOKER_POLL_INTERVAL=1s",
	}, env)
	return s
}

// start starts the process and waits until it listens.
func (s *service) start() {
	s.t.Helper()
	listen, web := s.address, s.other
	if s.web {
		listen, web = web, listen
	}
	s.process = exec.Command(s.binary, "serve", "--listen", listen, "--http-listen", "", "--web-listen", web, "--admin-listen", "")
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
