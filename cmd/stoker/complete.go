package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/contexts"
	"github.com/stokerd/stoker/internal/joblist"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// completer lists the values that a shell offers for an argument or a flag, each with a description.
type completer = cobra.CompletionFunc

// completions are the values that the server knows. If it does not answer in time, there are none: a shell that
// waits is worse than one that does not know.
type completions struct{ c *cli }

const (
	// defaultCompletionTime is how long the server may take.
	defaultCompletionTime = 250 * time.Millisecond
	// maxOffered is how many values are asked for.
	maxOffered = 100
	// noFiles tells the shell not to offer file names, and to keep the order of the values.
	noFiles = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
)

// completeFlagFrom lets the shell complete the values of a flag.
func completeFlagFrom(cmd *cobra.Command, flag string, values completer) {
	if err := cmd.RegisterFlagCompletionFunc(flag, values); err != nil {
		panic(err) // the flag does not exist, which every test of the command finds
	}
}

// fixed offers the same values always, each with its description behind a tab.
func fixed(values ...string) completer { return cobra.FixedCompletions(values, noFiles) }

// describe is a value with its description. Both are one line.
func describe(value, description string) cobra.Completion {
	return cobra.CompletionWithDesc(output.Printable(value), strings.Join(strings.Fields(output.Printable(description)), " "))
}

// ask asks the server for values.
func (k completions) ask(values func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error)) ([]cobra.Completion, cobra.ShellCompDirective) {
	// What is said now would stand in the command line.
	quiet := &cli{getenv: k.c.getenv, stderr: io.Discard, connection: k.c.connection}
	patience := cmp.Or(k.c.completionTime, defaultCompletionTime)
	conn, err := quiet.dial(patience)
	if err != nil {
		return nil, noFiles
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer := make(chan []cobra.Completion, 1)
	go func() {
		list, err := values(ctx, conn)
		if err != nil {
			list = nil
		}
		answer <- list
		_ = conn.Close() // the process ends anyway
	}()
	select {
	case list := <-answer:
		return list, noFiles
	case <-ctx.Done():
		return nil, noFiles
	}
}

// complete lists the user's contexts.
func (u userContexts) complete(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	file, err := contexts.UserFile(u.getenv)
	if err != nil || len(args) > 0 {
		return nil, noFiles
	}
	set, err := file.Read()
	if err != nil {
		return nil, noFiles
	}
	var values []cobra.Completion
	for _, name := range set.Names() {
		values = append(values, describe(name, set.Contexts[name].Server))
	}
	return values, noFiles
}

// batches lists batches by number, or by name once letters of it are typed.
func (k completions) batches(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.batchesIn(nil, args, typed)
}

// endedBatches lists batches that have ended.
func (k completions) endedBatches(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.batchesIn([]stokerv1.BatchState{
		stokerv1.BatchState_BATCH_STATE_SUCCEEDED, stokerv1.BatchState_BATCH_STATE_FAILED, stokerv1.BatchState_BATCH_STATE_CANCELLED,
	}, args, typed)
}

// openBatches lists batches that take more jobs.
func (k completions) openBatches(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.batchesIn([]stokerv1.BatchState{stokerv1.BatchState_BATCH_STATE_OPEN}, args, typed)
}

// openBatchThenFile lists batches that take more jobs, and then files.
func (k completions) openBatchThenFile(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return k.openBatches(cmd, args, typed)
}

// oneBatch lists batches, for a command that takes one.
func (k completions) oneBatch(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, noFiles
	}
	return k.batches(cmd, args, typed)
}

// batchesIn lists batches in some states, the newest first, without those that are named already.
func (k completions) batchesIn(states []stokerv1.BatchState, named []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.ask(func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error) {
		request := &stokerv1.ListBatchesRequest{States: states, PageSize: maxOffered}
		byName := typed != "" && strings.Trim(typed, "0123456789") != ""
		if byName {
			request.Text = typed
		}
		page, err := conn.Batches().ListBatches(ctx, request)
		if err != nil {
			return nil, err
		}
		var values []cobra.Completion
		for _, b := range page.GetBatches() {
			value := fmt.Sprint(b.GetNumber())
			if byName {
				value = b.GetDisplayName()
			}
			if strings.HasPrefix(value, typed) && !slices.Contains(named, value) {
				values = append(values, describe(value, batchHint(b, byName)))
			}
		}
		if strings.HasPrefix(lastBatch, typed) && typed != "" {
			values = append(values, describe(lastBatch, "your newest batch"))
		}
		return values, nil
	})
}

// batchHint describes a batch that is offered, by its number or by its name.
func batchHint(b *stokerv1.Batch, byName bool) string {
	parts := []string{b.GetDisplayName(), batchState(b)}
	if byName {
		parts[0] = fmt.Sprint(b.GetNumber())
	}
	if !ui.BatchEnded(b) {
		parts = append(parts, output.Percent(b.GetPercent()))
	}
	return strings.Join(parts, ", ")
}

