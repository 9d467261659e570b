package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/joblist"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// submission is the command line of submit, the request made from it, and the server's warnings.
type submission struct {
	listFlags
	labels       []string
	priority     int32
	maxRetries   int32
	failureLimit string

	watch   bool
	dryRun  bool
	resume  bool
	closed  bool // the batch that --resume has found took no more jobs
	request stokerv1.SubmitBatchRequest

	warnings warnings
}

func submitCommand(c *cli) *cobra.Command {
	s := &submission{listFlags: listFlags{nothing: "nothing was sent"}}
	cmd := &cobra.Command{
		Use:   "submit FILE|-",
		Short: "Send a list of jobs as one batch.",
		Example: `  stoker submit titles.csv --watch
  stoker submit titles.jsonl --profile hevc --priority 80 --label team=vod
  stoker submit archive.csv --skip-succeeded    what an earlier run has not done
  list-new-assets | stoker submit - --name "night run" --keep-open`,
		Long: `What a list may be: stoker help lists. If it has a mistake, no job of it is accepted. In a
pipe the batch's number is printed: B=$(stoker submit titles.csv)`,
		Args: func(_ *cobra.Command, args []string) error {
			if s.sample && len(args) == 0 || !s.sample && len(args) == 1 {
				return nil
			}
			return usagef("name one file, - for standard input, or --sample")
		},
	}
	s.addFlags(c, cmd)
	return c.clientCommand(cmd, untilInterrupted, func(ctx context.Context, conn *client.Client, args []string) (err error) {
		given := cmd.Flags().Changed
		if given("priority") {
			s.request.Priority = &s.priority
		}
		if given("max-retries") {
			s.request.MaxRetries = &s.maxRetries
		}
		if given("failure-limit") {
			if s.request.FailureLimit, err = parseFailureLimit(s.failureLimit); err != nil {
				return err
			}
		}
		return c.submit(ctx, conn, s, args)
	})
}

func (s *submission) addFlags(c *cli, cmd *cobra.Command) {
	f, r := cmd.Flags(), &s.request
	f.StringVar(&r.DisplayName, "name", "", "`TEXT`: what people call the batch (default: the file's name)")
	f.Int32Var(&s.priority, "priority", 50, "`N`: 0 to 100; higher goes first")
	f.StringArrayVarP(&s.labels, "label", "l", nil, "`KEY=VALUE` of your choice, by which other commands find it")
	f.Int32Var(&s.maxRetries, "max-retries", 0, "`N`: attempts of a job after its first (default: the server's)")
	f.StringVar(&s.failureLimit, "failure-limit", "", failureLimitUsage)
	f.BoolVar(&r.KeepOpen, "keep-open", false, "more will come, with stoker add, until stoker close")
	f.BoolVar(&r.SkipSucceeded, "skip-succeeded", false, "leave out jobs that succeeded in an earlier batch with the same key, paths and settings")
	sectionFlags(cmd, "The batch", "name", "priority", "label", "max-retries", "failure-limit", "keep-open", "skip-succeeded")
	s.listFlags.addFlags(c, cmd)
	s.addFolderFlag(cmd)
	f.StringVar(&r.Input, "input", "", "`STORAGE` to read from (default \"default\")")
	f.StringVar(&r.Output, "output", "", "`STORAGE` to write to (default \"default\")")
	f.StringVar(&r.InputId, "input-id", "", "`ID` of an input at Bitmovin to read from, instead of --input")
	f.StringVar(&r.OutputId, "output-id", "", "`ID` of an output at Bitmovin to write to, instead of --output")
	f.StringVar(&r.Account, "account", "", "`ACCOUNT` to encode on (default \"default\")")
	sectionFlags(cmd, encoding, "input", "output", "input-id", "output-id", "account")
	f.BoolVarP(&s.watch, "watch", "w", false, "follow it to the end")
	f.BoolVar(&s.dryRun, "dry-run", false, "check list and flags on the server, submit nothing")
	f.BoolVar(&s.resume, "resume", false, "go on with an interrupted upload of this list, or begin one")
	f.StringVar(&r.RequestId, "request-id", "", "`TEXT` of your choice: the same submission with the same text makes no second batch")
	f.BoolVar(&s.sample, "sample", false, "submit the six jobs of Bitmovin's BatchEncoding example; the asset is the one of HTTP_INPUT_FILE_PATH")
	sectionFlags(cmd, how, "watch", "dry-run", "resume", "request-id", "sample")
	for _, pair := range [][2]string{
		{"input", "input-id"},
		{"output", "output-id"},
		{"sample", "list-format"},
		{"sample", "list-columns"},
		{"sample", "list-charset"},
		{"sample", "template"},
		{"sample", "var"},
		{"sample", "template-file"},
		{"watch", "dry-run"},
		{"watch", "keep-open"},
		{"resume", "request-id"},
		{"resume", "dry-run"},
	} {
		cmd.MarkFlagsMutuallyExclusive(pair[0], pair[1])
	}
	all := completions{c}
	for flag, values := range map[string]completer{"input": all.inputs, "output": all.outputs, "account": all.accounts, "label": all.labels} {
		completeFlagFrom(cmd, flag, values)
	}
}

