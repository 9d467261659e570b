package main

import (
	"cmp"
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/ui"
	"github.com/stokerd/stoker/job"
)

func jobsCommand(c *cli) *cobra.Command {
	var states, keys []string
	var format string
	var bom bool
	cmd := &cobra.Command{
		Use:   "jobs BATCH",
		Short: "List the jobs of a batch",
		Long: `List the jobs of a batch in the order in which they were submitted. --format chooses a
table; csv with a header; or jsonl with one object per line: the job as the API has it,
and the storages of its batch as input and output.

For a spreadsheet, --bom writes CSV with a byte order mark, by which Excel knows UTF-8,
and an apostrophe before every value that would be a formula there. Without it, paths
and keys are to the byte what was submitted, for the next program.

Except in a table on a terminal, rows are printed while the jobs are read, however many
there are. Each row shows its job as it was when it was read.`,
		Example: `  stoker jobs 0192f0c1-... --state failed
  stoker jobs 0192f0c1-... --state succeeded --format csv > results.csv`,
		Args: oneArg,
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "only jobs in this state, such as failed; may be repeated")
	cmd.Flags().StringArrayVar(&keys, "key", nil, "only the job with this key; may be repeated")
	cmd.Flags().StringVar(&format, "format", "table", "table, csv or jsonl")
	cmd.Flags().BoolVar(&bom, "bom", false, "with --format csv: for Excel and other spreadsheets")
	completeFlag(cmd, "state", jobStateNames(jobStates()))
	completeFlag(cmd, "format", []string{"table", "csv", "jsonl"})
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		request := &stokerv1.ListJobsRequest{BatchId: args[0], Keys: keys, PageSize: job.MaxPageSize}
		var err error
		if request.States, err = parseJobStates(states, jobStates()); err != nil {
			return err
		}
		if bom && format != "csv" {
			return usagef("--bom is for --format csv")
		}
		to, err := c.newJobWriter(ctx, conn, format, bom, args[0])
		if err != nil {
			return err
		}
		count, err := listJobs(ctx, conn, request, to)
		if err == nil && count == 0 && format == "table" && !c.json {
			c.note("no jobs")
		}
		return err
	})
}

// newJobWriter makes the writer for a format, with bom for a spreadsheet. For csv and jsonl it asks the server for the storages of the
// batch.
func (c *cli) newJobWriter(ctx context.Context, conn *client.Client, format string, bom bool, batchID string) (ui.JobWriter, error) {
	switch {
	case format == "table" && c.json:
		return ui.NewJobArray(c.stdout), nil
	case format == "table":
		return ui.NewJobTable(c.stdout), nil
	case format != "csv" && format != "jsonl", c.json:
		return nil, usagef("--format %s: want table, csv or jsonl, or --json alone", format)
	}
	storages, err := readStorages(ctx, conn, batchID)
	if err != nil {
		return nil, err
	}
	switch {
	case bom:
		return ui.NewSpreadsheetCSV(c.stdout, storages)
	case format == "csv":
		return ui.NewJobCSV(c.stdout, storages)
	}
	return ui.NewJobLines(c.stdout, storages)
}

// readStorages asks the server for the storages of a batch.
func readStorages(ctx context.Context, conn *client.Client, batchID string) (ui.Storages, error) {
	response, err := conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: batchID})
	if err != nil {
		return ui.Storages{}, err
	}
	b := response.GetBatch()
	return ui.Storages{Input: cmp.Or(b.GetInput(), b.GetInputId()), Output: cmp.Or(b.GetOutput(), b.GetOutputId())}, nil
}

// listJobs reads the jobs page by page and writes them. While it writes a page, it reads the next one. It
// returns the number of jobs written.
func listJobs(ctx context.Context, conn *client.Client, request *stokerv1.ListJobsRequest, to ui.JobWriter) (count int, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	pages := make(chan []*stokerv1.Job)
	failed := make(chan error, 1)
	go func() { failed <- readPages(ctx, conn, request, pages) }()
	for jobs := range pages {
		for _, j := range jobs {
			if err := to.Add(j); err != nil {
				return count, err
			}
			count++
		}
	}
	if err := <-failed; err != nil {
		return count, err
	}
	return count, to.End()
}

// readPages sends the pages of a list until there are no more or ctx ends, and closes pages.
func readPages(ctx context.Context, conn *client.Client, request *stokerv1.ListJobsRequest, pages chan<- []*stokerv1.Job) error {
	defer close(pages)
	for {
		page, err := conn.Batches().ListJobs(ctx, request)
		if err != nil {
			return err
		}
		select {
		case pages <- page.GetJobs():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			return nil
		}
	}
}

func jobCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "job JOB",
		Short:   "Show a job with its attempts and its history",
		Example: "  stoker job 0192f0c1-.../17",
		Args:    oneArg,
	}
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		response, err := conn.Batches().GetJob(ctx, &stokerv1.GetJobRequest{JobId: args[0]})
		if err != nil {
			return err
		}
		if c.json {
			return c.printJSON(response)
		}
		_, err = io.WriteString(c.stdout, ui.JobDetails(response))
		return err
	})
}
