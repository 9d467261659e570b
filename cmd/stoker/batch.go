package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

func batchCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "batch BATCH",
		Short: "Explain a batch: how far it is, why it waits, when it ends, what failed.",
		Example: `  stoker batch 411
  stoker batch @last -o yaml
  stoker batch 411 --jq .counts.failed`,
		Args:              oneArg,
		ValidArgsFunction: completions{c}.oneBatch,
	}
	c.addListingFlags(cmd, ui.Batches().ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		if err := checkThing(c, ui.Batches()); err != nil {
			return err
		}
		b, err := c.lookup(conn).wholeBatch(ctx, args[0])
		if err != nil {
			return err
		}
		failures := &stokerv1.ListFailuresResponse{}
		if b.GetCounts().GetFailed() > 0 && !c.out.ForPrograms() {
			if failures, err = conn.Batches().ListFailures(ctx, &stokerv1.ListFailuresRequest{BatchId: b.GetId()}); err != nil {
				return err
			}
		}
		return writeThing(c, ui.Batches(), output.Thing[*stokerv1.Batch]{
			Message: b, Row: b,
			Sheet: func(l output.Look, all bool) string { return ui.BatchSheet(b, failures, l, all) },
		})
	})
}
