package server

import (
	"cmp"
	"errors"
	"log/slog"
	"slices"
	"time"

	"google.golang.org/grpc"
	channelz "google.golang.org/grpc/channelz/service"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// Config is the configuration of a [Server].
type Config struct {
	Store   Store // required
	Catalog Catalog
	Logger  *slog.Logger // default: discards
	Limits  Limits
}

// Limits limit watches and requests.
type Limits struct {
	// WatchesPerCaller is how many watches one IP address may have at a time. Default 1,000.
	WatchesPerCaller int
	// Watches is how many watches the server may have at a time. Default 10,000.
	Watches int
	// MaxRequestBytes is the size of the largest request, in bytes. Default 32 MiB, enough for
	// 100,000 jobs with paths of ordinary length.
	MaxRequestBytes int
}

// ErrShutdown ends watches when the server shuts down.
var ErrShutdown = errors.New("the server is shutting down")

// Server implements BatchService, and holds what AccountService and CatalogService are made of. Use
// [New].
type Server struct {
	stokerv1.UnimplementedBatchServiceServer

	store        Store
	catalog      Catalog
	log          *slog.Logger
	limits       Limits
	contract     contract
	health       *health.Server
	hub          *hub
	accountLines *accountLines
	lists        *batchLists
	summaries    summaries
}

// New makes a server, to be registered by [Server.Register].
func New(c Config) (*Server, error) {
	if c.Store == nil {
		return nil, errors.New("server: Store is required")
	}
	contract, err := newContract()
	if err != nil {
		return nil, err
	}
	s := &Server{
		store:        c.Store,
		catalog:      c.Catalog,
		log:          cmp.Or(c.Logger, slog.New(slog.DiscardHandler)),
		contract:     contract,
		health:       health.NewServer(),
		accountLines: newAccountLines(c.Store),
		limits: Limits{
			WatchesPerCaller: cmp.Or(c.Limits.WatchesPerCaller, 1_000),
			Watches:          cmp.Or(c.Limits.Watches, 10_000),
			MaxRequestBytes:  cmp.Or(c.Limits.MaxRequestBytes, 32<<20),
		},
	}
	s.hub = newHub(s.limits)
	s.lists = newBatchLists(s)
	return s, nil
}

// AccountService implements the service of that name over the same job table.
func (s *Server) AccountService() stokerv1.AccountServiceServer { return &accountService{server: s} }

// Register registers the services, health, reflection and channelz with g. g has to be made with
// [Server.Options].
func (s *Server) Register(g *grpc.Server) {
	stokerv1.RegisterBatchServiceServer(g, s)
	stokerv1.RegisterAccountServiceServer(g, s.AccountService())
	stokerv1.RegisterCatalogServiceServer(g, &catalogService{catalog: s.catalog})
	stokerv1.RegisterSubmissionServiceServer(g, &submissionService{server: s})
	for _, name := range []string{
		"", stokerv1.BatchService_ServiceDesc.ServiceName, stokerv1.AccountService_ServiceDesc.ServiceName,
		stokerv1.CatalogService_ServiceDesc.ServiceName, stokerv1.SubmissionService_ServiceDesc.ServiceName,
	} {
		s.health.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	}
	healthpb.RegisterHealthServer(g, s.health)
	reflection.Register(g)
	channelz.RegisterChannelzServiceToServer(g)
}

// Changed wakes the watchers of batches that changed. The job table calls it after each commit. It
// does not block. A call for a batch that did not change does no harm.
func (s *Server) Changed(changes []job.Change) {
	for _, c := range changes {
		s.hub.notify(c.BatchID)
	}
	if slices.ContainsFunc(changes, func(c job.Change) bool { return c.BatchID != "" }) {
		s.hub.notify(anyBatch)
	}
}

// Shutdown makes health answer NOT_SERVING, and ends present and future watches with UNAVAILABLE and
// the advice to reconnect. Other calls go on.
func (s *Server) Shutdown() {
	s.health.Shutdown()
	s.hub.close(ErrShutdown)
}

// Stop shuts down the server and g. Calls under way on g are cut off if they have not finished after
// the grace period. When Stop returns, no handler runs any more.
func (s *Server) Stop(g *grpc.Server, grace time.Duration) {
	s.Shutdown()
	finished := make(chan struct{})
	go func() {
		g.GracefulStop()
		close(finished)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-finished:
	case <-timer.C:
		s.log.Warn("calls cut off at shutdown", "grace", grace)
		g.Stop()
		<-finished
	}
}
