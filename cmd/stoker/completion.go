package main

import (
	"io"

	"github.com/spf13/cobra"
)

// completionCommand prints the script by which a shell completes command lines of stoker.
func completionCommand(c *cli) *cobra.Command {
	shells := map[string]func(*cobra.Command, io.Writer) error{
		"bash": func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"fish": func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
		"zsh":  func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
	}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print the script by which a shell completes commands, flags and names.",
		Example: `  stoker completion bash > ~/.local/share/bash-completion/completions/stoker
  stoker completion zsh > ~/.zfunc/_stoker
  stoker completion fish > ~/.config/fish/completions/stoker.fish`,
		Long: `bash needs the package bash-completion; zsh a directory in its fpath, and compinit.
Batches, jobs, causes and what else the server knows are completed from the server, if it
answers within 300 ms.`,
		ValidArgs: []string{"bash", "zsh", "fish"},
		Args:      oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			generate, ok := shells[args[0]]
			if !ok {
				return usagef("there is no completion for %q; want bash, zsh or fish", args[0])
			}
			return generate(cmd.Root(), c.stdout)
		},
	}
}
