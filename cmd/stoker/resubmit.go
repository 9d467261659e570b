package main

import (
	"context"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

func resubmitCommand(c *cli) *cobra.Command {
	request := &stokerv1.ResubmitBatchRequest{}
	var profile, template string
	var priority int32
	var states, labels []string
	var watch bool
	cmd := &cobra.Command{
		Use:   "resubmit BATCH",
		Short: "Submit the jobs of a batch again, as a new batch.",
		Example: `  stoker resubmit 409 --state failed --profile hevc
  stoker resubmit 409 --cause 5f1d3a09c2e4 --dry-run
  stoker resubmit @last --name "second run" --watch`,
		Long: `The new batch has the account, storages, profile or template, priority, retries and labels
of the old one, unless a flag names others. To try failed jobs again in their own batch,
use stoker retry.`,
		Args:              oneArgAndNotEmpty("state", "cause", "key-prefix"),
		ValidArgsFunction: completions{c}.batches,
	}
	f := cmd.Flags()
	f.StringSliceVar(&states, "state", nil, "`STATE`: only jobs in this state, such as failed")
	f.StringArrayVar(&request.Causes, "cause", nil, "`CAUSE`: only jobs that failed of it")
	f.StringVar(&request.KeyPrefix, "key-prefix", "", "`TEXT`: only jobs whose key begins with this")
	sectionFlags(cmd, whichJobs, "state", "cause", "key-prefix")
	f.StringVar(&profile, "profile", "", "`NAME`: profile to encode with")
	f.StringVar(&template, "template", "", "`NAME`: template to encode with")
	f.StringVar(&request.Output, "output", "", "`STORAGE` to write to")
	f.StringVar(&request.Account, "account", "", "`ACCOUNT` to encode on")
	f.Int32Var(&priority, "priority", 0, "`N`: 0 to 100; higher goes first")
	f.StringVar(&request.DisplayName, "name", "", "`TEXT`: what people call the new batch")
	f.StringArrayVar(&labels, "set-label", nil, "`KEY=VALUE`: give it this label, or this value of it")
	sectionFlags(cmd, newValues, "profile", "template", "output", "account", "priority", "name", "set-label")
	f.BoolVar(&request.ValidateOnly, "dry-run", false, "say how many, submit nothing")
	f.BoolVarP(&watch, "watch", "w", false, "follow it to the end")
	f.StringVar(&request.RequestId, "request-id", "", "`TEXT` of your choice: repeats make no second batch")
	sectionFlags(cmd, how, "dry-run", "watch", "request-id")
	cmd.MarkFlagsMutuallyExclusive("profile", "template")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "watch")
	all := completions{c}
	completeFlag(cmd, "state", jobStateNames(jobStates()))
	for flag, values := range map[string]completer{
		"cause": all.causes, "profile": all.profiles, "template": all.templates, "output": all.outputs, "account": all.accounts, "set-label": all.labels,
	} {
		completeFlagFrom(cmd, flag, values)
	}
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) (err error) {
		if request.States, err = parseJobStates(states, jobStates()); err != nil {
			return err
		}
		if request.SetLabels, err = parseLabelFlag("--set-label", labels); err != nil {
			return err
		}
		if f.Changed("priority") {
			request.Priority = &priority
		}
		switch {
		case profile != "":
			request.EncodeWith = &stokerv1.ResubmitBatchRequest_Profile{Profile: profile}
		case template != "":
			request.EncodeWith = &stokerv1.ResubmitBatchRequest_Template{Template: template}
		}
		return c.resubmit(ctx, conn, request, args[0], watch)
	})
}

// resubmit submits jobs of a batch as a new one. A repeat of the call makes no second batch.
func (c *cli) resubmit(ctx context.Context, conn *client.Client, request *stokerv1.ResubmitBatchRequest, name string, watch bool) error {
	old, err := c.lookupOne(conn).batch(ctx, name)
	if err != nil {
		return err
	}
	request.BatchId = old.GetId()
	again := ""
	if request.GetRequestId() == "" {
		if request.RequestId, err = client.NewRequestID(); err != nil {
			return err
		}
		again = " --request-id " + request.GetRequestId()
	}
	response, err := conn.Batches().ResubmitBatch(ctx, request)
	if err != nil {
		if isTemporary(ctx, err) && !request.GetValidateOnly() {
			c.note("To go on, without submitting twice:")
			c.note("  %s%s", c.args.again(false), again)
		}
		return err
	}
	b := response.GetBatch()
	jobs := output.Plural(b.GetJobCount(), "job")
	if request.GetValidateOnly() {
		c.note("%s: %s would be submitted again", ui.BatchTitle(old), jobs)
		return c.report(effect{answers: []proto.Message{response}}, b.GetJobCount())
	}
	c.note("%s: %s of %s submitted again", ui.BatchTitle(b), jobs, ui.BatchTitle(old))
	if watch {
		return c.watch(ctx, conn, watchRequest(b.GetId()))
	}
	if c.hints() {
		c.note("  stoker watch %d", b.GetNumber())
	}
	return c.report(effect{answers: []proto.Message{response}}, b.GetNumber())
}
