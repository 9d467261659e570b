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
		Use:     "whoami",
		Short:   "Show who the service takes you for, your role, and the accounts that you are bound to.",
		Example: "  stoker whoami\n  stoker whoami -o json",
		Args:    noArgs,
	}
	c.addListingFlags(cmd, ui.Identity().ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, _ []string) error {
		to, err := newWriter(c, ui.Identity())
		if err != nil {
			return err
		}
		resp, err := conn.Access().WhoAmI(ctx, &stokerv1.WhoAmIRequest{})
		if err != nil {
			return err
		}
		return writeAll(to, []*stokerv1.WhoAmIResponse{resp})
	})
}
