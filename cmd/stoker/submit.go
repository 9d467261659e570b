package main

import (
	"cmp"
	"context"
	"fmt"

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
	labels  []string
	watch   bool
	dryRun  bool
	resume  bool
	request stokerv1.SubmitBatchRequest

	warnings warnings
}

func submitCommand(c *cli) *cobra.Command {
	s := &submission{}
	var priority, maxRetries int32
	cmd := &cobra.Command{
		Use:   "submit FILE|-",
		Short: "Submit a list of jobs",
		Long: `Submit a list of jobs as one batch, and print the batch's id. If the list has a
mistake, no job of it is accepted.

The list is CSV or JSON; - reads it from standard input. CSV begins with a line that
names the columns, in any order:

  key          chosen by you, unique in the list; optional
  name         shown to people; optional
  input_path   path of the asset on the input storage
  output_path  directory on the output storage; default: input_path without its extension
  var:NAME     value of the variable NAME of an encoding template

JSON has objects with the same names, one in each line or all in an array. Separators,
UTF-16, gzip and the spelling "Input Path" are understood. What has to be named:

  --list-format paths          one input path in each line
  --list-format s3-ls          the output of aws s3 ls --recursive
  --list-format s3-inventory   CSV of an S3 inventory
  --list-columns File=input_path,Title=name
                               columns with other names; File= leaves a column out
  --list-charset latin1        text in neither UTF-8 nor UTF-16

A list of more than 100,000 jobs, or of more than 24 MiB as a message, is checked and
then uploaded in parts; its first jobs are started during the upload. If the upload is
interrupted, the same command with --resume sends the rest, and nothing is submitted
twice. In such an upload, and with --skip-succeeded, a job without a key gets its output
path as key.

--sample submits the job list of Bitmovin's BatchEncoding example instead: six
encodings of the asset that HTTP_INPUT_FILE_PATH names. The variable is read from
./examples.properties, the environment or ~/.bitmovin/examples.properties, whichever has
it first.`,
		Example: `  stoker submit titles.csv --watch
  stoker submit titles.jsonl --profile hevc --priority 80 --label team=vod
  stoker submit archive.csv --skip-succeeded    # what an earlier run has not done
  list-new-assets | stoker submit - --name "night run"`,
		Args: func(_ *cobra.Command, args []string) error {
			if s.sample && len(args) == 0 || !s.sample && len(args) == 1 {
				return nil
			}
			return usagef("name one file, - for standard input, or --sample")
		},
	}
	s.addFlags(cmd, &priority, &maxRetries)
	return c.clientCommand(cmd, untilInterrupted, func(ctx context.Context, conn *client.Client, args []string) error {
		if cmd.Flags().Changed("priority") {
			s.request.Priority = &priority
		}
		if cmd.Flags().Changed("max-retries") {
			s.request.MaxRetries = &maxRetries
		}
		return c.submit(ctx, conn, s, args)
	})
}

func (s *submission) addFlags(cmd *cobra.Command, priority, maxRetries *int32) {
	f, r := cmd.Flags(), &s.request
	f.BoolVarP(&s.watch, "watch", "w", false, "watch the batch until it has ended")
	f.BoolVar(&s.sample, "sample", false, "submit the jobs of Bitmovin's BatchEncoding example")
	f.BoolVar(&s.dryRun, "dry-run", false, "check list and flags on the server, submit nothing")
	f.StringVar(&r.DisplayName, "name", "", "name of the batch (default: the file's name)")
	s.listFlags.addFlags(cmd)
	f.StringVar(&r.Input, "input", "", `name of the storage to read from (default "default")`)
	f.StringVar(&r.Output, "output", "", `name of the storage to write to (default "default")`)
	f.StringVar(&r.InputId, "input-id", "", "id of an input that exists at Bitmovin to read from, instead of --input")
	f.StringVar(&r.OutputId, "output-id", "", "id of an output that exists at Bitmovin to write to, instead of --output")
	f.StringVar(&r.Account, "account", "", `account to encode on (default "default")`)
	f.Int32Var(priority, "priority", 50, "0 to 100; jobs of a higher priority are started first")
	f.Int32Var(maxRetries, "max-retries", 0, "how many attempts a job may have after its first (default: the server's --max-retries)")
	f.StringArrayVarP(&s.labels, "label", "l", nil, "key=value: label of the batch, by which other commands find it; may be repeated")
	f.BoolVar(&r.SkipSucceeded, "skip-succeeded", false, "leave out jobs that succeeded in an earlier batch with the same key, paths and settings")
	f.BoolVar(&s.resume, "resume", false, "go on with an interrupted upload of this list, or begin one if there is none")
	f.StringVar(&r.RequestId, "request-id", "", "unique text of your choice: the same submission with the same text makes no second batch")
	cmd.MarkFlagsMutuallyExclusive("input", "input-id")
	cmd.MarkFlagsMutuallyExclusive("output", "output-id")
	cmd.MarkFlagsMutuallyExclusive("sample", "list-format")
	cmd.MarkFlagsMutuallyExclusive("sample", "list-columns")
	cmd.MarkFlagsMutuallyExclusive("sample", "list-charset")
	cmd.MarkFlagsMutuallyExclusive("sample", "template")
	cmd.MarkFlagsMutuallyExclusive("sample", "template-file")
	cmd.MarkFlagsMutuallyExclusive("watch", "dry-run")
	cmd.MarkFlagsMutuallyExclusive("resume", "request-id")
	cmd.MarkFlagsMutuallyExclusive("resume", "dry-run")
}

// submit reads the list, submits it, prints the batch's id, and watches the batch if asked.
func (c *cli) submit(ctx context.Context, conn *client.Client, s *submission, args []string) error {
	list, err := c.readList(s.listFlags, args)
	if err != nil {
		return err
	}
	if err := s.completeRequest(list); err != nil {
		return err
	}
	batch, err := c.send(ctx, conn, s, list)
	c.printWarnings(s.warnings, list, s.inline)
	if err != nil {
		return locateViolations(err, list, s.inline)
	}
	c.noteSubmitted(s, list, batch)
	if !c.out.ForPrograms() {
		notePage(c, batch)
	}
	switch {
	case s.watch:
		return c.watch(ctx, conn, watchRequest(batch.GetId()))
	case c.out.ForPrograms():
		return c.printMessage(batch)
	case s.dryRun:
		return nil
	}
	return output.WriteLine(c.stdout, batch.GetId())
}

// completeRequest sets the fields of the request that no flag sets directly.
func (s *submission) completeRequest(list *joblist.List) (err error) {
	r := &s.request
	if r.Labels, err = parseLabels(s.labels); err != nil {
		return err
	}
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
		c.note("%s: %s, no mistakes; nothing was submitted", list.Name, jobs)
	case s.resume && ui.BatchEnded(batch):
		c.note("nothing was submitted: batch %s had the whole list already and is %s; without --resume it is submitted anew",
			batch.GetId(), ui.BatchState(batch.GetState()))
	case s.watch:
		c.note("submitted %s as batch %s", jobs, batch.GetId())
	case !c.out.ForPrograms():
		c.note("submitted %s; to watch them: stoker watch %s", jobs, batch.GetId())
	}
}

// submittedText is how many of a list's jobs were submitted, and how many skipped.
func submittedText(total, skipped int64) string {
	if skipped == 0 {
		return output.Plural(total, "job")
	}
	return fmt.Sprintf("%s (%d more have succeeded before)", output.Plural(total-skipped, "job"), skipped)
}
