package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// retryableStates are the states in which a job can be retried.
func retryableStates() []stokerv1.JobState {
	return []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED, stokerv1.JobState_JOB_STATE_CANCELLED}
}

func retryCommand(c *cli) *cobra.Command {
	var dryRun, watch bool
	var selection jobSelection
	cmd := &cobra.Command{
		Use:   "retry BATCH|JOB | --label KEY=VALUE",
		Short: "Retry failed or cancelled jobs",
		Long: `Retry the failed jobs of a batch, a single job (BATCH/NUMBER), or the failed jobs
of every batch that has a label. Print the number of jobs. Each job gets as many retries
as it had at first, and keeps the record of its earlier attempts.`,
		Example: `  stoker retry 0192f0c1-...                    # all failed jobs
  stoker retry 0192f0c1-... --state failed,cancelled
  stoker retry 0192f0c1-... --category "DECODING ERROR" --dry-run
  stoker retry 0192f0c1-... --cause 5f1d3a09c2e4 # one line of stoker failures
  stoker retry --label team=vod --cause 5f1d3a09c2e4`,
		Args: selection.checkArgs,
	}
	selection.addFlags(cmd, retryableStates(), "failed (the default) or cancelled; may be repeated")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only count the jobs, change nothing")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "watch the batch until it has ended")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "watch")
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		if len(args) == 0 && watch {
			return usagef("--watch is for one batch")
		}
		request, err := retryRequest(selection, args)
		if err != nil {
			return err
		}
		request.ValidateOnly = dryRun
		return c.retryJobs(ctx, conn, selection, request, watch)
	})
}

// retryRequest makes the request from the flags and the argument.
func retryRequest(selection jobSelection, args []string) (*stokerv1.RetryJobsRequest, error) {
	request := &stokerv1.RetryJobsRequest{KeyPrefix: selection.keyPrefix, Categories: selection.categories, Causes: selection.causes}
	var err error
	if request.States, err = parseJobStates(selection.states, retryableStates()); err != nil {
		return nil, err
	}
	switch {
	case len(args) == 0:
		request.Labels, err = selection.labelMap()
	case !isJobID(args[0]):
		request.BatchId = args[0]
	case selection.restricted():
		err = restrictedJobError(args[0])
	default:
		request.BatchId, _, _ = strings.Cut(args[0], "/")
		request.JobIds = args
	}
	return request, err
}

// retryJobs retries the selected jobs and prints how many there were, or watches their batch.
func (c *cli) retryJobs(ctx context.Context, conn *client.Client, selection jobSelection, request *stokerv1.RetryJobsRequest, watch bool) error {
	response, err := conn.Batches().RetryJobs(ctx, request)
	if err != nil {
		if _, lost := errors.AsType[*client.LostAnswerError](err); lost && request.GetBatchId() != "" {
			c.note("What has been retried is no longer FAILED. To see the jobs: stoker jobs %s", request.GetBatchId())
		}
		return err
	}
	jobs := selection.countText(response.GetCount(), response.GetBatchCount())
	switch {
	case c.out.ForPrograms() && !watch:
		return c.printMessage(response)
	case request.GetValidateOnly():
		c.note("%s would be retried", jobs)
	case watch && response.GetCount() > 0:
		c.note("%s retried", jobs)
		return c.watch(ctx, conn, watchRequest(request.GetBatchId()))
	default:
		c.note("%s retried", jobs)
	}
	return c.printCount(response.GetCount())
}
