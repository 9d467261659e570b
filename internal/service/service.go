package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/housekeeping"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/internal/metrics"
	"github.com/stokerd/stoker/internal/systemd"
	"github.com/stokerd/stoker/internal/tracing"
	"github.com/stokerd/stoker/internal/transport"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/postgres"
	"github.com/stokerd/stoker/web"
	"github.com/stokerd/stoker/webhook"
)

// httpServer is a listener that speaks HTTP, with its server.
type httpServer struct {
	setting  string
	listener net.Listener
	server   *http.Server
}

// drainTimeout is how long gRPC calls in flight may still take when the service stops.
const drainTimeout = 10 * time.Second

// Service is the parts of Stoker in one process: job table, dispatcher, gRPC server, webhook receiver and
// HTTP endpoints.
type Service struct {
	log         *slog.Logger
	store       *store.Store
	housekeeper *housekeeping.Housekeeper
	dispatcher  *dispatcher.Dispatcher
	webhooks    *webhook.Receiver
	server      *server.Server
	identifier  *identity.Identifier
	notifier    notificationSender
	manager     *systemd.Manager

	certificates *transport.Certificates // nil: plain text
	reloader     *reloader
	keys         apiKeys
	accounts     []dispatcher.Account
	started      time.Time
	logTail      *LogTail // nil: the lines of the log are not kept

	grpc         *grpc.Server
	grpcListener net.Listener
	httpServers  []httpServer
	listeners    []net.Listener // all of them
	webURL       string         // of a proxy before the page; empty: there is none

	connectionsRefused atomic.Int64 // because there were too many

	lost chan error // gets the error of a job table whose files are gone

	metrics   *metrics.Metrics
	readiness readiness
	batchLog  *batchLog
	tracing   *tracing.Tracing // nil: nothing is traced
}

