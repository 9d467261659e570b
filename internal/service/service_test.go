package service_test

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// mustNew makes a service on a simulated platform, with both addresses.
func mustNew(t *testing.T) *service.Service {
	t.Helper()
	env := platform.Env(platform.Serve(t, &simulator.Simulator{}))
	env["STOKER_DB"] = filepath.Join(t.TempDir(), "stoker.db")
	return newService(t, env)
}

var errStop = errors.New("stop")

// newService makes a service with the settings of an environment. It listens on loopback where they say nothing else, at
// ports that the system chooses.
func newService(t *testing.T, env map[string]string) *service.Service {
	t.Helper()
	for _, setting := range []string{"STOKER_LISTEN", "STOKER_HTTP_LISTEN", "STOKER_ADMIN_LISTEN", "STOKER_WEB_LISTEN"} {
		env[setting] = cmp.Or(env[setting], "127.0.0.1:0")
	}
	cfg, err := config.Load(config.Sources{Getenv: func(name string) string { return env[name] }})
	if err != nil {
		t.Fatal(err)
	}
	s, err := service.New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mustServe runs a service with the settings of an environment until the test ends: see newService.
func mustServe(t *testing.T, env map[string]string) *service.Service {
	t.Helper()
	s := newService(t, env)
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel(errStop)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	return s
}

// A service can be told to stop before its servers have begun to serve.
func TestStopsBeforeItServes(t *testing.T) {
	for range 20 { // chance decides which is first
		s := mustNew(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errStop)
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCloseWithoutRun(t *testing.T) {
	if err := mustNew(t).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestProbes(t *testing.T) {
	s := mustNew(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	for path, want := range map[string]int{
		"--http-listen/healthz": 200, "--http-listen/readyz": 200, "--http-listen/metrics": 404, "--http-listen/debug/pprof/": 404,
		"--admin-listen/metrics": 200, "--admin-listen/debug/pprof/": 200, "--admin-listen/debug/pprof/cmdline": 404, "--admin-listen/healthz": 404,
	} {
		setting, path, _ := strings.Cut(path, "/")
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Address(setting)+"/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close() // nothing is read from it
		if response.StatusCode != want {
			t.Errorf("%s/%s: %s, want %d", setting, path, response.Status, want)
		}
	}
	cancel(errStop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestSimulation submits a batch to a simulation and watches it finish.
func TestSimulation(t *testing.T) {
	simulation := &service.Simulation{
		Simulator: &simulator.Simulator{Duration: 50 * time.Millisecond, Unlimited: true},
		Listen:    "127.0.0.1:0", DB: filepath.Join(t.TempDir(), "stoker.db"), QueueTarget: 3, PollInterval: 100 * time.Millisecond,
	}
	var last *stokerv1.Batch
	err := simulation.Run(t.Context(), func(ctx context.Context, s *service.Service) (err error) {
		conn, err := client.Dial(s.Address("--listen"), client.Options{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, conn.Close()) }()
		batch, err := conn.Submit(ctx, &stokerv1.SubmitBatchRequest{
			DisplayName: "two", Jobs: []*stokerv1.JobSpec{{InputPath: "a.mov", OutputPath: "a"}, {InputPath: "b.mov", OutputPath: "b"}},
		})
		if err != nil {
			return err
		}
		for message, err := range conn.Watch(ctx, &stokerv1.WatchBatchRequest{BatchId: batch.GetId()}) {
			if err != nil {
				return err
			}
			if message.GetBatch() != nil {
				last = message.GetBatch()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if last.GetState() != stokerv1.BatchState_BATCH_STATE_SUCCEEDED || last.GetCounts().GetSucceeded() != 2 {
		t.Errorf("the batch ended as %v", last)
	}
}
