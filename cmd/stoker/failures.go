package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

func (c *cli) failuresCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "failures BATCH",
		Short: "Tell what the failed jobs of a batch failed of",
		Long: `Tell what the failed jobs of a batch failed of, and how many of each, the most
frequent cause first. Jobs that failed in the same way but for their paths count as one
cause. CAUSE chooses its jobs for stoker retry --cause.`,
		Example: "  stoker failures 0192f0c1-...",
		Args:    oneArg,
		RunE: c.connected(func(ctx context.Context, conn *client.Client, args []string) error {
			answer, err := conn.Batches().ListFailures(ctx, &stokerv1.ListFailuresRequest{BatchId: args[0]})
			switch {
			case err != nil:
				return err
			case c.json:
				return c.printJSON(answer)
			case len(answer.GetCauses()) == 0:
				c.note("no job has failed")
				return nil
			}
			list := table{header: []string{"JOBS", "CAUSE", "FAILURE", "FOR EXAMPLE"}}
			told := int64(0)
			for _, cause := range answer.GetCauses() {
				list.row(itoa(cause.GetCount()), cause.GetCause(), failure(&stokerv1.Job{Failure: cause.GetFailure()}), cause.GetJobId())
				told += cause.GetCount()
			}
			if rest := answer.GetFailedCount() - told; rest > 0 {
				c.note("and %s of other causes", plural(rest, "job"))
			}
			return c.printTable(list)
		}),
	}
}
