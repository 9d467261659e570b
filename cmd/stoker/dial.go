package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
)

// connected makes a command of what needs a client of the server that the command
// line names. The client connects with its first call.
func (c *cli) connected(do func(ctx context.Context, conn *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		conn, err := client.Dial(c.server, client.Options{Insecure: c.insecure, UserAgent: "stoker/" + version()})
		if err != nil {
			return usage(fmt.Errorf("--server %s: %w", c.server, err))
		}
		err = do(cmd.Context(), conn, args)
		if closing := conn.Close(); err == nil {
			err = closing
		}
		return err
	}
}
