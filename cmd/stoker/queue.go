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
				Account:    &stokerv1.Account{Id: cmp.Or(account, "default"), QueueTarget: target},
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
	cmd.Flags().Int32Var(&target, "target", 0, "set the queue target, 1 to 1000; it survives a restart")
	cmd.Flags().BoolVar(&budgets, "budgets", false, "show the calls left per class of endpoints instead")
	return cmd
}

func readAccounts(ctx context.Context, conn *client.Client, id string) ([]*stokerv1.Account, error) {
	if id == "" {
		answer, err := conn.Accounts().ListAccounts(ctx, &stokerv1.ListAccountsRequest{})
		return answer.GetAccounts(), err
	}
	answer, err := conn.Accounts().GetAccount(ctx, &stokerv1.GetAccountRequest{AccountId: id})
	return []*stokerv1.Account{answer.GetAccount()}, err
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
		queued := "?"
		if a.PlatformQueuedCount != nil {
			queued = itoa(a.GetPlatformQueuedCount())
		}
		list.row(a.GetId(), target, queued, itoa(a.GetQueuedCount()), itoa(a.GetRunningCount()), itoa(a.GetStartingCount()),
			itoa(a.GetPreparedCount()), accountState(a, time.Now()), moment(a.GetPlatformQueuedTime()), a.GetWaitReason())
	}
	return c.printTable(list)
}

// accountState says whether an account is worked on, and what is wrong if not. That its queue is
// full, or that it has nothing to do, is nothing wrong.
func accountState(a *stokerv1.Account, now time.Time) string {
	switch w := a.GetWait(); w.GetCode() {
	case stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED, stokerv1.WaitCode_WAIT_CODE_DAILY_LIMIT:
		return a.GetWaitReason()
	case stokerv1.WaitCode_WAIT_CODE_BREAKER, stokerv1.WaitCode_WAIT_CODE_PLATFORM_FULL, stokerv1.WaitCode_WAIT_CODE_STORAGE,
		stokerv1.WaitCode_WAIT_CODE_TROUBLE, stokerv1.WaitCode_WAIT_CODE_ORGANISATION:
		if w.GetUntil() == nil || !w.GetUntil().AsTime().After(now) {
			return a.GetWaitReason()
		}
		return a.GetWaitReason() + "; next try in " + rounded(w.GetUntil().AsTime().Sub(now))
	}
	if problem := a.GetProblem(); problem != "" {
		return "working, with trouble: " + problem
	}
	if problem := a.GetWebhooks().GetProblem(); problem != "" {
		return "working, without webhooks: " + problem
	}
	return "working"
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
