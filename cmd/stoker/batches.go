package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/ui"
	"github.com/stokerd/stoker/job"
)

func batchesCommand(c *cli) *cobra.Command {
	var states, labels []string
	var account string
	var limit int
	cmd := &cobra.Command{
		Use:   "batches",
		Short: "List batches, the newest first",
		Long: `List batches, the newest first. The column WAIT says what the first waiting job of a
batch waits for.`,
		Args: noArgs,
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "only batches in this state, such as active or failed; may be repeated")
	cmd.Flags().StringArrayVarP(&labels, "label", "l", nil, "key=value: only batches with this label; may be repeated")
	cmd.Flags().StringVar(&account, "account", "", "only batches of this account")
	cmd.Flags().IntVarP(&limit, "limit", "n", 50, "how many batches at most")
	completeFlag(cmd, "state", batchStateNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, _ []string) error {
		request := &stokerv1.ListBatchesRequest{Account: account}
		var err error
		if request.States, err = parseBatchStates(states); err != nil {
			return err
		}
		if request.Labels, err = parseLabels(labels); err != nil {
			return err
		}
		if limit < 1 {
			return usagef("--limit %d: want at least 1", limit)
		}
		return c.listBatches(ctx, conn, request, limit)
	})
}

// listBatches prints at most limit batches: JSON as they come, a table at the end.
func (c *cli) listBatches(ctx context.Context, conn *client.Client, request *stokerv1.ListBatchesRequest, limit int) error {
	array := ui.NewJSONArray(c.stdout)
	var batches []*stokerv1.Batch
	for limit > 0 {
		request.PageSize = int32(min(limit, job.MaxPageSize))
		page, err := conn.Batches().ListBatches(ctx, request)
		if err != nil {
			return err
		}
		limit -= len(page.GetBatches())
		if !c.json {
			batches = append(batches, page.GetBatches()...)
		} else {
			for _, b := range page.GetBatches() {
				if err := array.Add(b); err != nil {
					return err
				}
			}
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
	}
	switch {
	case c.json:
		return array.End()
	case len(batches) == 0:
		c.note("no batches")
		return nil
	}
	return ui.BatchTable(batches).Write(c.stdout)
}
