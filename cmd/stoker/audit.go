package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/ui"
)

func auditCommand(c *cli) *cobra.Command {
	var principal, target, since, until, callID string
	var methods, outcomes []string
	var limit int
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who has changed what, and what was refused, the newest first.",
		Long: `Each call that could change something has an entry: by whom, on what, with which
outcome. Of a caller's refused calls, the first ten of a minute have an entry each, and
one entry counts the others. An entry has to match all filters. It takes an admin.

--since and --until take a time such as 2026-11-29, 2026-11-29T14:00:00Z, or how long ago
it was: 90m, 12h, 7d.`,
		Example: `  stoker audit --since 24h
  stoker audit --principal token:ci --outcome PERMISSION_DENIED
  stoker audit --target 411`,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.StringVar(&principal, "principal", "", "only calls of this `PRINCIPAL`, such as token:ci")
	f.StringVar(&target, "target", "", "only calls about this `ID` or number of a batch, with its jobs, or of a job, or the id of an account or token")
	f.StringArrayVar(&methods, "method", nil, "only calls of this `METHOD`, such as CancelBatch")
	f.StringArrayVar(&outcomes, "outcome", nil, "only calls with this `OUTCOME`, such as OK or PERMISSION_DENIED")
	f.StringVar(&since, "since", "", "only calls at this `TIME` or later")
	f.StringVar(&until, "until", "", "only calls before this `TIME`")
	f.StringVar(&callID, "call-id", "", "only the call with this `ID`")
	f.IntVarP(&limit, "limit", "n", 100, "how many entries to show; 0 for all")
	c.addListingFlags(cmd, ui.Entries().ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, _ []string) error {
		req := &stokerv1.ListEntriesRequest{Principal: principal, Target: target, Methods: methods, CallId: callID}
		for _, o := range outcomes {
			req.Outcomes = append(req.Outcomes, strings.ToUpper(o))
		}
		var err error
		if req.Since, err = parseMoment("since", since, time.Now()); err != nil {
			return err
		}
		if req.Until, err = parseMoment("until", until, time.Now()); err != nil {
			return err
		}
		if limit < 0 {
			return usagef("--limit %d: want 0 or more", limit)
		}
		return printPages(c, ui.Entries(), "entries", limit, func(size int32, token string) ([]*stokerv1.Entry, string, error) {
			req.PageSize, req.PageToken = size, token
			resp, err := conn.Audit().ListEntries(ctx, req)
			return resp.GetEntries(), resp.GetNextPageToken(), err
		})
	})
}

// parseMoment parses a time, or how long ago it was.
func parseMoment(flag, text string, now time.Time) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return timestamppb.New(t), nil
		}
	}
	ago, err := parseLifetime(text)
	if err != nil {
		return nil, usagef("--%s %s: want a time such as %s, or how long ago it was: 90m, 12h, 7d", flag, text, now.UTC().Format(time.RFC3339))
	}
	return timestamppb.New(now.Add(-ago)), nil
}
