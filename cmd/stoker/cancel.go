package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// cancellableStates are the states in which a job can be cancelled.
func cancellableStates() []stokerv1.JobState {
	return []stokerv1.JobState{
		stokerv1.JobState_JOB_STATE_WAITING, stokerv1.JobState_JOB_STATE_STARTING,
		stokerv1.JobState_JOB_STATE_QUEUED, stokerv1.JobState_JOB_STATE_RUNNING,
	}
}

// cancellation is the command line of cancel.
type cancellation struct {
	*cli
	caution
	selection selection
	reason    string
	states    []stokerv1.JobState
}

func cancelCommand(c *cli) *cobra.Command {
	v := &cancellation{cli: c}
	cmd := &cobra.Command{
		Use:   "cancel BATCH|JOB...|-",
		Short: "Cancel batches, jobs, or the jobs of batches that match.",
		Example: `  stoker cancel 411                              a batch; asks first
  stoker cancel 411/28 --reason "wrong master"   one job
  stoker cancel 411 --state waiting --dry-run    look first
  stoker cancel --label customer=acme --yes      all of a customer's batches
  stoker jobs 411 --state waiting -o name | stoker cancel - --yes`,
		Args:              v.selection.checkArgs,
		ValidArgsFunction: completions{c}.batchesOrJobs,
	}
	v.selection.addJobFlags(c, cmd, cancellableStates(), "waiting, starting, queued or running (default: all)")
	v.selection.addBatchFlags(c, cmd, whichJobs)
	v.selection.addAccountFlag(c, cmd, whichJobs)
	cmd.Flags().StringVar(&v.reason, "reason", "", "`TEXT`: why; kept with what is cancelled, and shown")
	v.addCautionFlags(cmd)
	sectionFlags(cmd, how, "reason", "dry-run", "yes")
	return c.clientCommand(cmd, answerTimeout, v.run)
}

func (v *cancellation) run(ctx context.Context, conn *client.Client, args []string) (err error) {
	if v.states, err = parseJobStates(v.selection.jobs.states, cancellableStates()); err != nil {
		return err
	}
	found, err := v.selection.find(ctx, v.cli, conn, args)
	if err != nil {
		return err
	}
	if found.job != nil && !v.dryRun {
		return v.cancelJob(ctx, conn, found.job)
	}
	if b := found.onlyBatch(); b != nil && (ui.BatchEnded(b) || b.GetState() == stokerv1.BatchState_BATCH_STATE_CANCELLING) {
		return usagef("%s is %s already; nothing was changed", ui.BatchTitle(b), batchState(b))
	}
	if err := v.checkCanAsk(v.cli, "cancel"); err != nil {
		return err
	}
	changes := v.changes(conn, found)
	goOn, err := v.lookFirst(ctx, v.cli, changes, firstLook{
		nothing:  found.prefix() + "nothing to cancel",
		would:    func(e effect) string { return fmt.Sprintf("%s%s would be cancelled", found.prefix(), v.size(found, e)) },
		question: func(e effect) string { return v.question(found, e) },
		details:  v.consequences,
		count:    func(e effect) int64 { return e.jobs },
	})
	if !goOn {
		return err
	}
	done, err := makeAll(ctx, v.cli, "cancelled", changes)
	if err != nil {
		return err
	}
	lost := v.repeats.lostAnswer("CancelJobs") || v.repeats.lostAnswer("CancelBatches")
	if done.isNothing() && !lost {
		v.note("%snothing to cancel", found.prefix())
		return v.report(done, 0)
	}
	v.note("%scancelling %s", found.prefix(), v.size(found, done))
	if lost {
		v.note("An earlier answer of the server was lost: what was cancelled before that is not counted.")
	}
	if b := found.onlyBatch(); b != nil && !v.yes && v.hints() {
		v.note("  stoker watch %d", b.GetNumber())
	}
	return v.report(done, done.jobs)
}

