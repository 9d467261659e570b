package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/job"
)

// Simulation is a service whose platform is a simulator in the same process, with one account, one
// input and one output, each named default.
type Simulation struct {
	// Simulator is the platform. It is closed at the end.
	Simulator *simulator.Simulator
	// Listen and WebListen are the host:port of the gRPC server and of the page; port 0 lets the system
	// choose. Without WebListen there is no page. There are no HTTP
	// endpoints.
	Listen, WebListen string
	// DB is the file of the job table.
	DB string
	// QueueTarget is how many encodings to keep queued at the simulator.
	QueueTarget int
	// PollInterval is the longest time between two polls of an encoding's status.
	PollInterval time.Duration
}

// errSimulationOver is the cause of stopping the service after use has returned.
var errSimulationOver = errors.New("the simulation is over")

// Run starts simulator and service, and calls use with the service. It stops both
// when use has returned or ctx has ended, the service first. The context of use ends with ctx, and when
// simulator or service fails.
func (s *Simulation) Run(ctx context.Context, use func(ctx context.Context, service *Service) error) error {
	platform, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	service, err := New(ctx, s.config("http://"+platform.Addr().String()+"/v1"), slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return errors.Join(err, platform.Close())
	}
	// The service stops first, so that its last calls still reach the simulator.
	serving, stopServing := context.WithCancelCause(ctx)
	simulating, stopSimulating := context.WithCancelCause(context.WithoutCancel(ctx))
	var group errgroup.Group
	group.Go(func() error {
		defer stopSimulating(nil)
		return service.Run(serving)
	})
	group.Go(func() error {
		defer stopServing(errors.New("the simulator has ended"))
		return ServeSimulator(simulating, s.Simulator, platform)
	})
	err = use(serving, service)
	stopServing(errSimulationOver)
	return errors.Join(err, group.Wait())
}

// config configures the service for a platform at url. Its storages do not exist, because a simulator
// reads and writes no files.
func (s *Simulation) config(url string) *config.Config {
	key := func() (string, error) { return "simulated", nil }
	return &config.Config{
		Listen: s.Listen, WebListen: s.WebListen, DB: s.DB, BitmovinURL: url, MaxRetries: job.DefaultMaxRetries, PollInterval: s.PollInterval,
		Accounts: []config.Account{{ID: job.DefaultName, APIKey: key, QueueTarget: s.QueueTarget, URL: url}},
		Inputs: map[string]config.Storage{job.DefaultName: {
			Storage: bitmovin.Storage{Type: bitmovin.StorageHTTPS, Host: "masters.example.com"},
		}},
		Outputs: map[string]config.Storage{job.DefaultName: {
			Storage: bitmovin.Storage{Type: bitmovin.StorageS3, Bucket: "encodes", AccessKey: "any", SecretKey: "any"},
		}},
		Profiles: map[string]job.Recipe{job.DefaultName: job.DefaultRecipe()},
	}
}

// ServeSimulator serves a simulator over HTTP until ctx ends. Then it closes the connections, calls in
// flight included, and the simulator. It returns nil if ctx ended.
func ServeSimulator(ctx context.Context, sim *simulator.Simulator, listener net.Listener) error {
	web := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = web.Close() })
	defer stop()
	defer sim.Close()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
