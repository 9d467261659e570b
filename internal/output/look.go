package output

import (
	"strings"
	"time"
)

// Look has the facts that decide how output looks. The zero value is that of a pipe or file.
type Look struct {
	Width  int            // of the terminal, in cells; 0: no terminal
	Colour bool           // the foreground may be coloured
	ASCII  bool           // the terminal has no other characters
	UTC    bool           // times are in UTC, each with a Z
	Zone   *time.Location // of times; nil: UTC
	Now    time.Time      // which day is today
}

// LookOf is how output to w looks, at present and in the zone of this machine. Without a UTF-8 locale
// there are only ASCII characters; NO_COLOR and TERM=dumb take the colours.
func LookOf(w any, getenv func(string) string) Look {
	look := Look{Zone: time.Local, Now: time.Now()}
	terminal, ok := Terminal(w)
	if !ok {
		return look
	}
	look.Width = WidthOf(terminal)
	look.Colour = getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	look.ASCII = !utf8Locale(getenv)
	return look
}

// utf8Locale reports whether the environment says that characters are in UTF-8. An environment that says
// nothing, as in many containers, is taken for one of UTF-8.
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := getenv(name); locale != "" {
			charset := strings.ToLower(locale)
			return strings.Contains(charset, "utf-8") || strings.Contains(charset, "utf8")
		}
	}
	return true
}

// OnTerminal reports whether a person looks at the output.
func (l Look) OnTerminal() bool { return l.Width > 0 }

// At is the look at another time.
func (l Look) At(now time.Time) Look {
	l.Now = now
	return l
}

// zone is the zone of printed times.
func (l Look) zone() *time.Location {
	if l.UTC || l.Zone == nil {
		return time.UTC
	}
	return l.Zone
}

// asciiForms are the characters of this package's own words and symbols, each with its ASCII form.
var asciiForms = strings.NewReplacer(
	"…", "...", "–", "-", "→", "->", "×", "x",
	"●", "*", "◐", "o", "○", ".", "↑", "^", "↻", "~", "✓", "+", "✗", "x", "⊘", "/", "‖", "=",
	"━", "#", "─", "-", "·", ".",
)

// Spell writes a text of this program, not of a user, in the characters that the terminal has.
func (l Look) Spell(text string) string {
	if l.ASCII {
		return asciiForms.Replace(text)
	}
	return text
}

// Colour is a foreground of the terminal's own palette, or an emphasis.
type Colour string

// The colours. Blue and bright black are unreadable on some grounds.
const (
	Plain  Colour = ""
	Bold   Colour = "1"
	Faint  Colour = "2"
	Red    Colour = "31"
	Green  Colour = "32"
	Yellow Colour = "33"
	Cyan   Colour = "36"
)

// Paint colours a text, if the terminal has colours.
func (l Look) Paint(c Colour, text string) string {
	if !l.Colour || c == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}
