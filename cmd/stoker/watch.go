package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

func watchCommand(c *cli) *cobra.Command {
	var states []string
	cmd := &cobra.Command{
		Use:   "watch BATCH",
		Short: "Watch a batch until it has ended",
		Long: `Watch a batch until it has ended. A terminal shows it live. In a file or a pipe, each
change is a line; with -o jsonl, each message of the API is a line. Ctrl-C ends the watch,
not the batch. If the server stops answering, the watch says so and waits for it.

With --state, a line is printed for each job that enters one of these states. Nothing
is printed when the job leaves that state.`,
		Example: `  stoker watch 0192f0c1-...
  stoker watch 0192f0c1-... --state failed`,
		Args: oneArg,
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "only jobs in this state, such as failed; may be repeated")
	completeFlag(cmd, "state", jobStateNames(jobStates()))
	c.addOutputFlags(cmd, []output.Format{output.FormatTable, output.FormatJSONL})
	return c.clientCommand(cmd, untilInterrupted, func(ctx context.Context, conn *client.Client, args []string) error {
		if batch, _, ok := strings.Cut(args[0], "/"); ok {
			return usagef("%s is a job; to see it: stoker job %s, and to watch its batch: stoker watch %s", args[0], args[0], batch)
		}
		request := watchRequest(args[0])
		var err error
		if request.States, err = parseJobStates(states, jobStates()); err != nil {
			return err
		}
		return c.watch(ctx, conn, request)
	})
}

// watchRequest is a request to watch a batch with all of its jobs.
func watchRequest(batchID string) *stokerv1.WatchBatchRequest {
	return &stokerv1.WatchBatchRequest{BatchId: batchID, IncludeJobs: true}
}

// errUserLeft is returned when the user has pressed a key to stop a watch on the screen. There Ctrl-C is
// such a key and sends no signal.
var errUserLeft error = &exitError{code: exitInterrupted}

// watch is [cli.watchUntilDone]. If the user interrupts it, it says how to watch the batch again.
func (c *cli) watch(ctx context.Context, conn *client.Client, request *stokerv1.WatchBatchRequest) error {
	err := c.watchUntilDone(ctx, conn, request)
	if ctx.Err() != nil || errors.Is(err, errUserLeft) {
		c.note("The batch goes on. To watch it again: stoker watch %s", request.GetBatchId())
	}
	return err
}

// watchUntilDone shows a batch until it has ended. The error carries the exit code: nil if every job
// succeeded.
func (c *cli) watchUntilDone(ctx context.Context, conn *client.Client, request *stokerv1.WatchBatchRequest) error {
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	renderer, err := c.newWatchRenderer(len(request.GetStates()) > 0, func() { leave(errUserLeft) })
	if err != nil {
		return err
	}
	batch, err := renderWatch(ctx, conn, request, renderer)
	renderer.Close()
	if !c.out.ForPrograms() {
		notePage(c, batch)
	}
	if errors.Is(context.Cause(ctx), errUserLeft) {
		return errUserLeft
	}
	if err != nil {
		return err
	}
	return batchResult(batch)
}

// newWatchRenderer chooses how a watch is shown: as JSON, as a log of some states, on the screen of a
// terminal, or as a log. leave is called when the user stops the watch on the screen.
func (c *cli) newWatchRenderer(someStates bool, leave func()) (ui.WatchRenderer, error) {
	problem := c.repeats.connectionProblem
	switch {
	case c.out.ForPrograms():
		lines, err := ui.NewWatchLines(c.stdout, c.out)
		return ui.NotifySilence(lines, c.note, problem), err
	case someStates:
		return pageNoter{ui.NotifySilence(ui.NewStateLog(c.stdout), c.note, problem), c}, nil
	case output.Redrawable(c.stdout, c.getenv):
		return ui.StartScreen(ui.ScreenOptions{Out: c.stdout, In: c.stdin, ConnectionProblem: problem, Leave: leave}), nil
	}
	return pageNoter{ui.NotifySilence(ui.NewLogRenderer(c.stdout), c.note, problem), c}, nil
}

// pageNoter is a renderer that first tells the address of the batch's page.
type pageNoter struct {
	ui.WatchRenderer
	cli *cli
}

// Render renders a message.
func (p pageNoter) Render(m *stokerv1.WatchBatchResponse) error {
	notePage(p.cli, m.GetBatch())
	return p.WatchRenderer.Render(m)
}

// renderWatch passes the messages of a watch to the renderer, and returns the batch as the latest message
// has it.
func renderWatch(ctx context.Context, conn *client.Client, request *stokerv1.WatchBatchRequest, to ui.WatchRenderer) (*stokerv1.Batch, error) {
	var batch *stokerv1.Batch
	for message, err := range conn.Watch(ctx, request) {
		if err != nil {
			return batch, err
		}
		if message.GetBatch() != nil {
			batch = message.GetBatch()
		}
		if err := to.Render(message); err != nil {
			return batch, err
		}
	}
	return batch, context.Cause(ctx)
}

// batchResult is nil if every job of an ended batch succeeded, and exit code 1 if not.
func batchResult(batch *stokerv1.Batch) error {
	switch batch.GetState() {
	case stokerv1.BatchState_BATCH_STATE_SUCCEEDED:
		return nil
	case stokerv1.BatchState_BATCH_STATE_FAILED, stokerv1.BatchState_BATCH_STATE_CANCELLED:
		return &exitError{code: exitFailed}
	}
	return runError(fmt.Errorf("the watch ended although batch %s is %s", batch.GetId(), ui.BatchState(batch.GetState())))
}
