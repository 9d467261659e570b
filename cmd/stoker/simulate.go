package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/service"
)

func simulateCommand(c *cli) *cobra.Command {
	sim := &simulator.Simulator{}
	var ownIDs bool
	var listen, faults, denied string
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run a simulator of the Bitmovin API",
		Long: `Run a simulator of the Bitmovin API, to try Stoker without an account. The simulator has
the documented rate limits, queues encodings and runs them for the time of --duration,
but encodes nothing. It accepts any API key.

GET /simulator/ledger lists the calls, /simulator/encodings the encodings, and
/simulator/stats the totals.

--faults makes calls fail. A number, such as 0.05, is the share of all calls that fail,
in many ways. A list, such as 429=0.01,html502=0.02, has the share of each fault:

  429            refused by a rate limit
  html502        an HTML page with a status from 500 to 599, without effect
  json500        a JSON error with a status from 500 to 599, without effect
  504started     a JSON error with such a status, although the call took effect
  8001, 8002, 8005, 8006, 8007
                 refused with the error code of a used-up quota
  reset          the connection is cut, without effect; reset-after: with effect
  truncate       half of the answer, with effect; truncate-lost: without effect
  empty          an empty answer, with effect; empty-lost: without effect
  hang           no answer, without effect; hang-after: with effect; hang:30s
                 and hang-after:30s: no answer for that time

Exit codes: 0 stopped by SIGTERM or Ctrl-C; 1 could not start; 2 wrong usage.`,
		Example: `  stoker simulate --encoders 20 --duration 10s --fail 0.05 &
  BITMOVIN_API_KEY=any HTTP_INPUT_HOST=example.com \
    S3_OUTPUT_BUCKET_NAME=b S3_OUTPUT_ACCESS_KEY=a S3_OUTPUT_SECRET_KEY=s \
    stoker serve --bitmovin-url http://127.0.0.1:7080/v1 --db trial.db`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if sim.Faults, err = simulator.ParseFaultPlan(faults); err != nil {
				return usagef("--faults: %w", err)
			}
			if _, _, err := net.SplitHostPort(listen); err != nil {
				return usagef("--listen %s: want host:port, for example 127.0.0.1:7080", listen)
			}
			sim.TakeForeignIDs = !ownIDs
			if err := checkSimulator(sim); err != nil {
				return err
			}
			if denied != "" {
				sim.DenyPermission = func(simulator.PermissionCheck) string { return denied }
			}
			return c.simulate(cmd.Context(), sim, listen)
		},
	}
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:7080", "host:port to listen on")
	f.IntVar(&sim.Encoders, "encoders", 10, "encodings that run side by side")
	f.IntVar(&sim.QueueLimit, "queue-limit", 100, "encodings that may be queued; a start beyond that is refused with error 8004")
	f.DurationVar(&sim.Duration, "duration", 30*time.Second, "how long an encoding runs")
	f.DurationVar(&sim.StartDelay, "start-delay", 0, "shortest time for which an encoding is queued")
	f.Float64Var(&sim.FailRate, "fail", 0, "share of encodings, 0 to 1, that fail with an error that a retry may help")
	f.DurationVar(&sim.Latency, "latency", 0, "how long every call takes")
	f.StringVar(&faults, "faults", "", "calls that fail; see above")
	f.StringVar(&denied, "deny-writes", "", "why the platform may not write to any S3 output, as the check of permissions answers")
	f.BoolVar(&sim.TakeUnknownValues, "unknown-values", false, "take profiles, presets, regions and other values that the official SDKs do not have")
	f.BoolVar(&sim.Unlimited, "unlimited", false, "answer any number of calls, without rate limits")
	f.BoolVar(&ownIDs, "own-ids", false, "refuse the ids of storages, configurations and filters that this simulator has not made")
	f.Uint64Var(&sim.Seed, "seed", 0, "number that decides all random choices; the same seed repeats them (default: a new one each time)")
	f.SortFlags = false
	return cmd
}

func checkSimulator(sim *simulator.Simulator) error {
	switch {
	case sim.Encoders < 1:
		return usagef("--encoders %d: want at least 1", sim.Encoders)
	case sim.QueueLimit < 1:
		return usagef("--queue-limit %d: want at least 1", sim.QueueLimit)
	case sim.Duration <= 0:
		return usagef("--duration %v: want more than 0", sim.Duration)
	case !isShare(sim.FailRate):
		return usagef("--fail %v: want 0 to 1", sim.FailRate)
	case sim.Latency < 0 || sim.StartDelay < 0:
		return usagef("--latency and --start-delay cannot be negative")
	}
	return nil
}

// simulate serves a simulator until ctx ends.
func (c *cli) simulate(ctx context.Context, sim *simulator.Simulator, address string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return runError(fmt.Errorf("--listen %s: %w", address, err))
	}
	c.note("simulating the Bitmovin API at http://%s/v1", listener.Addr())
	if err := service.ServeSimulator(ctx, sim, listener); err != nil {
		return runError(err)
	}
	return nil
}
