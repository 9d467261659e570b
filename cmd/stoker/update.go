package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// updating is the command line of update.
type updating struct {
	*cli
	caution
	selection selection

	values  stokerv1.Batch // the new values
	mask    []string       // the fields of values to change; those of the retry policy by their own names
	set     map[string]string
	removed []string

	priority     int32
	name         string
	failureLimit string
	retries      retryFlags
	setLabels    []string
}

// retryFlags are the flags for a retry policy.
type retryFlags struct {
	maxRetries int32
	first      time.Duration
	longest    time.Duration
	transfers  bool
}

func updateCommand(c *cli) *cobra.Command {
	v := &updating{cli: c}
	cmd := &cobra.Command{
		Use:   "update BATCH...|-",
		Short: "Change the priority, name, labels, retries or failure limit of batches.",
		Example: `  stoker update 411 --priority 90
  stoker update 411 --name "night run" --set-label team=vod
  stoker update --label team=vod --failure-limit 2% --yes`,
		Args:              v.selection.checkArgs,
		ValidArgsFunction: completions{c}.batches,
	}
	f := cmd.Flags()
	f.Int32Var(&v.priority, "priority", 0, "`N`: 0 to 100; higher goes first")
	f.StringVar(&v.name, "name", "", "`TEXT`: what people call it")
	f.StringArrayVar(&v.setLabels, "set-label", nil, "`KEY=VALUE`: give it this label, or this value of it")
	f.StringArrayVar(&v.removed, "remove-label", nil, "`KEY`: take this label away")
	f.Int32Var(&v.retries.maxRetries, "max-retries", 0, "`N`: attempts of a job after its first")
	f.DurationVar(&v.retries.first, "initial-backoff", 0, "`TIME`: longest pause before the second attempt")
	f.DurationVar(&v.retries.longest, "max-backoff", 0, "`TIME`: longest pause before any attempt")
	f.BoolVar(&v.retries.transfers, "retry-transfer-errors", false, "retry what was encoded and could not be written")
	f.StringVar(&v.failureLimit, "failure-limit", "", failureLimitUsage)
	sectionFlags(cmd, newValues, "priority", "name", "set-label", "remove-label", "max-retries", "initial-backoff", "max-backoff", "retry-transfer-errors", "failure-limit")
	v.selection.addBatchFlags(c, cmd, whichBatches)
	v.selection.addAccountFlag(c, cmd, whichBatches)
	v.addCautionFlags(cmd)
	sectionFlags(cmd, how, "dry-run", "yes")
	completeFlagFrom(cmd, "set-label", completions{c}.labels)
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		if err := v.readValues(cmd); err != nil {
			return err
		}
		return v.run(ctx, conn, args)
	})
}

// readValues sets the new values from the flags that were given.
func (v *updating) readValues(cmd *cobra.Command) (err error) {
	given := cmd.Flags().Changed
	if given("priority") {
		v.values.Priority, v.mask = v.priority, append(v.mask, "priority")
	}
	if given("name") {
		v.values.DisplayName, v.mask = v.name, append(v.mask, "display_name")
	}
	if given("failure-limit") {
		if v.values.FailureLimit, err = parseFailureLimit(v.failureLimit); err != nil {
			return err
		}
		v.mask = append(v.mask, "failure_limit")
	}
	policy := &stokerv1.RetryPolicy{}
	for _, field := range []struct {
		flag string
		set  func()
	}{
		{"max-retries", func() { policy.MaxRetries = &v.retries.maxRetries }},
		{"initial-backoff", func() { policy.InitialBackoff = durationpb.New(v.retries.first) }},
		{"max-backoff", func() { policy.MaxBackoff = durationpb.New(v.retries.longest) }},
		{"retry-transfer-errors", func() { policy.RetryTransferErrors = v.retries.transfers }},
	} {
		if given(field.flag) {
			field.set()
			v.values.RetryPolicy = policy
			v.mask = append(v.mask, "retry_policy."+strings.ReplaceAll(field.flag, "-", "_"))
		}
	}
	if v.set, err = parseLabelFlag("--set-label", v.setLabels); err != nil {
		return err
	}
	for _, key := range v.removed {
		if _, both := v.set[key]; both || strings.Contains(key, "=") {
			return usagef("--remove-label %s: want the name of a label that is not set as well", key)
		}
	}
	if len(v.mask)+len(v.set)+len(v.removed) == 0 {
		return usagef("say what to change, for example --priority 90; stoker update --help lists the flags")
	}
	return nil
}

