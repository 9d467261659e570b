package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
	"github.com/stokerd/stoker/webhook"
)

// drainTimeout is how long gRPC calls in flight may still take when the service stops.
const drainTimeout = 10 * time.Second

// Service is the parts of Stoker in one process: job table, dispatcher, gRPC server, webhook receiver and
// HTTP endpoints.
type Service struct {
	log        *slog.Logger
	store      *store.Store
	dispatcher *dispatcher.Dispatcher
	webhooks   *webhook.Receiver
	server     *server.Server

	grpc         *grpc.Server
	grpcListener net.Listener
	http         *http.Server
	httpListener net.Listener // nil without an HTTP address
	web          *http.Server // nil without a web address
	webListener  net.Listener // nil without a web address
	webURL       string       // of a proxy; empty: there is none

	lost chan error // gets the error of a job table whose files are gone
	// stopping makes /readyz answer 503. Before Run it is not set, because a call that arrives then is not
	// refused: it waits in the listener.
	stopping atomic.Bool
}

// New listens on the addresses of cfg, opens the job table and makes every part. Before [Service.Run] no
// call is answered and none is made to the platform. Run also closes the service. A service that is never
// run has to be closed with [Service.Close].
//
// If the job table cannot be opened, the error is that of [sqlite.Open].
func New(ctx context.Context, cfg *config.Config, log *slog.Logger) (_ *Service, err error) {
	s := &Service{log: log, webURL: cfg.WebURL, lost: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.listen(ctx, cfg); err != nil {
		return nil, err
	}
	s.store, err = sqlite.Open(ctx, cfg.DB, store.Options{
		Logger: log, MustExist: cfg.DBMustExist, AcceptNoLog: cfg.AcceptNoLog, OnLost: func(err error) { s.lost <- err },
	})
	if err != nil {
		return nil, err
	}
	accounts, err := connectAccounts(cfg, log)
	if err != nil {
		return nil, err
	}
	s.dispatcher, err = dispatcher.New(dispatcher.Config{
		Store: s.store, Logger: log, Accounts: accounts, PollInterval: cfg.PollInterval,
		Inputs: dispatcherStorages(cfg.Inputs), Outputs: dispatcherStorages(cfg.Outputs),
	})
	if err != nil {
		return nil, err
	}
	if s.webhooks, err = newWebhookReceiver(cfg, accounts, s.store, log); err != nil {
		return nil, err
	}
	if s.server, err = server.New(server.Config{Store: s.store, Catalog: serverCatalog(cfg), Logger: log}); err != nil {
		return nil, err
	}
	s.store.SetOnChange(func(changes []job.Change) {
		s.server.Changed(changes)
		s.dispatcher.Changed(changes)
	})
	s.grpc = grpc.NewServer(s.server.Options()...)
	s.server.Register(s.grpc)
	s.http = &http.Server{
		Handler: s.endpoints(), ReadTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	if s.webListener != nil {
		if s.web, err = newWebServer(cfg, s.grpc, log); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// listen opens the listeners. An error names the setting, such as --listen.
func (s *Service) listen(ctx context.Context, cfg *config.Config) (err error) {
	if s.grpcListener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen); err != nil {
		return fmt.Errorf("--listen %s: %w", cfg.Listen, err)
	}
	if cfg.HTTPListen != "" {
		if s.httpListener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.HTTPListen); err != nil {
			return fmt.Errorf("--http-listen %s: %w", cfg.HTTPListen, err)
		}
	}
	if cfg.WebListen != "" {
		if s.webListener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.WebListen); err != nil {
			return fmt.Errorf("--web-listen %s: %w", cfg.WebListen, err)
		}
	}
	return nil
}

// GRPCAddress is the host:port of the gRPC server. If the configured port is 0, it is the port that the
// system chose.
func (s *Service) GRPCAddress() string { return s.grpcListener.Addr().String() }

// HTTPAddress is the host:port of the HTTP endpoints; empty if the configuration has none.
func (s *Service) HTTPAddress() string {
	if s.httpListener == nil {
		return ""
	}
	return s.httpListener.Addr().String()
}

// WebAddress is where browsers reach the page: the URL of the proxy if the configuration has one. It has no
// trailing slash, and is empty if the page is served nowhere.
func (s *Service) WebAddress() string {
	switch {
	case s.webListener == nil:
		return ""
	case s.webURL != "":
		return s.webURL
	}
	return "http://" + s.webListener.Addr().String()
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
	if s.httpListener != nil {
		group.Go(func() error {
			if err := s.http.Serve(s.httpListener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
	}
	if s.webListener != nil {
		group.Go(func() error {
			if err := s.web.Serve(s.webListener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
	}
	group.Go(func() error { return s.dispatcher.Run(working) })
	group.Go(func() error {
		select {
		case err := <-s.lost:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	group.Go(func() error { return s.webhooks.Run(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		s.log.Info("stopping", "cause", context.Cause(ctx))
		s.stopping.Store(true)
		s.stopServing()
		stopWork(context.Cause(ctx))
		return s.http.Close()
	})
	return errors.Join(group.Wait(), s.Close())
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
	if s.web != nil && s.web.Shutdown(ctx) != nil {
		s.log.Warn("calls over HTTP cut off at shutdown", "grace", drainTimeout/2)
		_ = s.web.Close() // its listener is closed already
	}
	s.server.Stop(s.grpc, drainTimeout-time.Since(began))
}

// Close closes the listeners and the job table.
func (s *Service) Close() error {
	for _, l := range []net.Listener{s.grpcListener, s.httpListener, s.webListener} {
		if l != nil {
			_ = l.Close()
		}
	}
	if s.store == nil {
		return nil
	}
	return s.store.Close()
}
