package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

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
	vars     []string // NAME=VALUE: see variables
	sample   bool     // instead of a file

	folder string // see SubmitBatchRequest.output_folder

	added       bool   // the jobs are for a batch that is there, and encoded as it says
	forTemplate bool   // the jobs are for a template, though none is named
	nothing     string // what did not happen if the list has a mistake
}

// addFlags adds all flags.
func (l *listFlags) addFlags(c *cli, cmd *cobra.Command) {
	l.addFormatFlags(c, cmd)
	f := cmd.Flags()
	f.StringVar(&l.profile, "profile", "", "`NAME`: profile to encode with (default \"default\")")
	f.StringVar(&l.template, "template", "", "`NAME`: encoding template of the server to encode with, instead of a profile")
	l.inline.addFlags(cmd)
	l.addVarFlag(c, cmd)
	sectionFlags(cmd, encoding, "profile", "template", "var", "template-file", "fallback-region", "allow-unknown")
	cmd.MarkFlagsMutuallyExclusive("profile", "template", "template-file")
	completeFlagFrom(cmd, "profile", completions{c}.profiles)
	completeFlagFrom(cmd, "template", completions{c}.templates)
}

// addFormatFlags adds the flags that say how to read the list.
func (l *listFlags) addFormatFlags(c *cli, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&l.format, "list-format", "", "`FORMAT`: "+strings.Join(joblist.Formats(), ", ")+" (default: jsonl if the list begins with { or [, else csv)")
	f.StringSliceVar(&l.columns, "list-columns", nil, "`THEIRS=OURS`,...: what other columns are, for example Filename=input_path, or 2=input_path in a list without a header")
	f.StringVar(&l.charset, "list-charset", "", "`CHARSET`, for example latin1 (default: told from the bytes, UTF-8 or UTF-16)")
	sectionFlags(cmd, theList, "list-format", "list-columns", "list-charset")
	completeFlag(cmd, "list-format", joblist.Formats())
	completeFlagFrom(cmd, "list-columns", completions{c}.listColumns)
}

// The headings of flags in the help of commands that read a list.
const (
	theList  = "The list"
	encoding = "Encoding"
)

// addVarFlag adds the flag of the values that hold for all jobs.
func (l *listFlags) addVarFlag(c *cli, cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&l.vars, "var", nil, "`NAME=VALUE`: variable of the template, for jobs of which the list does not say it")
	sectionFlags(cmd, encoding, "var")
	completeFlagFrom(cmd, "var", completions{c}.variables)
}

// addFolderFlag adds the flag of the folder for the output of all jobs.
func (l *listFlags) addFolderFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.folder, "output-folder", "", "`FOLDER` on the output storage, put before the output path of each job")
	sectionFlags(cmd, encoding, "output-folder")
}

// readList reads the list of jobs that a command line names, until ctx ends.
func (c *cli) readList(ctx context.Context, flags listFlags, args []string) (*joblist.List, error) {
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
		if info, err := file.Stat(); err == nil && info.IsDir() {
			return nil, usagef("%s is a directory: name the list in it, or pipe one and say -", args[0])
		}
		options.Name, in = filepath.Base(args[0]), file
	}
	list, err := readUntil(ctx, in, options)
	if ctx.Err() != nil {
		c.note("%s", flags.nothing)
		return nil, context.Cause(ctx)
	}
	if wrong, ok := errors.AsType[*joblist.Error](err); ok {
		return nil, c.explainMistakes(wrong, flags)
	}
	if err != nil && args[0] != "-" {
		return nil, usageError(err)
	}
	if err != nil {
		return nil, err
	}
	for _, text := range list.Notes {
		c.note("%s: %s", list.Name, text)
	}
	return list, nil
}

// variables are the variables that --var gives, by name; see SubmitBatchRequest.variables.
func (l *listFlags) variables() (map[string]string, error) {
	var vars map[string]string
	for _, given := range l.vars {
		name, value, ok := strings.Cut(given, "=")
		_, twice := vars[name]
		switch {
		case !ok || name == "":
			return nil, usagef("--var %s: want NAME=VALUE", given)
		case twice:
			return nil, usagef("--var %s: %s has two values", given, name)
		}
		if vars == nil {
			vars = map[string]string{}
		}
		vars[name] = value
	}
	if len(vars) > 0 && !l.added && !l.isForTemplate() {
		return nil, usagef("--var is for --template or --template-file: profiles have no variables")
	}
	return vars, nil
}

// isForTemplate reports whether the jobs are for a template.
func (l *listFlags) isForTemplate() bool {
	return l.forTemplate || l.template != "" || l.inline.file != ""
}

// readUntil reads a list until ctx ends. What it reads from may have no end of its own, as a terminal has
// none; the reading goes on then, and with it nothing but the process ends.
func readUntil(ctx context.Context, in io.Reader, o joblist.Options) (*joblist.List, error) {
	type outcome struct {
		list *joblist.List
		err  error
	}
	read := make(chan outcome, 1)
	go func() {
		list, err := joblist.Read(in, o)
		read <- outcome{list, err}
	}()
	select {
	case got := <-read:
		return got.list, got.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// options are the flags as options of the reader.
func (l *listFlags) options() (joblist.Options, error) {
	o := joblist.Options{ForTemplate: l.isForTemplate()}
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

// jobSpecs are the jobs of a list as messages of the API.
func jobSpecs(list *joblist.List) []*stokerv1.JobSpec {
	specs := make([]*stokerv1.JobSpec, len(list.Jobs))
	for i, j := range list.Jobs {
		specs[i] = &stokerv1.JobSpec{Key: j.Key, Name: j.Name, InputPath: j.InputPath, OutputPath: j.OutputPath, Variables: j.Variables}
	}
	return specs
}

// jobField matches a job in a message of the server, such as jobs[17], and captures its index.
var jobField = regexp.MustCompile(`\bjobs\[(\d+)\]`)

// locateText names the jobs in a message by their lines in the list.
func locateText(text string, list *joblist.List) string {
	return jobField.ReplaceAllStringFunc(text, func(name string) string {
		where, _, ok := locateJob(name, list)
		if !ok {
			return name
		}
		return where
	})
}

// locateJob says where in the list a field of the request stands, such as jobs[17].input_path: in
// titles.csv:19, in the column input_path. ok is false for other fields.
func locateJob(field string, list *joblist.List) (where, column string, ok bool) {
	i, rest, ok := jobOf(field)
	if !ok || i >= len(list.Lines) {
		return "", "", false
	}
	if rest != "" {
		column = list.ColumnOf(rest)
	}
	return list.Where(i), column, true
}

// jobOf takes the field jobs[17].input_path of a request apart.
func jobOf(field string) (index int, rest string, ok bool) {
	inside, ok := strings.CutPrefix(field, "jobs[")
	if !ok {
		return 0, "", false
	}
	number, rest, _ := strings.Cut(inside, "]")
	index, err := strconv.Atoi(number)
	if err != nil || index < 0 {
		return 0, "", false
	}
	return index, strings.TrimPrefix(rest, "."), true
}
