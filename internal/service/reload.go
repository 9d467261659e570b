package service

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/doctor"
	"github.com/stokerd/stoker/internal/logdedup"
	"github.com/stokerd/stoker/internal/transport"
	"github.com/stokerd/stoker/server"
)

// Process is what a service has of the process that it runs in.
type Process struct {
	// Reloads has a value each time when the configuration is to be read anew.
	Reloads <-chan struct{}
	// Load reads the configuration. Its error is a [config.Error].
	Load func() (*config.Config, error)
	// LogLevel is the level of the service's log; nil: it stays what it is.
	LogLevel *slog.LevelVar
	// LogTail has the latest lines of the log; nil: they are not kept.
	LogTail *LogTail
}

// reloader takes up a changed configuration, all of it that can change while the service runs, or nothing.
type reloader struct {
	service *Service
	source  *Process       // nil: the configuration is not read again
	started *config.Config // what the service was started with

	current atomic.Pointer[config.Config] // what was taken up last
	taken   atomic.Int64                  // when, in Unix milliseconds
	failed  atomic.Bool                   // the latest one was refused
}

func newReloader(s *Service, cfg *config.Config, source *Process) *reloader {
	r := &reloader{service: s, source: source, started: cfg}
	r.current.Store(cfg)
	r.taken.Store(time.Now().UnixMilli())
	return r
}

// ReadTakenTime returns when the configuration in force was taken up.
func (r *reloader) ReadTakenTime() time.Time { return time.UnixMilli(r.taken.Load()) }

// HasFailed reports whether the configuration that was read last was refused.
func (r *reloader) HasFailed() bool { return r.failed.Load() }

// run takes up the configuration at each signal until ctx ends. It returns nil.
func (r *reloader) run(ctx context.Context) error {
	if r.source == nil {
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.source.Reloads:
			r.reload(ctx)
		}
	}
}

// reload reads the configuration and takes it up. A wrong one changes nothing, and the log says what is wrong.
func (r *reloader) reload(ctx context.Context) {
	log := r.service.log
	ctx = logdedup.Each(ctx)
	r.service.manager.Reloading()
	defer r.service.manager.Ready()
	cfg, err := r.source.Load()
	if err == nil {
		err = r.check(ctx, cfg)
	}
	var d config.Difference
	if err == nil {
		d = config.Compare(r.current.Load(), cfg)
		err = r.apply(ctx, cfg)
	}
	r.failed.Store(err != nil)
	if wrong, ok := errors.AsType[*config.Error](err); ok {
		for _, m := range wrong.Mistakes {
			log.ErrorContext(ctx, "a mistake in the configuration", "where", m.Where, "what", m.Text)
		}
		err = wrong.Summarize()
	}
	if err != nil {
		log.ErrorContext(ctx, "the new configuration is not taken up; the one before stays in force: correct it and send SIGHUP again", "err", err)
		return
	}
	restart := config.Compare(r.started, cfg).Restart
	if len(restart) > 0 {
		log.InfoContext(ctx, "configuration taken up", "changed", listOrNone(d.Changed), "needs_restart", strings.Join(restart, ", "))
	} else {
		log.InfoContext(ctx, "configuration taken up", "changed", listOrNone(d.Changed))
	}
	for _, w := range cfg.Warnings {
		log.WarnContext(ctx, "the configuration is odd", "where", w.Where, "what", w.Text)
	}
}

// finding says whether the configuration is the one in force. It reads the configuration anew, and takes nothing up.
func (r *reloader) finding() doctor.Finding {
	if r.source == nil {
		return doctor.Configuration(nil, config.Difference{}, false)
	}
	cfg, err := r.source.Load()
	if err != nil {
		return doctor.Configuration(err, config.Difference{}, r.failed.Load())
	}
	d := config.Compare(r.current.Load(), cfg)
	d.Restart = config.Compare(r.started, cfg).Restart
	return doctor.Configuration(nil, d, r.failed.Load())
}

func listOrNone(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// check refuses a configuration with which the service would not start, or which takes away what unfinished batches
// need.
func (r *reloader) check(ctx context.Context, cfg *config.Config) error {
	if err := cfg.CheckReach(); err != nil {
		return err
	}
	if cfg.TLS.Enabled() {
		files := transport.Files{Cert: cfg.TLS.CertFile, Key: cfg.TLS.KeyFile, ClientCA: cfg.TLS.ClientCAFile, MinVersion: cfg.TLS.MinVersion}
		if _, err := transport.LoadCertificates(files, r.service.log); err != nil {
			return err
		}
	}
	return r.checkNeeded(ctx, cfg)
}

// apply takes up a configuration that check has accepted. Submissions that come in the meantime may name what it takes
// away; then it is refused after all, and everything is as before.
func (r *reloader) apply(ctx context.Context, cfg *config.Config) error {
	s := r.service
	server.Reconfigure(s.server, server.Reconfiguration{Catalog: serverCatalog(cfg), Limits: serverLimits(cfg.Limits)})
	err := r.checkNeeded(ctx, cfg)
	if err == nil {
		err = s.notifier.configure(ctx, cfg.Notifications)
	}
	if err != nil {
		before := r.current.Load()
		server.Reconfigure(s.server, server.Reconfiguration{Catalog: serverCatalog(before), Limits: serverLimits(before.Limits)})
		return err
	}
	s.keys.set(r.keysOf(cfg))
	var accounts []dispatcher.Account
	for _, a := range cfg.Accounts {
		accounts = append(accounts, dispatcherAccount(cfg, a))
	}
	s.dispatcher.Reconfigure(dispatcherSources(cfg), accounts)
	s.webhooks.Reconfigure(webhookAccounts(cfg, s.accounts))
	if s.certificates != nil {
		s.certificates.Reload()
	}
	if r.source.LogLevel != nil {
		r.source.LogLevel.Set(cfg.LogLevel)
	}
	r.current.Store(cfg)
	r.taken.Store(time.Now().UnixMilli())
	return nil
}

// keysOf are the accounts of a configuration with their keys, and those of the service that it no longer has: they go
// on until the service is started anew.
func (r *reloader) keysOf(cfg *config.Config) []config.Account {
	accounts := slices.Clone(cfg.Accounts)
	for _, a := range *r.service.keys.accounts.Load() {
		if !slices.ContainsFunc(accounts, func(b config.Account) bool { return b.ID == a.ID }) {
			accounts = append(accounts, a)
		}
	}
	return accounts
}
