package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// deletion is the command line of delete.
type deletion struct {
	*cli
	caution
	selection selection
	states    []string
}

func deleteCommand(c *cli) *cobra.Command {
	v := &deletion{cli: c}
	cmd := &cobra.Command{
		Use:   "delete BATCH...|-",
		Short: "Delete batches that have ended, with their jobs, from the job table.",
		Example: `  stoker delete 409
  stoker delete --label run=test --yes
  stoker delete --all --state cancelled --dry-run`,
		Long:              "Nothing is deleted at Bitmovin. Batches that have not ended stay.",
		Args:              v.selection.checkArgs,
		ValidArgsFunction: completions{c}.endedBatches,
	}
	cmd.Flags().StringSliceVar(&v.states, "state", nil, "`STATE`: only batches that are succeeded, failed or cancelled")
	sectionFlags(cmd, whichBatches, "state")
	v.selection.addBatchFlags(c, cmd, whichBatches)
	v.selection.addAccountFlag(c, cmd, whichBatches)
	v.addCautionFlags(cmd)
	sectionFlags(cmd, how, "dry-run", "yes")
	completeFlag(cmd, "state", []string{"succeeded", "failed", "cancelled"})
	return c.clientCommand(cmd, answerTimeout, v.run)
}

func (v *deletion) run(ctx context.Context, conn *client.Client, args []string) error {
	states, err := parseBatchStates(v.states)
	if err != nil {
		return err
	}
	found, err := v.selection.find(ctx, v.cli, conn, args)
	switch {
	case err != nil:
		return err
	case len(found.jobs) > 0:
		return found.onlyBatches("only batches can be deleted")
	}
	for _, b := range found.batches {
		if !ui.BatchEnded(b) {
			return &exitError{
				code: exitUsage, err: fmt.Errorf("%s is %s: only a batch that has ended can be deleted; nothing was changed", ui.BatchTitle(b), batchState(b)),
				below: fmt.Sprintf("  stoker cancel %d", b.GetNumber()),
			}
		}
	}
	if err := v.checkCanAsk(v.cli, "delete"); err != nil {
		return err
	}
	chosen := found.batchSelection()
	if !found.byName {
		chosen.States = states
	} else if len(states) > 0 {
		return usagef("--state chooses among the batches of --label, --account or --all")
	}
	if chosen.GetAll() && len(states) > 0 {
		chosen.All = false // the state is the filter
	}
	one := []change{{make: func(ctx context.Context, validateOnly bool) (effect, error) {
		response, err := conn.Batches().DeleteBatches(ctx, &stokerv1.DeleteBatchesRequest{Selection: chosen, ValidateOnly: validateOnly})
		return batchEffect(response.GetChanges(), response), err
	}}}
	if b := found.onlyBatch(); b != nil {
		one[0] = wholeBatch(b, func(ctx context.Context, id string) (proto.Message, error) {
			return conn.Batches().DeleteBatch(ctx, &stokerv1.DeleteBatchRequest{BatchId: id})
		})
	}
	goOn, err := v.lookFirst(ctx, v.cli, one, firstLook{
		nothing:  found.prefix() + "no batch that has ended",
		would:    func(e effect) string { return v.size(found, e) + " would be deleted" },
		question: func(e effect) string { return fmt.Sprintf("Delete %s from the job table?", v.size(found, e)) },
		details:  func(e effect) []string { return append(e.listBatches(), "Nothing is deleted at Bitmovin.") },
	})
	if !goOn {
		return err
	}
	done, err := makeAll(ctx, v.cli, "deleted", one)
	if err != nil {
		return err
	}
	v.note("%s: deleted", v.size(found, done))
	return v.report(done, done.batches)
}

// size is what is deleted, in words.
func (v *deletion) size(found *selected, e effect) string {
	jobs := output.Plural(e.ended(), "job")
	if found.onlyBatch() != nil {
		return ui.BatchTitle(found.onlyBatch()) + " with " + jobs
	}
	return ui.BatchCount(e.batches) + " with " + jobs
}