// batchesOrJobs lists batches and, behind a slash, the jobs of the batch before it.
func (k completions) batchesOrJobs(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if !strings.Contains(typed, "/") {
		return k.batches(cmd, args, typed)
	}
	return k.jobsOf(typed)
}

// oneJob lists the jobs of the batch before the slash, and batches to begin with.
func (k completions) oneJob(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, noFiles
	}
	if strings.Contains(typed, "/") {
		return k.jobsOf(typed)
	}
	list, how := k.batches(cmd, args, typed)
	for i, value := range list {
		name, description, _ := strings.Cut(value, "\t")
		list[i] = describe(name+"/", description)
	}
	return list, how | cobra.ShellCompDirectiveNoSpace
}

// jobsOf lists jobs by key or, as long as only digits are typed, by number.
func (k completions) jobsOf(typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ofBatch, rest, _ := strings.Cut(typed, "/")
	return k.ask(func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error) {
		b, err := naming{c: k.c, conn: conn, strict: true}.batch(ctx, ofBatch)
		if err != nil {
			return nil, err
		}
		request := &stokerv1.ListJobsRequest{BatchId: b.GetId(), PageSize: maxOffered}
		byNumber := strings.Trim(rest, "0123456789") == ""
		if !byNumber {
			request.KeyPrefix = rest
		}
		page, err := conn.Batches().ListJobs(ctx, request)
		if err != nil {
			return nil, err
		}
		var values []cobra.Completion
		for _, j := range page.GetJobs() {
			value, description := fmt.Sprint(j.GetNumber()), ui.JobTitle(j)
			if !byNumber {
				value, description = j.GetKey(), jobName(j)
			}
			values = append(values, describe(ofBatch+"/"+value, description+", "+jobState(j)))
		}
		return values, nil
	})
}

// keys lists the keys of the jobs of the batch that is named.
func (k completions) keys(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, noFiles
	}
	return k.ask(func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error) {
		b, err := naming{c: k.c, conn: conn, strict: true}.batch(ctx, args[0])
		if err != nil {
			return nil, err
		}
		page, err := conn.Batches().ListJobs(ctx, &stokerv1.ListJobsRequest{BatchId: b.GetId(), KeyPrefix: typed, PageSize: maxOffered})
		if err != nil {
			return nil, err
		}
		var values []cobra.Completion
		for _, j := range page.GetJobs() {
			if j.GetKey() != "" {
				values = append(values, describe(j.GetKey(), jobName(j)+", "+jobState(j)))
			}
		}
		return values, nil
	})
}

// causes lists the causes of failures of the batch that is named, or of those with the labels that are given.
func (k completions) causes(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.ask(func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error) {
		request := &stokerv1.ListFailuresRequest{}
		if len(args) > 0 {
			b, err := naming{c: k.c, conn: conn, strict: true}.batch(ctx, args[0])
			if err != nil {
				return nil, err
			}
			request.BatchId = b.GetId()
		} else if given, err := cmd.Flags().GetStringArray("label"); err == nil {
			if request.Labels, err = parseLabels(given); err != nil {
				return nil, err
			}
		}
		response, err := conn.Batches().ListFailures(ctx, request)
		if err != nil {
			return nil, err
		}
		var values []cobra.Completion
		for _, cause := range response.GetCauses() {
			values = append(values, describe(cause.GetCause(), output.Number(cause.GetCount())+" "+ui.ShortFailure(cause.GetFailure())))
		}
		return values, nil
	})
}

// labels lists the labels of the newest batches.
func (k completions) labels(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.ask(func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error) {
		page, err := conn.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{PageSize: maxOffered})
		if err != nil {
			return nil, err
		}
		used := map[string]int64{}
		for _, b := range page.GetBatches() {
			for key, value := range b.GetLabels() {
				if key != uploadLabel {
					used[key+"="+value]++
				}
			}
		}
		var values []cobra.Completion
		for _, label := range slices.Sorted(maps.Keys(used)) {
			values = append(values, describe(label, ui.BatchCount(used[label])))
		}
		return values, nil
	})
}

// creators lists who has submitted the newest batches.
func (k completions) creators(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.ask(func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error) {
		page, err := conn.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{PageSize: maxOffered})
		if err != nil {
			return nil, err
		}
		submitted := map[string]int64{}
		for _, b := range page.GetBatches() {
			submitted[b.GetCreatedBy()]++
		}
		values := []cobra.Completion{describe(myself, "you")}
		for _, name := range slices.Sorted(maps.Keys(submitted)) {
			values = append(values, describe(name, ui.BatchCount(submitted[name])))
		}
		return values, nil
	})
}

