package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/output"
)

// cli holds the command line, the environment, the streams, and the flags that commands share.
type cli struct {
	args           commandLine
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer

	connection  connection
	out         output.Options // -o and the other flags of output
	stdinIsList bool           // standard input is a list of names, and no answers

	// look is how output to a writer looks.
	look func(w io.Writer) output.Look

	pageNoted bool // the address of a page was told
	printed   bool // a message of the API was printed

	started bool // the command line is valid, and the command runs
	repeats callRepeats

	completionTime time.Duration // how long the server may take for completions; 0: defaultCompletionTime

	// notifyLive shows a notice in the live view of a list of batches; nil: there is none.
	notifyLive func(text string)
}

// note writes a line to standard error. Strings among args are made [output.Printable].
func (c *cli) note(format string, args ...any) {
	_, _ = fmt.Fprintf(c.stderr, format+"\n", output.PrintableArgs(args)...) // a note that cannot be written does not fail the command
}

// printMessage prints a message of the API as JSON or YAML. A command may print several.
func (c *cli) printMessage(m proto.Message) error {
	if c.printed && c.out.Format == output.FormatYAML && c.out.JQ == "" {
		if _, err := io.WriteString(c.stdout, "---\n"); err != nil {
			return err
		}
	}
	c.printed = true
	return output.WriteMessage(c.stdout, c.out, m)
}

// printMessages prints messages of the API, one behind the other.
func printMessages(c *cli, all []proto.Message) error {
	for _, m := range all {
		if err := c.printMessage(m); err != nil {
			return err
		}
	}
	return nil
}

// printCount prints a number of jobs to standard output, for programs.
func (c *cli) printCount(n int64) error {
	_, err := fmt.Fprintln(c.stdout, n)
	return err
}

// configSources are the sources of the configuration: flags, by setting, the environment, and file, which
// may be empty. The home directory may have the variables of Bitmovin's examples.
func (c *cli) configSources(file string, flags map[string]string) config.Sources {
	return config.Sources{Getenv: c.getenv, ReadFile: os.ReadFile, Home: c.getenv("HOME"), File: file, Flags: flags}
}
