package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

func jobCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job JOB",
		Short: "Explain a job: why it waits or failed, its attempts, its paths.",
		Long: `-o wide adds the history of its states. JSON has the job with all of its attempts and
the whole history.`,
		Example: `  stoker job 411/28
  stoker job 411/28 -o wide
  stoker job 411/28 --jq .job.output_path`,
		Args:              oneArg,
		ValidArgsFunction: completions{c}.oneJob,
	}
	c.addListingFlags(cmd, ui.Jobs().ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		if err := checkThing(c, ui.Jobs()); err != nil {
			return err
		}
		j, err := c.lookup(conn).job(ctx, args[0])
		if err != nil {
			return err
		}
		response, err := conn.Batches().GetJob(ctx, &stokerv1.GetJobRequest{JobId: j.GetId()})
		if err != nil {
			return err
		}
		page := ""
		if !c.out.ForPrograms() {
			if page, err = jobPage(ctx, conn, response.GetJob()); err != nil {
				return err
			}
		}
		return writeThing(c, ui.Jobs(), output.Thing[*stokerv1.Job]{
			Message: response, Row: response.GetJob(),
			Sheet: func(l output.Look, all bool) string { return ui.JobSheet(response, page, l, all) },
		})
	})
}

// jobPage is the address at which browsers show a job; empty if the server has no page.
func jobPage(ctx context.Context, conn *client.Client, j *stokerv1.Job) (string, error) {
	batch, _, _ := strings.Cut(j.GetId(), "/")
	response, err := conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: batch})
	if err != nil || response.GetBatch().GetPageUrl() == "" {
		return "", err
	}
	return fmt.Sprintf("%s/jobs/%d", response.GetBatch().GetPageUrl(), j.GetNumber()), nil
}