// accounts lists the accounts of the server.
func (k completions) accounts(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.ask(func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error) {
		page, err := conn.Accounts().ListAccounts(ctx, &stokerv1.ListAccountsRequest{PageSize: maxOffered})
		if err != nil {
			return nil, err
		}
		var values []cobra.Completion
		for _, a := range page.GetAccounts() {
			values = append(values, describe(a.GetId(), fmt.Sprintf("%d of %d queued, %d running", a.GetPlatformQueuedCount(), a.GetQueueTarget(), a.GetRunningCount())))
		}
		return values, nil
	})
}

// profiles lists the profiles of the server, with what they encode to.
func (k completions) profiles(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.ask(func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error) {
		page, err := conn.Catalog().ListProfiles(ctx, &stokerv1.ListProfilesRequest{})
		if err != nil {
			return nil, err
		}
		var values []cobra.Completion
		for _, p := range page.GetProfiles() {
			values = append(values, describe(p.GetName(), p.GetEncodes()))
		}
		return values, nil
	})
}

// templates lists the templates of the server, with their variables.
func (k completions) templates(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.ask(func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error) {
		page, err := conn.Catalog().ListTemplates(ctx, &stokerv1.ListTemplatesRequest{})
		if err != nil {
			return nil, err
		}
		var values []cobra.Completion
		for _, t := range page.GetTemplates() {
			values = append(values, describe(t.GetName(), ui.VariableNames(t)))
		}
		return values, nil
	})
}

// variables lists the variables of the template that is named, with an = behind each, without those that have a
// value already.
func (k completions) variables(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	given, _ := cmd.Flags().GetStringArray("var") // the flag exists
	return k.variablesOf(cmd, func(v *stokerv1.TemplateVariable) cobra.Completion {
		name := v.GetName() + "="
		if slices.ContainsFunc(given, func(g string) bool { return strings.HasPrefix(g, name) }) {
			return ""
		}
		return describe(name, variableHint(v))
	})
}

// listColumns lists what a column of a list may be, once the = behind its name is typed: the fields of a job and,
// once they are begun, the variables of the template that is named.
func (k completions) listColumns(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	equals := strings.LastIndex(typed, "=")
	if equals < 0 || equals < strings.LastIndex(typed, ",") {
		return nil, noFiles | cobra.ShellCompDirectiveNoSpace
	}
	column := output.Printable(typed[:equals+1])
	if strings.HasPrefix(typed[equals+1:], "v") {
		return k.variablesOf(cmd, func(v *stokerv1.TemplateVariable) cobra.Completion {
			return describe(column+joblist.VariablePrefix+v.GetName(), variableHint(v))
		})
	}
	var values []cobra.Completion
	for _, field := range append(joblist.FieldNames(), joblist.VariablePrefix) {
		values = append(values, column+field)
	}
	return values, noFiles | cobra.ShellCompDirectiveNoSpace
}

// variablesOf lists the variables of the template that the flags of a command name, each as value makes it. An
// empty one is left out.
func (k completions) variablesOf(cmd *cobra.Command, value func(*stokerv1.TemplateVariable) cobra.Completion) ([]cobra.Completion, cobra.ShellCompDirective) {
	flag := cmd.Flags().Lookup("template")
	if flag == nil || flag.Value.String() == "" {
		return nil, noFiles
	}
	list, how := k.ask(func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error) {
		page, err := conn.Catalog().ListTemplates(ctx, &stokerv1.ListTemplatesRequest{})
		if err != nil {
			return nil, err
		}
		var values []cobra.Completion
		for _, t := range page.GetTemplates() {
			if t.GetName() != flag.Value.String() {
				continue
			}
			for _, v := range t.GetVariables() {
				if text := value(v); text != "" {
					values = append(values, text)
				}
			}
		}
		return values, nil
	})
	return list, how | cobra.ShellCompDirectiveNoSpace
}

// variableHint describes a variable of a template.
func variableHint(v *stokerv1.TemplateVariable) string {
	switch {
	case v.GetDescription() != "":
		return v.GetDescription()
	case v.Default != nil:
		return "default " + v.GetDefault()
	case v.GetRequired():
		return "required"
	}
	return "optional"
}

// inputs lists the storages that can be read from.
func (k completions) inputs(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.storages((*stokerv1.Storage).GetInput)
}

// outputs lists the storages that can be written to.
func (k completions) outputs(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.storages((*stokerv1.Storage).GetOutput)
}

func (k completions) storages(fits func(*stokerv1.Storage) bool) ([]cobra.Completion, cobra.ShellCompDirective) {
	return k.ask(func(ctx context.Context, conn *client.Client) ([]cobra.Completion, error) {
		page, err := conn.Catalog().ListStorages(ctx, &stokerv1.ListStoragesRequest{})
		if err != nil {
			return nil, err
		}
		var values []cobra.Completion
		for _, s := range page.GetStorages() {
			if fits(s) {
				values = append(values, describe(s.GetName(), s.GetType()+" "+s.GetLocation()))
			}
		}
		return values, nil
	})
}
