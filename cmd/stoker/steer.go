package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

func (c *cli) cancelCommand() *cobra.Command {
	var reason string
	var dryRun bool
	var choice jobChoice
	cmd := &cobra.Command{
		Use:   "cancel BATCH|JOB | --label KEY=VALUE",
		Short: "Cancel a batch, some of its jobs, a job, or the jobs of many batches",
		Long: `Cancel a batch, the jobs of it that the flags choose, or a single job
(BATCH/NUMBER). The answer comes at once; what is on the platform is stopped there,
and what finishes first stays finished. With --label, the jobs of every batch that has
the label.

With flags that choose jobs, or --dry-run, the number of jobs is printed.`,
		Example: `  stoker cancel 0192f0c1-... --reason "wrong masters"
  stoker cancel 0192f0c1-... --state waiting --key-prefix trailer- --dry-run
  stoker cancel --label team=vod --state waiting`,
		Args: choice.batchOrLabels,
		RunE: c.connected(func(ctx context.Context, conn *client.Client, args []string) error {
			switch {
			case len(args) == 0:
				return c.cancelJobs(ctx, conn, choice, &stokerv1.CancelJobsRequest{Reason: reason, ValidateOnly: dryRun})
			case isJob(args[0]) && (choice.given() || dryRun):
				return usagef("the flags choose among the jobs of a batch; %s is a job", args[0])
			case isJob(args[0]):
				answer, err := conn.Batches().CancelJob(ctx, &stokerv1.CancelJobRequest{JobId: args[0], Reason: reason})
				return c.answerJob(answer.GetJob(), err)
			case choice.given() || dryRun:
				return c.cancelJobs(ctx, conn, choice, &stokerv1.CancelJobsRequest{BatchId: args[0], Reason: reason, ValidateOnly: dryRun})
			}
			answer, err := conn.Batches().CancelBatch(ctx, &stokerv1.CancelBatchRequest{BatchId: args[0], Reason: reason})
			return c.answerBatch(answer.GetBatch(), err)
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; kept with the batch or job")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say how many jobs it would be")
	choice.flags(cmd, cancellable(), "waiting, starting, queued or running (default: all of them); may be repeated")
	return cmd
}

func (c *cli) cancelJobs(ctx context.Context, conn *client.Client, choice jobChoice, request *stokerv1.CancelJobsRequest) error {
	states, err := jobStates(choice.states, cancellable())
	if err != nil {
		return err
	}
	request.States, request.KeyPrefix = states, choice.keyPrefix
	request.Categories, request.Causes = choice.categories, choice.causes
	if request.Labels, err = choice.labelMap(); err != nil {
		return err
	}
	answer, err := conn.Batches().CancelJobs(ctx, request)
	switch {
	case err != nil:
		return err
	case c.json:
		return c.printJSON(answer)
	case request.GetValidateOnly():
		c.note("%s would be cancelled", choice.found(answer.GetCount(), answer.GetBatchCount()))
	default:
		c.note("%s cancelled, or about to be", choice.found(answer.GetCount(), answer.GetBatchCount()))
		if c.lostAnswer("CancelJobs") {
			c.note("An earlier answer of the server was lost: what was cancelled before that is not counted.")
		}
	}
	_, err = io.WriteString(c.stdout, itoa(answer.GetCount())+"\n")
	return err
}

// jobChoice is the flags that choose among the jobs of a batch, or of many.
type jobChoice struct {
	labels     []string
	states     []string
	keyPrefix  string
	categories []string
	causes     []string
}

func (j *jobChoice) flags(cmd *cobra.Command, states []stokerv1.JobState, usage string) {
	cmd.Flags().StringArrayVarP(&j.labels, "label", "l", nil, "key=value: the jobs of all batches with this label, instead of one batch; may be repeated")
	cmd.Flags().StringSliceVar(&j.states, "state", nil, usage)
	cmd.Flags().StringVar(&j.keyPrefix, "key-prefix", "", "only jobs whose key begins with this")
	cmd.Flags().StringArrayVar(&j.categories, "category", nil, "only jobs that failed with this category of the platform; may be repeated")
	cmd.Flags().StringArrayVar(&j.causes, "cause", nil, "only jobs that failed of this cause, as stoker failures lists them; may be repeated")
	var names []string
	for _, s := range states {
		names = append(names, strings.ToLower(jobState(s)))
	}
	complete(cmd, "state", names)
}

// batchOrLabels wants either one argument or --label.
func (j *jobChoice) batchOrLabels(_ *cobra.Command, args []string) error {
	if (len(j.labels) == 0) == (len(args) == 1) && len(args) <= 1 {
		return nil
	}
	return usagef("name one batch or job, or batches with --label")
}

// labelMap are the labels; nil if there are none.
func (j *jobChoice) labelMap() (map[string]string, error) {
	if len(j.labels) == 0 {
		return nil, nil
	}
	return parseLabels(j.labels)
}

// found says how many jobs were found, and by labels in how many batches.
func (j *jobChoice) found(jobs, batches int64) string {
	if len(j.labels) == 0 {
		return plural(jobs, "job")
	}
	if batches == 1 {
		return plural(jobs, "job") + " of 1 batch"
	}
	return fmt.Sprintf("%s of %d batches", plural(jobs, "job"), batches)
}

// given reports whether any flag chooses among the jobs of a batch.
func (j *jobChoice) given() bool {
	return len(j.states)+len(j.keyPrefix)+len(j.categories)+len(j.causes) > 0
}

// cancellable are the states in which a job can be cancelled.
func cancellable() []stokerv1.JobState {
	return []stokerv1.JobState{
		stokerv1.JobState_JOB_STATE_WAITING, stokerv1.JobState_JOB_STATE_STARTING,
		stokerv1.JobState_JOB_STATE_QUEUED, stokerv1.JobState_JOB_STATE_RUNNING,
	}
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
	return c.printRow(j.GetId(), jobState(j.GetState()))
}

func (c *cli) answerBatch(b *stokerv1.Batch, err error) error {
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(b)
	}
	return c.printRow(b.GetId(), batchState(b.GetState()))
}

// retryable are the states that can be retried.
func retryable() []stokerv1.JobState {
	return []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED, stokerv1.JobState_JOB_STATE_CANCELLED}
}

