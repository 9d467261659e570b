package output

import (
	"strings"
)

// labelWidth is where the text of a single thing begins, behind its label.
const labelWidth = 10

// narrow is the width below which a sheet has neither bars nor the zone.
const narrow = 60

// Sheet draws a single thing: a title, and labels with texts that wrap at words behind them.
type Sheet struct {
	Look
	b     strings.Builder
	blank bool // an empty line follows before the next one
}

// NewSheet draws a thing.
func NewSheet(look Look) *Sheet { return &Sheet{Look: look} }

// String is what has been drawn.
func (s *Sheet) String() string { return s.b.String() }

// Blank puts an empty line between what was drawn and what follows, if anything does.
func (s *Sheet) Blank() { s.blank = s.b.Len() > 0 }

// Title draws what the thing is called, its name, its state, and the time. A name that is too long is cut.
func (s *Sheet) Title(number, name string, state Value) {
	number, name = Printable(number), Printable(name)
	clock := s.Clock()
	if s.OnTerminal() && s.Width < narrow {
		clock, _, _ = strings.Cut(clock, " ")
	}
	shown := state.shown(s.Look)
	width := func() int { // without the clock
		return Cells(strings.Join(nonEmpty(number, name, shown), "  "))
	}
	if s.OnTerminal() {
		if over := width() + gap + Cells(clock) - s.Width; over > 0 {
			name = s.shorten(name, max(shortestCut, Cells(name)-over), CutEnd)
		}
		if width()+gap+Cells(clock) > s.Width {
			clock = ""
		}
	}
	line := strings.Join(nonEmpty(number, s.Paint(Bold, name), s.Paint(state.colour, shown)), "  ")
	if clock != "" {
		line += strings.Repeat(" ", max(gap, s.Width-width()-Cells(clock))) + clock
	}
	s.line(line)
}

// nonEmpty are the texts that are not empty.
func nonEmpty(texts ...string) []string {
	var kept []string
	for _, text := range texts {
		if text != "" {
			kept = append(kept, text)
		}
	}
	return kept
}

// Text draws texts behind a label, each on lines of its own. Empty ones are left out, and the label with
// them.
func (s *Sheet) Text(label string, texts ...string) {
	for _, text := range nonEmpty(texts...) {
		for _, line := range s.wrap(Printable(text), labelWidth) {
			s.labelled(label, line)
			label = ""
		}
	}
}

// Own is [Sheet.Text] for texts of this program, which have ASCII forms, in a colour.
func (s *Sheet) Own(label string, c Colour, texts ...string) {
	for _, text := range nonEmpty(texts...) {
		for _, line := range s.wrap(s.Spell(text), labelWidth) {
			s.labelled(label, s.Paint(c, line))
			label = ""
		}
	}
}

// Whole draws a text that is never cut and never wrapped, such as an address or a command. One that is too
// long for the place behind the label has a line of its own.
func (s *Sheet) Whole(label, text string) {
	if text == "" {
		return
	}
	text = Printable(text)
	if s.OnTerminal() && labelWidth+Cells(text) > s.Width {
		if label != "" {
			s.line(s.Paint(Faint, label))
		}
		s.line(text)
		return
	}
	s.labelled(label, text)
}

// Drawing draws lines that are as wide as they are, such as bars, behind a label.
func (s *Sheet) Drawing(label string, lines ...string) {
	for _, line := range lines {
		s.labelled(label, line)
		label = ""
	}
}

// Paragraph draws a text over the whole width.
func (s *Sheet) Paragraph(text string) {
	for _, line := range s.wrap(Printable(text), 0) {
		s.line(line)
	}
}

// Line draws a line as it is.
func (s *Sheet) Line(line string) { s.line(line) }

// Room is how many cells lie behind the labels; 0 without a terminal.
func (s *Sheet) Room() int { return max(0, s.Width-labelWidth) }

// Bars reports whether there is room for bars and drawings, and somebody who looks at them.
func (s *Sheet) Bars() bool { return s.Width >= narrow }

// labelled draws a line behind a label.
func (s *Sheet) labelled(label, text string) {
	text = strings.TrimRight(text, " ")
	if text == "" {
		return
	}
	s.line(s.Paint(Faint, label) + strings.Repeat(" ", max(gap, labelWidth-Cells(label))) + text)
}

func (s *Sheet) line(text string) {
	if s.blank {
		s.b.WriteByte('\n')
		s.blank = false
	}
	s.b.WriteString(text + "\n")
}

// wrap breaks a text into lines that fit behind so many cells.
func (s *Sheet) wrap(text string, behind int) []string {
	if text = strings.TrimSpace(text); !s.OnTerminal() || text == "" {
		return nonEmpty(text)
	}
	return wrapWords(text, max(shortestCut, s.Width-behind))
}

// wrapWords breaks a text into lines of at most so many cells, between its words. A word that is longer
// stands whole on a line of its own: it may be an id, which people copy.
func wrapWords(text string, cells int) []string {
	var lines []string
	line, width := "", 0
	for word := range strings.FieldsSeq(text) {
		n := Cells(word)
		if line != "" && width+1+n > cells {
			lines = append(lines, line)
			line, width = "", 0
		}
		if line != "" {
			line, width = line+" ", width+1
		}
		line, width = line+word, width+n
	}
	return append(lines, line)
}

// AddTable draws rows under heads, as wide as they are.
func (s *Sheet) AddTable(columns []SheetColumn, rows [][]Value) {
	if len(rows) == 0 {
		return
	}
	shapes := make([]shape, len(columns))
	for i, c := range columns {
		shapes[i] = shape{head: c.Head, right: c.Right, cut: c.Cut, leaveOut: c.LeaveOut}
	}
	t := newTable(&s.b, s.Look, shapes, false, true)
	if s.blank {
		s.b.WriteByte('\n')
		s.blank = false
	}
	for _, row := range rows {
		cells := make([]cell, len(row))
		for i, v := range row {
			cells[i] = cellOf(v, s.Look)
		}
		_ = t.add(cells) // a builder takes everything
	}
	_ = t.end()
}

// SheetColumn is a column of a table within a sheet.
type SheetColumn struct {
	Head     string
	Right    bool
	Cut      Cut
	LeaveOut int // as in [Column]
}

// Hanging draws a text behind a label and a head, such as a time. Its further lines begin below the first
// one's text.
func (s *Sheet) Hanging(label, head, text string) {
	head = Printable(head) + "  "
	for _, line := range s.wrap(Printable(text), labelWidth+Cells(head)) {
		s.labelled(label, head+line)
		label, head = "", strings.Repeat(" ", Cells(head))
	}
}
