package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
		Short: "Follow a batch to its end.",
		Example: `  stoker watch 411
  stoker watch 411 --state failed     a line for each job that fails
  stoker watch @last -o jsonl         every message, for a program`,
		Long: `On a terminal, the batch is shown live; ? lists the keys. In a pipe or a file, each change
is a line. If the server stops answering, the watch says so and waits for it. The exit
code is 1 if jobs have failed or the batch was cancelled.`,
		Args:              oneArg,
		ValidArgsFunction: completions{c}.oneBatch,
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "`STATE`: a line for each job that enters it, such as failed")
	completeFlag(cmd, "state", jobStateNames(jobStates()))
	c.addOutputFlags(cmd, []output.Format{output.FormatTable, output.FormatJSONL})
	return c.clientCommand(cmd, untilInterrupted, func(ctx context.Context, conn *client.Client, args []string) error {
		wanted, err := parseJobStates(states, jobStates())
		if err != nil {
			return err
		}
		b, err := c.lookup(conn).batch(ctx, args[0])
		if err != nil {
			return explainJobInstead(err, args[0])
		}
		request := watchRequest(b.GetId())
		request.States = wanted
		return c.watch(ctx, conn, request)
	})
}

// explainJobInstead is the error for the name of a job where a batch is wanted.
func explainJobInstead(err error, name string) error {
	batch, _, ok := strings.Cut(name, "/")
	if !ok || !isUnnamed(err) {
		return err
	}
	return &exitError{
		code: exitUsage, err: fmt.Errorf("%s is a job; to see it, and to watch its batch", output.Printable(name)),
		below: "  stoker job " + shellQuote(name) + "\n  stoker watch " + shellQuote(batch),
	}
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
	batch, err := c.watchUntilDone(ctx, conn, request)
	if ctx.Err() != nil || errors.Is(err, errUserLeft) {
		name := ui.BatchName(batch.GetNumber(), request.GetBatchId())
		c.note("The batch goes on. To watch it again:")
		c.note("  stoker watch %s", name)
	}
	return err
}

// watchUntilDone shows a batch until it has ended, and returns it as it was last. The error carries the exit
// code: nil if every job succeeded.
func (c *cli) watchUntilDone(ctx context.Context, conn *client.Client, request *stokerv1.WatchBatchRequest) (*stokerv1.Batch, error) {
	watching, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	steer := steering{ctx: ctx, conn: conn, batchID: request.GetBatchId()}
	renderer, live, err := c.newWatchRenderer(len(request.GetStates()) > 0, steer, func() { leave(errUserLeft) })
	if err != nil {
		return nil, err
	}
	batch, err := renderWatch(watching, conn, request, renderer)
	renderer.Close()
	if !c.out.ForPrograms() {
		notePage(c, batch)
	}
	if errors.Is(context.Cause(watching), errUserLeft) {
		return batch, errUserLeft
	}
	if err != nil {
		return batch, err
	}
	if live {
		if err := c.writeEnd(batch, steer); err != nil {
			return batch, err
		}
	}
	return batch, batchResult(batch)
}

// writeEnd says how a batch ended, in the place of the live view.
func (c *cli) writeEnd(batch *stokerv1.Batch, steer steering) error {
	var failures *stokerv1.ListFailuresResponse
	if batch.GetCounts().GetFailed() > 0 {
		failures, _ = steer.failures() // the end is told without the causes too
	}
	_, err := io.WriteString(c.stdout, ui.EndSheet(batch, failures, c.look(c.stdout)))
	return err
}

// steering makes the calls for the keys of the live view.
type steering struct {
	ctx     context.Context
	conn    *client.Client
	batchID string
}

// setPaused pauses the batch, or resumes it.
func (s steering) setPaused(paused bool) (err error) {
	if paused {
		_, err = s.conn.Batches().PauseBatch(s.ctx, &stokerv1.PauseBatchRequest{BatchId: s.batchID})
	} else {
		_, err = s.conn.Batches().ResumeBatch(s.ctx, &stokerv1.ResumeBatchRequest{BatchId: s.batchID})
	}
	if s, ok := errors.AsType[statusError](err); ok {
		return errors.New(s.GRPCStatus().Message())
	}
	return err
}

// failures lists what jobs of the batch failed of.
func (s steering) failures() (*stokerv1.ListFailuresResponse, error) {
	return s.conn.Batches().ListFailures(s.ctx, &stokerv1.ListFailuresRequest{BatchId: s.batchID})
}

// newWatchRenderer chooses how a watch is shown: as JSON, as a log of some states, live on the screen of a
// terminal, or as a log. leave is called when the user stops the watch on the screen.
func (c *cli) newWatchRenderer(someStates bool, steer steering, leave func()) (to ui.WatchRenderer, live bool, err error) {
	problem := c.repeats.connectionProblem
	look := c.look(c.stdout)
	switch {
	case c.out.ForPrograms():
		lines, err := ui.NewWatchLines(c.stdout, c.out)
		return ui.NotifySilence(lines, c.note, problem), false, err
	case someStates:
		return pageNoter{ui.NotifySilence(ui.NewStateLog(c.stdout, look), c.note, problem), c}, false, nil
	case output.Redrawable(c.stdout, c.getenv):
		return ui.StartScreen(ui.ScreenOptions{
			Out: c.stdout, In: c.stdin, Getenv: c.getenv, UTC: c.out.UTC, ConnectionProblem: problem, Leave: leave,
			SetPaused: steer.setPaused, Failures: steer.failures,
		}), true, nil
	}
	return pageNoter{ui.NotifySilence(ui.NewLogRenderer(c.stdout, look), c.note, problem), c}, false, nil
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
