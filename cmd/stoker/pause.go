package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

func pauseCommand(c *cli) *cobra.Command {
	var account, reason string
	cmd := &cobra.Command{
		Use:   "pause BATCH | --account ACCOUNT",
		Short: "Stop starting jobs of a batch, or on an account",
		Long: `Stop starting jobs of a batch, or of all batches on an account, until stoker resume.
Encodings that are queued or running at Bitmovin go on.`,
		Args: batchOrAccount(&account),
	}
	cmd.Flags().StringVar(&account, "account", "", "pause this account instead of a batch")
	cmd.Flags().StringVar(&reason, "reason", "", "why; shown as what the jobs wait for")
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		if account != "" {
			response, err := conn.Accounts().PauseAccount(ctx, &stokerv1.PauseAccountRequest{AccountId: account, Reason: reason})
			return c.printAccount(response.GetAccount(), err)
		}
		response, err := conn.Batches().PauseBatch(ctx, &stokerv1.PauseBatchRequest{BatchId: args[0], Reason: reason})
		return c.printBatch(response.GetBatch(), err)
	})
}

func resumeCommand(c *cli) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "resume BATCH | --account ACCOUNT",
		Short: "Start jobs of a paused batch or account again",
		Args:  batchOrAccount(&account),
	}
	cmd.Flags().StringVar(&account, "account", "", "resume this account instead of a batch")
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		if account != "" {
			response, err := conn.Accounts().ResumeAccount(ctx, &stokerv1.ResumeAccountRequest{AccountId: account})
			return c.printAccount(response.GetAccount(), err)
		}
		response, err := conn.Batches().ResumeBatch(ctx, &stokerv1.ResumeBatchRequest{BatchId: args[0]})
		return c.printBatch(response.GetBatch(), err)
	})
}

// batchOrAccount requires either a batch or --account.
func batchOrAccount(account *string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 && *account != "" || len(args) == 1 && *account == "" {
			return nil
		}
		return usagef("name one batch, or an account with --account")
	}
}
