package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/logdedup"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store/sqlite"
)

func (c *cli) serveCommand() *cobra.Command {
	var file string
	given := map[string]string{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Long: `Run the service in the foreground.

Every setting is a flag, an environment variable and a key of the file that --config
names; the flag goes before the variable, and the variable before the file. The file
also holds accounts, storages, profiles and templates.

Without a file one account, input and output named default come from the variables
that Bitmovin's examples use: BITMOVIN_API_KEY, BITMOVIN_TENANT_ORG_ID,
HTTP_INPUT_HOST, S3_OUTPUT_BUCKET_NAME, S3_OUTPUT_ACCESS_KEY, S3_OUTPUT_SECRET_KEY and
S3_OUTPUT_BASE_PATH, in ./examples.properties, the environment, or
~/.bitmovin/examples.properties. The key is read anew for every call. The service starts
without one, and jobs wait.

SIGTERM or Ctrl-C stops taking work, finishes what is in flight and leaves with exit
code 0; a second one leaves at once (130 or 143). Neither loses anything.

Exit codes: 0 stopped as asked; 1 could not start or go on; 2 wrong configuration.`,
		Example: `  stoker serve
  stoker serve --config /etc/stoker/stoker.yaml --queue-target 10
  stoker serve --bitmovin-url http://127.0.0.1:7080/v1 --db rehearsal.db`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sources := c.sources()
			sources.File, sources.Flags = file, given
			cfg, err := config.Load(sources)
			if err != nil {
				return err
			}
			return c.serve(cmd.Context(), cfg)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file in YAML; also $STOKER_CONFIG")
	for _, s := range config.Settings() {
		flag := cmd.Flags().VarPF(&settingFlag{Setting: s, given: given}, s.Name, "", s.Usage+"; $"+s.Env())
		if s.Kind == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
	cmd.Flags().SortFlags = false
	return cmd
}

// settingFlag keeps what was given for a setting. It is judged together with
// everything else, so that all mistakes are told at once.
type settingFlag struct {
	config.Setting
	given map[string]string
}

func (f *settingFlag) String() string { return f.Default }

func (f *settingFlag) Set(value string) error {
	f.given[f.Name] = value
	return nil
}

func (f *settingFlag) Type() string { return f.Kind }

// serve runs the service until ctx ends.
func (c *cli) serve(ctx context.Context, cfg *config.Config) error {
	if err := checkReach(cfg); err != nil {
		return usage(err)
	}
	lines := c.logHandler(cfg)
	defer func() { _ = lines.Close() }() // a log that cannot be written cannot say so
	log := slog.New(lines)
	collectEarly()
	s, err := newService(ctx, cfg, log)
	if err != nil {
		return failed(explain(cfg, "--db", err))
	}
	log.InfoContext(ctx, "listening", "grpc", s.grpcListener.Addr().String(), "http", s.httpAddr(), "db", cfg.DB, "version", version())
	warn(ctx, cfg, log)
	if err := s.run(ctx); err != nil {
		return failed(explain(cfg, "--db", err))
	}
	_ = lines.Close() // what has been counted comes before the last word
	log.InfoContext(ctx, "stopped")
	return nil
}

// collectEarly has the garbage collector run when the heap has grown by half, not when
// it has doubled, unless GOGC says otherwise. A submission of 100,000 jobs is 40 MB for a
// moment, and what the heap grows to because of it is the most the service ever takes:
// this makes it some 15 MB less, for about 4 % more time on such submissions.
func collectEarly() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// logHandler writes the service's log, in which equal lines are one with a count. It has to
// be closed.
func (c *cli) logHandler(cfg *config.Config) *logdedup.Handler {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogJSON {
		return logdedup.New(slog.NewJSONHandler(escaping{c.stderr}, options), logdedup.Options{}) // text has quotes around what is hidden
	}
	return logdedup.New(slog.NewTextHandler(c.stderr, options), logdedup.Options{})
}

// checkReach refuses addresses that other machines can reach: whoever reaches
// them can spend the account's money.
func checkReach(cfg *config.Config) error {
	if cfg.InsecureListen {
		return nil
	}
	var open []string
	for _, address := range []struct{ setting, value string }{{"listen", cfg.Listen}, {"http-listen", cfg.HTTPListen}} {
		if address.value != "" && !loopback(address.value) {
			open = append(open, fmt.Sprintf("--%s %s", address.setting, address.value))
		}
	}
	if len(open) == 0 {
		return nil
	}
	return fmt.Errorf("%s: other machines can reach this address, and there is neither encryption nor a login:"+
		" listen on 127.0.0.1 behind a proxy that has both, or say --insecure-listen", strings.Join(open, ", "))
}

// loopback reports whether only this machine can reach an address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// warn says what is missing for work to be done, although the service can start
// without it.
func warn(ctx context.Context, cfg *config.Config, log *slog.Logger) {
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

// explain adds the remedy to what can be wrong with the job table, which is chosen by a flag.
func explain(cfg *config.Config, flag string, err error) error {
	remedies := []struct {
		err    error
		remedy string
	}{
		{sqlite.ErrLocked, "stop the other one, or give this one a " + flag + " of its own"},
		{sqlite.ErrNewer, "start the newer Stoker, or give this one a " + flag + " of its own"},
		{sqlite.ErrNotDatabase, "name another file with " + flag + "; this one was not touched"},
		{job.ErrFull, "make room on the disk; nothing that was acknowledged is lost"},
	}
	for _, r := range remedies {
		if errors.Is(err, r.err) {
			return fmt.Errorf("%s: %w: %s", cfg.DB, r.err, r.remedy)
		}
	}
	if errors.Is(err, job.ErrUnavailable) {
		return explainFile(cfg.DB, flag, err)
	}
	return err
}

// explainFile finds out why the system does not let the job table be used.
func explainFile(path, flag string, err error) error {
	if _, dirErr := os.Stat(filepath.Dir(path)); errors.Is(dirErr, os.ErrNotExist) {
		return fmt.Errorf("%s: there is no such directory: make it, or name another file with %s", path, flag)
	}
	file, openErr := os.OpenFile(path, os.O_RDWR, 0)
	if openErr != nil {
		return fmt.Errorf("%s: it must be writable, the directory too: %w", path, openErr)
	}
	_ = file.Close() // nothing was written
	return err
}
