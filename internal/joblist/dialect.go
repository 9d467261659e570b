package joblist

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"strings"
	"unicode/utf8"
)

// dialect is how CSV is written.
type dialect struct {
	comma rune
	lines int // before the header
}

// detectDialect skips what is before the header of CSV: empty lines, comments, and the line sep=; by
// which spreadsheets name the separator. Without that line, the separator is the one that makes the
// header the columns that are known.
func (p *parser) detectDialect(in *bufio.Reader) (dialect, error) {
	d := dialect{comma: ','}
	named := false
	for {
		start, err := head(in)
		if err != nil {
			return d, err
		}
		skip := 0 // bytes before the header
		for line := range bytes.Lines(start) {
			if skip > 0 && len(start) == maxHead && line[len(line)-1] != '\n' {
				break // the rest of the line comes with the next look
			}
			text := strings.TrimSpace(strings.TrimPrefix(string(line), byteOrderMark))
			comma, isSeparator := separator(text)
			switch {
			case isSeparator:
				d.comma, named = comma, true
			case strings.Trim(text, " \t\r,;|\"") == "":
			case isComment(text):
				p.skipped.comments++
			default:
				if !named {
					d.comma = p.commaOf(text)
				}
				_, err := in.Discard(skip)
				return d, err
			}
			d.lines++
			skip += len(line)
		}
		if _, err := in.Discard(skip); err != nil || skip == 0 {
			return d, err
		}
	}
}

// separator reads a line such as sep=; and returns the separator.
func separator(line string) (rune, bool) {
	line = strings.Trim(line, `"`)
	if len(line) < 4 || !strings.EqualFold(line[:4], "sep=") {
		return 0, false
	}
	rest := strings.TrimRight(line[4:], "\r")
	if rest == "" || strings.EqualFold(rest, `\t`) { // a tab at the end of the line was trimmed
		return '\t', true
	}
	comma, n := utf8.DecodeRuneInString(rest)
	if n != len(rest) || strings.ContainsRune("\"#\ufffd", comma) {
		return 0, false
	}
	return comma, true
}

// commaOf is the separator that makes the most known columns of a header. If none makes any, it is the
// one that makes the most columns.
func (p *parser) commaOf(header string) rune {
	best, most := ',', -1
	for _, comma := range []rune{',', ';', '\t'} {
		cells := splitRow(header, comma)
		score := len(cells)
		for _, c := range cells {
			if p.columns.known(strings.TrimSpace(c)) {
				score += maxHead
			}
		}
		if score > most {
			best, most = comma, score
		}
	}
	return best
}

// splitRow splits one line of CSV; nil if it cannot be split.
func splitRow(line string, comma rune) []string {
	r := csv.NewReader(strings.NewReader(line))
	r.Comma, r.LazyQuotes = comma, true
	row, err := r.Read()
	if err != nil {
		return nil
	}
	return row
}