// New listens on the addresses of cfg, opens the job table and makes every part. Before [Service.Run] no
// call is answered and none is made to the platform. Run also closes the service. A service that is never
// run has to be closed with [Service.Close].
//
// With process the configuration can be changed while the service runs; it may be nil.
//
// If the job table cannot be opened, the error is that of [sqlite.Open] or [postgres.Open].
func New(ctx context.Context, cfg *config.Config, log *slog.Logger, process *Process) (_ *Service, err error) {
	s := &Service{log: log, webURL: cfg.WebURL, started: time.Now(), lost: make(chan error, 1), manager: systemd.New(log)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if cfg.TLS.Enabled() {
		files := transport.Files{Cert: cfg.TLS.CertFile, Key: cfg.TLS.KeyFile, ClientCA: cfg.TLS.ClientCAFile, MinVersion: cfg.TLS.MinVersion}
		if s.certificates, err = transport.LoadCertificates(files, log); err != nil {
			return nil, err
		}
	}
	if err := s.listen(ctx, cfg); err != nil {
		return nil, err
	}
	if s.tracing, err = tracing.New(ctx, os.Getenv, Version(), log); err != nil {
		return nil, err
	}
	s.readiness.log = log
	s.metrics, s.batchLog = metrics.New(accountNames(cfg)), newBatchLog(log)
	if s.store, err = openTable(ctx, cfg, log, s.describe(), func(err error) { s.lost <- err }, s.noteCommit); err != nil {
		return nil, err
	}
	s.keys.set(cfg.Accounts)
	s.housekeeper = s.newHousekeeper(cfg)
	s.readiness.probe = func(ctx context.Context) error { return store.CheckWritable(ctx, s.store) }
	s.readiness.degraded, s.readiness.quiet = s.whyDegraded, fileQuiet
	if postgres.IsURL(cfg.DB) {
		s.readiness.quiet, s.readiness.patience = databaseQuiet, databasePatience
	}
	accounts, err := s.connectAccounts(cfg)
	if err != nil {
		return nil, err
	}
	s.accounts = accounts
	dispatching := dispatcher.Config{
		Store: s.store, Campaign: campaignFor(s.store), Logger: log, Accounts: accounts, PollInterval: cfg.PollInterval,
		Sources: dispatcherSources(cfg), MaxStartsOf: func(principal string) int { return s.reloader.current.Load().MaxStartsOf(principal) },
		OnFilled: s.metrics.NotePlaceFilled, OnDuplicate: s.metrics.NoteDuplicate,
	}
	serving := server.Config{
		Store: s.store, Catalog: serverCatalog(cfg), Logger: log, BatchURL: s.batchURL(), Diagnostics: &diagnostics{service: s},
		AllowInlineTemplates: cfg.AllowInlineTemplates, AuditRetention: cfg.AuditRetention, Limits: serverLimits(cfg.Limits),
	}
	options := []grpc.ServerOption{grpc.ChainStreamInterceptor(s.metrics.CountCalls()), grpc.Creds(s.certificates.Credentials())}
	if s.tracing != nil {
		dispatching.Tracer, serving.TraceParent = s.tracing, s.tracing.TraceParent
		options = append(options, s.tracing.ServerOption())
	}
	if s.dispatcher, err = dispatcher.New(dispatching); err != nil {
		return nil, err
	}
	if s.webhooks, err = newWebhookReceiver(cfg, accounts, s.store, log); err != nil {
		return nil, err
	}
	s.batchLog.pageURL = s.batchURL()
	access := store.NewAccessTable(s.store)
	if s.notifier, err = newNotifier(ctx, cfg, s.store, log); err != nil {
		return nil, err
	}
	if s.identifier, err = identity.New(ctx, cfg.Identity, access, log); err != nil {
		return nil, err
	}
	serving.Access, serving.Identifier, serving.Notifications, serving.Sender = access, s.identifier, s.notifier.table, s.notifier
	if s.server, err = server.New(serving); err != nil {
		return nil, err
	}
	s.store.SetOnChange(func(changes []job.Change) {
		s.server.Changed(changes)
		s.dispatcher.Changed(changes)
	})
	s.store.SetWatched(s.server.Watched)
	s.grpc = grpc.NewServer(append(options, s.server.Options()...)...)
	s.server.Register(s.grpc)
	s.reloader = newReloader(s, cfg, process)
	if process != nil {
		s.logTail = process.LogTail
	}
	s.metrics.Read(s.metricSources())
	if err := s.makeHTTPServers(cfg); err != nil {
		return nil, err
	}
	return s, nil
}

// describe says where this process runs, for people who look at the replicas.
func (s *Service) describe() string {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	return fmt.Sprintf("%s, process %d, %s", host, os.Getpid(), s.Address(settingGRPC))
}

// metricSources is what is asked at each scrape of /metrics.
func (s *Service) metricSources() metrics.Sources {
	sources := metrics.Sources{
		Accounts: drivenAccounts{s.store}, Terms: s.store.ReadTermFigures, Server: server.NewFigures(s.server), ConnectionsRefused: s.connectionsRefused.Load, Version: Version(), Log: s.log,
		Notifications: &metrics.Notifications{Table: s.notifier.table, Counts: s.notifier.Counts},
		Housekeeping:  metrics.Housekeeping{Space: store.NewKeeper(s.store).ReadSpace, State: s.housekeeper.ReadState},
		Database:      func(ctx context.Context) (store.Database, bool, error) { return store.ReadDatabase(ctx, s.store) },
		Writable:      s.readiness.writable,
		Configuration: s.reloader,
	}
	if s.certificates != nil {
		sources.Certificates = s.certificates
	}
	return sources
}

// whyDegraded says why no submissions are taken; empty if they are.
func (s *Service) whyDegraded(ctx context.Context) string {
	space, err := store.NewKeeper(s.store).ReadSpace(ctx)
	if err != nil || !space.Low() {
		return ""
	}
	return (&job.SpaceError{Free: space.Free, Floor: space.Floor}).Error()
}

// noteCommit is told of every transaction of the job table.
func (s *Service) noteCommit(c store.Commit) {
	s.metrics.NoteCommit(c)
	if c.Err != nil || c.Wrote {
		s.readiness.noteCommit(c.Err)
	}
	s.batchLog.note(c.Batches)
}

// accountNames are the names of the configured accounts.
func accountNames(cfg *config.Config) (names []string) {
	for _, a := range cfg.Accounts {
		names = append(names, a.ID)
	}
	return names
}

// makeHTTPServers makes the servers of the listeners that speak HTTP.
func (s *Service) makeHTTPServers(cfg *config.Config) (err error) {
	for i := range s.httpServers {
		h := &s.httpServers[i]
		switch h.setting {
		case settingHTTP:
			h.server = s.certificates.NewHTTPServer(s.endpoints(), s.log)
		case settingAdmin:
			if h.server, err = s.newAdminServer(cfg); err != nil {
				return err
			}
		case settingWeb:
			if h.server, err = s.newWebServer(cfg); err != nil {
				return err
			}
		}
	}
	return nil
}

// findHTTPServer returns the server of a setting, such as --web-listen; nil if it has no listener.
func (s *Service) findHTTPServer(setting string) *httpServer {
	for i := range s.httpServers {
		if s.httpServers[i].setting == setting {
			return &s.httpServers[i]
		}
	}
	return nil
}

// Settings of the listeners.
const settingGRPC, settingHTTP, settingWeb, settingAdmin = "--listen", "--http-listen", "--web-listen", "--admin-listen"

// listen opens the listeners. An error names the setting, such as --listen.
func (s *Service) listen(ctx context.Context, cfg *config.Config) error {
	_, descriptors := readDescriptors()
	limits := transport.Limits{Connections: limitConnections(cfg, descriptors, s.log), ConnectionsPerAddress: cfg.Limits.ConnectionsPerAddress}
	if cfg.TLS.Enabled() {
		limits.HandshakesPerSecond = cmp.Or(cfg.Limits.HandshakesPerSecond, transport.DefaultHandshakes)
	}
	for _, l := range cfg.Listeners() {
		opened, err := transport.Listen(ctx, l.Address, limits, func() { s.connectionsRefused.Add(1) })
		if err != nil {
			return fmt.Errorf("%s %s: %w", l.Setting, l.Address, err)
		}
		s.listeners = append(s.listeners, opened)
		if l.Setting == settingGRPC {
			s.grpcListener = opened
			continue
		}
		s.httpServers = append(s.httpServers, httpServer{setting: l.Setting, listener: opened})
	}
	return nil
}

// Address returns the address of the listener of a setting, such as --listen. If the configured port is 0,
// it has the port that the system chose. It is empty if the configuration has no such listener.
func (s *Service) Address(setting string) string {
	if setting == settingGRPC {
		return transport.Name(s.grpcListener)
	}
	if h := s.findHTTPServer(setting); h != nil {
		return transport.Name(h.listener)
	}
	return ""
}

// KnowsCallers reports whether anybody can prove who calls, or nobody has to.
func (s *Service) KnowsCallers() bool { return s.identifier.KnowsCallers() }

// WebAddress is where browsers reach the page: the URL of the proxy if the configuration has one. It has no
// trailing slash, and is empty if the page is served nowhere.
func (s *Service) WebAddress() string {
	address := s.Address(settingWeb)
	switch {
	case address == "", s.webURL != "":
		return s.webURL
	case s.certificates != nil:
		return "https://" + address
	}
	return "http://" + address
}

// batchURL returns a function that says where browsers show the batch of a number; nil without a page, or if
// it is not known by which name browsers reach it.
func (s *Service) batchURL() func(number int64) string {
	address := s.WebAddress()
	host, _, err := net.SplitHostPort(s.Address(settingWeb))
	ip, _ := netip.ParseAddr(host) // the zero value is no address
	if address == "" || s.webURL == "" && (err != nil || ip.IsUnspecified()) {
		return nil
	}
	return func(number int64) string { return web.BatchURL(address, number) }
}

// Run serves until ctx ends or a part fails. Then it stops the gRPC server, within about ten seconds, then
// the dispatcher, and closes the job table last. It returns nil if ctx ended and no part failed.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	working, stopWork := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopWork(nil)

	group.Go(func() error {
		if err := s.grpc.Serve(s.grpcListener); !errors.Is(err, grpc.ErrServerStopped) { // ctx ended before Serve was called
			return err
		}
		return nil
	})
	for _, h := range s.httpServers {
		group.Go(func() error { return transport.ServeHTTP(h.server, h.listener) })
	}
	if s.certificates != nil {
		group.Go(func() error { return s.certificates.Watch(ctx) })
	}
	group.Go(func() error { return s.reloader.run(ctx) })
	group.Go(func() error { return newMachine(s.log, s.dispatcher.ClockMoved).run(ctx) })
	dispatching := working
	if s.store.Shares() {
		dispatching = ctx // another replica goes on at once, while calls of this one still end
	}
	group.Go(func() error { return s.dispatcher.Run(dispatching) })
	group.Go(func() error { return s.batchLog.run(working) })
	group.Go(func() error {
		select {
		case err := <-s.lost:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	group.Go(func() error { return s.webhooks.Run(ctx) })
	group.Go(func() error { return s.identifier.Run(ctx) })
	group.Go(func() error { return s.server.Run(working) })
	group.Go(func() error { return s.keepHouse(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		s.log.Info("stopping", "why", context.Cause(ctx))
		s.readiness.stopping.Store(true)
		s.manager.Stopping()
		s.stopServing()
		stopWork(context.Cause(ctx))
		var errs []error
		for _, h := range s.httpServers {
			errs = append(errs, h.server.Close())
		}
		return errors.Join(errs...)
	})
	s.manager.Ready()
	stopFeeding := s.feedWatchdog()
	defer stopFeeding()
	return errors.Join(group.Wait(), s.Close())
}

// errEnded is the cause with which the watchdog is no longer fed.
var errEnded = errors.New("the service has ended")

// feedWatchdog feeds the service manager's watchdog, as long as every account loop takes turns, until the returned
// function is called. While the service stops, its loops end, and what it waits for has bounds of its own.
func (s *Service) feedWatchdog() (stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	var feeding sync.WaitGroup
	feeding.Go(func() {
		s.manager.Feed(ctx, func(ctx context.Context) error {
			err := s.dispatcher.AwaitTurns(ctx)
			if s.readiness.stopping.Load() {
				return nil
			}
			return err
		})
	})
	return func() {
		cancel(errEnded)
		feeding.Wait()
	}
}

// stopServing ends watches and waits for calls under way, and cuts them off after drainTimeout.
//
// Calls over HTTP come first. They are calls of the gRPC server too, but its graceful stop closes their
// answers before the last message, which has the error, is written.
func (s *Service) stopServing() {
	s.server.Shutdown()
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout/2)
	defer cancel()
	if web := s.findHTTPServer(settingWeb); web != nil && web.server.Shutdown(ctx) != nil {
		s.log.Info("calls over HTTP cut off at shutdown", "grace", drainTimeout/2)
		_ = web.server.Close() // its listener is closed already
	}
	s.server.Stop(s.grpc, drainTimeout-time.Since(began))
}

// exportTime is how long the last traces may take to be exported when the service stops.
const exportTime = 5 * time.Second

// Close closes the listeners and the job table.
func (s *Service) Close() error {
	for _, l := range s.listeners {
		_ = l.Close() // it may be closed
	}
	if s.tracing != nil {
		ctx, cancel := context.WithTimeout(context.Background(), exportTime)
		defer cancel()
		if err := s.tracing.Close(ctx); err != nil {
			s.log.Warn("traces cannot be exported", "err", err)
		}
	}
	if s.store == nil {
		return nil
	}
	return s.store.Close()
}