// submit reads the list, submits it, prints the batch's id, and watches the batch if asked.
func (c *cli) submit(ctx context.Context, conn *client.Client, s *submission, args []string) error {
	vars, err := s.variables()
	if err != nil {
		return err
	}
	s.request.Variables = vars
	list, err := c.readList(ctx, s.listFlags, args)
	if err != nil {
		return err
	}
	if err := s.completeRequest(list); err != nil {
		return err
	}
	plan := c.planSubmission(ctx, conn, s, len(list.Jobs))
	batch, err := c.send(ctx, conn, s, list)
	c.printWarnings(s.warnings, list, s.request.GetJobs(), s.inline)
	if err != nil {
		return c.locateViolations(err, list, s.request.GetJobs(), s.listFlags)
	}
	c.noteSubmitted(s, list, batch)
	switch {
	case s.watch:
		return c.watch(ctx, conn, watchRequest(batch.GetId()))
	case c.out.ForPrograms():
		return c.printMessage(batch)
	case s.dryRun:
		return nil
	}
	c.noteForecast(ctx, conn, batch, plan)
	notePage(c, batch)
	if c.look(c.stdout).OnTerminal() {
		return nil
	}
	return output.WriteLine(c.stdout, ui.BatchName(batch.GetNumber(), batch.GetId()))
}

// completeRequest sets the fields of the request that no flag sets directly.
func (s *submission) completeRequest(list *joblist.List) (err error) {
	r := &s.request
	if r.Labels, err = parseLabels(s.labels); err != nil {
		return err
	}
	r.OutputFolder = s.folder
	r.DisplayName = cmp.Or(r.GetDisplayName(), output.Printable(list.Name))
	r.ValidateOnly = s.dryRun
	switch {
	case s.profile != "":
		r.EncodeWith = &stokerv1.SubmitBatchRequest_Profile{Profile: s.profile}
	case s.template != "":
		r.EncodeWith = &stokerv1.SubmitBatchRequest_Template{Template: s.template}
	default:
		return s.inline.addTo(r)
	}
	return nil
}

// noteSubmitted says how many jobs were submitted, and as which batch.
func (c *cli) noteSubmitted(s *submission, list *joblist.List, batch *stokerv1.Batch) {
	jobs := submittedText(int64(len(list.Lines)), batch.GetSkippedCount())
	switch {
	case s.dryRun:
		c.note("%s: %s, no mistakes; %s", list.Name, jobs, s.nothing)
	case s.closed, s.resume && ui.BatchEnded(batch):
		c.note("%s had the whole list already, and is %s; without --resume it is submitted anew", ui.BatchTitle(batch), batchState(batch))
	case s.request.GetKeepOpen():
		c.note("%s: %s submitted, and open for more", ui.BatchTitle(batch), jobs)
	default:
		c.note("%s: %s submitted", ui.BatchTitle(batch), jobs)
	}
}

// planSubmission asks the server how long a batch would take that is about to be submitted. It returns nil if
// nobody is going to read that, or if the server does not tell. A batch that may be there already is not
// planned: it would wait for itself.
func (c *cli) planSubmission(ctx context.Context, conn *client.Client, s *submission, jobs int) *stokerv1.PlanBatchResponse {
	if !c.hints() || s.watch || s.dryRun || s.resume || jobs == 0 {
		return nil
	}
	r := &s.request
	plan := &stokerv1.PlanBatchRequest{Account: r.GetAccount(), JobCount: int64(jobs), Priority: r.Priority}
	switch {
	case r.GetTemplate() != "":
		plan.EncodeWith = &stokerv1.PlanBatchRequest_Template{Template: r.GetTemplate()}
	case r.GetProfile() != "":
		plan.EncodeWith = &stokerv1.PlanBatchRequest_Profile{Profile: r.GetProfile()}
	}
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	response, err := conn.Submissions().PlanBatch(ctx, plan)
	if err != nil {
		return nil
	}
	return response
}

// planTime is how long a submission waits for its forecast.
const planTime = time.Second

// noteForecast says when a new batch will be done and what it waits for, and how to follow it. That is for
// people: if the server does not tell, nothing is said.
func (c *cli) noteForecast(ctx context.Context, conn *client.Client, batch *stokerv1.Batch, plan *stokerv1.PlanBatchResponse) {
	if !c.hints() {
		return
	}
	if response, err := conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: batch.GetId()}); err == nil {
		b, look := response.GetBatch(), c.look(c.stderr)
		if text := cmp.Or(ui.Forecast(b, look), ui.PlanText(b, plan, look)); text != "" {
			c.note("%s", text)
		}
	}
	if batch.GetState() == stokerv1.BatchState_BATCH_STATE_OPEN {
		c.note("  stoker close %d", batch.GetNumber())
		return
	}
	c.note("  stoker watch %d", batch.GetNumber())
}

// submittedText is how many of a list's jobs were submitted, and how many skipped.
func submittedText(total, skipped int64) string {
	if skipped == 0 {
		return output.Plural(total, "job")
	}
	return fmt.Sprintf("%s (%s more have succeeded before)", output.Plural(total-skipped, "job"), output.Number(skipped))
}
