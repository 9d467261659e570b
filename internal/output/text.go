package output

import (
	"io"
	"strings"
	"time"

	"github.com/stokerd/stoker/job"
)

// Printable makes a text safe to print on one line: every control character, line breaks included, every
// invisible character and every character that changes the reading order ([job.Hidden]) becomes a space.
// An old job table may hold such characters.
func Printable(text string) string {
	if isPlain(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if job.Hidden(r) {
			return ' '
		}
		return r
	}, text)
}

// isPlain reports whether a text has only printable ASCII characters.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

// PrintableLines is [Printable] for a text of several lines.
func PrintableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = Printable(line)
	}
	return strings.Join(lines, "\n")
}

// PrintableArgs returns the arguments of a format with every string made [Printable]. Other types, errors
// among them, stay as they are.
func PrintableArgs(args []any) []any {
	printable := make([]any, len(args))
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			arg = Printable(text)
		}
		printable[i] = arg
	}
	return printable
}

// WriteLine writes a text, made [Printable], as one line.
func WriteLine(w io.Writer, line string) error {
	_, err := io.WriteString(w, Printable(line)+"\n")
	return err
}

// WriteRow writes texts as a line with tabs between them, for programs.
func WriteRow(w io.Writer, cells ...string) error {
	printable := make([]string, len(cells))
	for i, cell := range cells {
		printable[i] = Printable(cell)
	}
	_, err := io.WriteString(w, strings.Join(printable, "\t")+"\n")
	return err
}

// Seconds is a duration in seconds to the millisecond, as the number with the fewest digits:
// [time.Duration.Seconds] makes 3.7039999999999997 of 3.704 s.
func Seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}

// WritePairs writes names and their values, a pair on each line: in two columns on a terminal, with a tab
// between them for a program.
func WritePairs(w io.Writer, look Look, pairs [][2]string) error {
	widest := 0
	for _, p := range pairs {
		widest = max(widest, Cells(p[0]))
	}
	var b strings.Builder
	for _, p := range pairs {
		name, value := Printable(p[0]), Printable(p[1])
		if look.OnTerminal() {
			b.WriteString(look.Paint(Faint, name) + strings.Repeat(" ", widest-Cells(name)+gap) + value + "\n")
		} else {
			b.WriteString(name + "\t" + value + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
