package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/examples"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/joblist"
	"github.com/stokerd/stoker/job"
)

// demo is the command line of demo.
type demo struct {
	serve  bool
	listen string
	titles bool
	keep   string
}

func (c *cli) demoCommand() *cobra.Command {
	d := &demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work: service, simulator and a batch in one process",
		Long: `See it work, without account and set-up: the service and a simulator of the
Bitmovin API start in this process, a batch of open films is submitted, and you watch
it finish in about half a minute. Some titles fail and are retried; one fails for good.
Nothing is left behind.

--serve starts the same service and simulator on 127.0.0.1:7070, or on another address
of this machine, submits nothing, and stays until Ctrl-C, for you to play with.

Exit codes: 0 everything went as scripted, including the title that fails; 1 it did
not; 130 and 143 interrupted.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case !loopback(d.listen):
				return usagef("--listen %s: want an address of this machine, for example %s", d.listen, defaultServer)
			case d.titles:
				_, err := io.WriteString(c.stdout, examples.OpenMovies)
				return err
			case d.serve:
				return ofDemo(cmd.Context(), c.demoService(cmd.Context(), d, d.listen, func(ctx context.Context, address string) error {
					c.note("The service listens on %s, with a simulator behind it. Ctrl-C ends both.", address)
					<-ctx.Done()
					return nil
				}))
			}
			return ofDemo(cmd.Context(), c.demoService(cmd.Context(), d, "127.0.0.1:0", c.runDemo))
		},
	}
	cmd.Flags().BoolVar(&d.serve, "serve", false, "start service and simulator on "+defaultServer+" and stay")
	cmd.Flags().StringVar(&d.listen, "listen", defaultServer, "with --serve: the address to listen on")
	cmd.Flags().BoolVar(&d.titles, "titles", false, "print the list of titles")
	cmd.Flags().StringVar(&d.keep, "keep", "", "keep the job table in this file")
	cmd.MarkFlagsMutuallyExclusive("serve", "titles")
	return cmd
}

// ofDemo gives an error of the demo its exit code.
func ofDemo(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, coded := errors.AsType[*exitError](err); coded {
		return err
	}
	return failed(err)
}

// demoService runs service and simulator around do.
func (c *cli) demoService(ctx context.Context, d *demo, listen string, do func(ctx context.Context, address string) error) (err error) {
	db := d.keep
	if db == "" {
		dir, mkErr := os.MkdirTemp("", "stoker-demo-")
		if mkErr != nil {
			return mkErr
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		db = filepath.Join(dir, "stoker.db")
	}
	platform, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	cfg := demoConfig(db, listen, "http://"+platform.Addr().String()+"/v1")
	s, err := newService(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%s is in use already: is a service running there? --listen names another address", listen)
		}
		return errors.Join(explain(cfg, "--keep", err), platform.Close())
	}
	// The service goes first, so that it does not see its platform vanish.
	serving, stopServing := context.WithCancelCause(ctx)
	simulating, stopSimulating := context.WithCancelCause(context.WithoutCancel(ctx))
	var group errgroup.Group
	group.Go(func() error {
		defer stopSimulating(nil)
		return s.run(serving)
	})
	group.Go(func() error {
		defer stopServing(errors.New("the simulator has ended"))
		return serveSimulator(simulating, script(), platform)
	})
	err = do(serving, s.grpcListener.Addr().String())
	stopServing(errDemoOver)
	return errors.Join(err, group.Wait())
}

var errDemoOver = errors.New("the demo is over")

// demoConfig is a service with everything a batch needs.
func demoConfig(db, listen, platform string) *config.Config {
	key := func() (string, error) { return "demo", nil }
	return &config.Config{
		Listen: listen, DB: db, BitmovinURL: platform, MaxRetries: job.DefaultMaxRetries,
		PollInterval: time.Second,
		Accounts:     []config.Account{{ID: job.DefaultName, APIKey: key, QueueTarget: 3, URL: platform}},
		Inputs: map[string]config.Storage{job.DefaultName: {
			Storage: bitmovin.Storage{Type: bitmovin.StorageHTTPS, Host: "masters.example.com"},
		}},
		Outputs: map[string]config.Storage{job.DefaultName: {
			Storage: bitmovin.Storage{Type: bitmovin.StorageS3, Bucket: "encodes", AccessKey: "demo", SecretKey: "demo"},
		}},
		Profiles: map[string]job.Recipe{job.DefaultName: job.DefaultRecipe()},
	}
}

// runDemo submits the titles, shows them until they have ended, and sums up.
func (c *cli) runDemo(ctx context.Context, address string) (err error) {
	conn, err := client.Dial(address, client.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	list, err := joblist.Read(strings.NewReader(examples.OpenMovies), joblist.Options{Name: "open-movies.csv"})
	if err != nil {
		return err
	}
	request := &stokerv1.SubmitBatchRequest{
		DisplayName: "open films", Labels: map[string]string{"demo": "true"}, Jobs: specs(list),
		// A demo has no time to wait for the usual ten seconds.
		RetryPolicy: &stokerv1.RetryPolicy{MaxRetries: new(int32(job.DefaultMaxRetries)), InitialBackoff: durationpb.New(time.Second)},
	}
	batch, err := conn.Submit(ctx, request)
	if err != nil {
		return err
	}
	c.note("%s from open-movies.csv, a simulated platform with %d encoders, 3 encodings kept queued", plural(int64(len(list.Jobs)), "title"), demoEncoders)
	c.note("")
	err = c.attend(ctx, conn, whole(batch.GetId()))
	if exit, ok := errors.AsType[*exitError](err); err != nil && (!ok || exit.code != exitFailed || exit.err != nil) {
		return err
	}
	return c.sumUp(ctx, conn, batch.GetId())
}

// sumUp tells how the batch ended, and whether that was how it should.
func (c *cli) sumUp(ctx context.Context, conn *client.Client, batchID string) error {
	answer, err := conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: batchID})
	if err != nil {
		return err
	}
	jobs, err := conn.Batches().ListJobs(ctx, &stokerv1.ListJobsRequest{BatchId: batchID, PageSize: maxPage})
	if err != nil {
		return err
	}
	b := answer.GetBatch()
	var retried, failures []*stokerv1.Job
	for _, j := range jobs.GetJobs() {
		switch {
		case j.GetState() == stokerv1.JobState_JOB_STATE_FAILED:
			failures = append(failures, j)
		case j.GetAttempt() > 1:
			retried = append(retried, j)
		}
	}
	n := b.GetCounts()
	took := b.GetFinishTime().AsTime().Sub(b.GetCreateTime().AsTime())
	c.note("\n%d of %s encoded in %s, %d of them after a retry.", n.GetSucceeded(), plural(b.GetJobCount(), "title"), rounded(took), len(retried))
	for _, j := range failures {
		c.note("\nFailed for good: %s (%s)\n  %s", title(j), j.GetInputPath(), failure(j))
	}
	c.suggest()
	return asScripted(len(retried), failures, n.GetSucceeded())
}

// suggest names commands to go on with.
func (c *cli) suggest() {
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

  %s demo --serve &        (kill %%1 ends it)
  %s
  %s -plaintext %s stoker.v1.AccountService/ListAccounts`, stoker, submit, grpcurl, defaultServer)
}
