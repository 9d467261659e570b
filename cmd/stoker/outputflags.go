package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/job"
)

// outputFlag is the name of the flag -o. It has no long form: --output of submit is a storage.
const outputFlag = ""

// documentFormats are the formats of one document: of what a verb has done, for example.
func documentFormats() []output.Format {
	return []output.Format{output.FormatTable, output.FormatJSON, output.FormatJSONL, output.FormatYAML}
}

// addOutputFlags adds -o and --jq to a command that prints in the given formats, unless it has them. They
// are checked before the command runs.
func (c *cli) addOutputFlags(cmd *cobra.Command, formats []output.Format) {
	if cmd.Flags().Lookup(outputFlag) != nil {
		return
	}
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	cmd.Flags().StringVarP((*string)(&c.out.Format), outputFlag, "o", "", "`FORMAT` of the output: "+strings.Join(names, ", "))
	cmd.Flags().StringVar(&c.out.JQ, "jq", "", "print what this `EXPRESSION` of jq makes of -o json, or of each line of -o jsonl")
	shareFlag(cmd, outputFlag)
	shareFlag(cmd, "jq")
	completeFlag(cmd, outputFlag, names)
	completeFlag(cmd, "jq", nil)
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if err := c.out.Check(formats); err != nil {
			return usageError(err)
		}
		if before == nil {
			return nil
		}
		return before(cmd, args)
	}
}

// addListingFlags adds the flags of a command that lists messages, or shows one. columns are the names of
// the listing's columns.
func (c *cli) addListingFlags(cmd *cobra.Command, columns []string) {
	c.addOutputFlags(cmd, output.ListingFormats())
	f := cmd.Flags()
	f.StringSliceVar(&c.out.Columns, "columns", nil, "`NAMES` of the columns to show, with commas: "+strings.Join(columns, ", ")+", or fields of the contract such as create_time")
	f.StringVar(&c.out.Sort, "sort", "", "sort by this `COLUMN`; with - before it the largest comes first")
	f.BoolVar(&c.out.NoHeader, "no-header", false, "print no names of columns above a table or CSV")
	f.BoolVar(&c.out.UTC, "utc", false, "show times in UTC, with a Z")
	for _, name := range []string{"columns", "sort", "no-header", "utc"} {
		shareFlag(cmd, name)
	}
	completeFlagFrom(cmd, "columns", func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return columnLists(columns, typed), noFiles | cobra.ShellCompDirectiveNoSpace
	})
	completeFlagFrom(cmd, "sort", func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		other := func(value cobra.Completion) bool { return !strings.HasPrefix(value, typed) }
		return slices.DeleteFunc(sortColumns(columns), other), noFiles
	})
}

// columnLists are the lists of columns that a typed one can become by its next column. A column is named once.
func columnLists(columns []string, typed string) []cobra.Completion {
	before := typed[:strings.LastIndex(typed, ",")+1]
	var values []cobra.Completion
	for _, name := range columns {
		if !slices.Contains(strings.Split(strings.ToLower(before), ","), strings.ToLower(name)) {
			values = append(values, output.Printable(before)+name)
		}
	}
	return values
}

// sortColumns are the columns by which a list can be sorted, either way.
func sortColumns(columns []string) []cobra.Completion {
	var up, down []cobra.Completion
	for _, name := range columns {
		up, down = append(up, describe(name, "the smallest first")), append(down, describe("-"+name, "the largest first"))
	}
	return append(up, down...)
}

// newWriter makes the writer of a listing to standard output, with the options of the command line. It
// refuses options that do not fit the listing: call it before the server is asked.
func newWriter[T any](c *cli, l output.Listing[T]) (output.Writer[T], error) {
	to, err := l.NewWriter(c.stdout, c.look(c.stdout), c.out)
	if err != nil {
		return nil, usageError(err)
	}
	return to, nil
}

// writeAll writes messages and ends the output.
func writeAll[T any](to output.Writer[T], messages []T) error {
	for _, m := range messages {
		if err := to.Add(m); err != nil {
			return err
		}
	}
	return to.End()
}

// writeThing prints a single message, with the options of the command line.
func writeThing[T any](c *cli, l output.Listing[T], t output.Thing[T]) error {
	return l.WriteThing(c.stdout, c.look(c.stdout), c.out, t)
}

// checkThing refuses options of the command line that do not fit the listing of a single message: call it
// before the server is asked.
func checkThing[T any](c *cli, l output.Listing[T]) error {
	_, err := newWriter(c, l)
	return err
}

// hints reports whether the user may be told what else can be done: standard error is a terminal, and
// neither a format nor columns were asked for.
func (c *cli) hints() bool {
	return c.look(c.stderr).OnTerminal() && !c.out.Chosen() && len(c.out.Columns) == 0
}

// printPages prints things (what) page by page, up to a limit; 0 is none. list returns the page of a size that a token
// names, and the token of the next page.
func printPages[T any](c *cli, l output.Listing[T], what string, limit int, list func(size int32, token string) ([]T, string, error)) error {
	to, err := newWriter(c, l)
	if err != nil {
		return err
	}
	token := ""
	for n := 0; ; {
		size := int32(job.MaxPageSize)
		if limit > 0 {
			size = int32(min(job.MaxPageSize, limit-n))
		}
		page, next, err := list(size, token)
		if err != nil {
			return err
		}
		for _, thing := range page {
			n++
			if err := to.Add(thing); err != nil {
				return err
			}
		}
		if token = next; token == "" || limit > 0 && n >= limit {
			break
		}
	}
	if err := to.End(); err != nil {
		return err
	}
	if token != "" {
		c.note("There are more %s; --limit 0 shows all of them.", what)
	}
	return nil
}
