package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/ui"
)

func failuresCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "failures BATCH",
		Short: "List the causes for which jobs of a batch failed",
		Long: `List the causes for which jobs of a batch failed, at most 100, the most frequent
first, with the number of jobs. Failures that differ only in their paths are one cause.
stoker retry --cause takes the value in the column CAUSE.`,
		Example: "  stoker failures 0192f0c1-...",
		Args:    oneArg,
	}
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		response, err := conn.Batches().ListFailures(ctx, &stokerv1.ListFailuresRequest{BatchId: args[0]})
		switch {
		case err != nil:
			return err
		case c.json:
			return c.printJSON(response)
		case len(response.GetCauses()) == 0:
			c.note("no job has failed")
			return nil
		}
		rest := response.GetFailedCount()
		for _, cause := range response.GetCauses() {
			rest -= cause.GetCount()
		}
		if rest > 0 {
			c.note("and %s with other causes", ui.Plural(rest, "job"))
		}
		return ui.FailureTable(response.GetCauses()).Write(c.stdout)
	})
}
