package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/spelling"
)

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{args: args, getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr}
	root := rootCommand(c)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return c.reportError(ctx, root.ExecuteContext(ctx))
}

// The groups of commands in the help.
const (
	groupRun    = "run"
	groupBatch  = "batch"
	groupManage = "manage"
)

func rootCommand(c *cli) *cobra.Command {
	root := &cobra.Command{
		Use:   "stoker",
		Short: "Keep Bitmovin's encoder queue full with batches of jobs",
		Long: `Stoker takes batches of encoding jobs, keeps a chosen number of encodings queued
at Bitmovin, retries failed jobs, and shows the progress.

  stoker demo                            see it work, without an account or set-up
  stoker serve                           run the service
  stoker submit titles.csv --watch       submit a list of jobs and watch it finish

On a terminal, lists are tables with a header. In a file or a pipe, they are lines with
tabs between the columns, without a header. Notes and errors go to standard error.
` + exitCodes,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(flagError(err)) })
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run:"},
		&cobra.Group{ID: groupBatch, Title: "Batches:"},
		&cobra.Group{ID: groupManage, Title: "Manage:"},
	)
	for _, group := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{groupRun, []*cobra.Command{serveCommand(c), simulateCommand(c), demoCommand(c), backupCommand(c)}},
		{groupBatch, []*cobra.Command{
			planCommand(c), submitCommand(c), watchCommand(c), batchesCommand(c), jobsCommand(c), jobCommand(c), failuresCommand(c),
		}},
		{groupManage, []*cobra.Command{cancelCommand(c), retryCommand(c), pauseCommand(c), resumeCommand(c), queueCommand(c)}},
		{"", []*cobra.Command{versionCommand(c)}},
	} {
		for _, cmd := range group.commands {
			cmd.GroupID = group.id
			c.noteStart(cmd)
			root.AddCommand(cmd)
		}
	}
	return root
}

// noteStart makes cmd set c.started when it runs. An error before that is a mistake in the command line.
func (c *cli) noteStart(cmd *cobra.Command) {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c.started = true
		return run(cmd, args)
	}
}

// flagError rewrites an error about the value of a flag, which quotes strconv, in this program's words.
func flagError(err error) error {
	number, ok := errors.AsType[*strconv.NumError](err)
	if !ok {
		return err
	}
	problem, _, _ := strings.Cut(err.Error(), " flag: ") // the flag library's words, without strconv's
	switch {
	case number.Func == "ParseBool":
		return fmt.Errorf("%s: want true or false", problem)
	case errors.Is(number, strconv.ErrRange):
		return fmt.Errorf("%s: the number is too large", problem)
	}
	return fmt.Errorf("%s: want a number", problem)
}

// knownCommand refuses the name of a command that does not exist, and suggests one that does.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, cmd := range root.Commands() {
		names = append(names, cmd.Name())
	}
	return usagef("unknown command %q%s", args[0], cmp.Or(spelling.Hint(args[0], names), "; stoker --help lists the commands"))
}
