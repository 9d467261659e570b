package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/output"
)

// caution is the flags of a verb that changes many things, or what cannot be taken back.
type caution struct {
	yes    bool // --yes
	dryRun bool // --dry-run
}

func (g *caution) addCautionFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&g.dryRun, "dry-run", false, "say how many, change nothing")
	cmd.Flags().BoolVarP(&g.yes, "yes", "y", false, "do not ask")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
}

// looksFirst reports whether the verb counts what it would change before it does: to ask, to say so, or to find
// a mistake in a list that takes several calls before the first one has changed anything.
func (g caution) looksFirst(changes []change) bool { return !g.yes || g.dryRun || len(changes) > 1 }

// firstLook is what a verb says of what it would change, before it changes anything.
type firstLook struct {
	nothing  string                // that there is nothing to change
	would    func(effect) string   // what would be changed, for --dry-run
	question func(effect) string   // whether to go on
	details  func(effect) []string // what yes means, a line each; nil: the batches
	count    func(effect) int64    // of what the verb changes; nil: batches
}

// lookFirst counts what the changes would do, if the verb has to know, and says it or asks whether to go on. It
// returns false if the verb ends with that.
func (g caution) lookFirst(ctx context.Context, c *cli, changes []change, look firstLook) (goOn bool, err error) {
	if !g.looksFirst(changes) {
		return true, nil
	}
	planned, err := planChanges(ctx, changes)
	count := planned.batches
	if look.count != nil {
		count = look.count(planned)
	}
	switch {
	case err != nil:
		return false, err
	case planned.isNothing():
		c.note("%s", look.nothing)
		return false, c.report(planned, 0)
	case g.dryRun:
		c.note("%s", look.would(planned))
		return false, c.report(planned, count)
	}
	details := planned.listBatches()
	if look.details != nil {
		details = look.details(planned)
	}
	err = g.ask(ctx, c, look.question(planned), details...)
	return err == nil, err
}

// errNothingChanged ends a command whose question was not answered with yes.
var errNothingChanged error = &exitError{code: exitFailed}

// checkCanAsk returns a usage error if the verb would have to ask and there is nobody to answer. It is called
// before anything is asked of the server.
func (g caution) checkCanAsk(c *cli, verb string) error {
	if g.yes || g.dryRun {
		return nil
	}
	answers, err := openAnswers(c)
	if err != nil {
		return usagef("%s asks first, and there is no terminal; add --yes, or --dry-run to look", verb)
	}
	return answers.Close()
}

// ask asks a question on the terminal, below some lines that say what yes means. It returns nil for yes, and
// [errNothingChanged] for everything else, Ctrl-C included. With --yes it asks nothing.
func (g caution) ask(ctx context.Context, c *cli, question string, details ...string) error {
	if g.yes {
		return nil
	}
	answers, err := openAnswers(c)
	if err != nil {
		return err
	}
	defer func() { _ = answers.Close() }() // nothing was written
	c.note("%s", question)
	for _, line := range details {
		c.note("  %s", line)
	}
	_, _ = io.WriteString(c.stderr, "[y/N] ")
	read := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(answers).ReadString('\n') // what cannot be read is no yes
		read <- line
	}()
	select {
	case line := <-read:
		if answer := strings.ToLower(strings.TrimSpace(line)); answer == "y" || answer == "yes" {
			return nil
		}
		if !strings.HasSuffix(line, "\n") {
			c.note("") // the end of the input, after the question
		}
	case <-ctx.Done():
		c.note("") // Ctrl-C, after the question
	}
	c.note("Nothing was changed.")
	return errNothingChanged
}

// openAnswers opens the terminal on which the user answers: standard input, or the terminal itself if the
// command has read a list from standard input. The question is written to standard error, which has to be a
// terminal too.
func openAnswers(c *cli) (io.ReadCloser, error) {
	if _, ok := output.Terminal(c.stderr); !ok {
		return nil, os.ErrNotExist
	}
	if file, ok := output.Terminal(c.stdin); ok {
		return io.NopCloser(file), nil
	}
	if !c.stdinIsList {
		return nil, os.ErrNotExist
	}
	return os.Open("/dev/tty")
}
