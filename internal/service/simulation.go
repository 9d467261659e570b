package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/job"
)

// Simulation is a service whose platform is a simulator in the same process, with an account, an
// input, an output and a profile, each named default.
type Simulation struct {
	// Simulator is the platform of the account default. It is closed at the end.
	Simulator *simulator.Simulator
	// Others are the platforms of further accounts, by the ids of the accounts.
	Others map[string]*simulator.Simulator
	// Templates are the encoding templates by their names.
	Templates map[string]job.Template
	// Listen and WebListen are the host:port of the gRPC server and of the page; port 0 lets the system
	// choose. Without WebListen there is no page. There are no HTTP
	// endpoints.
	Listen, WebListen string
	// DB is the file of the job table.
	DB string
	// QueueTarget is how many encodings to keep queued at each simulator.
	QueueTarget int
	// PollInterval is the longest time between two polls of an encoding's status.
	PollInterval time.Duration
}

// errSimulationOver is the cause of stopping the service after use has returned.
var errSimulationOver = errors.New("the simulation is over")

// simulatedPlatform is the platform of an account.
type simulatedPlatform struct {
	account   string
	simulator *simulator.Simulator
	listener  net.Listener
}

// Run starts simulators and service, and calls use with the service. It stops them
// when use has returned or ctx has ended, the service first. The context of use ends with ctx, and when
// a simulator or the service fails.
func (s *Simulation) Run(ctx context.Context, use func(ctx context.Context, service *Service) error) error {
	platforms, err := s.listen(ctx)
	if err != nil {
		return err
	}
	service, err := New(ctx, s.config(platforms), slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return errors.Join(err, closePlatforms(platforms))
	}
	// The service stops first, so that its last calls still reach the simulator.
	serving, stopServing := context.WithCancelCause(ctx)
	simulating, stopSimulating := context.WithCancelCause(context.WithoutCancel(ctx))
	var group errgroup.Group
	group.Go(func() error {
		defer stopSimulating(nil)
		return service.Run(serving)
	})
	for _, p := range platforms {
		group.Go(func() error {
			defer stopServing(errors.New("the simulator has ended"))
			return ServeSimulator(simulating, p.simulator, p.listener)
		})
	}
	err = use(serving, service)
	stopServing(errSimulationOver)
	return errors.Join(err, group.Wait())
}

// listen opens a listener for each platform, that of the account default first.
func (s *Simulation) listen(ctx context.Context) ([]simulatedPlatform, error) {
	platforms := []simulatedPlatform{{account: job.DefaultName, simulator: s.Simulator}}
	for _, account := range slices.Sorted(maps.Keys(s.Others)) {
		platforms = append(platforms, simulatedPlatform{account: account, simulator: s.Others[account]})
	}
	for i := range platforms {
		opened, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen: %w", err), closePlatforms(platforms[:i]))
		}
		platforms[i].listener = opened
	}
	return platforms, nil
}

func closePlatforms(platforms []simulatedPlatform) error {
	var errs []error
	for _, p := range platforms {
		errs = append(errs, p.listener.Close())
	}
	return errors.Join(errs...)
}

// config configures the service for its platforms. Its storages do not exist, because a simulator
// reads and writes no files.
func (s *Simulation) config(platforms []simulatedPlatform) *config.Config {
	key := func() (string, error) { return "simulated", nil }
	var accounts []config.Account
	for _, p := range platforms {
		url := "http://" + p.listener.Addr().String() + "/v1"
		accounts = append(accounts, config.Account{ID: p.account, APIKey: key, QueueTarget: s.QueueTarget, URL: url})
	}
	return &config.Config{
		Listen: s.Listen, WebListen: s.WebListen, DB: s.DB, BitmovinURL: accounts[0].URL, MaxRetries: job.DefaultMaxRetries, PollInterval: s.PollInterval,
		Accounts: accounts, Templates: s.Templates,
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
