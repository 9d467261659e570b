package output

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Cells is how many cells of a terminal a text takes: ideographs take two, combining characters none.
func Cells(text string) int {
	if isPlain(text) {
		return len(text)
	}
	return ansi.StringWidth(text)
}

// Cut says how a text that is too long is shortened.
type Cut int

const (
	// CutNever is for numbers, states, causes, times, commands and addresses.
	CutNever Cut = iota
	// CutEnd is for texts: the end goes, but a code in parentheses at the end stays.
	CutEnd
	// CutMiddle is for keys and paths: beginning and end say most.
	CutMiddle
)

// shorten makes a text fit into so many cells. A mark, … or its ASCII form, stands where something is
// left out.
func (l Look) shorten(text string, cells int, how Cut) string {
	if Cells(text) <= cells {
		return text
	}
	mark := l.Spell("…")
	room := cells - Cells(mark)
	if room < 1 {
		return firstCells(text, max(cells, 0))
	}
	if how == CutMiddle {
		head := firstCells(text, room/3)
		return head + mark + lastCells(text, room-Cells(head))
	}
	if code := codeAtEnd(text); code != "" && Cells(code) < room {
		return strings.TrimRight(firstCells(text, room-Cells(code)), " ") + mark + code
	}
	return strings.TrimRight(firstCells(text, room), " ") + mark
}

// firstCells is the beginning of a text that takes at most so many cells.
func firstCells(text string, cells int) string {
	if isPlain(text) {
		return text[:min(cells, len(text))]
	}
	return ansi.Truncate(text, cells, "")
}

// lastCells is the end of a text that takes at most so many cells.
func lastCells(text string, cells int) string {
	if isPlain(text) {
		return text[max(0, len(text)-cells):]
	}
	for left := Cells(text) - cells; ; left++ { // a wide character may lie across the border
		if end := ansi.TruncateLeft(text, left, ""); Cells(end) <= cells {
			return end
		}
	}
}

// codeAtEnd is a code in parentheses at the end of a text, with the blank before it; empty if there is
// none.
func codeAtEnd(text string) string {
	const longest = 12
	at := strings.LastIndex(text, " (")
	if at < 0 || !strings.HasSuffix(text, ")") || len(text)-at > longest {
		return ""
	}
	return text[at:]
}

// Fit makes a text exactly so many cells wide: with blanks behind it, or cut at its end.
func (l Look) Fit(text string, cells int) string {
	text = l.shorten(Printable(text), cells, CutEnd)
	return text + strings.Repeat(" ", max(0, cells-Cells(text)))
}
