package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// jobSelection is the flags that select jobs of one batch, or of all batches with some labels.
type jobSelection struct {
	labels     []string
	states     []string
	keyPrefix  string
	categories []string
	causes     []string
}

func (s *jobSelection) addFlags(cmd *cobra.Command, states []stokerv1.JobState, stateUsage string) {
	cmd.Flags().StringArrayVarP(&s.labels, "label", "l", nil, "key=value: all batches with this label, instead of one batch; repeated: all batches with every label")
	cmd.Flags().StringSliceVar(&s.states, "state", nil, stateUsage)
	cmd.Flags().StringVar(&s.keyPrefix, "key-prefix", "", "only jobs whose key begins with this")
	cmd.Flags().StringArrayVar(&s.categories, "category", nil, "only jobs whose latest failure has this error category of Bitmovin; may be repeated")
	cmd.Flags().StringArrayVar(&s.causes, "cause", nil, "only jobs whose latest failure has this cause, from the column CAUSE of stoker failures; may be repeated")
	completeFlag(cmd, "state", jobStateNames(states))
}

// checkArgs requires either one argument or --label.
func (s *jobSelection) checkArgs(_ *cobra.Command, args []string) error {
	if len(args) == 0 && len(s.labels) > 0 || len(args) == 1 && len(s.labels) == 0 {
		return nil
	}
	return usagef("name one batch or job, or batches with --label")
}

// labelMap reads the labels; nil if there are none.
func (s *jobSelection) labelMap() (map[string]string, error) {
	if len(s.labels) == 0 {
		return nil, nil
	}
	return parseLabels(s.labels)
}

// restricted reports whether a flag selects some of a batch's jobs.
func (s *jobSelection) restricted() bool {
	return len(s.states)+len(s.keyPrefix)+len(s.categories)+len(s.causes) > 0
}

// countText is a number of jobs, with the number of their batches if these were selected by labels.
func (s *jobSelection) countText(jobs, batches int64) string {
	switch {
	case len(s.labels) == 0:
		return output.Plural(jobs, "job")
	case batches == 1:
		return output.Plural(jobs, "job") + " of 1 batch"
	}
	return fmt.Sprintf("%s of %d batches", output.Plural(jobs, "job"), batches)
}

// isJobID reports whether an id is that of a job, BATCH/NUMBER, and not of a batch.
func isJobID(id string) bool { return strings.Contains(id, "/") }

// restrictedJobError is the error for flags that need a batch, used with the id of a single job.
func restrictedJobError(id string) error {
	return usagef("the flags choose among the jobs of a batch; %s is a job", id)
}
