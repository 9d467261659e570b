package main

import (
	"cmp"
	"context"
	"errors"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
	"github.com/stokerd/stoker/job"
)

// jobList is the flags of commands that list jobs.
type jobList struct {
	*cli
	states, keys, causes, labels, accounts []string
	keyPrefix, text, encoding              string
	since, until                           string
	newest                                 bool
	limit                                  int
}

// addFlags adds the flags that choose among jobs.
func (l *jobList) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&l.states, "state", nil, "only jobs in this `STATE`, such as failed")
	f.StringArrayVar(&l.causes, "cause", nil, "only jobs of this `CAUSE`, as in stoker failures")
	f.StringArrayVar(&l.keys, "key", nil, "only the job with this `KEY`")
	f.StringVar(&l.keyPrefix, "key-prefix", "", "only jobs whose key begins with this `TEXT`")
	f.StringVar(&l.since, "since", "", "only jobs that changed since this `TIME`, such as 2h, yesterday or 2026-11-28")
	f.StringVar(&l.until, "until", "", "only jobs that changed before this `TIME`")
	f.IntVarP(&l.limit, "limit", "n", l.limit, "how many at most; 0: all")
	completeFlag(cmd, "state", jobStateNames(jobStates()))
	completeFlagFrom(cmd, "cause", completions{l.cli}.causes)
	completeFlagFrom(cmd, "key", completions{l.cli}.keys)
	completeFlagFrom(cmd, "key-prefix", completions{l.cli}.keys)
}

// filters are the names of the flags that choose among jobs.
func (l *jobList) filters() []string {
	return []string{"state", "cause", "key", "key-prefix", "text", "encoding", "label", "account", "since", "until"}
}

// request is the request that the flags ask for.
func (l *jobList) request(now time.Time) (_ *stokerv1.ListJobsRequest, err error) {
	r := &stokerv1.ListJobsRequest{
		Keys: l.keys, KeyPrefix: l.keyPrefix, Causes: l.causes, Accounts: l.accounts, Text: l.text, EncodingId: l.encoding, PageSize: job.MaxPageSize,
	}
	if l.newest {
		r.Order = stokerv1.JobOrder_JOB_ORDER_NEWEST_FIRST
	}
	if l.limit < 0 {
		return nil, usagef("--limit %d: want 0 or more", l.limit)
	}
	if r.States, err = parseJobStates(l.states, jobStates()); err != nil {
		return nil, err
	}
	if len(l.labels) > 0 {
		if r.Labels, err = parseLabels(l.labels); err != nil {
			return nil, err
		}
	}
	r.Changed, err = parseTimeRange(l.since, l.until, now)
	return r, err
}

// parseTimeRange reads --since and --until; nil if neither is given.
func parseTimeRange(since, until string, now time.Time) (*stokerv1.TimeRange, error) {
	if since == "" && until == "" {
		return nil, nil
	}
	from, err := parseTime("since", since, now)
	if err != nil {
		return nil, err
	}
	to, err := parseTime("until", until, now)
	if err != nil {
		return nil, err
	}
	if from != nil && to != nil && !from.AsTime().Before(to.AsTime()) {
		return nil, usagef("--until %s: want a later time than --since %s", until, since)
	}
	return &stokerv1.TimeRange{Since: from, Until: to}, nil
}

// localNow is the present time in the zone in which the user gives and reads times.
func localNow(c *cli) time.Time {
	look := c.look(c.stdout)
	if c.out.UTC || look.Zone == nil {
		return look.Now.UTC()
	}
	return look.Now.In(look.Zone)
}

func jobsCommand(c *cli) *cobra.Command {
	l := &jobList{cli: c}
	cmd := &cobra.Command{
		Use:   "jobs BATCH",
		Short: "List the jobs of a batch, in the order in which they were submitted.",
		Long: `Rows are printed while the jobs are read, however many there are. CSV and JSON have the
job as the API has it. With --bom, CSV has a byte order mark, by which Excel knows UTF-8,
and an apostrophe before every value that would be a formula there. Without it, paths and
keys are to the byte what was submitted.`,
		Example: `  stoker jobs 411 --state failed
  stoker jobs 411 --cause 5f1d3a09c2e4 -o name | stoker retry -
  stoker jobs 411 --state succeeded -o csv > results.csv
  stoker jobs 411 --columns job,name,encoding_id,run_seconds`,
		Args:              oneArg,
		ValidArgsFunction: completions{c}.oneBatch,
	}
	l.addFlags(cmd)
	cmd.Flags().StringVar(&l.text, "text", "", "only jobs with this `TEXT` in key, name, paths or encoding id")
	cmd.Flags().BoolVar(&l.newest, "newest", false, "the last submitted first")
	c.addListingFlags(cmd, ui.Jobs().ColumnNames())
	cmd.Flags().BoolVar(&c.out.BOM, "bom", false, "with -o csv: for Excel and other spreadsheets")
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		return l.printOf(ctx, conn, args[0], givenFilters(cmd, l.filters()...))
	})
}

