package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/spelling"
)

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{args: args, getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr}
	c.look = func(w io.Writer) output.Look { return output.LookOf(w, getenv) }
	return c.run(ctx)
}

// run executes the command line and returns the exit code.
func (c *cli) run(ctx context.Context) int {
	root := rootCommand(c)
	root.SetArgs(c.args)
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if isForMonitors(cmd) {
		err = c.unknownError(ctx, err)
	}
	return c.reportError(ctx, err)
}

// rootCommand is stoker itself, with all of its commands. [rootPage] is its help.
func rootCommand(c *cli) *cobra.Command {
	root := groupCommand("stoker", "Runs batches of Bitmovin encoding jobs, and keeps the queue full.",
		// What is there.
		batchesCommand(c), batchCommand(c), jobsCommand(c), jobCommand(c), findCommand(c), failuresCommand(c), watchCommand(c), openCommand(c), queueCommand(c),
		accountsCommand(c), accountCommand(c), replicasCommand(c), profilesCommand(c), templatesCommand(c), storagesCommand(c),
		// New batches.
		submitCommand(c), addCommand(c), closeCommand(c), planCommand(c), resubmitCommand(c),
		// What can be changed.
		pauseCommand(c), resumeCommand(c), retryCommand(c), cancelCommand(c), updateCommand(c), deleteCommand(c),
		// The service, and its stand-ins.
		serveCommand(c), migrateCommand(c), copyCommand(c), configCommand(c), doctorCommand(c), backupCommand(c), tokenCommand(c), auditCommand(c), notificationsCommand(c), demoCommand(c), simulateCommand(c),
		// The command line itself.
		contextCommand(c), whoamiCommand(c), completionCommand(c), versionCommand(c),
	)
	root.SilenceErrors, root.SilenceUsage = true, true
	addVersionFlag(root, c.stdout)
	root.CompletionOptions.DisableDefaultCmd = true // [completionCommand] is shorter
	root.SetHelpCommand(helpCommand(c))
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _ = writeHelp(c.stdout, cmd) }) // nobody reads it if this fails
	root.SetFlagErrorFunc(c.explainFlagError)
	c.noteStart(root)
	return root
}

// groupCommand makes a command that only has commands below it.
func groupCommand(name, short string, subcommands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use:   name,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	group.AddCommand(subcommands...)
	return group
}

// noteStart makes cmd and the commands below it set c.started when they run. An error before that is a
// mistake in the command line.
func (c *cli) noteStart(cmd *cobra.Command) {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c.started = true
		return run(cmd, args)
	}
	for _, sub := range cmd.Commands() {
		c.noteStart(sub)
	}
}

// explainFlagError says what is wrong with a flag. Where the command is wrong too, that comes first: the
// flag may be one of the command that was meant.
func (c *cli) explainFlagError(cmd *cobra.Command, err error) error {
	if cmd.HasAvailableSubCommands() {
		if word := c.wordAfter(cmd); word != "" {
			return unknownCommand(cmd, word)
		}
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, unknown)
	}
	return usageError(flagError(err))
}

// wordAfter is the first argument after a command's own name that is no flag; "" if there is none.
func (c *cli) wordAfter(cmd *cobra.Command) string {
	args := c.args
	for names := strings.Fields(cmd.CommandPath())[1:]; len(names) > 0; names = names[1:] {
		at := slices.Index(args, names[0])
		if at < 0 {
			return ""
		}
		args = args[at+1:]
	}
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			return arg
		}
	}
	return ""
}

// unknownFlag is the error for a flag that a command does not have, with the one that was probably meant.
func unknownFlag(cmd *cobra.Command, unknown *pflag.NotExistError) error {
	name := unknown.GetSpecifiedName()
	if len(name) == 1 {
		return usagef("there is no flag -%s; %s --help lists the flags", name, cmd.CommandPath())
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if closest := spelling.Closest(name, known); closest != "" {
		return usagef("there is no flag --%s; did you mean --%s?", name, closest)
	}
	return usagef("there is no flag --%s; %s --help lists the flags", name, cmd.CommandPath())
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

// unknownCommand is the error for the name of a command that does not exist, with the one that was probably
// meant.
func unknownCommand(parent *cobra.Command, name string) error {
	path := parent.CommandPath()
	if closest := spelling.Closest(name, commandNames(parent)); closest != "" {
		return didYouMean(fmt.Sprintf("there is no command %q", name), path+" "+closest)
	}
	return usagef("there is no command %q; %s --help lists them", name, path)
}

// commandNames are the names of the commands below a command.
func commandNames(parent *cobra.Command) []string {
	var names []string
	for _, cmd := range parent.Commands() {
		if cmd.IsAvailableCommand() {
			names = append(names, cmd.Name())
		}
	}
	return names
}
