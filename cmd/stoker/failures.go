package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// failureList is the flags of failures.
type failureList struct {
	*cli
	labels, accounts        []string
	keyPrefix, since, until string
}

func failuresCommand(c *cli) *cobra.Command {
	l := &failureList{cli: c}
	cmd := &cobra.Command{
		Use:   "failures [BATCH]",
		Short: "List what jobs failed of, the most frequent cause first.",
		Long: `Failures that differ only in their paths are one cause. At most 100 causes are listed.
Without BATCH, the flags choose among the jobs of all batches.`,
		Example: `  stoker failures 411
  stoker failures --since yesterday
  stoker failures --label team=vod`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return oneArg(cmd, args)
			}
			return nil
		},
		ValidArgsFunction: completions{c}.oneBatch,
	}
	f := cmd.Flags()
	f.StringVar(&l.since, "since", "", "only jobs that failed since this `TIME`, such as 2h, yesterday or 2026-11-28")
	f.StringVar(&l.until, "until", "", "only jobs that failed before this `TIME`")
	f.StringVar(&l.keyPrefix, "key-prefix", "", "only jobs whose key begins with this `TEXT`")
	f.StringArrayVarP(&l.labels, "label", "l", nil, "only jobs of batches with this label, `KEY=VALUE`")
	f.StringArrayVar(&l.accounts, "account", nil, "only jobs of this `ACCOUNT`")
	completeFlagFrom(cmd, "label", completions{c}.labels)
	completeFlagFrom(cmd, "account", completions{c}.accounts)
	c.addListingFlags(cmd, ui.Failures().ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		request, err := l.request()
		if err != nil {
			return err
		}
		filters := givenFilters(cmd, "since", "until", "key-prefix", "label", "account")
		if len(args) == 0 && filters == "" {
			return usagef("name a batch, or choose among all jobs: stoker failures --since yesterday")
		}
		if len(args) > 0 {
			if err := checkThing(c, ui.Failures()); err != nil {
				return err
			}
			if request.BatchId, err = c.lookup(conn).batchNumber(ctx, args[0]); err != nil {
				return err
			}
		}
		return l.print(ctx, conn, request, filters)
	})
}

// request is the request that the command line asks for.
func (l *failureList) request() (_ *stokerv1.ListFailuresRequest, err error) {
	r := &stokerv1.ListFailuresRequest{KeyPrefix: l.keyPrefix, Accounts: l.accounts}
	if len(l.labels) > 0 {
		if r.Labels, err = parseLabels(l.labels); err != nil {
			return nil, err
		}
	}
	r.Finished, err = parseTimeRange(l.since, l.until, localNow(l.cli))
	return r, err
}

// print prints causes of failures.
func (l *failureList) print(ctx context.Context, conn *client.Client, request *stokerv1.ListFailuresRequest, filters string) error {
	to, err := newWriter(l.cli, ui.Failures())
	if err != nil {
		return err
	}
	response, err := conn.Batches().ListFailures(ctx, request)
	if err != nil {
		return err
	}
	if err := writeAll(to, response.GetCauses()); err != nil {
		return err
	}
	causes, batch := response.GetCauses(), request.GetBatchId()
	rest := response.GetFailedCount()
	for _, cause := range causes {
		rest -= cause.GetCount()
	}
	switch {
	case len(causes) == 0 && filters != "":
		l.note("No job that failed matches %s.", filters)
	case len(causes) == 0:
		l.note("No job of %s has failed.", batch)
	case rest > 0:
		l.note("and %s of other causes", output.Plural(rest, "job"))
	}
	if len(causes) > 0 && batch != "" && l.hints() {
		l.note("which jobs, and another attempt for them:")
		l.note("  stoker jobs %s --cause %s", batch, causes[0].GetCause())
		l.note("  stoker retry %s --cause %s", batch, causes[0].GetCause())
	}
	return nil
}
