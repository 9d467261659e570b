package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/ui"
	"github.com/stokerd/stoker/job"
)

func queueCommand(c *cli) *cobra.Command {
	var account string
	var target int32
	var budgets bool
	cmd := &cobra.Command{
		Use:   "queue",
		Short: "Show the accounts and their queues",
		Long: `Show a line for each account:

  TARGET    encodings to keep queued at Bitmovin; "3 of 10" if Bitmovin was seen to
            accept only 3
  QUEUED    encodings queued at Bitmovin by all users of the account, counted at the
            time in COUNTED; ? if not known
  OURS      those of them that this server started
  RUNNING   jobs of this server that an encoder is working on
  STARTING  jobs whose start Bitmovin has not answered yet
  PREPARED  waiting jobs that are configured at Bitmovin already
  STATE     "working", or why no jobs are started, and problems
  WAIT      what the next job waits for

With --budgets, show a line for each class of API endpoints of an account: how many
calls the account may make per minute, and how many it can make at once now.`,
		Example: `  stoker queue --budgets
  stoker queue --account default --target 10`,
		Args: noArgs,
	}
	cmd.Flags().StringVar(&account, "account", "", "only this account")
	cmd.Flags().Int32Var(&target, "target", 0, fmt.Sprintf("set the queue target, 1 to %d, of --account or else of account %s; it survives a restart", job.MaxQueueTarget, job.DefaultName))
	cmd.Flags().BoolVar(&budgets, "budgets", false, "show how many API calls may be made instead")
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, _ []string) error {
		if cmd.Flags().Changed("target") {
			response, err := conn.Accounts().UpdateAccount(ctx, &stokerv1.UpdateAccountRequest{
				Account:    &stokerv1.Account{Id: cmp.Or(account, job.DefaultName), QueueTarget: target},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"queue_target"}},
			})
			if err != nil {
				return err
			}
			return c.printAccounts([]*stokerv1.Account{response.GetAccount()}, budgets)
		}
		accounts, err := readAccounts(ctx, conn, account)
		if err != nil {
			return err
		}
		return c.printAccounts(accounts, budgets)
	})
}

// readAccounts reads an account, or all accounts if id is empty.
func readAccounts(ctx context.Context, conn *client.Client, id string) ([]*stokerv1.Account, error) {
	if id != "" {
		response, err := conn.Accounts().GetAccount(ctx, &stokerv1.GetAccountRequest{AccountId: id})
		return []*stokerv1.Account{response.GetAccount()}, err
	}
	var all []*stokerv1.Account
	for request := new(stokerv1.ListAccountsRequest); ; {
		response, err := conn.Accounts().ListAccounts(ctx, request)
		if err != nil {
			return nil, err
		}
		all = append(all, response.GetAccounts()...)
		if request.PageToken = response.GetNextPageToken(); request.PageToken == "" {
			return all, nil
		}
	}
}

func (c *cli) printAccounts(accounts []*stokerv1.Account, budgets bool) error {
	switch {
	case c.json:
		all := ui.NewJSONArray(c.stdout)
		for _, a := range accounts {
			if err := all.Add(a); err != nil {
				return err
			}
		}
		return all.End()
	case budgets:
		return ui.BudgetTable(accounts).Write(c.stdout)
	}
	if err := ui.AccountTable(accounts, time.Now()).Write(c.stdout); err != nil {
		return err
	}
	for _, a := range accounts {
		if text := a.GetQueueTargetAdvice().GetText(); text != "" {
			c.note("Account %s: %s.", a.GetId(), text)
		}
		if text := ui.UnknownValues(a); text != "" {
			c.note("%s", text)
		}
	}
	return nil
}
