package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

func findCommand(c *cli) *cobra.Command {
	l := &jobList{cli: c, limit: 50}
	cmd := &cobra.Command{
		Use:   "find TEXT",
		Short: "Find jobs in all batches: by key, name, input or output path, or encoding id.",
		Long: `The text may stand anywhere, in upper or lower case. The newest jobs come first. Without
TEXT, the flags alone choose.`,
		Example: `  stoker find sintel
  stoker find --key-prefix films/ --state failed --since yesterday
  stoker find --encoding 5e6f21c8-0b7d-4e19-8f3e-6cc1d2f7a310`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usagef("want one text, and got %d: put it in quotes", len(args))
			case len(args) == 1 && args[0] == "":
				return usagef("want a text to find")
			}
			return nil
		},
	}
	l.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&l.encoding, "encoding", "", "only the job that has or had the encoding with this `ID`")
	f.StringArrayVar(&l.accounts, "account", nil, "only jobs of this `ACCOUNT`")
	f.StringArrayVarP(&l.labels, "label", "l", nil, "only jobs of batches with this label, `KEY=VALUE`")
	completeFlagFrom(cmd, "account", completions{c}.accounts)
	completeFlagFrom(cmd, "label", completions{c}.labels)
	c.addListingFlags(cmd, ui.FoundJobs(nil).ColumnNames())
	f.BoolVar(&c.out.BOM, "bom", false, "with -o csv: for Excel and other spreadsheets")
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		filters := givenFilters(cmd, l.filters()...)
		if len(args) == 1 {
			l.text = args[0]
			filters = shellQuote(l.text) + prefixed(" ", filters)
		}
		if filters == "" {
			return usagef("say what to find: a text, or flags such as --state failed --since yesterday")
		}
		return l.find(ctx, conn, filters)
	})
}

// prefixed is a text behind a prefix; empty for an empty text.
func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// find prints jobs of all batches. filters is how the user chose among them.
func (l *jobList) find(ctx context.Context, conn *client.Client, filters string) error {
	request, err := l.request(localNow(l.cli))
	if err != nil {
		return err
	}
	if l.out.Sort != "" {
		l.out.Most = l.limit
	}
	names := map[int64]string{}
	to, err := newWriter(l.cli, ui.FoundJobs(func(j *stokerv1.Job) string { return names[j.GetBatchNumber()] }))
	if err != nil {
		return err
	}
	shown, total, err := l.write(ctx, conn, request, to, func(page *stokerv1.ListJobsResponse) {
		for _, b := range page.GetBatches() {
			names[b.GetNumber()] = b.GetDisplayName()
		}
	})
	switch {
	case err != nil:
		return err
	case shown == 0:
		l.note("No job matches %s.", filters)
	case total > int64(shown):
		l.note("%s of %s", output.Number(shown), output.Plural(total, "job"))
	case total == moreJobs:
		l.note("the newest %s; there are more, and -n 0 lists all", output.Plural(int64(shown), "job"))
	}
	return nil
}
