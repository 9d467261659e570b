package ui

import (
	"io"
	"strings"

	"charm.land/lipgloss/v2"
)

// Table is rows under a header.
//
// The standard library's tabwriter counts characters where a terminal counts columns: the titles of
// Asian films would push the columns out of line. The table of lipgloss gets them right, and takes
// fifteen times as long for the jobs of a large batch.
type Table struct {
	Header []string
	Rows   [][]string
}

// AddRow adds a row.
func (t *Table) AddRow(cells ...string) { t.Rows = append(t.Rows, cells) }

// Write writes the table, aligned under its header to a terminal, and as tab-separated values without
// header to a file or a program.
func (t *Table) Write(w io.Writer) error {
	text := t.tabSeparated()
	if _, ok := Terminal(w); ok {
		text = t.aligned()
	}
	_, err := io.WriteString(w, text)
	return err
}

// WriteRow writes one row as tab-separated values.
func WriteRow(w io.Writer, cells ...string) error {
	_, err := io.WriteString(w, (&Table{Rows: [][]string{cells}}).tabSeparated())
	return err
}

func (t *Table) aligned() string {
	rows := [][]string{t.Header}
	for _, row := range t.Rows {
		rows = append(rows, printableCells(row))
	}
	widths := make([]int, len(t.Header))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], lipgloss.Width(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[i]-lipgloss.Width(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

func (t *Table) tabSeparated() string {
	var b strings.Builder
	for _, row := range t.Rows {
		b.WriteString(strings.Join(printableCells(row), "\t") + "\n")
	}
	return b.String()
}

func printableCells(row []string) []string {
	cells := make([]string, len(row))
	for i, cell := range row {
		cells[i] = Printable(cell)
	}
	return cells
}

// alignPairs formats names and their values in two columns, a pair on each line. Pairs with an empty
// value are left out.
func alignPairs(pairs [][2]string) string {
	list := Table{Header: []string{"", ""}}
	for _, p := range pairs {
		if p[1] != "" {
			list.AddRow(p[0], p[1])
		}
	}
	return strings.TrimPrefix(list.aligned(), "\n") // the header is an empty line
}
