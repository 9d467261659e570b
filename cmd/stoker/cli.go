package main

import (
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/ui"
)

// cli holds the command line, the environment, the streams, and the flags that commands share.
type cli struct {
	args           []string // the command line
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer

	connection  connection
	json        bool // --json
	stdinIsList bool // standard input is a list of names, and no answers

	started bool // the command line is valid, and the command runs
	repeats callRepeats
}

// note writes a line to standard error. Strings among args are made [ui.Printable].
func (c *cli) note(format string, args ...any) {
	_, _ = fmt.Fprintf(c.stderr, format+"\n", ui.PrintableArgs(args)...) // a note that cannot be written does not fail the command
}

// printJSON prints a message of the API as indented JSON.
func (c *cli) printJSON(m proto.Message) error { return ui.WriteJSON(c.stdout, m) }

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
