package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

func (c *cli) queueCommand() *cobra.Command {
	var account string
	var target int32
	var budgets bool
	cmd := &cobra.Command{
		Use:   "queue",
		Short: "Show how the accounts and their queues stand",
		Long: `Show for each account how many encodings should be queued at Bitmovin (the
target; two numbers if the platform was seen to accept less) and how many are (other
people's as they were counted last, at the time in COUNTED), how many jobs run, start
and are prepared, what is wrong, if anything, and why no other job is started right now.`,
		Example: `  stoker queue --budgets
  stoker queue --account default --target 10`,
		Args: noArgs,
	}
	cmd.RunE = c.connected(func(ctx context.Context, conn *client.Client, _ []string) error {
		if cmd.Flags().Changed("target") {
			answer, err := conn.Accounts().UpdateAccount(ctx, &stokerv1.UpdateAccountRequest{
				Account:    &stokerv1.Account{Id: cmp.Or(account, job.DefaultName), QueueTarget: target},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"queue_target"}},
			})
			if err != nil {
				return err
			}
			return c.printAccounts([]*stokerv1.Account{answer.GetAccount()}, budgets)
		}
		accounts, err := readAccounts(ctx, conn, account)
		if err != nil {
			return err
		}
		return c.printAccounts(accounts, budgets)
	})
	cmd.Flags().StringVar(&account, "account", "", "only this account")
	cmd.Flags().Int32Var(&target, "target", 0, fmt.Sprintf("set the queue target, 1 to %d; it survives a restart", job.MaxQueueTarget))
	cmd.Flags().BoolVar(&budgets, "budgets", false, "show the calls left per class of endpoints instead")
	return cmd
}

func readAccounts(ctx context.Context, conn *client.Client, id string) ([]*stokerv1.Account, error) {
	if id != "" {
		answer, err := conn.Accounts().GetAccount(ctx, &stokerv1.GetAccountRequest{AccountId: id})
		return []*stokerv1.Account{answer.GetAccount()}, err
	}
	var all []*stokerv1.Account
	for request := new(stokerv1.ListAccountsRequest); ; {
		answer, err := conn.Accounts().ListAccounts(ctx, request)
		if err != nil {
			return nil, err
		}
		all = append(all, answer.GetAccounts()...)
		if request.PageToken = answer.GetNextPageToken(); request.PageToken == "" {
			return all, nil
		}
	}
}

func (c *cli) printAccounts(accounts []*stokerv1.Account, budgets bool) error {
	if c.json {
		all := jsonArray{w: c.stdout}
		for _, a := range accounts {
			if err := all.add(a); err != nil {
				return err
			}
		}
		return all.end()
	}
	if budgets {
		return c.printBudgets(accounts)
	}
	list := table{header: []string{"ACCOUNT", "TARGET", "QUEUED", "OURS", "RUNNING", "STARTING", "PREPARED", "STATE", "COUNTED", "WAIT"}}
	for _, a := range accounts {
		target := itoa(a.GetQueueTarget())
		if a.GetEffectiveQueueTarget() != a.GetQueueTarget() {
			target = fmt.Sprintf("%d of %d", a.GetEffectiveQueueTarget(), a.GetQueueTarget())
		}
		state, wait := accountState(a, time.Now()), a.GetWaitReason()
		if strings.HasPrefix(state, wait) {
			wait = "" // it has been said
		}
		queued := "?"
		if a.PlatformQueuedCount != nil {
			queued = itoa(a.GetPlatformQueuedCount())
		}
		list.row(a.GetId(), target, queued, itoa(a.GetQueuedCount()), itoa(a.GetRunningCount()), itoa(a.GetStartingCount()),
			itoa(a.GetPreparedCount()), state, moment(a.GetPlatformQueuedTime()), wait)
	}
	if err := c.printTable(list); err != nil {
		return err
	}
	for _, a := range accounts {
		if text := unknownValues(a); text != "" {
			c.note("%s", text)
		}
	}
	return nil
}

// unknownValues says on one line what the platform said that the server does not know.
func unknownValues(a *stokerv1.Account) string {
	values := a.GetUnknownValues()
	if len(values) == 0 {
		return ""
	}
	const few = 3
	var shown []string
	for _, v := range values[:min(few, len(values))] {
		shown = append(shown, fmt.Sprintf("%s %q", strings.ReplaceAll(v.GetKind(), "_", " "), v.GetValue()))
	}
	if more := len(values) - few; more > 0 {
		shown = append(shown, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("Account %s: the platform uses values that this server does not know: %s.", a.GetId(), strings.Join(shown, ", "))
}

func (c *cli) printBudgets(accounts []*stokerv1.Account) error {
	list := table{header: []string{"ACCOUNT", "CALLS", "PER MINUTE", "LEFT NOW", "THROTTLED UNTIL"}}
	for _, a := range accounts {
		for _, b := range a.GetBudgets() {
			list.row(a.GetId(), b.GetClass(), itoa(b.GetLimitPerMinute()), itoa(b.GetAvailable()), moment(b.GetPausedUntil()))
		}
	}
	return c.printTable(list)
}
