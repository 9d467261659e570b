package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

func (c *cli) batchesCommand() *cobra.Command {
	var states, labels []string
	var account string
	var limit int
	cmd := &cobra.Command{
		Use:   "batches",
		Short: "List batches, the newest first",
		Long: `List batches, the newest first. The last column says why a batch does not move: what
the first of its jobs waits for.`,
		Args: noArgs,
		RunE: c.connected(func(ctx context.Context, conn *client.Client, _ []string) error {
			request := &stokerv1.ListBatchesRequest{Account: account}
			var err error
			if request.States, err = batchStates(states); err != nil {
				return err
			}
			if request.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			if limit < 1 {
				return usagef("--limit %d: want at least 1", limit)
			}
			return c.listBatches(ctx, conn, request, limit)
		}),
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "only batches in this state, such as active or failed; may be repeated")
	cmd.Flags().StringArrayVarP(&labels, "label", "l", nil, "only batches with this key=value; may be repeated")
	cmd.Flags().StringVar(&account, "account", "", "only batches of this account")
	cmd.Flags().IntVarP(&limit, "limit", "n", 50, "how many at most")
	complete(cmd, "state", lowerNames(stokerv1.BatchState_name, "BATCH_STATE_"))
	return cmd
}

func (c *cli) listBatches(ctx context.Context, conn *client.Client, request *stokerv1.ListBatchesRequest, limit int) error {
	all := jsonArray{w: c.stdout}
	list := table{header: []string{"BATCH", "NAME", "STATE", "JOBS", "DONE", "FAILED", "CREATED", "WAIT"}}
	for limit > 0 {
		request.PageSize = int32(min(limit, maxPage))
		page, err := conn.Batches().ListBatches(ctx, request)
		if err != nil {
			return err
		}
		for _, b := range page.GetBatches() {
			limit--
			if !c.json {
				list.row(b.GetId(), b.GetDisplayName(), batchState(b.GetState()), itoa(b.GetJobCount()),
					fmt.Sprintf("%.0f%%", b.GetPercent()), itoa(b.GetCounts().GetFailed()), moment(b.GetCreateTime()), b.GetWaitReason())
			} else if err := all.add(b); err != nil {
				return err
			}
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
	}
	if c.json {
		return all.end()
	}
	if len(list.rows) == 0 {
		c.note("no batches")
		return nil
	}
	return c.printTable(list)
}

// maxPage is the largest page the server gives.
const maxPage = job.MaxPageSize

// complete offers values for a flag to the shell.
func complete(cmd *cobra.Command, flag string, values []string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist: found by every test
	}
}
