package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/examples"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/demo"
	"github.com/stokerd/stoker/internal/joblist"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/internal/ui"
	"github.com/stokerd/stoker/job"
)

func demoCommand(c *cli) *cobra.Command {
	var serve, empty, titles bool
	var listen, webListen, keep string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See Stoker work: service, simulator and a batch, without an account.",
		Example: `  stoker demo                    50 open films, in about half a minute
  stoker demo --serve            a service in the middle of its work
  stoker demo --serve --empty    a service to try the other commands on
  stoker demo --titles           the list of films`,
		Long: `The service and a simulator of the Bitmovin API start in this process. Three of the
titles fail and are retried; one fails for good. The exit code is 1 if that is not so.

With --serve there are two accounts, and batches that run, wait, were paused and have
failed. After half a minute the key of one account is refused.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			switch {
			case !client.IsLoopback(listen):
				return usagef("--listen %s: want an address of this machine, for example %s", listen, defaultServer)
			case !client.IsLoopback(webListen):
				return usagef("--web-listen %s: want an address of this machine, for example %s", webListen, defaultWebListen)
			case titles:
				_, err := io.WriteString(c.stdout, examples.OpenMovies)
				return err
			case empty && !serve:
				return usagef("--empty is for --serve")
			case serve:
				return demoError(ctx, c.serveDemo(ctx, demoAddresses{
					grpc: listen, web: webListen, fixed: cmd.Flags().Changed("listen") || cmd.Flags().Changed("web-listen"),
				}, keep, !empty))
			}
			return demoError(ctx, runSimulation(ctx, "127.0.0.1:0", "127.0.0.1:0", keep, demo.NewPlatforms(time.Second), c.runDemo))
		},
	}
	cmd.Flags().BoolVar(&serve, "serve", false, "serve until Ctrl-C, with batches and accounts of all kinds")
	cmd.Flags().BoolVar(&empty, "empty", false, "with --serve: submit nothing")
	cmd.Flags().StringVar(&listen, "listen", defaultServer, "with --serve: `HOST:PORT` on this machine to listen on; if the default one is in use, other ports are taken")
	cmd.Flags().StringVar(&webListen, "web-listen", defaultWebListen, "with --serve: `HOST:PORT` on this machine of the page")
	cmd.Flags().BoolVar(&titles, "titles", false, "only print the list of titles, as CSV for stoker submit")
	cmd.Flags().StringVar(&keep, "keep", "", "`FILE`: the job table, which is kept (default: a temporary file)")
	cmd.MarkFlagsMutuallyExclusive("serve", "titles")
	return cmd
}

// demoAddresses are where the demo serves.
type demoAddresses struct {
	grpc, web string
	fixed     bool // somebody has chosen them: no other ones are taken
}

// serveDemo serves until the context ends, and tells a story unless the service is to be empty. If an address
// is in use that nobody has chosen, it takes other ports.
func (c *cli) serveDemo(ctx context.Context, at demoAddresses, db string, story bool) error {
	platforms := demo.NewPlatforms(time.Second)
	serve := func(ctx context.Context, s *service.Service) error { //nolint:unparam // as runSimulation wants it
		c.note("The service listens on %s, with a simulator behind it. Ctrl-C ends both.", s.Address("--listen"))
		c.note("To see it in a browser: %s", s.WebAddress())
		if story {
			// Who tries the demo may change the story while it is told.
			if err := tellStory(ctx, platforms, s.Address("--listen")); err != nil && ctx.Err() == nil {
				c.note("The demo's own batches end here: %v", err)
			}
		}
		<-ctx.Done()
		return nil
	}
	err := runSimulation(ctx, at.grpc, at.web, db, platforms, serve)
	switch {
	case !errors.Is(err, syscall.EADDRINUSE):
		return err
	case at.fixed:
		return fmt.Errorf("%w: is a service running there? --listen and --web-listen name other addresses", err)
	}
	platforms = demo.NewPlatforms(time.Second) // the others are closed
	return runSimulation(ctx, "127.0.0.1:0", "127.0.0.1:0", db, platforms, func(ctx context.Context, s *service.Service) error {
		c.note("The usual addresses are in use already. To talk to this demo, in another terminal:")
		c.note("  export STOKER_SERVER=%s", s.Address("--listen"))
		return serve(ctx, s)
	})
}

// tellStory tells the service at an address the story of the demo.
func tellStory(ctx context.Context, platforms *demo.Platforms, address string) (err error) {
	conn, err := client.Dial(address, client.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return demo.Story{Platforms: platforms, Client: conn}.Tell(ctx)
}

// demoError gives an error of the demo its exit code: that of the signal if there was one, else 1 unless
// it has a code.
func demoError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, coded := errors.AsType[*exitError](err); coded {
		return err
	}
	return runError(err)
}

// defaultWebListen is where demo --serve serves the page.
const defaultWebListen = "127.0.0.1:7072"

// runSimulation calls use while the demo's service and simulator run. The job table
// is the file db, or a temporary file if db is empty.
func runSimulation(
	ctx context.Context, listen, webListen, db string, platforms *demo.Platforms, use func(ctx context.Context, s *service.Service) error,
) (err error) {
	if db == "" {
		dir, tempErr := os.MkdirTemp("", "stoker-demo-")
		if tempErr != nil {
			return tempErr
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		db = filepath.Join(dir, "stoker.db")
	}
	simulation := &service.Simulation{
		Simulator: platforms.Default, Others: map[string]*simulator.Simulator{demo.Partner: platforms.Partner}, Templates: demo.Templates(),
		Listen: listen, WebListen: webListen, DB: db, QueueTarget: demo.QueueTarget, PollInterval: time.Second,
	}
	err = simulation.Run(ctx, use)
	return explainJobTable(db, "--keep", err)
}

// runDemo submits the titles, watches them until they have ended, and prints a summary.
func (c *cli) runDemo(ctx context.Context, s *service.Service) (err error) {
	conn, err := client.Dial(s.Address("--listen"), client.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	list, err := joblist.Read(strings.NewReader(examples.OpenMovies), joblist.Options{Name: "open-movies.csv"})
	if err != nil {
		return err
	}
	batch, err := conn.Submit(ctx, &stokerv1.SubmitBatchRequest{
		DisplayName: "open films", Labels: map[string]string{"demo": "true"}, Jobs: jobSpecs(list),
		// A demo has no time for the usual pause of ten seconds.
		RetryPolicy: &stokerv1.RetryPolicy{MaxRetries: new(int32(job.DefaultMaxRetries)), InitialBackoff: durationpb.New(time.Second)},
	})
	if err != nil {
		return err
	}
	c.note("%s from open-movies.csv, a simulated platform with %d encoders, %d encodings kept queued",
		output.Plural(int64(len(list.Jobs)), "title"), demo.Encoders, demo.QueueTarget)
	c.note("To see it in a browser: %s", s.WebAddress())
	c.note("")
	_, err = c.watchUntilDone(ctx, conn, watchRequest(batch.GetId()))
	if exit, ok := errors.AsType[*exitError](err); err != nil && (!ok || exit.code != exitFailed || exit.err != nil) {
		return err // the watch failed, not only some jobs
	}
	return c.sumUpDemo(ctx, conn, batch.GetId())
}

// sumUpDemo prints how the batch ended, and what to try next. It returns an error if the batch did not end
// as it should.
func (c *cli) sumUpDemo(ctx context.Context, conn *client.Client, batchID string) error {
	response, err := conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: batchID})
	if err != nil {
		return err
	}
	jobs, err := conn.Batches().ListJobs(ctx, &stokerv1.ListJobsRequest{BatchId: batchID, PageSize: job.MaxPageSize})
	if err != nil {
		return err
	}
	b := response.GetBatch()
	retried := 0
	var failures []*stokerv1.Job
	for _, j := range jobs.GetJobs() {
		switch {
		case j.GetState() == stokerv1.JobState_JOB_STATE_FAILED:
			failures = append(failures, j)
		case j.GetAttempt() > 1:
			retried++
		}
	}
	succeeded := b.GetCounts().GetSucceeded()
	took := b.GetFinishTime().AsTime().Sub(b.GetCreateTime().AsTime())
	c.note("\n%d of %s encoded in %s, %d of them after a retry.", succeeded, output.Plural(b.GetJobCount(), "title"), output.Duration(took), retried)
	for _, j := range failures {
		c.note("\nFailed for good: %s (%s)\n  %s", ui.JobTitle(j), j.GetInputPath(), ui.JobFailure(j))
	}
	c.suggestNextSteps()
	return demo.CheckFilms(retried, len(failures), succeeded)
}

// suggestNextSteps prints commands to try next. They work in the present directory.
func (c *cli) suggestNextSteps() {
	const list = "examples/open-movies.csv"
	stoker := os.Args[0]
	submit := fmt.Sprintf("%s submit %s --watch", stoker, list)
	if _, err := os.Stat(list); err != nil {
		submit = fmt.Sprintf("%s demo --titles | %s submit - --watch", stoker, stoker)
	}
	grpcurl := "grpcurl"
	if _, err := os.Stat("tools/grpcurl/go.mod"); err == nil {
		grpcurl = "make -s grpcurl && bin/grpcurl"
	}
	c.note(`
To go on, keep the same service running and talk to it:

  %s demo --serve --empty &        (kill %%1 ends it)
  %s
  %s -plaintext %s stoker.v1.AccountService/ListAccounts`, stoker, submit, grpcurl, defaultServer)
}
