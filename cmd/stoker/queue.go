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
	"github.com/stokerd/stoker/job"
)

func queueCommand(c *cli) *cobra.Command {
	var account string
	limit := 20
	cmd := &cobra.Command{
		Use:   "queue",
		Short: "List the jobs that are started next, in order.",
		Long: `START is when the job may be started at the earliest, judged by how fast places in the
queue become free at present. stoker accounts shows the queue at Bitmovin.`,
		Example: `  stoker queue
  stoker queue --account archive -n 100`,
		Args: noArgs,
	}
	cmd.Flags().StringVar(&account, "account", "", "only this `ACCOUNT`")
	cmd.Flags().IntVarP(&limit, "limit", "n", limit, "how many of each account at most")
	c.addListingFlags(cmd, ui.NextJobs(nil).ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, _ []string) error {
		if limit < 1 || limit > job.MaxPageSize {
			return usagef("--limit %d: want 1 to %d", limit, job.MaxPageSize)
		}
		return printQueue(ctx, c, conn, account, limit)
	})
}

// printQueue prints what an account, or every account, starts next.
func printQueue(ctx context.Context, c *cli, conn *client.Client, account string, limit int) error {
	var of string // the account of the jobs that are written
	listing := ui.NextJobs(func() string { return of })
	if _, err := newWriter(c, listing); err != nil {
		return err
	}
	accounts, err := readAccounts(ctx, conn, account)
	if err != nil {
		return err
	}
	if len(accounts) == 1 {
		listing.Leave = []string{"ACCOUNT"}
	}
	to, err := newWriter(c, listing)
	if err != nil {
		return err
	}
	shown := 0
	var notes []string
	for _, a := range accounts {
		of = a.GetId()
		next, err := conn.Accounts().ListNextJobs(ctx, &stokerv1.ListNextJobsRequest{AccountId: a.GetId(), Limit: int32(limit)})
		if err != nil {
			return err
		}
		for _, j := range next.GetJobs() {
			shown++
			if err := to.Add(j); err != nil {
				return err
			}
		}
		if text := restOfQueue(next); text != "" {
			if len(accounts) > 1 {
				text = a.GetId() + ": " + text
			}
			notes = append(notes, text)
		}
	}
	if err := to.End(); err != nil {
		return err
	}
	if shown == 0 {
		notes = append([]string{"No job waits to be started."}, notes...)
	}
	for _, text := range notes {
		c.note("%s", text)
	}
	return nil
}

// restOfQueue says which batches have further jobs: "then 1,228 of 416, 12,600 of 412".
func restOfQueue(next *stokerv1.ListNextJobsResponse) string {
	const few = 6
	var due, later []string
	for _, b := range next.GetBatches() {
		name := ui.BatchName(b.GetBatch().GetNumber(), b.GetBatch().GetId())
		if n := b.GetDueCount(); n > 0 {
			due = append(due, output.Number(n)+" of "+name)
		}
		if n := b.GetBackingOffCount(); n > 0 {
			later = append(later, output.Number(n)+" of "+name)
		}
	}
	shorten := func(parts []string) string {
		if more := len(parts) - few; more > 0 {
			parts = append(parts[:few], fmt.Sprintf("and of %d more batches", more))
		}
		return strings.Join(parts, ", ")
	}
	text := prefixed("then ", shorten(due))
	if len(later) > 0 {
		text += prefixed("; ", text)[:min(2, len(text))] + "after a back-off " + shorten(later)
	}
	return text
}
