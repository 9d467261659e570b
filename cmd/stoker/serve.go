package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/logdedup"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/store/postgres"
)

func serveCommand(c *cli) *cobra.Command {
	var from configuration
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Long: `Run the service in the foreground.

Every setting can be given as a flag, as an environment variable, and in the file that
--config names. A flag overrides the variable, and the variable overrides the file. The
file also has the accounts, storages, profiles and templates.

Without a file there is one account, one input and one output, each named default.
They come from the variables of Bitmovin's examples: BITMOVIN_API_KEY,
BITMOVIN_TENANT_ORG_ID, HTTP_INPUT_HOST, S3_OUTPUT_BUCKET_NAME, S3_OUTPUT_ACCESS_KEY,
S3_OUTPUT_SECRET_KEY and S3_OUTPUT_BASE_PATH, in ./examples.properties, in the
environment, or in ~/.bitmovin/examples.properties. The API key is read again for every
call. Without a key the service starts, and its jobs wait for one.

An address that other machines can reach needs a certificate (tls) and auth: required.
The files of the certificate are read anew within a minute after they have changed.

SIGHUP reads the configuration anew. What can change while the service runs is taken up,
all of it or, if anything is wrong, nothing: profiles, templates, storages, secrets, queue
targets, limits, the log level, certificates, the keys of webhooks, and where API keys are read
from. The log says what changed, and what needs a restart.

SIGTERM or Ctrl-C stops the service: it takes no more work, finishes the calls in
flight, and ends with exit code 0. A second signal ends it at once (130 or 143). Nothing
is lost either way.

Exit codes: 0 stopped by a signal; 1 could not start, or had to stop; 2 wrong
configuration; 130 and 143 stopped by a second signal.`,
		Example: `  stoker serve
  stoker serve --config /etc/stoker/stoker.yaml --queue-target 10
  stoker serve --bitmovin-url http://127.0.0.1:7080/v1 --db trial.db`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := func() (*config.Config, error) { return config.Load(c.configSources(from.file, from.settings)) }
			cfg, err := load()
			if err != nil {
				return err
			}
			return c.serve(cmd.Context(), cfg, load)
		},
	}
	addConfigFlags(cmd, &from, true)
	return cmd
}

// serve runs the service until ctx ends.
func (c *cli) serve(ctx context.Context, cfg *config.Config, load func() (*config.Config, error)) error {
	if err := cfg.CheckReach(); err != nil {
		return usageError(err)
	}
	level := new(slog.LevelVar)
	level.Set(cfg.LogLevel)
	tail := service.NewLogTail()
	handler := newLogHandler(io.MultiWriter(tail, c.stderr), cfg, level) // a report has the lines that cannot be printed
	defer func() { _ = handler.Close() }()                               // a log that cannot be written cannot say so
	log := slog.New(handler)
	defer runtime.KeepAlive(tuneCollector())
	s, err := service.New(ctx, cfg, log, &service.Process{Reloads: hangups(ctx), Load: load, LogLevel: level, LogTail: tail})
	if wrong, ok := errors.AsType[*config.Error](err); ok {
		return wrong
	}
	if err != nil {
		return runError(explainJobTable(cfg.DB, "--db", err))
	}
	log.InfoContext(ctx, "listening", "grpc", s.Address("--listen"), "http", s.Address("--http-listen"), "web", s.WebAddress(), "admin", s.Address("--admin-listen"),
		"tls", cfg.TLS.Enabled(), "auth", cfg.Auth, "db", tableName(cfg.DB), "version", service.Version())
	logReach(ctx, cfg, log)
	logMissing(ctx, cfg, log)
	if !s.KnowsCallers() {
		log.WarnContext(ctx, "nobody can call yet",
			"why", "there is no token; the first is made on this machine by: stoker token create ops --role admin --db "+shellQuote(tableName(cfg.DB)))
	}
	logReadable(ctx, cfg, log)
	for _, w := range cfg.Warnings {
		log.WarnContext(ctx, "the configuration is odd", "where", w.Where, "why", w.Text)
	}
	if err := s.Run(ctx); err != nil {
		return runError(explainJobTable(cfg.DB, "--db", err))
	}
	_ = handler.Close() // writes the counts of repeated lines, before the last line
	log.InfoContext(ctx, "stopped")
	return nil
}

// tableName names a job table for people: a file by its path, a database without its password.
func tableName(db string) string {
	if postgres.IsURL(db) {
		return postgres.Name(db)
	}
	return db
}

// newLogHandler makes the handler of the service's log, which writes repeated lines once, with a count. The
// caller has to close it.
func newLogHandler(w io.Writer, cfg *config.Config, level slog.Leveler) *logdedup.Handler {
	options := &slog.HandlerOptions{Level: level}
	if cfg.LogJSON {
		return logdedup.New(slog.NewJSONHandler(output.EscapingWriter{W: w}, options), logdedup.Options{})
	}
	return logdedup.New(slog.NewTextHandler(w, options), logdedup.Options{}) // slog's text escapes hidden characters itself
}

// logReach warns of listeners that other machines can reach only because --insecure-listen allows it.
func logReach(ctx context.Context, cfg *config.Config, log *slog.Logger) {
	if cfg.TLS.Enabled() && cfg.Auth == config.AuthRequired {
		return
	}
	for _, l := range cfg.Open() {
		log.WarnContext(ctx, "other machines can reach this listener, and --insecure-listen allows it without protection",
			"setting", l.Setting, "address", l.Address, "tls", cfg.TLS.Enabled(), "auth", cfg.Auth)
	}
	if cfg.Proxied() && cfg.Auth != config.AuthRequired {
		log.WarnContext(ctx, "other machines reach the page by a proxy, and --insecure-listen allows it without protection", "setting", "--web-url", "address", cfg.WebURL, "auth", cfg.Auth)
	}
}

// logReadable warns of files with secrets that every user of the machine may read.
func logReadable(ctx context.Context, cfg *config.Config, log *slog.Logger) {
	for _, name := range append(slices.Clone(cfg.SecretFiles), service.NotificationKeyFile(cfg)) {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
			log.WarnContext(ctx, "every user of this machine may read a file with a secret: chmod 600", "file", name, "mode", info.Mode().Perm())
		}
	}
}

// logMissing warns of missing settings without which the service starts, but jobs wait or are refused.
func logMissing(ctx context.Context, cfg *config.Config, log *slog.Logger) {
	for _, a := range cfg.Accounts {
		if _, err := a.APIKey(); err != nil {
			log.WarnContext(ctx, "no API key: jobs of this account wait until there is one", "account", a.ID, "err", err)
		}
	}
	if len(cfg.Inputs) == 0 {
		log.WarnContext(ctx, "no input configured: batches have to name an input_id")
	}
	if len(cfg.Outputs) == 0 {
		log.WarnContext(ctx, "no output configured: batches have to name an output_id")
	}
}
