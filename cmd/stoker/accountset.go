package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

func accountSetCommand(c *cli) *cobra.Command {
	var target string
	cmd := &cobra.Command{
		Use:   "set ACCOUNT",
		Short: "Change how many encodings are kept queued on an account.",
		Example: `  stoker account set default --target 20
  stoker account set default --target auto
  stoker account set default --target default`,
		Long:              "The change survives a restart of the server.",
		Args:              oneArg,
		ValidArgsFunction: completions{c}.accounts,
	}
	cmd.Flags().StringVar(&target, "target", "", fmt.Sprintf("`N`: 1 to %d, auto, or default", job.MaxQueueTarget))
	completeFlagFrom(cmd, "target", fixed("auto\tthe smallest that keeps the encoders busy", "default\twhat the server is configured with"))
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		setting, err := parseTarget(target)
		if err != nil {
			return err
		}
		before, err := c.readAccount(ctx, conn, args[0])
		if err != nil {
			return err
		}
		response, err := conn.Accounts().UpdateAccount(ctx, &stokerv1.UpdateAccountRequest{
			Account:    &stokerv1.Account{Id: args[0], QueueTargetSetting: setting},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"queue_target_setting"}},
		})
		if err != nil {
			return err
		}
		c.note("account %s: target %s → %s", args[0], targetText(before), targetText(response.GetAccount()))
		return c.report(effect{answers: []proto.Message{response}}, int64(response.GetAccount().GetQueueTarget()))
	})
}

// parseTarget parses the value of --target.
func parseTarget(text string) (*stokerv1.QueueTargetSetting, error) {
	switch text {
	case "auto":
		return &stokerv1.QueueTargetSetting{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_AUTO}, nil
	case "default":
		return &stokerv1.QueueTargetSetting{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_DEFAULT}, nil
	case "":
		return nil, usagef("say what to change, for example --target 20")
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 || n > job.MaxQueueTarget {
		return nil, usagef("--target %s: want 1 to %d, auto, or default", text, job.MaxQueueTarget)
	}
	return &stokerv1.QueueTargetSetting{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_FIXED, Number: int32(n)}, nil
}

// targetText is the queue target of an account, and how it is set.
func targetText(a *stokerv1.Account) string {
	text := strconv.Itoa(int(a.GetQueueTarget()))
	mode := a.GetQueueTargetSetting().GetMode()
	configured := mode == stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_DEFAULT
	if configured {
		mode = a.GetConfiguredQueueTarget().GetMode()
	}
	switch {
	case mode == stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_AUTO && configured:
		return text + " (auto, as configured)"
	case mode == stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_AUTO:
		return text + " (auto)"
	case configured:
		return text + " (as configured)"
	}
	return text
}

// readAccount reads an account. An unknown one is an error that lists those that there are.
func (c *cli) readAccount(ctx context.Context, conn *client.Client, id string) (*stokerv1.Account, error) {
	response, err := conn.Accounts().GetAccount(ctx, &stokerv1.GetAccountRequest{AccountId: id})
	if isUnknown(err) {
		return nil, unnamed("  stoker accounts", "there is no account %q; to see which there are", id)
	}
	return response.GetAccount(), err
}
