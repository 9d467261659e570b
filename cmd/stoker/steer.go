package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

func (c *cli) cancelCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "cancel BATCH|JOB",
		Short: "Cancel a batch or a job",
		Long: `Cancel a batch, or a single job (BATCH/NUMBER). The answer comes at once; what is
on the platform is stopped there, and what finishes first stays finished.`,
		Args: cobra.ExactArgs(1),
		RunE: c.connected(func(ctx context.Context, conn *client.Client, args []string) error {
			if isJob(args[0]) {
				answer, err := conn.Batches().CancelJob(ctx, &stokerv1.CancelJobRequest{JobId: args[0], Reason: reason})
				return c.answerJob(answer.GetJob(), err)
			}
			answer, err := conn.Batches().CancelBatch(ctx, &stokerv1.CancelBatchRequest{BatchId: args[0], Reason: reason})
			return c.answerBatch(answer.GetBatch(), err)
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; kept with the batch or job")
	return cmd
}

// isJob tells a job id from a batch id.
func isJob(id string) bool { return strings.Contains(id, "/") }

func (c *cli) answerJob(j *stokerv1.Job, err error) error {
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(j)
	}
	_, err = fmt.Fprintf(c.stdout, "%s\t%s\n", j.GetId(), jobState(j.GetState()))
	return err
}

func (c *cli) answerBatch(b *stokerv1.Batch, err error) error {
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(b)
	}
	_, err = fmt.Fprintf(c.stdout, "%s\t%s\n", b.GetId(), batchState(b.GetState()))
	return err
}

// retryable are the states that can be retried.
func retryable() []stokerv1.JobState {
	return []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED, stokerv1.JobState_JOB_STATE_CANCELLED}
}

func (c *cli) retryCommand() *cobra.Command {
	var states, categories []string
	var dryRun, watch bool
	cmd := &cobra.Command{
		Use:   "retry BATCH|JOB",
		Short: "Give failed or cancelled jobs another chance",
		Long: `Give the failed jobs of a batch, or a single job (BATCH/NUMBER), another chance
with all of their retries. Earlier attempts are kept.`,
		Example: `  stoker retry 0192f0c1-...                    # all failed jobs
  stoker retry 0192f0c1-... --state failed,cancelled
  stoker retry 0192f0c1-... --category "DECODING ERROR" --dry-run`,
		Args: cobra.ExactArgs(1),
		RunE: c.connected(func(ctx context.Context, conn *client.Client, args []string) error {
			request := &stokerv1.RetryJobsRequest{BatchId: args[0], Categories: categories, ValidateOnly: dryRun}
			var err error
			if request.States, err = jobStates(states, retryable()); err != nil {
				return err
			}
			if isJob(args[0]) {
				if len(states)+len(categories) > 0 {
					return usagef("--state and --category choose among the jobs of a batch; %s is a job", args[0])
				}
				request.BatchId, _, _ = strings.Cut(args[0], "/")
				request.JobIds = args
			}
			return c.retry(ctx, conn, request, watch)
		}),
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "failed (the default) or cancelled; may be repeated")
	cmd.Flags().StringArrayVar(&categories, "category", nil, "only jobs that failed with this category of the platform; may be repeated")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say how many it would be")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "watch the batch until it has ended")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "watch")
	complete(cmd, "state", []string{"failed", "cancelled"})
	return cmd
}

func (c *cli) retry(ctx context.Context, conn *client.Client, request *stokerv1.RetryJobsRequest, watch bool) error {
	answer, err := conn.Batches().RetryJobs(ctx, request)
	if err != nil {
		return err
	}
	jobs := plural(answer.GetCount(), "job")
	switch {
	case c.json && !watch:
		return c.printJSON(answer)
	case request.GetValidateOnly():
		c.note("%s would be retried", jobs)
	case watch && answer.GetCount() > 0:
		c.note("%s retried", jobs)
		return c.watch(ctx, conn, request.GetBatchId())
	default:
		c.note("%s retried", jobs)
	}
	_, err = io.WriteString(c.stdout, itoa(answer.GetCount())+"\n")
	return err
}

func (c *cli) pauseCommand() *cobra.Command {
	var account, reason string
	cmd := &cobra.Command{
		Use:   "pause BATCH | --account ACCOUNT",
		Short: "Stop starting jobs of a batch, or on an account",
		Long: `Stop starting jobs of a batch, or of all batches on an account. What is on the
platform goes on.`,
		Args: batchOrAccount(&account),
		RunE: c.connected(func(ctx context.Context, conn *client.Client, args []string) error {
			if account != "" {
				answer, err := conn.Accounts().PauseAccount(ctx, &stokerv1.PauseAccountRequest{AccountId: account, Reason: reason})
				return c.answerAccount(answer.GetAccount(), err)
			}
			answer, err := conn.Batches().PauseBatch(ctx, &stokerv1.PauseBatchRequest{BatchId: args[0], Reason: reason})
			return c.answerBatch(answer.GetBatch(), err)
		}),
	}
	cmd.Flags().StringVar(&account, "account", "", "pause this account instead of a batch")
	cmd.Flags().StringVar(&reason, "reason", "", "why; shown to whoever asks why nothing starts")
	return cmd
}

func (c *cli) resumeCommand() *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "resume BATCH | --account ACCOUNT",
		Short: "Take up work on a paused batch or account again",
		Args:  batchOrAccount(&account),
		RunE: c.connected(func(ctx context.Context, conn *client.Client, args []string) error {
			if account != "" {
				answer, err := conn.Accounts().ResumeAccount(ctx, &stokerv1.ResumeAccountRequest{AccountId: account})
				return c.answerAccount(answer.GetAccount(), err)
			}
			answer, err := conn.Batches().ResumeBatch(ctx, &stokerv1.ResumeBatchRequest{BatchId: args[0]})
			return c.answerBatch(answer.GetBatch(), err)
		}),
	}
	cmd.Flags().StringVar(&account, "account", "", "resume this account instead of a batch")
	return cmd
}

// batchOrAccount wants either a batch or --account.
func batchOrAccount(account *string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if (*account == "") == (len(args) == 1) && len(args) <= 1 {
			return nil
		}
		return usagef("name one batch, or an account with --account")
	}
}

func (c *cli) answerAccount(a *stokerv1.Account, err error) error {
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(a)
	}
	state := "WORKING"
	if a.GetPaused() {
		state = "PAUSED"
	}
	_, err = fmt.Fprintf(c.stdout, "%s\t%s\n", a.GetId(), state)
	return err
}
