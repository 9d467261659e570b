package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/internal/ui"
)

func accountsCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "accounts",
		Short: "List the accounts: whether they work, their queue, and what is wrong.",
		Long: `QUEUED is how many encodings are queued at Bitmovin, of all users of the account, and
how many should be; ? if that is not known. RUNNING and WAITING are this server's jobs.`,
		Example: `  stoker accounts
  stoker accounts -o json --jq '.[] | select(.paused) | .id'`,
		Args: noArgs,
	}
	c.addListingFlags(cmd, ui.Accounts(time.Time{}).ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, _ []string) error {
		to, err := newWriter(c, ui.Accounts(c.look(c.stdout).Now))
		if err != nil {
			return err
		}
		accounts, err := readAccounts(ctx, conn, "")
		if err != nil {
			return err
		}
		if err := writeAll(to, accounts); err != nil {
			return err
		}
		if c.out.ForPrograms() {
			return nil
		}
		for _, a := range accounts {
			noteAccount(c, a)
		}
		return nil
	})
}

// noteAccount says what somebody should know about an account beside its state.
func noteAccount(c *cli, a *stokerv1.Account) {
	if text := a.GetQueueTargetAdvice().GetText(); text != "" {
		c.note("Account %s: %s.", a.GetId(), text)
	}
	if text := ui.UnknownValues(a); text != "" {
		c.note("%s", text)
	}
}

// accountCommand has the commands that are about one account.
func accountCommand(c *cli) *cobra.Command {
	group := groupCommand("account", "Explain an account, or set its queue target.", accountGetCommand(c), accountSetCommand(c))
	group.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 && spelling.Closest(args[0], commandNames(cmd)) == "" { // the name of an account, as in stoker batch 411
			return didYouMean(fmt.Sprintf("there is no command %q", args[0]), "stoker account get "+shellQuote(args[0]))
		}
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return nil
	}
	return group
}

func accountGetCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get ACCOUNT",
		Short: "Explain an account: queue, target, calls left, breaker, problems, the last hour.",
		Example: `  stoker account get default
  stoker account get default --jq '.budgets[] | select(.available == 0).class'`,
		Args: oneArg,
	}
	c.addListingFlags(cmd, ui.Accounts(time.Time{}).ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		listing := ui.Accounts(c.look(c.stdout).Now)
		if err := checkThing(c, listing); err != nil {
			return err
		}
		response, err := conn.Accounts().GetAccount(ctx, &stokerv1.GetAccountRequest{AccountId: args[0]})
		if err != nil {
			return err
		}
		history, err := conn.Accounts().GetAccountHistory(ctx, &stokerv1.GetAccountHistoryRequest{AccountId: args[0]})
		if err != nil {
			return err
		}
		a := response.GetAccount()
		return writeThing(c, listing, output.Thing[*stokerv1.Account]{
			Message: a, Row: a,
			Sheet: func(l output.Look, _ bool) string { return ui.AccountSheet(a, history, l) },
		})
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
