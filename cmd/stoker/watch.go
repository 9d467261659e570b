package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

func (c *cli) watchCommand() *cobra.Command {
	var states []string
	cmd := &cobra.Command{
		Use:   "watch BATCH",
		Short: "Watch a batch until it has ended",
		Long: `Watch a batch until it has ended: live on a terminal, one line per change
otherwise, one JSON object per message with --json. Ctrl-C ends the watching, not
the batch. When the server is away, the watch waits for it and says so.

With --state only jobs that are in that state are told of, a line for each that comes
to it. One that goes on to another state is not mentioned again.`,
		Example: `  stoker watch 0192f0c1-...
  stoker watch 0192f0c1-... --state failed`,
		Args: oneArg,
		RunE: c.persistent(func(ctx context.Context, conn *client.Client, args []string) error {
			if batch, _, ok := strings.Cut(args[0], "/"); ok {
				return usagef("%s is a job; to see it: stoker job %s, and to watch its batch: stoker watch %s", args[0], args[0], batch)
			}
			request := whole(args[0])
			var err error
			if request.States, err = jobStates(states, allJobStates()); err != nil {
				return err
			}
			return c.watchAs(ctx, conn, request)
		}),
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "only jobs in this state, such as failed; may be repeated")
	complete(cmd, "state", lowerNames(stokerv1.JobState_name, "JOB_STATE_"))
	return cmd
}

// audience is who a watched batch is shown to.
type audience interface {
	// show is called for every message, in order.
	show(*stokerv1.WatchBatchResponse) error
	// close ends the showing.
	close()
}

// errLeft says that the user stopped watching. There is nothing more to say.
var errLeft error = &exitError{code: exitInterrupted}

// watch shows a batch until it has ended, or tells how to watch it again. The error
// carries the exit code of how it ended.
func (c *cli) watch(ctx context.Context, conn *client.Client, batchID string) error {
	return c.watchAs(ctx, conn, whole(batchID))
}

// watchAs is [cli.watch] for what is asked for in request.
func (c *cli) watchAs(ctx context.Context, conn *client.Client, request *stokerv1.WatchBatchRequest) error {
	err := c.attend(ctx, conn, request)
	if ctx.Err() != nil || errors.Is(err, errLeft) {
		c.note("The batch goes on. To watch it again: stoker watch %s", request.GetBatchId())
	}
	return err
}

// whole asks for everything about a batch.
func whole(batchID string) *stokerv1.WatchBatchRequest {
	return &stokerv1.WatchBatchRequest{BatchId: batchID, IncludeJobs: true}
}

// attend shows what is asked for in request until the batch has ended.
func (c *cli) attend(ctx context.Context, conn *client.Client, request *stokerv1.WatchBatchRequest) error {
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	var to audience
	switch {
	case c.json:
		to = newListener(jsonAudience{c}, c.note, c.latestTrouble)
	case len(request.GetStates()) > 0:
		to = newListener(newArrivals(c.stdout), c.note, c.latestTrouble)
	case c.fancy(c.stdout):
		to = c.startScreen(func() { leave(errLeft) })
	default:
		to = newListener(newLines(c.stdout), c.note, c.latestTrouble)
	}
	batch, err := follow(ctx, conn, request, to)
	to.close()
	if errors.Is(context.Cause(ctx), errLeft) {
		return errLeft
	}
	if err != nil {
		return err
	}
	return outcome(batch)
}

// exitInterrupted is the exit code after Ctrl-C on a screen, where it is a key
// and no signal.
const exitInterrupted = 130

// follow passes the messages of a watch on and returns the batch as it was last.
func follow(ctx context.Context, conn *client.Client, request *stokerv1.WatchBatchRequest, to audience) (*stokerv1.Batch, error) {
	var batch *stokerv1.Batch
	for message, err := range conn.Watch(ctx, request) {
		if err != nil {
			return batch, err
		}
		if message.GetBatch() != nil {
			batch = message.GetBatch()
		}
		if err := to.show(message); err != nil {
			return batch, err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return batch, err
	}
	return batch, nil
}

// outcome is nil if every job of an ended batch succeeded, and exit code 1 if not.
func outcome(batch *stokerv1.Batch) error {
	switch batch.GetState() {
	case stokerv1.BatchState_BATCH_STATE_SUCCEEDED:
		return nil
	case stokerv1.BatchState_BATCH_STATE_FAILED, stokerv1.BatchState_BATCH_STATE_CANCELLED:
		return &exitError{code: exitFailed}
	}
	return failed(fmt.Errorf("the watch ended although batch %s is %s", batch.GetId(), batchState(batch.GetState())))
}

// jsonAudience is a program that reads messages.
type jsonAudience struct{ *cli }

func (a jsonAudience) show(m *stokerv1.WatchBatchResponse) error { return a.printJSONLine(m) }
func (jsonAudience) close()                                      {}
