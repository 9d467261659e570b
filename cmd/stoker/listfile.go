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
	profile  string
	template string
	inline   inlineTemplate
	sample   bool // instead of a file
}

func (l *listFlags) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&l.format, "format", "", "csv or jsonl (default: jsonl if the list begins with {, else csv)")
	f.StringVar(&l.profile, "profile", "", `profile to encode with (default "default")`)
	f.StringVar(&l.template, "template", "", "encoding template of the configuration to encode with, instead of a profile")
	l.inline.addFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("profile", "template", "template-file")
}

// readList reads the list of jobs that a command line names.
func (c *cli) readList(flags listFlags, args []string) (*joblist.List, error) {
	if flags.sample {
		return c.readSampleList()
	}
	format, err := joblist.ParseFormat(flags.format)
	if err != nil {
		return nil, usagef("--%w", err)
	}
	options := joblist.Options{Name: args[0], Format: format, ForTemplate: flags.template != "" || flags.inline.file != ""}
	if args[0] == "-" {
		options.Name = "standard input"
		return joblist.Read(c.stdin, options)
	}
	file, err := os.Open(args[0])
	if err != nil {
		return nil, usageError(err)
	}
	defer func() { _ = file.Close() }()
	options.Name = filepath.Base(args[0])
	list, err := joblist.Read(file, options)
	if _, ok := errors.AsType[*joblist.Error](err); err != nil && !ok {
		return nil, usageError(err) // the file cannot be read: it is a directory, for example
	}
	return list, err
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

// locateViolation names jobs by their lines in the list. If the violation is in an output path that was
// derived from the input path, it adds that.
func locateViolation(v client.Violation, list *joblist.List) client.Violation {
	v.Message = jobField.ReplaceAllStringFunc(v.Message, func(name string) string { return locateJob(name, list) })
	if m := jobField.FindStringSubmatch(v.Field); m != nil && strings.HasSuffix(v.Field, ".output_path") {
		if i, err := strconv.Atoi(m[1]); err == nil && i < len(list.Derived) && list.Derived[i] {
			v.Message += "; it was derived from input_path: name another one in output_path"
		}
	}
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
		return fmt.Sprintf("%s: %s", where, rest)
	}
	return where
}