// printOf prints jobs of a batch. filters is how the user chose among them.
func (l *jobList) printOf(ctx context.Context, conn *client.Client, batch, filters string) error {
	request, err := l.request(localNow(l.cli))
	if err != nil {
		return err
	}
	if l.out.Sort != "" {
		l.out.Most = l.limit
	}
	listing := ui.Jobs()
	if len(l.states) == 1 {
		listing.Leave = []string{"STATE"}
	}
	if _, err := newWriter(l.cli, listing); err != nil {
		return err
	}
	if batch, err = l.lookup(conn).batchNumber(ctx, batch); err != nil {
		return err
	}
	request.BatchId = batch
	if l.out.ForPrograms() && l.out.Format != output.FormatName {
		more, err := storagesOf(ctx, conn, batch)
		if err != nil {
			return err
		}
		listing.Extra = append(more, listing.Extra...)
	}
	to, err := newWriter(l.cli, listing)
	if err != nil {
		return err
	}
	shown, total, err := l.write(ctx, conn, request, to, nil)
	if err != nil {
		return err
	}
	return l.noteShown(ctx, conn, request, shown, total, filters)
}

// noteShown says how many jobs there are beyond those that were printed, or why none was.
func (l *jobList) noteShown(ctx context.Context, conn *client.Client, request *stokerv1.ListJobsRequest, shown int, total int64, filters string) error {
	if shown == 0 {
		response, err := conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: request.GetBatchId()})
		if err != nil {
			return err
		}
		switch b := response.GetBatch(); {
		case b.GetJobCount() == 0:
			l.note("%s has no jobs yet.", ui.BatchTitle(b))
		default:
			l.note("None of %s of %s matches %s.", output.Plural(b.GetJobCount(), "job"), ui.BatchTitle(b), filters)
		}
		return nil
	}
	failed := len(request.GetStates()) == 1 && request.GetStates()[0] == stokerv1.JobState_JOB_STATE_FAILED && len(request.GetCauses()) == 0
	hint := failed && l.hints()
	count := ""
	if total == moreJobs && filters == "" {
		response, err := conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: request.GetBatchId()})
		if err != nil {
			return err
		}
		total = response.GetBatch().GetJobCount()
	}
	switch {
	case total > int64(shown):
		count = output.Number(shown) + " of " + output.Plural(total, "job")
	case total == moreJobs:
		count = "the first " + output.Plural(int64(shown), "job") + "; there are more"
	case hint:
		count = output.Plural(int64(shown), "job")
	}
	switch {
	case hint:
		l.note("%s; by cause:", count)
		l.note("  stoker failures %s", request.GetBatchId())
	case count != "":
		l.note("%s", count)
	}
	return nil
}

// storagesOf are the storages of a batch as fields of its jobs.
func storagesOf(ctx context.Context, conn *client.Client, batch string) ([]output.Extra[*stokerv1.Job], error) {
	response, err := conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: batch})
	if err != nil {
		return nil, err
	}
	b := response.GetBatch()
	fixed := func(name, text string) output.Extra[*stokerv1.Job] {
		return output.Extra[*stokerv1.Job]{Name: name, Value: func(*stokerv1.Job) string { return text }}
	}
	return []output.Extra[*stokerv1.Job]{
		fixed("input", cmp.Or(b.GetInput(), b.GetInputId())),
		fixed("output", cmp.Or(b.GetOutput(), b.GetOutputId())),
	}, nil
}

// moreJobs is a total that is not known, but larger than what was printed.
const moreJobs = -1

// errEnough ends the reading of pages: what was asked for has been printed.
var errEnough = errors.New("enough")

// write reads jobs page by page and writes them, as many as the flags say. While it writes a
// page, it reads the next one. onPage, unless it is nil, is called with each page before its jobs are
// written. It returns the number of jobs written, and how many there are, or [moreJobs], or 0 if that is
// not known.
func (l *jobList) write(ctx context.Context, conn *client.Client, request *stokerv1.ListJobsRequest, to output.Writer[*stokerv1.Job], onPage func(*stokerv1.ListJobsResponse)) (shown int, total int64, err error) {
	limit := l.limit
	if l.out.Sort != "" || limit == 0 {
		limit = math.MaxInt // of what is sorted, the writer prints as many as are wanted
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(errEnough)
	pages := make(chan *stokerv1.ListJobsResponse)
	failed := make(chan error, 1)
	request.PageSize = int32(min(limit, job.MaxPageSize))
	go func() { failed <- readPages(ctx, conn, request, pages) }()
	for page := range pages {
		total = max(total, page.GetTotalCount())
		if onPage != nil {
			onPage(page)
		}
		cut := false // the page has more than are wanted
		for _, j := range page.GetJobs() {
			if cut = shown == limit; cut {
				break
			}
			if err := to.Add(j); err != nil {
				return shown, total, err
			}
			shown++
		}
		if shown == limit {
			if total == 0 && (cut || page.GetNextPageToken() != "") {
				total = moreJobs
			}
			return shown, total, to.End()
		}
	}
	if err := <-failed; err != nil {
		return shown, total, err
	}
	return shown, total, to.End()
}

// readPages sends the pages of a list until there are no more or ctx ends, and closes pages.
func readPages(ctx context.Context, conn *client.Client, request *stokerv1.ListJobsRequest, pages chan<- *stokerv1.ListJobsResponse) error {
	defer close(pages)
	for {
		page, err := conn.Batches().ListJobs(ctx, request)
		if err != nil {
			return err
		}
		select {
		case pages <- page:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			return nil
		}
	}
}
