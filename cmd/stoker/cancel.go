package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// cancellableStates are the states in which a job can be cancelled.
func cancellableStates() []stokerv1.JobState {
	return []stokerv1.JobState{
		stokerv1.JobState_JOB_STATE_WAITING, stokerv1.JobState_JOB_STATE_STARTING,
		stokerv1.JobState_JOB_STATE_QUEUED, stokerv1.JobState_JOB_STATE_RUNNING,
	}
}

func cancelCommand(c *cli) *cobra.Command {
	var reason string
	var dryRun bool
	var selection jobSelection
	cmd := &cobra.Command{
		Use:   "cancel BATCH|JOB | --label KEY=VALUE",
		Short: "Cancel a batch, some of its jobs, a job, or the jobs of many batches",
		Long: `Cancel a batch, the jobs of it that the flags select, or a single job
(BATCH/NUMBER). With --label, cancel the jobs of every batch that has the label.

The command does not wait until the encodings at Bitmovin are stopped. A job whose
encoding ends before that keeps its result. With flags that select jobs, --label or
--dry-run, the number of jobs is printed.`,
		Example: `  stoker cancel 0192f0c1-... --reason "wrong masters"
  stoker cancel 0192f0c1-... --state waiting --key-prefix trailer- --dry-run
  stoker cancel --label team=vod --state waiting`,
		Args: selection.checkArgs,
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; stored with the batch or job, and shown")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only count the jobs, change nothing")
	selection.addFlags(cmd, cancellableStates(), "waiting, starting, queued or running (default: all of them); may be repeated")
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		some := selection.restricted() || dryRun
		switch {
		case len(args) == 0:
			return c.cancelJobs(ctx, conn, selection, &stokerv1.CancelJobsRequest{Reason: reason, ValidateOnly: dryRun})
		case isJobID(args[0]) && some:
			return restrictedJobError(args[0])
		case isJobID(args[0]):
			response, err := conn.Batches().CancelJob(ctx, &stokerv1.CancelJobRequest{JobId: args[0], Reason: reason})
			return c.printJob(response.GetJob(), err)
		case some:
			return c.cancelJobs(ctx, conn, selection, &stokerv1.CancelJobsRequest{BatchId: args[0], Reason: reason, ValidateOnly: dryRun})
		}
		response, err := conn.Batches().CancelBatch(ctx, &stokerv1.CancelBatchRequest{BatchId: args[0], Reason: reason})
		return c.printBatch(response.GetBatch(), err)
	})
}

// cancelJobs cancels the selected jobs and prints how many there were.
func (c *cli) cancelJobs(ctx context.Context, conn *client.Client, selection jobSelection, request *stokerv1.CancelJobsRequest) (err error) {
	if request.States, err = parseJobStates(selection.states, cancellableStates()); err != nil {
		return err
	}
	if request.Labels, err = selection.labelMap(); err != nil {
		return err
	}
	request.KeyPrefix, request.Categories, request.Causes = selection.keyPrefix, selection.categories, selection.causes
	response, err := conn.Batches().CancelJobs(ctx, request)
	if err != nil {
		return err
	}
	jobs := selection.countText(response.GetCount(), response.GetBatchCount())
	switch {
	case c.out.ForPrograms():
		return c.printMessage(response)
	case request.GetValidateOnly():
		c.note("%s would be cancelled", jobs)
	default:
		c.note("%s cancelled, or being cancelled", jobs)
		if c.repeats.lostAnswer("CancelJobs") {
			c.note("An earlier answer of the server was lost: jobs that were cancelled before that are not counted.")
		}
	}
	return c.printCount(response.GetCount())
}
