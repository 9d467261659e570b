package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	// helpWidth is the width of help in columns, whatever the terminal's is.
	helpWidth = 80
	// widestFlag is the widest name of a flag with its value that has its text beside it, not below.
	widestFlag = 30
)

// The annotations of flags by which help puts them in order.
const (
	sectionAnnotation = "stoker-section" // the heading that the flag stands under
	sharedAnnotation  = "stoker-shared"  // the flag is one of stoker help flags, and not repeated
)

// sectionFlags puts flags of a command under a heading of its help.
func sectionFlags(cmd *cobra.Command, heading string, names ...string) {
	for _, name := range names {
		annotateFlag(cmd, name, sectionAnnotation, heading)
	}
}

// shareFlag marks a flag that has the same meaning in every command: its place is stoker help flags.
func shareFlag(cmd *cobra.Command, name string) { annotateFlag(cmd, name, sharedAnnotation, "true") }

func annotateFlag(cmd *cobra.Command, name, annotation, value string) {
	if err := cmd.Flags().SetAnnotation(name, annotation, []string{value}); err != nil {
		panic(err) // the flag does not exist, which every test of the command finds
	}
}

// writeHelp writes the help of a command: what it is for, how it is called, examples, and its own flags.
func writeHelp(w io.Writer, cmd *cobra.Command) error {
	_, err := io.WriteString(w, helpPage(cmd))
	return err
}

func helpPage(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return rootPage
	}
	parts := []string{reflow(sentence(cmd.Short)), "Usage: " + usageLine(cmd)}
	if cmd.HasAvailableSubCommands() {
		parts = append(parts, subcommandLines(cmd))
	}
	for _, text := range []string{cmd.Example, reflow(cmd.Long)} {
		if text = strings.Trim(text, "\n"); text != "" {
			parts = append(parts, text)
		}
	}
	own, shared := flagLines(cmd.Flags())
	if own != "" {
		parts = append(parts, own)
	}
	if shared {
		parts = append(parts, "Flags of every command: stoker help flags")
	}
	return strings.Join(parts, "\n\n") + "\n"
}

// sentence ends a text with a full stop.
func sentence(text string) string { return strings.TrimSuffix(text, ".") + "." }

// usageLine is how a command is called.
func usageLine(cmd *cobra.Command) string {
	line := cmd.CommandPath()
	if _, arguments, ok := strings.Cut(cmd.Use, " "); ok {
		line += " " + arguments
	}
	switch {
	case cmd.HasAvailableSubCommands():
		line += " COMMAND"
	case cmd.HasAvailableFlags():
		line += " [flags]"
	}
	return line
}

// subcommandLines are the commands below a command, with what they are for.
func subcommandLines(cmd *cobra.Command) string {
	var rows [][2]string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			rows = append(rows, [2]string{"  " + sub.Use, sentence(sub.Short)})
		}
	}
	return strings.Join(alignLines(rows), "\n")
}

// flagLines describes the flags of a command under their headings, in the order in which they were added.
// shared reports whether it has flags of stoker help flags too, which are left out.
func flagLines(flags *pflag.FlagSet) (text string, shared bool) {
	const noHeading = "Flags"
	flags.SortFlags = false
	var headings []string
	under := map[string][][2]string{}
	all := [][2]string{}
	flags.VisitAll(func(f *pflag.Flag) {
		_, isShared := f.Annotations[sharedAnnotation]
		shared = shared || isShared
		if f.Hidden || isShared || f.Name == "help" {
			return
		}
		heading := noHeading
		if named := f.Annotations[sectionAnnotation]; len(named) > 0 {
			heading = named[0]
		}
		if under[heading] == nil {
			headings = append(headings, heading)
		}
		row := flagRow(f)
		under[heading] = append(under[heading], row)
		all = append(all, row)
	})
	width := leftWidth(all)
	var lines []string
	for _, heading := range headings {
		lines = append(lines, heading)
		for _, row := range under[heading] {
			lines = append(lines, besideOrBelow(row, width)...)
		}
	}
	return strings.Join(lines, "\n"), shared
}

// flagRow is the name of a flag with its value, and what it is for.
func flagRow(f *pflag.Flag) [2]string {
	value, text := pflag.UnquoteUsage(f)
	text = strings.TrimPrefix(text, value+": ") // `FILE`: what is in it
	switch f.Value.Type() {
	case "string", "strings", "stringArray":
		if value == f.Value.Type() || value == "string" || value == "strings" {
			value = "TEXT"
		}
	case "int", "int32", "int64", "float64":
		if value == strings.TrimRight(f.Value.Type(), "3264") || value == f.Value.Type() {
			value = "N"
		}
	case "duration":
		if value == "duration" {
			value = "TIME"
		}
	}
	name := "      --" + f.Name
	switch {
	case f.Name == outputFlag:
		name = "  -" + f.Shorthand
	case f.Shorthand != "":
		name = "  -" + f.Shorthand + ", --" + f.Name
	}
	if value != "" {
		name += " " + value
	}
	switch f.DefValue {
	case "", "0", "false", "[]", "0s":
	default:
		if !strings.Contains(text, "default") {
			text += " (default " + f.DefValue + ")"
		}
	}
	return [2]string{name, text}
}

// alignLines puts the texts of rows beside their names.
func alignLines(rows [][2]string) []string {
	width := leftWidth(rows)
	var lines []string
	for _, row := range rows {
		lines = append(lines, besideOrBelow(row, width)...)
	}
	return lines
}

// leftWidth is the width of the widest name that has its text beside it.
func leftWidth(rows [][2]string) int {
	width := 0
	for _, row := range rows {
		if len(row[0]) <= widestFlag {
			width = max(width, len(row[0]))
		}
	}
	return width
}

// besideOrBelow writes a text beside its name, from a column on, or below it if the name is too wide.
func besideOrBelow(row [2]string, width int) []string {
	const gap = 4
	texts := wrap(row[1], helpWidth-width-gap)
	var lines []string
	if len(row[0]) > width {
		lines = append(lines, row[0])
	} else {
		lines = append(lines, fmt.Sprintf("%-*s%s%s", width, row[0], strings.Repeat(" ", gap), texts[0]))
		texts = texts[1:]
	}
	for _, text := range texts {
		lines = append(lines, strings.Repeat(" ", width+gap)+text)
	}
	return lines
}

// reflow fits the paragraphs of a text into [helpWidth]. Lines that are indented stay as they are.
func reflow(text string) string {
	var lines, paragraph []string
	end := func() {
		if len(paragraph) > 0 {
			lines = append(lines, wrap(strings.Join(paragraph, " "), helpWidth)...)
			paragraph = nil
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || strings.HasPrefix(line, " ") {
			end()
			lines = append(lines, line)
			continue
		}
		paragraph = append(paragraph, line)
	}
	end()
	return strings.Join(lines, "\n")
}

// wrap breaks a text into lines of at most width bytes, at its spaces.
func wrap(text string, width int) []string {
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+1+len(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// sharedFlagNames are the flags of a command whose place is stoker help flags.
func sharedFlagNames(cmd *cobra.Command) []string {
	var names []string
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.VisitAll(func(f *pflag.Flag) {
		if _, shared := f.Annotations[sharedAnnotation]; shared && !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return names
}
