package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/ui"
)

func whoamiCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "Show who the service takes you for, and what you may do.",
		Long:  "The answer has your principal, its role, and the accounts that it is bound to.",
		Args:  noArgs,
	}
	c.addListingFlags(cmd, ui.Caller().ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, _ []string) error {
		resp, err := conn.Access().WhoAmI(ctx, &stokerv1.WhoAmIRequest{})
		if err != nil {
			return err
		}
		to, err := newWriter(c, ui.Caller())
		if err != nil {
			return err
		}
		return writeAll(to, []*stokerv1.WhoAmIResponse{resp})
	})
}