// cancelJob cancels the one job that was named. It does not ask: nothing else can be meant.
func (v *cancellation) cancelJob(ctx context.Context, conn *client.Client, j *stokerv1.Job) error {
	if v.selection.jobs.restricted() {
		return usagef("%s is a job: the flags choose among the jobs of a batch", jobName(j))
	}
	response, err := conn.Batches().CancelJob(ctx, &stokerv1.CancelJobRequest{JobId: j.GetId(), Reason: v.reason})
	if err != nil {
		return err
	}
	v.note("%s: %s", jobTitle(j), jobState(response.GetJob()))
	return v.report(effect{answers: []proto.Message{response}}, 1)
}

// changes are the calls that cancel what is selected: whole batches as batches, so that no jobs can be added
// to them any more, and jobs as jobs.
func (v *cancellation) changes(conn *client.Client, found *selected) []change {
	var all []change
	jobs := func(of string, request *stokerv1.CancelJobsRequest) {
		request.Reason = v.reason
		all = append(all, change{of: of, make: func(ctx context.Context, validateOnly bool) (effect, error) {
			request.ValidateOnly = validateOnly
			response, err := conn.Batches().CancelJobs(ctx, request)
			return jobsEffect(response), err
		}})
	}
	for part := range slices.Chunk(found.jobs, maxNames) {
		jobs(partText(part), &stokerv1.CancelJobsRequest{JobIds: jobIDs(part)})
	}
	f := &v.selection.jobs
	some := &stokerv1.CancelJobsRequest{States: v.states, KeyPrefix: f.keyPrefix, Categories: f.categories, Causes: f.causes}
	switch {
	case f.restricted() && found.byName:
		for _, b := range found.batches {
			request := proto.CloneOf(some)
			request.BatchId = b.GetId()
			jobs(ui.BatchTitle(b), request)
		}
	case f.restricted():
		some.Labels, some.Accounts, some.All = found.filter.GetLabels(), found.filter.GetAccounts(), found.filter.GetAll()
		jobs(found.text, some)
	case !found.byName || len(found.batches) > 0:
		all = append(all, v.cancelBatches(conn, found))
	}
	return all
}

// cancelBatches cancels whole batches. Their jobs that have not ended count as cancelled.
func (v *cancellation) cancelBatches(conn *client.Client, found *selected) change {
	call := func(ctx context.Context, validateOnly bool) (effect, error) {
		response, err := conn.Batches().CancelBatches(ctx, &stokerv1.CancelBatchesRequest{
			Selection: found.batchSelection(), Reason: v.reason, ValidateOnly: validateOnly,
		})
		return batchEffect(response.GetChanges(), response), err
	}
	if b := found.onlyBatch(); b != nil {
		call = wholeBatch(b, func(ctx context.Context, id string) (proto.Message, error) {
			return conn.Batches().CancelBatch(ctx, &stokerv1.CancelBatchRequest{BatchId: id, Reason: v.reason})
		}).make
	}
	return change{of: found.batchText(), make: func(ctx context.Context, validateOnly bool) (effect, error) {
		e, err := call(ctx, validateOnly)
		e.jobs = e.counts.GetWaiting() + e.atPlatform()
		return e, err
	}}
}

// size is how much is cancelled, in words.
func (v *cancellation) size(found *selected, e effect) string {
	jobs := output.Plural(e.jobs, "job")
	if found.onlyBatch() != nil || found.byName && len(found.batches) == 0 {
		return jobs
	}
	return jobs + " of " + ui.BatchCount(e.batches)
}

// question asks whether to go on.
func (v *cancellation) question(found *selected, e effect) string {
	if found.onlyBatch() != nil {
		return fmt.Sprintf("Cancel %s of %s?", output.Plural(e.jobs, "job"), ui.BatchTitle(found.onlyBatch()))
	}
	return fmt.Sprintf("Cancel %s?", v.size(found, e))
}

// consequences are what becomes of the jobs, a line each.
func (v *cancellation) consequences(e effect) []string {
	lines := e.listBatches()
	return append(lines, countLines(
		countLine{e.counts.GetWaiting(), "waiting: never start"},
		countLine{e.atPlatform(), "at Bitmovin: stopped, may be billed for what they did"},
		countLine{e.ended(), "finished stay as they are"},
	)...)
}