func (c *cli) retryCommand() *cobra.Command {
	var dryRun, watch bool
	var choice jobChoice
	cmd := &cobra.Command{
		Use:   "retry BATCH|JOB | --label KEY=VALUE",
		Short: "Give failed or cancelled jobs another chance",
		Long: `Give the failed jobs of a batch, a single job (BATCH/NUMBER), or the failed jobs
of every batch that has a label another chance with all of their retries. Earlier
attempts are kept.`,
		Example: `  stoker retry 0192f0c1-...                    # all failed jobs
  stoker retry 0192f0c1-... --state failed,cancelled
  stoker retry 0192f0c1-... --category "DECODING ERROR" --dry-run
  stoker retry 0192f0c1-... --cause 5f1d3a09c2e4 # one line of stoker failures
  stoker retry --label team=vod --cause 5f1d3a09c2e4`,
		Args: choice.batchOrLabels,
		RunE: c.connected(func(ctx context.Context, conn *client.Client, args []string) error {
			if len(args) == 0 && watch {
				return usagef("--watch is for one batch")
			}
			request, err := choice.retryRequest(args)
			if err != nil {
				return err
			}
			request.ValidateOnly = dryRun
			return c.retry(ctx, conn, choice, request, watch)
		}),
	}
	choice.flags(cmd, retryable(), "failed (the default) or cancelled; may be repeated")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say how many it would be")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "watch the batch until it has ended")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "watch")
	return cmd
}

// retryRequest is what a command line asks to retry.
func (j *jobChoice) retryRequest(args []string) (*stokerv1.RetryJobsRequest, error) {
	request := &stokerv1.RetryJobsRequest{KeyPrefix: j.keyPrefix, Categories: j.categories, Causes: j.causes}
	var err error
	if request.States, err = jobStates(j.states, retryable()); err != nil {
		return nil, err
	}
	switch {
	case len(args) == 0:
		request.Labels, err = j.labelMap()
	case !isJob(args[0]):
		request.BatchId = args[0]
	case j.given():
		err = usagef("the flags choose among the jobs of a batch; %s is a job", args[0])
	default:
		request.BatchId, _, _ = strings.Cut(args[0], "/")
		request.JobIds = args
	}
	return request, err
}

func (c *cli) retry(ctx context.Context, conn *client.Client, choice jobChoice, request *stokerv1.RetryJobsRequest, watch bool) error {
	answer, err := conn.Batches().RetryJobs(ctx, request)
	if _, lost := errors.AsType[*client.LostAnswerError](err); lost {
		if id := request.GetBatchId(); id != "" {
			c.note("What has been retried is no longer FAILED. To see the jobs: stoker jobs %s", id)
		}
		return err
	}
	if err != nil {
		return err
	}
	jobs := choice.found(answer.GetCount(), answer.GetBatchCount())
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
	return c.printRow(a.GetId(), state)
}
