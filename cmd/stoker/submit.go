package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/joblist"
)

// submission is the command line of submit.
type submission struct {
	format     string
	profile    string
	template   string
	inline     inlineTemplate
	odd        oddities
	sample     bool
	watch      bool
	dryRun     bool
	resume     bool
	priority   int32
	maxRetries int32
	labels     []string
	request    stokerv1.SubmitBatchRequest
}

func (c *cli) submitCommand() *cobra.Command {
	s := &submission{}
	cmd := &cobra.Command{
		Use:   "submit FILE|-",
		Short: "Submit a list of jobs",
		Long: `Submit a list of jobs as one batch, and print the batch's id. All of it is
accepted, or nothing.

The list is CSV or JSON Lines; - reads it from standard input. CSV begins with a
line that names the columns, in any order:

  key          chosen by you, unique in the list; optional
  name         shown to people; optional
  input_path   path of the asset on the input storage
  output_path  directory on the output storage; default: input_path without its extension
  var:NAME     value of the variable NAME of an encoding template

JSON Lines has one object per line with the same names.

A list of more than 100,000 jobs, or of many megabytes, is uploaded in parts: its jobs are
worked on from the first part on. If that is interrupted, the same command with --resume
sends what is missing; nothing is submitted twice. Jobs without key are known by their
output path then, as with --skip-succeeded.

--sample submits the job list of Bitmovin's BatchEncoding example instead: six
encodings of HTTP_INPUT_FILE_PATH, which is looked for where the example looks for it
(./examples.properties, environment, ~/.bitmovin/examples.properties).`,
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
	cmd.RunE = c.persistent(func(ctx context.Context, conn *client.Client, args []string) error {
		if cmd.Flags().Changed("priority") {
			s.request.Priority = &s.priority
		}
		if cmd.Flags().Changed("max-retries") {
			s.request.MaxRetries = &s.maxRetries
		}
		return c.submit(ctx, conn, s, args)
	})
	s.flags(cmd)
	return cmd
}

func (s *submission) flags(cmd *cobra.Command) {
	f, r := cmd.Flags(), &s.request
	f.BoolVarP(&s.watch, "watch", "w", false, "watch the batch until it has ended")
	f.BoolVar(&s.sample, "sample", false, "submit the jobs of Bitmovin's BatchEncoding example")
	f.BoolVar(&s.dryRun, "dry-run", false, "check everything, submit nothing")
	f.StringVar(&s.format, "format", "", "csv or jsonl (default: told from the first character)")
	f.StringVar(&r.DisplayName, "name", "", "name of the batch (default: the file's)")
	f.StringVar(&s.profile, "profile", "", `profile to encode with (default "default")`)
	f.StringVar(&s.template, "template", "", "encoding template to encode with, instead of a profile")
	s.inline.flags(cmd)
	f.StringVar(&r.Input, "input", "", `storage to read from (default "default")`)
	f.StringVar(&r.Output, "output", "", `storage to write to (default "default")`)
	f.StringVar(&r.InputId, "input-id", "", "existing input at Bitmovin to read from, instead of --input")
	f.StringVar(&r.OutputId, "output-id", "", "existing output at Bitmovin to write to, instead of --output")
	f.StringVar(&r.Account, "account", "", `account to encode on (default "default")`)
	f.Int32Var(&s.priority, "priority", 50, "0 to 100; higher goes first")
	f.Int32Var(&s.maxRetries, "max-retries", 0, "attempts that may follow the first of a job (default: the server's)")
	f.StringArrayVarP(&s.labels, "label", "l", nil, "key=value; may be repeated")
	f.BoolVar(&r.SkipSucceeded, "skip-succeeded", false, "leave out jobs that have succeeded in an earlier batch")
	f.BoolVar(&s.resume, "resume", false, "go on with an upload of this list that was interrupted; begin one if there is none")
	f.StringVar(&r.RequestId, "request-id", "", "any unique text: a repeat with the same one submits nothing twice")
	cmd.MarkFlagsMutuallyExclusive("profile", "template", "template-file")
	cmd.MarkFlagsMutuallyExclusive("input", "input-id")
	cmd.MarkFlagsMutuallyExclusive("output", "output-id")
	cmd.MarkFlagsMutuallyExclusive("sample", "format")
	cmd.MarkFlagsMutuallyExclusive("sample", "template")
	cmd.MarkFlagsMutuallyExclusive("sample", "template-file")
	cmd.MarkFlagsMutuallyExclusive("watch", "dry-run")
	cmd.MarkFlagsMutuallyExclusive("resume", "request-id")
	cmd.MarkFlagsMutuallyExclusive("resume", "dry-run")
}

func (c *cli) submit(ctx context.Context, conn *client.Client, s *submission, args []string) error {
	list, err := c.readList(s, args)
	if err != nil {
		return err
	}
	if err := s.fill(list); err != nil {
		return err
	}
	batch, err := c.send(ctx, conn, s, list)
	c.warn(s.odd, list)
	if err != nil {
		return placed(err, list, s.inline)
	}
	jobs := submitted(list, batch)
	switch {
	case s.dryRun:
		c.note("%s: %s, nothing wrong; nothing was submitted", list.Name, jobs)
	case s.resume && ended(batch):
		c.note("nothing was submitted: batch %s had the whole list already and is %s; without --resume it is submitted anew",
			batch.GetId(), batchState(batch.GetState()))
	case s.watch:
		c.note("submitted %s as batch %s", jobs, batch.GetId())
	case !c.json:
		c.note("submitted %s; to watch them: stoker watch %s", jobs, batch.GetId())
	}
	switch {
	case s.watch:
		return c.watch(ctx, conn, batch.GetId())
	case c.json:
		return c.printJSON(batch)
	case s.dryRun:
		return nil
	}
	return writeLine(c.stdout, batch.GetId())
}

// submitted says how many jobs of a list are submitted.
func submitted(list *joblist.List, b *stokerv1.Batch) string {
	n := int64(len(list.Lines))
	skipped := b.GetSkippedCount()
	if skipped == 0 {
		return plural(n, "job")
	}
	return fmt.Sprintf("%s (%d more have succeeded before)", plural(n-skipped, "job"), skipped)
}

// send submits the request, in one message or in parts.
func (c *cli) send(ctx context.Context, conn *client.Client, s *submission, list *joblist.List) (*stokerv1.Batch, error) {
	if s.request.GetSkipSucceeded() {
		list.FillKeys()
	}
	s.request.Jobs = specs(list)
	if conn.Fits(&s.request) {
		return c.submitWhole(ctx, conn, s)
	}
	if n := list.FillKeys(); n > 0 {
		c.note("%s without key: their output paths are their keys", plural(int64(n), "job"))
		s.request.Jobs = specs(list)
	}
	list.Jobs = nil // the request has them, and a million take room
	return c.upload(ctx, conn, s)
}

// submitWhole submits a request in one message. If its answer does not come, it may have
// been stored all the same: sent again under its id, it makes no difference.
func (c *cli) submitWhole(ctx context.Context, conn *client.Client, s *submission) (*stokerv1.Batch, error) {
	r, again := &s.request, c.again(false)
	switch {
	case s.resume:
		digest, err := requestDigest(r)
		if err != nil {
			return nil, err
		}
		r.RequestId = resumeID(digest)
	case r.GetRequestId() == "":
		id, err := client.NewRequestID()
		if err != nil {
			return nil, err
		}
		r.RequestId = id
		again += " --request-id " + r.GetRequestId()
	}
	batch, err := conn.SubmitWith(ctx, r, client.SubmitOptions{Warn: s.odd.add})
	if err != nil && goesOn(ctx, err) && !r.GetValidateOnly() {
		c.note("to go on, without submitting twice: %s", again)
	}
	return batch, err
}

// fill completes the request with what is no plain flag.
func (s *submission) fill(list *joblist.List) (err error) {
	r := &s.request
	if r.Labels, err = parseLabels(s.labels); err != nil {
		return err
	}
	r.DisplayName = cmp.Or(r.GetDisplayName(), printable(list.Name))
	r.ValidateOnly = s.dryRun
	switch {
	case s.profile != "":
		r.EncodeWith = &stokerv1.SubmitBatchRequest_Profile{Profile: s.profile}
	case s.template != "":
		r.EncodeWith = &stokerv1.SubmitBatchRequest_Template{Template: s.template}
	default:
		return s.inline.fill(r)
	}
	return nil
}

// specs are the jobs of a list as the contract has them.
func specs(list *joblist.List) []*stokerv1.JobSpec {
	specs := make([]*stokerv1.JobSpec, len(list.Jobs))
	for i, j := range list.Jobs {
		specs[i] = &stokerv1.JobSpec{Key: j.Key, Name: j.Name, InputPath: j.InputPath, OutputPath: j.OutputPath, Variables: j.Variables}
	}
	return specs
}

// readList reads the jobs that the command line names.
func (c *cli) readList(s *submission, args []string) (*joblist.List, error) {
	if s.sample {
		return c.sampleList()
	}
	format, err := joblist.ParseFormat(s.format)
	if err != nil {
		return nil, usagef("--%w", err)
	}
	options := joblist.Options{Name: args[0], Format: format, ForTemplate: s.template != "" || s.inline.file != ""}
	if args[0] == "-" {
		options.Name = "standard input"
		return joblist.Read(c.stdin, options)
	}
	file, err := os.Open(args[0])
	if err != nil {
		return nil, usage(err)
	}
	defer func() { _ = file.Close() }() // it was only read
	options.Name = filepath.Base(args[0])
	list, err := joblist.Read(file, options)
	if _, wrong := errors.AsType[*joblist.Error](err); err != nil && !wrong {
		return nil, usage(err) // a directory, for example
	}
	return list, err
}

// placed says of what the server finds wrong with a job on which line of the list
// it stands.
func placed(err error, list *joblist.List, t inlineTemplate) error {
	violations := client.Violations(err)
	if len(violations) == 0 {
		return err
	}
	for i := range violations {
		violations[i] = placeViolation(t.place(violations[i]), list)
	}
	return usage(errors.New(violationLines(violations, client.ViolationCount(err))))
}

// jobName matches the name of a job in what the server says, with its index.
var jobName = regexp.MustCompile(`\bjobs\[(\d+)\]`)

// placeViolation names jobs by their lines in the list, and says where an output path came from
// that the list does not have.
func placeViolation(v client.Violation, list *joblist.List) client.Violation {
	v.Message = jobName.ReplaceAllStringFunc(v.Message, func(name string) string { return place(name, list) })
	if m := jobName.FindStringSubmatch(v.Field); m != nil && strings.HasSuffix(v.Field, ".output_path") {
		if i, err := strconv.Atoi(m[1]); err == nil && i < len(list.Derived) && list.Derived[i] {
			v.Message += "; it was derived from input_path: name another one in output_path"
		}
	}
	v.Field = place(v.Field, list)
	return v
}

// place turns jobs[17].input_path into titles.csv:19: input_path.
func place(field string, list *joblist.List) string {
	rest, ok := strings.CutPrefix(field, "jobs[")
	if !ok {
		return field
	}
	number, rest, _ := strings.Cut(rest, "]")
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(list.Lines) {
		return field
	}
	where := list.Where(i)
	if rest = strings.TrimPrefix(rest, "."); rest != "" {
		return fmt.Sprintf("%s: %s", where, rest)
	}
	return where
}
