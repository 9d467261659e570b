package output

import (
	"bufio"
	"io"
	"math"
	"slices"
)

// rowsTogether is how many rows of a table are laid out together. Those of a longer table are printed
// while the next ones are read, so that no list is held in memory.
const rowsTogether = 10_000

// cell is a value as it looks on a terminal.
type cell struct {
	text   string
	colour Colour
	cells  int // how many the text takes
}

// cellOf is a value as it looks.
func cellOf(v Value, l Look) cell {
	text := v.shown(l)
	return cell{text, v.colour, Cells(text)}
}

// table prints rows in columns that fit the terminal.
type table struct {
	out    buffer
	look   Look
	shapes []shape
	uncut  bool // every column, at its full width
	head   bool

	rows    [][]cell
	natural []int // the widest of all rows so far, by column
	printed []int // the widths under which the latest head stands; nil: none was printed
}

func newTable(w io.Writer, look Look, shapes []shape, uncut, head bool) *table {
	natural := make([]int, len(shapes))
	for i, s := range shapes {
		if s.asked {
			natural[i] = len(s.head)
		}
	}
	return &table{out: newBuffer(w), look: look, shapes: shapes, uncut: uncut, head: head, natural: natural}
}

// buffer is for many short writes. Its first error stays until flush.
type buffer struct{ w *bufio.Writer }

func newBuffer(w io.Writer) buffer { return buffer{bufio.NewWriterSize(w, 64<<10)} }

func (b buffer) writeText(text string)          { _, _ = b.w.WriteString(text) }
func (b buffer) writeBytes(text []byte)         { _, _ = b.w.Write(text) }
func (b buffer) Write(text []byte) (int, error) { return b.w.Write(text) }

// problem is the error of an earlier write.
func (b buffer) problem() error {
	_, err := b.w.Write(nil)
	return err
}

func (b buffer) flush() error { return b.w.Flush() }

// add adds a row.
func (t *table) add(row []cell) error {
	t.rows = append(t.rows, row)
	for i, c := range row {
		if c.cells > 0 {
			t.natural[i] = max(t.natural[i], c.cells, len(t.shapes[i].head))
		}
	}
	if len(t.rows) == rowsTogether {
		t.print()
	}
	return t.out.problem()
}

// end prints what has not been printed.
func (t *table) end() error {
	t.print()
	return t.out.flush()
}

// print prints the rows, under a head unless they stand under one already.
func (t *table) print() {
	if len(t.rows) == 0 {
		return
	}
	width := t.look.Width
	if t.uncut || width == 0 {
		width = math.MaxInt
	}
	widths := layout(t.shapes, t.natural, width)
	if t.head && !sameColumns(widths, t.printed) {
		head := make([]cell, len(t.shapes))
		for i, s := range t.shapes {
			head[i] = cell{s.head, Faint, len(s.head)}
		}
		t.line(head, widths)
	}
	t.printed = widths
	for _, row := range t.rows {
		t.line(row, widths)
	}
	t.rows = t.rows[:0]
}

// sameColumns reports whether two layouts show the same columns.
func sameColumns(a, b []int) bool {
	return slices.EqualFunc(a, b, func(a, b int) bool { return (a == 0) == (b == 0) })
}

// line writes a row. Nothing stands behind its last value.
func (t *table) line(row []cell, widths []int) {
	blanks := 0
	for i, c := range row {
		if widths[i] == 0 {
			continue
		}
		text, cells := c.text, c.cells
		if cells > widths[i] {
			text = t.look.shorten(text, widths[i], t.shapes[i].cut)
			cells = Cells(text)
		}
		before, after := 0, widths[i]-cells
		if t.shapes[i].right {
			before, after = after, before
		}
		if text != "" {
			t.blanks(blanks + before)
			t.out.writeText(t.look.Paint(c.colour, text))
			blanks, before = 0, 0
		}
		blanks += before + after + gap
	}
	t.out.writeText("\n")
}

// blanks writes so many blanks.
func (t *table) blanks(n int) {
	const some = "                                "
	for ; n > len(some); n -= len(some) {
		t.out.writeText(some)
	}
	t.out.writeText(some[:n])
}
