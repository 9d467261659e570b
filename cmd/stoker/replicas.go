package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/ui"
)

func replicasCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replicas",
		Short: "List the processes that serve one database together, and what each drives.",
		Long: `One replica at a time drives an account: it makes the calls to Bitmovin. The row
*housekeeping is what one of them does for all: retention, notifications, counts. EPOCH is
how many times a replica has gained the account. A service whose job table is a file is
one process, and has no replicas.`,
		Example: `  stoker replicas
  stoker replicas -o json --jq '.[] | select(.terms == null) | .address'`,
		Args: noArgs,
	}
	c.addListingFlags(cmd, ui.Replicas().ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, _ []string) error {
		to, err := newWriter(c, ui.Replicas())
		if err != nil {
			return err
		}
		response, err := conn.Accounts().ListReplicas(ctx, &stokerv1.ListReplicasRequest{})
		if err != nil {
			return err
		}
		return writeAll(to, response.GetReplicas())
	})
}
