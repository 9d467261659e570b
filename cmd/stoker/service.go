package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
	"github.com/stokerd/stoker/webhook"
)

// drain is how long calls under way may take when the service stops.
const drain = 10 * time.Second

// service is everything that runs in one process, wired together.
type service struct {
	log        *slog.Logger
	store      *store.Store
	dispatcher *dispatcher.Dispatcher
	webhooks   *webhook.Receiver
	server     *server.Server

	grpc         *grpc.Server
	grpcListener net.Listener
	http         *http.Server
	httpListener net.Listener // nil: none

	// stopping is whether calls are turned away. Before that every call is taken: one that
	// comes before its server runs waits in the listener.
	stopping atomic.Bool
}

// newService opens and connects everything, and listens. [service.run] closes it.
func newService(ctx context.Context, cfg *config.Config, log *slog.Logger) (_ *service, err error) {
	s := &service{log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.grpcListener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("--listen %s: %w", cfg.Listen, err)
	}
	if cfg.HTTPListen != "" {
		if s.httpListener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.HTTPListen); err != nil {
			return nil, fmt.Errorf("--http-listen %s: %w", cfg.HTTPListen, err)
		}
	}
	if s.store, err = sqlite.Open(ctx, cfg.DB, store.Options{Logger: log}); err != nil {
		return nil, err
	}
	connected, err := clients(cfg, log)
	if err != nil {
		return nil, err
	}
	s.dispatcher, err = dispatcher.New(dispatcher.Config{
		Store: s.store, Logger: log, Accounts: connected, PollInterval: cfg.PollInterval,
		Inputs: dispatcherStorages(cfg.Inputs), Outputs: dispatcherStorages(cfg.Outputs),
	})
	if err != nil {
		return nil, err
	}
	if s.webhooks, err = newReceiver(cfg, connected, s.store, log); err != nil {
		return nil, err
	}
	s.server, err = server.New(server.Config{
		Store: s.store, Catalog: catalog(cfg), Logger: log,
	})
	if err != nil {
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
	return s, nil
}

// clients connects every account with the platform.
func clients(cfg *config.Config, log *slog.Logger) ([]dispatcher.Account, error) {
	var accounts []dispatcher.Account
	governors := map[string]*bitmovin.Governor{} // the platform limits keys, not accounts
	for _, a := range cfg.Accounts {
		key, err := a.APIKey()
		if err != nil {
			key = "account " + a.ID // a key that is not there yet is nobody else's
		}
		if governors[key] == nil {
			governors[key] = bitmovin.NewGovernor(nil)
		}
		client, err := bitmovin.New(bitmovin.Options{
			BaseURL: a.URL, APIKey: a.APIKey, TenantOrgID: a.TenantOrgID, Governor: governors[key],
			Logger: log.With("account", a.ID), UserAgent: "stoker/" + version(),
		})
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", a.ID, err)
		}
		accounts = append(accounts, dispatcher.Account{
			ID: a.ID, Client: client, QueueTarget: a.QueueTarget, AutoTarget: a.AutoTarget, MaxStartsPerDay: a.MaxStarts,
		})
	}
	return accounts, nil
}

func dispatcherStorages(storages map[string]config.Storage) map[string]dispatcher.Storage {
	converted := map[string]dispatcher.Storage{}
	for name, s := range storages {
		converted[name] = dispatcher.Storage(s)
	}
	return converted
}

// catalog is what batches can name.
func catalog(cfg *config.Config) server.Catalog {
	storages := map[string]server.Storage{}
	for name, storage := range cfg.Inputs {
		storages[name] = server.Storage{Input: true, InputBase: storage.BasePath}
	}
	for name, storage := range cfg.Outputs {
		s := storages[name]
		s.Output, s.OutputBase = true, storage.BasePath
		storages[name] = s
	}
	return server.Catalog{
		Profiles: cfg.Profiles, Templates: cfg.Templates, Storages: storages,
		Retry: job.RetryPolicy{MaxRetries: cfg.MaxRetries},
	}
}

// run works until ctx ends or a part fails, then stops the parts in the order in
// which they depend on each other: callers first, the job table last.
func (s *service) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	working, stopWork := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopWork(nil)

	group.Go(func() error {
		if err := s.grpc.Serve(s.grpcListener); !errors.Is(err, grpc.ErrServerStopped) { // it is if it was stopped before
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
	group.Go(func() error { return s.dispatcher.Run(working) })
	group.Go(func() error { return s.webhooks.Run(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		s.log.Info("stopping", "cause", context.Cause(ctx))
		s.stopping.Store(true)
		s.server.Stop(s.grpc, drain)
		stopWork(context.Cause(ctx))
		return s.http.Close()
	})
	return errors.Join(group.Wait(), s.close())
}

// close closes what is open. Listeners that have served are closed already.
func (s *service) close() error {
	for _, l := range []net.Listener{s.grpcListener, s.httpListener} {
		if l != nil {
			_ = l.Close()
		}
	}
	if s.store == nil {
		return nil
	}
	return s.store.Close()
}

func (s *service) httpAddr() string {
	if s.httpListener == nil {
		return ""
	}
	return s.httpListener.Addr().String()
}

// endpoints answers whether the process lives and whether it takes calls, shows how it
// does, and takes webhooks.
func (s *service) endpoints() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if s.stopping.Load() {
			answer(w, http.StatusServiceUnavailable, "stopping")
			return
		}
		answer(w, http.StatusOK, "ok")
	})
	mux.Handle("GET /metrics", metrics(s.store.AccountStatuses))
	mux.Handle(webhook.Pattern, s.webhooks)
	return mux
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // the caller may have left
}
