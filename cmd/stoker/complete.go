package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/contexts"
)

// completer lists the values that a shell offers for an argument or a flag, each with a description.
type completer = cobra.CompletionFunc

// noFiles tells the shell not to offer file names, and to keep the order of the values.
const noFiles = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder

// completeFlagFrom lets the shell complete the values of a flag.
func completeFlagFrom(cmd *cobra.Command, flag string, values completer) {
	if err := cmd.RegisterFlagCompletionFunc(flag, values); err != nil {
		panic(err) // the flag does not exist, which every test of the command finds
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

// describe is a value with its description. A description is one line.
func describe(value, description string) cobra.Completion {
	return cobra.CompletionWithDesc(value, strings.Join(strings.Fields(description), " "))
}
