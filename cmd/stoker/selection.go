package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// selection is what a verb changes: batches and jobs by name, or all batches that match, or those of their
// jobs that match.
type selection struct {
	labels   []string
	accounts []string
	all      bool
	jobs     jobFilter
}

// jobFilter selects some of the jobs of batches. The zero value selects all.
type jobFilter struct {
	states     []string
	keyPrefix  string
	categories []string
	causes     []string
}

// stdinList is the argument that reads names from standard input.
const stdinList = "-"

// The headings of flags in the help of verbs.
const (
	whichJobs    = "Which jobs"
	whichBatches = "Which batches"
	newValues    = "New values"
	how          = "How"
)

// addBatchFlags adds the flags that select batches.
func (s *selection) addBatchFlags(c *cli, cmd *cobra.Command, heading string) {
	f := cmd.Flags()
	f.StringArrayVarP(&s.labels, "label", "l", nil, "`KEY=VALUE`: in all batches that have it")
	f.BoolVar(&s.all, "all", false, "in all batches")
	sectionFlags(cmd, heading, "label", "all")
	cmd.MarkFlagsMutuallyExclusive("all", "label")
	completeFlagFrom(cmd, "label", completions{c}.labels)
}

// addAccountFlag adds the flag that selects the batches on an account.
func (s *selection) addAccountFlag(c *cli, cmd *cobra.Command, heading string) {
	cmd.Flags().StringArrayVar(&s.accounts, "account", nil, "`ACCOUNT`: in all batches on it")
	sectionFlags(cmd, heading, "account")
	cmd.MarkFlagsMutuallyExclusive("all", "account")
	completeFlagFrom(cmd, "account", completions{c}.accounts)
}

// addJobFlags adds the flags that select jobs of batches.
func (s *selection) addJobFlags(c *cli, cmd *cobra.Command, states []stokerv1.JobState, stateUsage string) {
	f := cmd.Flags()
	f.StringSliceVar(&s.jobs.states, "state", nil, "`STATE`: "+stateUsage)
	f.StringArrayVar(&s.jobs.causes, "cause", nil, "`CAUSE`: as in stoker failures")
	f.StringVar(&s.jobs.keyPrefix, "key-prefix", "", "`TEXT`: key begins with this")
	f.StringArrayVar(&s.jobs.categories, "category", nil, "`TEXT`: failed with this category of Bitmovin")
	sectionFlags(cmd, whichJobs, "state", "cause", "key-prefix", "category")
	completeFlag(cmd, "state", jobStateNames(states))
	completeFlagFrom(cmd, "cause", completions{c}.causes)
}

// checkArgs requires either names, or flags that select batches.
func (s *selection) checkArgs(cmd *cobra.Command, args []string) error {
	if err := refuseEmpty(cmd, "state", "cause", "key-prefix", "category", "label", "account"); err != nil {
		return err
	}
	filtered := len(s.labels)+len(s.accounts) > 0 || s.all
	switch {
	case len(args) == 0 && !filtered:
		_, what, _ := strings.Cut(cmd.Use, " ")
		return usagef("name %s, or select batches with --label, --account or --all", nouns(what))
	case len(args) > 0 && filtered:
		return usagef("name what to change, or select it with flags, but not both")
	case slices.Contains(args, stdinList) && len(args) > 1:
		return usagef("- reads the names from standard input, and stands alone")
	}
	return nil
}

// refuseEmpty refuses flags that were given without a value, as a variable of a script gives them that is not set: they
// restrict nothing, and the command would change everything, or allow everything.
func refuseEmpty(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if values, given := givenValues(cmd, name); given && (len(values) == 0 || slices.Contains(values, "")) {
			return usagef("--%s: the value is empty; give one, or leave the flag out", name)
		}
	}
	return nil
}

// oneArgAndNotEmpty requires one argument, and refuses flags of the given names without a value: see refuseEmpty.
func oneArgAndNotEmpty(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := refuseEmpty(cmd, names...); err != nil {
			return err
		}
		return oneArg(cmd, args)
	}
}

// restricted reports whether a flag selects some of a batch's jobs.
func (f *jobFilter) restricted() bool {
	return len(f.states)+len(f.keyPrefix)+len(f.categories)+len(f.causes) > 0
}

// selected is what a selection has come to: either what was named, or the filters.
type selected struct {
	byName  bool
	batches []*stokerv1.Batch
	jobs    []namedJob
	job     *stokerv1.Job // if the only thing that was named is a job

	filter *stokerv1.BatchSelection // unless byName
	text   string                   // the flags that make the filter
}

// namedJob is a job of a selection.
type namedJob struct {
	id   string // or the number as in 411/17
	name string // for people
}

// find finds what is selected. Names come from args or, for -, from standard input.
func (s *selection) find(ctx context.Context, c *cli, conn *client.Client, args []string) (*selected, error) {
	if len(args) == 0 {
		labels, err := parseLabels(s.labels)
		if err != nil {
			return nil, err
		}
		return &selected{filter: &stokerv1.BatchSelection{Labels: labels, Accounts: s.accounts, All: s.all}, text: s.flagText()}, nil
	}
	if args[0] == stdinList {
		names, err := c.readNames(ctx)
		if err != nil {
			return nil, err
		}
		args = names
	}
	found := &selected{byName: true}
	all := c.lookupOne(conn)
	for _, name := range args {
		if err := found.add(ctx, all, name, len(args) == 1, c.stdinIsList); err != nil {
			return nil, err
		}
	}
	if len(found.jobs) > 0 && s.jobs.restricted() {
		return nil, found.onlyBatches("the flags choose among the jobs of a batch")
	}
	return found, nil
}

