package main

import (
	"slices"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/spelling"
)

// jobStates reads the values of --state, such as failed.
func jobStates(names []string, allowed []stokerv1.JobState) ([]stokerv1.JobState, error) {
	known := make([]string, len(allowed))
	for i, s := range allowed {
		known[i] = strings.ToLower(jobState(s))
	}
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

// batchStates reads the values of --state of batches.
func batchStates(names []string) ([]stokerv1.BatchState, error) {
	known := lowerNames(stokerv1.BatchState_name, "BATCH_STATE_")
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

// allJobStates are the states a job can be in.
func allJobStates() []stokerv1.JobState {
	var states []stokerv1.JobState
	for n := range lowerNames(stokerv1.JobState_name, "JOB_STATE_") {
		states = append(states, stokerv1.JobState(n+1))
	}
	return states
}

// lowerNames are the names of an enum's values by number, from 1.
func lowerNames(names map[int32]string, prefix string) []string {
	lower := make([]string, 0, len(names))
	for n := int32(1); names[n] != ""; n++ {
		lower = append(lower, strings.ToLower(strings.TrimPrefix(names[n], prefix)))
	}
	return lower
}

// parseLabels reads the values of --label.
func parseLabels(pairs []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usagef("--label %s: want key=value", pair)
		}
		if _, twice := labels[key]; twice {
			return nil, usagef("--label %s: %q is there twice", pair, key)
		}
		labels[key] = value
	}
	return labels, nil
}
