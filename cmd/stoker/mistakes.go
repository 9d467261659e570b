package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/joblist"
	"github.com/stokerd/stoker/internal/output"
)

// maxMistakes is how many mistakes in a list are printed. Further ones are only counted.
const maxMistakes = 20

// explainMistakes is the error about a list that cannot be read: a line for each mistake, how many there are,
// and the command that takes the list, if there is one.
func (c *cli) explainMistakes(wrong *joblist.Error, flags listFlags) error {
	lines := make([]string, 0, maxMistakes)
	for _, m := range wrong.Mistakes {
		where := wrong.Name
		if m.Line > 0 {
			where = fmt.Sprintf("%s:%d", where, m.Line)
		}
		lines = append(lines, where+": "+m.Text)
	}
	total := len(wrong.Mistakes) + wrong.More
	summary := mistakeSummary(total, "", flags.nothing)
	if len(wrong.Remedy) > 0 {
		lead := "To take it as it is:"
		if wrong.Remedy[0] == "--list-charset" {
			lead = "If that is its charset:"
		}
		summary += "\n" + lead + "\n  " + c.args.with(wrong.Remedy[0], wrong.Remedy[1])
	}
	return mistakeError(lines, total, summary)
}

// mistakeError is the error for mistakes of which each has its place: the first of them, how many others there
// are, and a summary.
func mistakeError(lines []string, total int, summary string) error {
	shown := lines[:min(len(lines), maxMistakes)]
	if more := total - len(shown); more > 0 {
		shown = append(shown[:len(shown):len(shown)], "and "+output.Number(more)+" more")
	}
	return &exitError{code: exitUsage, err: errors.New(strings.Join(shown, "\n")), located: true, below: summary}
}

// mistakeSummary says how many mistakes there are in a list, and what did not happen.
func mistakeSummary(mistakes int, in, nothing string) string {
	return "stoker: " + output.Plural(int64(mistakes), "mistake") + in + "; " + nothing
}

// locateViolations rewrites the violations of a submission, in an error of the server, to name the lines
// of the list and of the template, and the values. Other errors are returned as they are.
func (c *cli) locateViolations(err error, list *joblist.List, specs []*stokerv1.JobSpec, flags listFlags) error {
	violations := client.Violations(err)
	if len(violations) == 0 {
		return err
	}
	lines := make([]string, len(violations))
	for i, v := range violations {
		lines[i] = locate(v, list, specs, flags.inline).String()
	}
	total := client.ViolationCount(err)
	in := " in " + output.Plural(int64(len(list.Lines)), "line")
	return mistakeError(lines, total, mistakeSummary(total, in, flags.nothing))
}

// locate is a violation with its place: the line and column of the list, with the value that stands there, or
// the line of the template, or the flag.
func locate(v client.Violation, list *joblist.List, specs []*stokerv1.JobSpec, inline inlineTemplate) located {
	where, column, ok := locateJob(v.Field, list)
	if !ok {
		v = locateFlag(inline.locate(v))
		return located{v.Field, locateText(v.Message, list)}
	}
	text := locateText(v.Message, list)
	if column == "" {
		return located{where, text}
	}
	// What looks like an address may have a password in it.
	if value := specValue(v.Field, specs); value != "" && !strings.Contains(text, value) && !strings.Contains(value, "://") && !strings.Contains(value, "@") {
		column = fmt.Sprintf("%s %q", column, shortened(value))
	}
	return located{where, column + ": " + text}
}

// located is what is said of a place.
type located struct{ where, text string }

func (l located) String() string { return l.where + ": " + l.text }

// locateFlag names the flag in place of the field of a request that it sets.
func locateFlag(v client.Violation) client.Violation {
	switch name, rest, _ := strings.Cut(v.Field, "."); name {
	case "output_folder":
		v.Field = "--output-folder"
	case "variables":
		v.Field = strings.TrimSpace("--var " + rest)
	}
	return v
}

// longestValue is how much of a wrong value is printed, in characters.
const longestValue = 60

func shortened(value string) string {
	if runes := []rune(value); len(runes) > longestValue {
		return string(runes[:longestValue-1]) + "…"
	}
	return value
}

// specValue is the value of a field such as jobs[17].input_path.
func specValue(field string, specs []*stokerv1.JobSpec) string {
	i, rest, ok := jobOf(field)
	if !ok || i >= len(specs) {
		return ""
	}
	spec := specs[i]
	switch rest {
	case "key":
		return spec.GetKey()
	case "name":
		return spec.GetName()
	case "input_path":
		return spec.GetInputPath()
	case "output_path":
		return spec.GetOutputPath()
	}
	name, _ := strings.CutPrefix(rest, "variables.")
	return spec.GetVariables()[name]
}
