package ui

import (
	"image/color"
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"golang.org/x/term"
)

// Terminal returns the file behind a reader or writer if it is a terminal.
func Terminal(stream any) (*os.File, bool) {
	file, ok := stream.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}

// Redrawable reports whether a writer is a terminal on which text may be coloured and redrawn in place.
// A NO_COLOR that is not empty, or TERM=dumb, in the environment forbids it.
func Redrawable(w any, getenv func(string) string) bool {
	_, ok := Terminal(w)
	return ok && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// terminalWidth is the width of a terminal in columns; 80 if it is not known.
func terminalWidth(terminal *os.File) int {
	if width, _, err := term.GetSize(int(terminal.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// The colours come from the terminal's own palette.
const (
	red    = lipgloss.Red
	green  = lipgloss.Green
	yellow = lipgloss.Yellow
	cyan   = lipgloss.Cyan
	grey   = lipgloss.BrightBlack
)

func colour(c color.Color, text string) string {
	return lipgloss.NewStyle().Foreground(c).Render(text)
}

// bar draws a percentage as a bar that is width columns wide.
func bar(percent float64, width int) string {
	full := int(percent / 100 * float64(width))
	full = min(max(full, 0), width)
	return colour(green, strings.Repeat("━", full)) + colour(grey, strings.Repeat("─", width-full))
}