// flagText is the flags that select batches, as they were given.
func (s *selection) flagText() string {
	var parts []string
	for _, label := range s.labels {
		parts = append(parts, "--label "+label)
	}
	for _, account := range s.accounts {
		parts = append(parts, "--account "+account)
	}
	if s.all {
		parts = append(parts, "--all")
	}
	return strings.Join(parts, " ")
}

// add finds a batch or job by its name. In a list on standard input, which may be long and has what -o name prints,
// numbers of jobs are not looked up one by one: the server does that when it counts them.
func (s *selected) add(ctx context.Context, all naming, name string, only, listed bool) error {
	if !only && listed && isJobNumber(name) {
		s.jobs = append(s.jobs, namedJob{id: name, name: name})
		return nil
	}
	one, err := all.batchOrJob(ctx, name)
	switch {
	case err != nil:
		return err
	case one.job != nil:
		s.jobs = append(s.jobs, namedJob{id: one.job.GetId(), name: jobName(one.job)})
		if only {
			s.job = one.job
		}
	case !containsBatch(s.batches, one.batch.GetId()):
		s.batches = append(s.batches, one.batch)
	}
	return nil
}

func jobIDs(jobs []namedJob) []string {
	return mapSlice(jobs, func(j namedJob) string { return j.id })
}

// partText is the jobs of a call, in words. A list is sent in its order.
func partText(jobs []namedJob) string {
	if len(jobs) == 1 {
		return jobs[0].name
	}
	return fmt.Sprintf("%s from %s to %s", output.Plural(int64(len(jobs)), "job"), jobs[0].name, jobs[len(jobs)-1].name)
}

// batchText is the batches that are selected, in words.
func (s *selected) batchText() string {
	if !s.byName {
		return s.text
	}
	var titles []string
	for _, b := range s.batches[:min(len(s.batches), maxListed)] {
		titles = append(titles, ui.BatchTitle(b))
	}
	if more := len(s.batches) - len(titles); more > 0 {
		titles = append(titles, "and "+output.Number(more)+" more")
	}
	return strings.Join(titles, "; ")
}

// isJobNumber reports whether a name is 411/17, or the same with the id of the batch.
func isJobNumber(name string) bool {
	ofBatch, number, ok := strings.Cut(name, "/")
	return ok && wholeNumber.MatchString(number) && (wholeNumber.MatchString(ofBatch) || wholeID.MatchString(ofBatch))
}

// onlyBatches is the error for a selection with a job in it, where only batches will do, with the reason.
func (s *selected) onlyBatches(reason string) error {
	return usagef("%s is a job: %s", s.jobs[0].name, reason)
}

// prefix begins a sentence about what is selected. It is empty for several things that were named: there the
// sentence says how many.
func (s *selected) prefix() string {
	switch {
	case s.job != nil:
		return jobTitle(s.job) + ": "
	case !s.byName:
		return s.text + ": "
	case len(s.batches) == 1 && len(s.jobs) == 0:
		return ui.BatchTitle(s.batches[0]) + ": "
	}
	return ""
}

// onlyBatch is the batch that is selected, if it is the only thing.
func (s *selected) onlyBatch() *stokerv1.Batch {
	if s.byName && len(s.batches) == 1 && len(s.jobs) == 0 {
		return s.batches[0]
	}
	return nil
}

// batchSelection is the batches that are selected, as the API takes them.
func (s *selected) batchSelection() *stokerv1.BatchSelection {
	if !s.byName {
		return s.filter
	}
	ids := make([]string, len(s.batches))
	for i, b := range s.batches {
		ids[i] = b.GetId()
	}
	return &stokerv1.BatchSelection{BatchIds: ids}
}

// maxNames is how many names one call takes.
const maxNames = 1000

// readNames reads names from standard input: one in each line, up to a tab if there is one, so that -o name
// and tables in a pipe will do. Names that come twice count once. Until ctx ends it waits for the end of the input,
// which a terminal may never have; the reading ends with the process then.
func (c *cli) readNames(ctx context.Context) ([]string, error) {
	c.stdinIsList = true
	type outcome struct {
		names []string
		err   error
	}
	read := make(chan outcome, 1)
	go func() {
		names, err := scanNames(c.stdin)
		read <- outcome{names, err}
	}()
	select {
	case got := <-read:
		return got.names, got.err
	case <-ctx.Done():
		c.note("nothing was changed")
		return nil, context.Cause(ctx)
	}
}

// scanNames is [cli.readNames] without an end of the wait.
func scanNames(in io.Reader) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, _, _ := strings.Cut(strings.TrimSpace(lines.Text()), "\t")
		if name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	if len(names) == 0 {
		return nil, usagef("standard input has no names")
	}
	return names, nil
}

// nouns is the arguments of a command in words: BATCH|JOB...|- are a batch or a job.
func nouns(arguments string) string {
	if strings.Contains(arguments, "JOB") {
		return "a batch or a job"
	}
	return "a batch"
}
