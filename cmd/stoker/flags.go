package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/internal/ui"
)

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("%s takes no arguments, and got %q", cmd.CommandPath(), strings.Join(args, " "))
}

// oneArg requires exactly one argument.
func oneArg(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return usagef("want one argument, and got %d: %s", len(args), strings.TrimSuffix(cmd.UseLine(), " [flags]"))
}

// atLeastOneArg requires an argument.
func atLeastOneArg(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return usagef("want one argument at least, and got none: %s", strings.TrimSuffix(cmd.UseLine(), " [flags]"))
}

// completeFlag lets the shell complete the values of a flag.
func completeFlag(cmd *cobra.Command, flag string, values []string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist, which every test of the command finds
	}
}

// parseJobStates parses the values of --state, such as failed or FAILED. It returns a usage error for a
// state that is not allowed.
func parseJobStates(names []string, allowed []stokerv1.JobState) ([]stokerv1.JobState, error) {
	known := jobStateNames(allowed)
	var states []stokerv1.JobState
	for _, name := range names {
		at := slices.Index(known, strings.ToLower(name))
		if at < 0 {
			return nil, unknownState(name, known)
		}
		states = append(states, allowed[at])
	}
	return states, nil
}

// parseBatchStates is [parseJobStates] for the states of batches.
func parseBatchStates(names []string) ([]stokerv1.BatchState, error) {
	known := batchStateNames()
	var states []stokerv1.BatchState
	for _, name := range names {
		at := slices.Index(known, strings.ToLower(name))
		if at < 0 {
			return nil, unknownState(name, known)
		}
		states = append(states, stokerv1.BatchState(at+1))
	}
	return states, nil
}

func unknownState(name string, known []string) error {
	if hint := spelling.Hint(name, known); hint != "" {
		return usagef("--state %s: no such state%s", name, hint)
	}
	return usagef("--state %s: want one of %s", name, strings.Join(known, ", "))
}

// jobStates are all states of a job.
func jobStates() []stokerv1.JobState {
	var states []stokerv1.JobState
	for n := stokerv1.JobState(1); stokerv1.JobState_name[int32(n)] != ""; n++ {
		states = append(states, n)
	}
	return states
}

// jobStateNames are the names of states as --state takes them.
func jobStateNames(states []stokerv1.JobState) []string {
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = strings.ToLower(ui.JobState(s))
	}
	return names
}

// batchStateNames are the names of all states of a batch as --state takes them. The first one has the
// number 1 in the API.
func batchStateNames() []string {
	var names []string
	for n := stokerv1.BatchState(1); stokerv1.BatchState_name[int32(n)] != ""; n++ {
		names = append(names, strings.ToLower(ui.BatchState(n)))
	}
	return names
}

// parseLabels parses the values of --label: key=value, each key once.
func parseLabels(pairs []string) (map[string]string, error) { return parseLabelFlag("--label", pairs) }

// parseLabelFlag is [parseLabels] for another flag.
func parseLabelFlag(flag string, pairs []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usagef("%s %s: want key=value", flag, pair)
		}
		if _, twice := labels[key]; twice {
			return nil, usagef("%s %s: key %q is given twice", flag, pair, key)
		}
		labels[key] = value
	}
	return labels, nil
}

// settingFlag is a flag for a setting of the configuration. It stores the value unchecked: [config.Load]
// checks all settings together, so that the user learns of all mistakes at once.
type settingFlag struct {
	config.Setting
	values map[string]string // by the setting's name
}

func (f *settingFlag) String() string { return f.Default }

func (f *settingFlag) Set(value string) error {
	f.values[f.Name] = value
	return nil
}

func (f *settingFlag) Type() string { return f.Kind }

// isShare reports whether x is between 0 and 1. NaN is not.
func isShare(x float64) bool { return x >= 0 && x <= 1 }
