package main

import (
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

// listFlags name a list of jobs, and the profile or template to encode them with.
type listFlags struct {
	format   string
	columns  []string
	charset  string
	profile  string
	template string
	inline   inlineTemplate
	sample   bool // instead of a file
}

func (l *listFlags) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&l.format, "list-format", "", strings.Join(joblist.Formats(), ", ")+" (default: jsonl if the list begins with { or [, else csv)")
	f.StringSliceVar(&l.columns, "list-columns", nil, "THEIRS=OURS,...: what other columns are, for example Filename=input_path, or 2=input_path in a list without a header; columns that nobody knows are ignored then")
	f.StringVar(&l.charset, "list-charset", "", "charset of the list, for example latin1 (default: told from its bytes, UTF-8 or UTF-16)")
	f.StringVar(&l.profile, "profile", "", `profile to encode with (default "default")`)
	f.StringVar(&l.template, "template", "", "encoding template of the configuration to encode with, instead of a profile")
	l.inline.addFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("profile", "template", "template-file")
	completeFlag(cmd, "list-format", joblist.Formats())
}

// readList reads the list of jobs that a command line names.
func (c *cli) readList(flags listFlags, args []string) (*joblist.List, error) {
	if flags.sample {
		return c.readSampleList()
	}
	options, err := flags.options()
	if err != nil {
		return nil, err
	}
	options.Name = "standard input"
	in := c.stdin
	if args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return nil, usageError(err)
		}
		defer func() { _ = file.Close() }()
		options.Name, in = filepath.Base(args[0]), file
	}
	list, err := joblist.Read(in, options)
	if wrong, ok := errors.AsType[*joblist.Error](err); ok {
		return nil, c.withRemedy(wrong)
	}
	if err != nil && args[0] != "-" {
		return nil, usageError(err) // the file cannot be read: it is a directory, for example
	}
	if err != nil {
		return nil, err
	}
	for _, text := range list.Notes {
		c.note("%s: %s", list.Name, text)
	}
	return list, nil
}

// options are the flags as options of the reader.
func (l *listFlags) options() (joblist.Options, error) {
	o := joblist.Options{ForTemplate: l.template != "" || l.inline.file != ""}
	var err error
	if o.Format, err = joblist.ParseFormat(l.format); err != nil {
		return o, usagef("--list-format %w", err)
	}
	if o.Columns, err = joblist.ParseColumns(l.columns); err != nil {
		return o, usagef("--list-columns %w", err)
	}
	if o.Charset, err = joblist.ParseCharset(l.charset); err != nil {
		return o, usagef("--list-charset %w", err)
	}
	return o, nil
}

// withRemedy is the error about a list, with the command that takes the list, if there is one.
func (c *cli) withRemedy(wrong *joblist.Error) error {
	if len(wrong.Remedy) == 0 {
		return wrong
	}
	lead := "to take it as it is"
	if wrong.Remedy[0] == "--list-charset" {
		lead = "if that is its charset"
	}
	return usageError(fmt.Errorf("%w\n%s: %s", wrong, lead, c.commandWith(wrong.Remedy[0], wrong.Remedy[1])))
}

// jobSpecs are the jobs of a list as messages of the API.
func jobSpecs(list *joblist.List) []*stokerv1.JobSpec {
	specs := make([]*stokerv1.JobSpec, len(list.Jobs))
	for i, j := range list.Jobs {
		specs[i] = &stokerv1.JobSpec{Key: j.Key, Name: j.Name, InputPath: j.InputPath, OutputPath: j.OutputPath, Variables: j.Variables}
	}
	return specs
}

// locateViolations rewrites the violations of a submission, in an error of the server, to name the lines
// of the list and of the template. Other errors are returned as they are.
func locateViolations(err error, list *joblist.List, t inlineTemplate) error {
	violations := client.Violations(err)
	if len(violations) == 0 {
		return err
	}
	for i := range violations {
		violations[i] = locateViolation(t.locate(violations[i]), list)
	}
	return usageError(errors.New(violationLines(violations, client.ViolationCount(err))))
}

// jobField matches a job in a message of the server, such as jobs[17], and captures its index.
var jobField = regexp.MustCompile(`\bjobs\[(\d+)\]`)

// locateViolation names jobs by their lines in the list, and fields as the list names them.
func locateViolation(v client.Violation, list *joblist.List) client.Violation {
	v.Message = jobField.ReplaceAllStringFunc(v.Message, func(name string) string { return locateJob(name, list) })
	v.Field = locateJob(v.Field, list)
	return v
}

// locateJob turns the field jobs[17].input_path into titles.csv:19: input_path. Other fields are
// returned as they are.
func locateJob(field string, list *joblist.List) string {
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
		return fmt.Sprintf("%s: %s", where, list.ColumnOf(rest))
	}
	return where
}
