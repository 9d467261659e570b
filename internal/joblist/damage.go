package joblist

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stokerd/stoker/job"
)

// maxLine is how many bytes a line, a field of CSV or an object of JSON may have.
const maxLine = 1 << 20

// shortened matches a large number as spreadsheets, and programs that take keys for numbers, write it:
// 1.23457E+12, or 1,23457E+12 where the decimal point is a comma. 1E5 and 7e10 may be keys.
var shortened = regexp.MustCompile(`^[+-]?\d([.,]\d+)?[eE]\+\d+$`)

// cellErrors lists what spreadsheets write into a cell whose formula has failed.
var cellErrors = []string{
	"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#ERROR!", // English
	"#NV", "#BEZUG!", "#WERT!", "#ZAHL!", "#VALEUR!", "#NOM?", "#NOMBRE!", "#¡REF!", "#¡VALOR!", "#N/D", // other languages
}

// damage says why a value cannot be what somebody meant to write; empty if it can.
func (p *parser) damage(value string) string {
	switch {
	case len(value) > maxLine:
		return fmt.Sprintf("is %d bytes long; is a quote missing?", len(value))
	case !utf8.ValidString(value):
		at := 0
		for at < len(value) {
			r, n := utf8.DecodeRuneInString(value[at:])
			if r == utf8.RuneError && n <= 1 {
				break
			}
			at += n
		}
		return p.unreadable(value, at)
	case p.text.charset.encoding != nil && strings.ContainsRune(value, utf8.RuneError):
		at := strings.IndexRune(value, utf8.RuneError)
		return fmt.Sprintf("character %d cannot be read as %s", 1+utf8.RuneCountInString(value[:at]), p.text.charset.name)
	case len(value) < 32 && strings.Contains(value, "+") && shortened.MatchString(value):
		return value + " is a number that a spreadsheet has shortened, and its digits are lost: make the column text, and enter the values anew"
	case value != "" && value[0] == '#' && slices.Contains(cellErrors, value):
		return value + " is the error of a formula in a spreadsheet"
	}
	return ""
}

// unreadable says which byte of a value is not UTF-8 and, the first time, what to do. It suggests the most
// likely charset.
func (p *parser) unreadable(value string, at int) string {
	problem := fmt.Sprintf("byte %d, 0x%02X, is not UTF-8", at+1, value[at])
	if !p.text.told || p.unreadableBefore {
		return problem
	}
	p.unreadableBefore = true
	switch {
	case p.text.mac:
		p.suggest("--list-charset", "macintosh")
	case looksWestern(value):
		p.suggest("--list-charset", "latin1")
	}
	return problem + `: save the list as "CSV UTF-8", or say which charset it has, with --list-charset`
}

// looksWestern reports whether a text in some charset has letters of Western Europe if it is in that of
// Windows, and besides them only quotes, dashes and the like.
func looksWestern(value string) bool {
	letters := false
	for i := range len(value) {
		switch c := value[i]; {
		case c >= 0xa0:
			letters = true
		case c >= 0x80 && !strings.Contains("\x80\x85\x91\x92\x93\x94\x96\x97", string([]byte{c})):
			return false
		}
	}
	return letters
}

// excerpt is the beginning of a text in quotes, and [shorten] of it.
func excerpt(text string) string {
	if short := shorten(text); short != notRepeated {
		return fmt.Sprintf("%q", short)
	}
	return notRepeated
}

const notRepeated = "(an address, which is not repeated here)"

// shorten is the beginning of a text. It does not repeat an address, which may have a password in it.
func shorten(text string) string {
	for field := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(",;\t\"|", r) }) {
		if isAddress(field) {
			return notRepeated
		}
	}
	const longest = 60
	text = strings.ToValidUTF8(text, "\ufffd")
	if runes := []rune(text[:min(len(text), 4*longest)]); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return text
}

func isAddress(text string) bool {
	kind, _ := job.FindAddress(text)
	return kind != job.NoAddress
}
