package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// retryableStates are the states in which a job can be retried.
func retryableStates() []stokerv1.JobState {
	return []stokerv1.JobState{stokerv1.JobState_JOB_STATE_FAILED, stokerv1.JobState_JOB_STATE_CANCELLED}
}

// retrial is the command line of retry.
type retrial struct {
	*cli
	caution
	selection selection
	watching  bool
	states    []stokerv1.JobState
}

func retryCommand(c *cli) *cobra.Command {
	v := &retrial{cli: c}
	cmd := &cobra.Command{
		Use:   "retry BATCH|JOB...|-",
		Short: "Give failed or cancelled jobs another attempt, with all their retries.",
		Example: `  stoker retry 411                          all that failed
  stoker retry 411/28                       one
  stoker retry 411 --cause 5f1d3a09c2e4     those of one cause
  stoker retry --label team=vod --dry-run   look first`,
		Args:              v.selection.checkArgs,
		ValidArgsFunction: completions{c}.batchesOrJobs,
	}
	v.selection.addJobFlags(c, cmd, retryableStates(), "failed (default) or cancelled")
	v.selection.addBatchFlags(c, cmd, whichJobs)
	v.selection.addAccountFlag(c, cmd, whichJobs)
	v.addCautionFlags(cmd)
	cmd.Flags().BoolVarP(&v.watching, "watch", "w", false, "follow it to the end")
	sectionFlags(cmd, how, "dry-run", "yes", "watch")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "watch")
	return c.clientCommand(cmd, answerTimeout, v.run)
}

func (v *retrial) run(ctx context.Context, conn *client.Client, args []string) (err error) {
	if v.states, err = parseJobStates(v.selection.jobs.states, retryableStates()); err != nil {
		return err
	}
	found, err := v.selection.find(ctx, v.cli, conn, args)
	if err != nil {
		return err
	}
	if v.watching && found.job == nil && found.onlyBatch() == nil {
		return usagef("--watch is for one batch")
	}
	if found.job == nil {
		if err := v.checkCanAsk(v.cli, "retry"); err != nil {
			return err
		}
	}
	changes := v.changes(conn, found)
	if found.job == nil && v.looksFirst(changes) || v.dryRun {
		planned, err := planChanges(ctx, changes)
		switch {
		case err != nil:
			return err
		case planned.jobs == 0:
			v.note("%snothing to retry", found.prefix())
			return v.report(planned, 0)
		case v.dryRun:
			return v.say(ctx, conn, found, planned)
		}
		if !v.yes {
			details := append(planned.listBatches(), v.foretell(ctx, conn, found, planned)...)
			if err := v.ask(ctx, v.cli, fmt.Sprintf("Retry %s?", v.size(found, planned)), details...); err != nil {
				return err
			}
		}
	}
	done, err := makeAll(ctx, v.cli, "retried", changes)
	if err != nil {
		if _, lost := errors.AsType[*client.LostAnswerError](err); lost && found.byName {
			v.note("What has been retried is no longer failed.")
		}
		return err
	}
	if done.jobs == 0 {
		v.note("%snothing to retry", found.prefix())
		return v.report(done, 0)
	}
	v.note("%s%s retried", found.prefix(), output.Plural(done.jobs, "job"))
	if v.watching {
		return v.watch(ctx, conn, watchRequest(batchOf(found)))
	}
	return v.report(done, done.jobs)
}

// say says what would be retried, and the command for it.
func (v *retrial) say(ctx context.Context, conn *client.Client, found *selected, planned effect) error {
	v.note("%s%s would be retried", found.prefix(), output.Plural(planned.jobs, "job"))
	for _, line := range v.foretell(ctx, conn, found, planned) {
		v.note("%s", line)
	}
	if v.hints() && !v.stdinIsList {
		v.note("  %s", v.args.without("--dry-run"))
	}
	return v.report(planned, planned.jobs)
}

// size is how much is retried, in words.
func (v *retrial) size(found *selected, e effect) string {
	jobs := output.Plural(e.jobs, "job")
	switch {
	case found.onlyBatch() != nil:
		return jobs + " of " + ui.BatchTitle(found.onlyBatch())
	case found.byName && len(found.batches) == 0:
		return jobs
	}
	return jobs + " of " + ui.BatchCount(e.batches)
}

// changes are the calls that retry what is selected.
func (v *retrial) changes(conn *client.Client, found *selected) []change {
	var all []change
	add := func(of string, request *stokerv1.RetryJobsRequest) {
		all = append(all, change{of: of, make: func(ctx context.Context, validateOnly bool) (effect, error) {
			request.ValidateOnly = validateOnly
			response, err := conn.Batches().RetryJobs(ctx, request)
			return jobsEffect(response), err
		}})
	}
	for part := range slices.Chunk(found.jobs, maxNames) {
		add(partText(part), &stokerv1.RetryJobsRequest{JobIds: jobIDs(part)})
	}
	f := &v.selection.jobs
	some := &stokerv1.RetryJobsRequest{States: v.states, KeyPrefix: f.keyPrefix, Categories: f.categories, Causes: f.causes}
	if !found.byName {
		some.Labels, some.Accounts, some.All = found.filter.GetLabels(), found.filter.GetAccounts(), found.filter.GetAll()
		add(found.text, some)
	}
	for _, b := range found.batches {
		request := proto.CloneOf(some)
		request.BatchId = b.GetId()
		add(ui.BatchTitle(b), request)
	}
	return all
}

// foretell says how many of the jobs of a batch fail again unless something is put right. They are for people:
// if the server does not tell, there are none.
func (v *retrial) foretell(ctx context.Context, conn *client.Client, found *selected, planned effect) []string {
	b := found.onlyBatch()
	if b == nil || planned.counts.GetFailed() == 0 {
		return nil
	}
	response, err := conn.Batches().ListFailures(ctx, &stokerv1.ListFailuresRequest{BatchId: b.GetId(), KeyPrefix: v.selection.jobs.keyPrefix})
	if err != nil {
		return nil
	}
	var lines []string
	var permanent int64
	for _, cause := range response.GetCauses() {
		if causes := v.selection.jobs.causes; len(causes) > 0 && !slices.Contains(causes, cause.GetCause()) {
			continue
		}
		if cause.GetFailure().GetPermanent() {
			permanent += cause.GetCount()
		}
		if len(lines) < maxWarnedCauses {
			lines = append(lines, fmt.Sprintf("%s %s", output.Number(cause.GetCount()), ui.ShortFailure(cause.GetFailure())))
		}
	}
	if permanent > 0 {
		who := "all of these"
		if permanent < planned.jobs {
			who = output.Number(permanent) + " of these"
		}
		lines = append(lines, "Bitmovin calls "+who+" permanent: they fail again unless what was wrong is right now.")
	}
	return lines
}

// maxWarnedCauses is how many causes a preview lists.
const maxWarnedCauses = 3

// batchOf is the id of the batch that is selected, or that the selected job belongs to.
func batchOf(found *selected) string {
	if found.job != nil {
		id, _, _ := strings.Cut(found.job.GetId(), "/")
		return id
	}
	return found.batches[0].GetId()
}
