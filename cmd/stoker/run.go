package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/internal/spelling"
)

// cli is what every command works with.
type cli struct {
	args           []string // the command line
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer

	server   string // --server
	insecure bool   // --insecure
	json     bool   // --json

	began bool // the command line was understood

	disturbed disturbance
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{args: args, getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr}
	root := c.rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return c.exit(ctx, root.ExecuteContext(ctx))
}

func (c *cli) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "stoker",
		Short: "Keep Bitmovin's encoder fed with batches of jobs",
		Long: `Stoker takes batches of encoding jobs, keeps a chosen number of encodings queued
at Bitmovin, retries what fails, and shows how it goes.

  stoker demo                            see it work: no account, no set-up
  stoker serve                           run the service
  stoker submit titles.csv --watch       submit a list of jobs and watch it finish
` + exitCodes,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(flagError(err)) })
	root.AddGroup(
		&cobra.Group{ID: groupServe, Title: "Run:"},
		&cobra.Group{ID: groupBatch, Title: "Batches:"},
		&cobra.Group{ID: groupSteer, Title: "Steer:"},
	)
	c.inGroup(root, groupServe, c.serveCommand(), c.simulateCommand(), c.demoCommand(), c.backupCommand())
	c.inGroup(root, groupBatch, c.planCommand(), c.client(c.submitCommand()), c.client(c.watchCommand()), c.client(c.batchesCommand()),
		c.client(c.jobsCommand()), c.client(c.jobCommand()), c.client(c.failuresCommand()))
	c.inGroup(root, groupSteer, c.client(c.cancelCommand()), c.client(c.retryCommand()), c.client(c.pauseCommand()),
		c.client(c.resumeCommand()), c.client(c.queueCommand()))
	root.AddCommand(c.beginning(c.versionCommand()))
	return root
}

// flagError says in our own words what is wrong with the value of a flag.
func flagError(err error) error {
	number, ok := errors.AsType[*strconv.NumError](err)
	if !ok {
		return err
	}
	what, _, _ := strings.Cut(err.Error(), " flag: ") // what the flag library says before strconv's words
	switch {
	case number.Func == "ParseBool":
		return fmt.Errorf("%s: want true or false", what)
	case errors.Is(number, strconv.ErrRange):
		return fmt.Errorf("%s: the number is too large", what)
	}
	return fmt.Errorf("%s: want a number", what)
}

// knownCommand refuses a command that does not exist.
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

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("%s takes no arguments, and got %q", cmd.CommandPath(), strings.Join(args, " "))
}

// oneArg wants exactly the argument that the command's usage names.
func oneArg(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return usagef("want one argument, and got %d: %s", len(args), strings.TrimSuffix(cmd.UseLine(), " [flags]"))
}

const (
	groupServe = "serve"
	groupBatch = "batch"
	groupSteer = "steer"
)

func (c *cli) inGroup(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, cmd := range commands {
		cmd.GroupID = group
		root.AddCommand(c.beginning(cmd))
	}
}

// beginning notes when a command begins: all errors before are the caller's.
func (c *cli) beginning(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c.began = true
		return run(cmd, args)
	}
	return cmd
}

// client makes a command one that talks to a server.
func (c *cli) client(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&c.server, "server", cmp.Or(c.getenv("STOKER_SERVER"), defaultServer),
		"host:port of the server; also $STOKER_SERVER")
	cmd.Flags().BoolVar(&c.insecure, "insecure", false, "talk to a server on another machine without encryption")
	cmd.Flags().BoolVar(&c.json, "json", false, "print JSON, in the API's own terms")
	cmd.Long = cmp.Or(cmd.Long, cmd.Short+".") + "\n" + exitCodes
	return cmd
}

const defaultServer = "127.0.0.1:7070"

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(c.stdout, "stoker "+service.Version()+"\n")
			return err
		},
	}
}

// terminal returns the file of w if somebody is looking at it.
func terminal(w any) (*os.File, bool) {
	file, ok := w.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}

// fancy reports whether w may get colours and redrawn lines.
func (c *cli) fancy(w io.Writer) bool {
	_, ok := terminal(w)
	return ok && c.getenv("NO_COLOR") == "" && c.getenv("TERM") != "dumb"
}