func (v *updating) run(ctx context.Context, conn *client.Client, args []string) error {
	found, err := v.selection.find(ctx, v.cli, conn, args)
	switch {
	case err != nil:
		return err
	case len(found.jobs) > 0:
		return found.onlyBatches("only batches can be changed")
	case found.byName && !v.stdinIsList:
		return v.updateNamed(ctx, conn, found.batches)
	case slices.Contains(v.mask, "display_name"):
		return usagef("--name is for one batch")
	}
	return v.updateMatching(ctx, conn, found)
}

// updateNamed changes the batches that were named, one after the other, and says what changed.
func (v *updating) updateNamed(ctx context.Context, conn *client.Client, batches []*stokerv1.Batch) error {
	if len(batches) > 1 && slices.Contains(v.mask, "display_name") {
		return usagef("--name is for one batch")
	}
	var all effect
	for i, before := range batches {
		after := v.applied(before)
		if v.dryRun {
			v.note("%s: %s; nothing was changed", ui.BatchTitle(before), v.describe(before, after))
			continue
		}
		response, err := conn.Batches().UpdateBatch(ctx, &stokerv1.UpdateBatchRequest{
			Batch: after, UpdateMask: v.fields(), SetLabels: v.set, RemoveLabels: v.removed,
		})
		if err != nil {
			return leave(v.cli, "changed", batches[i:], err, all)
		}
		text := v.describe(before, response.GetBatch())
		if response.GetBatch().GetPriority() != before.GetPriority() {
			text += v.neighbours(ctx, conn, before, response.GetBatch())
		}
		v.note("%s: %s", ui.BatchTitle(before), text)
		all.answers = append(all.answers, response)
	}
	return v.report(all, int64(len(batches)))
}

// fields are the fields of a batch to change.
func (v *updating) fields() *fieldmaskpb.FieldMask {
	var paths []string
	for _, path := range v.mask {
		field, _, _ := strings.Cut(path, ".")
		if !slices.Contains(paths, field) {
			paths = append(paths, field)
		}
	}
	if len(paths) == 0 {
		return nil
	}
	return &fieldmaskpb.FieldMask{Paths: paths}
}

// applied is a batch with the new values. What of the retry policy was not given stays as it is.
func (v *updating) applied(before *stokerv1.Batch) *stokerv1.Batch {
	after := &stokerv1.Batch{Id: before.GetId(), DisplayName: before.GetDisplayName(), Priority: before.GetPriority(), FailureLimit: before.GetFailureLimit()}
	if after.RetryPolicy = proto.CloneOf(before.GetRetryPolicy()); after.RetryPolicy == nil {
		after.RetryPolicy = &stokerv1.RetryPolicy{}
	}
	after.Labels = maps.Clone(before.GetLabels())
	for _, path := range v.mask {
		switch path {
		case "priority":
			after.Priority = v.values.GetPriority()
		case "display_name":
			after.DisplayName = v.values.GetDisplayName()
		case "failure_limit":
			after.FailureLimit = v.values.GetFailureLimit()
		case "retry_policy.max_retries":
			after.RetryPolicy.MaxRetries = v.values.GetRetryPolicy().MaxRetries
		case "retry_policy.initial_backoff":
			after.RetryPolicy.InitialBackoff = v.values.GetRetryPolicy().GetInitialBackoff()
		case "retry_policy.max_backoff":
			after.RetryPolicy.MaxBackoff = v.values.GetRetryPolicy().GetMaxBackoff()
		case "retry_policy.retry_transfer_errors":
			after.RetryPolicy.RetryTransferErrors = v.values.GetRetryPolicy().GetRetryTransferErrors()
		}
	}
	return after
}

