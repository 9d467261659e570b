package output

import (
	"os"

	"golang.org/x/term"
)

// Terminal returns the file behind a reader or writer if it is a terminal.
func Terminal(stream any) (*os.File, bool) {
	file, ok := stream.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}

// Redrawable reports whether a writer is a terminal on which text may be redrawn in place. TERM=dumb in
// the environment forbids it.
func Redrawable(w any, getenv func(string) string) bool {
	_, ok := Terminal(w)
	return ok && getenv("TERM") != "dumb"
}

// unknownWidth is the width of a terminal that does not tell its own.
const unknownWidth = 80

// WidthOf is the width of a terminal in cells.
func WidthOf(terminal *os.File) int {
	if width, _, err := term.GetSize(int(terminal.Fd())); err == nil && width > 0 {
		return width
	}
	return unknownWidth
}
