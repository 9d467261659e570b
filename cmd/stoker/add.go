package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

func addCommand(c *cli) *cobra.Command {
	flags := listFlags{nothing: "nothing was added", added: true}
	cmd := &cobra.Command{
		Use:   "add BATCH FILE|-",
		Short: "Add a list of jobs to a batch that was submitted with --keep-open.",
		Example: `  stoker add 417 more.csv
  list-new-assets | stoker add 417 -`,
		Long: `What a list may be: stoker help lists. A job without a key gets its output path as key;
a job whose key the batch has already is neither added nor changed, so that the command
can be repeated. To say that no more will come: stoker close.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return usagef("name one batch, and one file or - for standard input: stoker add BATCH FILE")
		},
		ValidArgsFunction: completions{c}.openBatchThenFile,
	}
	flags.addFormatFlags(c, cmd)
	flags.addVarFlag(c, cmd)
	flags.addFolderFlag(cmd)
	return c.clientCommand(cmd, untilInterrupted, func(ctx context.Context, conn *client.Client, args []string) error {
		return c.addJobs(ctx, conn, flags, args[0], args[1:])
	})
}

// addJobs adds a list to an open batch.
func (c *cli) addJobs(ctx context.Context, conn *client.Client, flags listFlags, name string, file []string) error {
	b, err := c.lookupOne(conn).batch(ctx, name)
	if err != nil {
		return err
	}
	if !takesJobs(b) {
		return usagef("%s is %s: only a batch that was submitted with --keep-open, and is not closed, takes more jobs", ui.BatchTitle(b), batchState(b))
	}
	flags.forTemplate = b.GetProfile() == "" // a template of the batch's own has no name; of a recipe the server asks for input paths
	vars, err := flags.variables()
	if err != nil {
		return err
	}
	list, err := c.readList(ctx, flags, file)
	if err != nil {
		return err
	}
	list.FillKeys()
	var all warnings
	specs := jobSpecs(list)
	progress := ui.NewUploadProgress(c.stderr, c.getenv)
	added, err := conn.AddJobs(ctx, b.GetId(), specs, client.SubmitOptions{
		OutputFolder: flags.folder, Variables: vars, Warn: all.add,
		Progress: func(p client.Progress) {
			progress.Show(ui.Upload{Sending: true, Done: p.Sent, Total: p.Total, Complete: p.Uploaded})
		},
	})
	progress.Close()
	c.printWarnings(all, list, specs, flags.inline)
	if err != nil {
		if added.Jobs > 0 {
			c.note("%s: %s added before that", ui.BatchTitle(b), output.Plural(added.Jobs, "job"))
		}
		if isTemporary(ctx, err) {
			c.note("To go on, adding nothing twice:")
			c.note("  %s", c.args.again(false))
		}
		return c.locateViolations(err, list, specs, flags)
	}
	c.note("%s: %s added%s", ui.BatchTitle(b), output.Plural(added.Jobs, "job"), leftOutText(added))
	if c.hints() {
		c.note("  stoker close %d", b.GetNumber())
	}
	return c.report(effect{answers: []proto.Message{&stokerv1.AddJobsResponse{
		Batch: added.Batch, AddedCount: added.Jobs, DuplicateCount: added.Duplicates, SucceededCount: added.Succeeded,
	}}}, added.Jobs)
}

// takesJobs reports whether jobs may be added to a batch; a paused one may be open or not.
func takesJobs(b *stokerv1.Batch) bool {
	return b.GetState() == stokerv1.BatchState_BATCH_STATE_OPEN || b.GetState() == stokerv1.BatchState_BATCH_STATE_PAUSED
}

// leftOutText says which jobs were not added.
func leftOutText(added client.Added) string {
	text := ""
	if added.Duplicates > 0 {
		text += fmt.Sprintf("; it has the keys of %s already", output.Plural(added.Duplicates, "other"))
	}
	if added.Succeeded > 0 {
		text += fmt.Sprintf("; %s have succeeded in an earlier batch", output.Plural(added.Succeeded, "other"))
	}
	return text
}

func closeCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "close BATCH...",
		Short: "Say that a batch gets no more jobs, so that it can end.",
		Example: `  stoker close 417
  stoker close @last`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("name a batch: stoker close BATCH")
			}
			return nil
		},
		ValidArgsFunction: completions{c}.openBatches,
	}
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		var batches []*stokerv1.Batch
		for _, name := range args {
			b, err := c.lookupOne(conn).batch(ctx, name)
			if err != nil {
				return err
			}
			batches = append(batches, b)
		}
		var all effect
		closed := int64(0)
		for i, b := range batches {
			response, err := conn.Batches().CloseBatch(ctx, &stokerv1.CloseBatchRequest{BatchId: b.GetId()})
			if err != nil {
				return leave(c, "closed", batches[i:], err, all)
			}
			if takesJobs(b) {
				closed++
				c.note("%s: closed, with %s", ui.BatchTitle(b), output.Plural(response.GetBatch().GetJobCount(), "job"))
			} else {
				c.note("%s: is closed already", ui.BatchTitle(b))
			}
			all.answers = append(all.answers, response)
		}
		return c.report(all, closed)
	})
}