// describe says which values differ between two states of a batch.
func (v *updating) describe(before, after *stokerv1.Batch) string {
	var parts []string
	add := func(what, from, to string) {
		if from != to {
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s → %s", what, from, to)))
		}
	}
	add("priority", strconv.Itoa(int(before.GetPriority())), strconv.Itoa(int(after.GetPriority())))
	add("name", before.GetDisplayName(), after.GetDisplayName())
	from, to := before.GetRetryPolicy(), after.GetRetryPolicy()
	add("retries", strconv.Itoa(int(from.GetMaxRetries())), strconv.Itoa(int(to.GetMaxRetries())))
	add("initial back-off", output.Duration(from.GetInitialBackoff().AsDuration()), output.Duration(to.GetInitialBackoff().AsDuration()))
	add("longest back-off", output.Duration(from.GetMaxBackoff().AsDuration()), output.Duration(to.GetMaxBackoff().AsDuration()))
	add("transfer errors", transferText(from), transferText(to))
	add("failure limit", failureLimitText(before.GetFailureLimit()), failureLimitText(after.GetFailureLimit()))
	for _, key := range slices.Sorted(maps.Keys(v.set)) {
		if old, had := before.GetLabels()[key]; !had || old != v.set[key] {
			parts = append(parts, "label "+key+"="+v.set[key])
		}
	}
	for _, key := range v.removed {
		if _, had := before.GetLabels()[key]; had {
			parts = append(parts, "no label "+key)
		}
	}
	if len(parts) == 0 {
		return "is so already"
	}
	return strings.Join(parts, ", ")
}

func transferText(p *stokerv1.RetryPolicy) string {
	if p.GetRetryTransferErrors() {
		return "retried"
	}
	return "not retried"
}

// neighbours says which unfinished batch of the account goes before or after a batch now, and did not before.
// It is for people: if the server does not tell, it is empty.
func (v *updating) neighbours(ctx context.Context, conn *client.Client, before, after *stokerv1.Batch) string {
	page, err := conn.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{
		Account: after.GetAccount(),
		States:  []stokerv1.BatchState{stokerv1.BatchState_BATCH_STATE_OPEN, stokerv1.BatchState_BATCH_STATE_ACTIVE},
	})
	if err != nil {
		return ""
	}
	var passed *stokerv1.Batch
	up := after.GetPriority() > before.GetPriority()
	for _, b := range page.GetBatches() {
		p := b.GetPriority()
		switch {
		case b.GetId() == after.GetId() || b.GetCounts().GetWaiting() == 0:
		case up && p >= before.GetPriority() && p < after.GetPriority() && (passed == nil || p > passed.GetPriority()),
			!up && p <= before.GetPriority() && p > after.GetPriority() && (passed == nil || p < passed.GetPriority()):
			passed = b
		}
	}
	if passed == nil {
		return ""
	}
	where := "before"
	if !up {
		where = "after"
	}
	return fmt.Sprintf("; goes %s %d (%d) now", where, passed.GetNumber(), passed.GetPriority())
}

// updateMatching changes all batches that match, or a list of them.
func (v *updating) updateMatching(ctx context.Context, conn *client.Client, found *selected) error {
	if err := v.checkCanAsk(v.cli, "update"); err != nil {
		return err
	}
	for _, path := range v.mask {
		if strings.HasPrefix(path, "retry_policy.") && v.values.GetRetryPolicy().MaxRetries == nil {
			return usagef("of many batches, the retry policy is changed as a whole: give --max-retries too")
		}
	}
	one := []change{{make: func(ctx context.Context, validateOnly bool) (effect, error) {
		response, err := conn.Batches().UpdateBatches(ctx, &stokerv1.UpdateBatchesRequest{
			Selection: found.batchSelection(), Batch: &v.values, UpdateMask: v.fields(), SetLabels: v.set, RemoveLabels: v.removed, ValidateOnly: validateOnly,
		})
		return batchEffect(response.GetChanges(), response), err
	}}}
	goOn, err := v.lookFirst(ctx, v.cli, one, firstLook{
		nothing:  found.prefix() + "no batch to change",
		would:    func(e effect) string { return found.prefix() + ui.BatchCount(e.batches) + " would be changed" },
		question: func(e effect) string { return fmt.Sprintf("Change %s?", ui.BatchCount(e.batches)) },
	})
	if !goOn {
		return err
	}
	done, err := makeAll(ctx, v.cli, "changed", one)
	if err != nil {
		return err
	}
	v.note("%s%s changed", found.prefix(), ui.BatchCount(done.batches))
	return v.report(done, done.batches)
}
