package job_test

import (
	"testing"

	"github.com/stokerd/stoker/job"
)

func TestFindHidden(t *testing.T) {
	for _, tt := range []struct {
		text     string
		position int
		what     string
	}{
		{"", 0, ""},
		{"Nosferatu 1922 (Häxan) 100% #1?x+y&z", 0, ""},
		{"🎬 cut, \u0e01\u0e33 and cafe\u0301", 0, ""},
		{"می\u200cخواهم, 👩\u200d🚀, ❤\ufe0f and \U000e0101", 0, ""}, // joiners and variation selectors
		{"no-break\u00a0space", 0, ""},
		{"a\tb", 2, "U+0009 TAB"},
		{"\x00", 1, "U+0000 NULL"},
		{"a\x01", 2, "U+0001 control character"},
		{"red \x1b[31m", 5, "U+001B ESCAPE"},
		{"line\nline", 5, "U+000A LINE FEED"},
		{"\x7f", 1, "U+007F DELETE"},
		{"\u0080", 1, "U+0080 control character"},
		{"\u009b31m", 1, "U+009B CONTROL SEQUENCE INTRODUCER"},
		{"üüüü\u200b", 5, "U+200B ZERO WIDTH SPACE"}, // characters, not bytes
		{"masters/\u202evom.b", 9, "U+202E RIGHT-TO-LEFT OVERRIDE"},
		{"soft\u00adhyphen", 5, "U+00AD SOFT HYPHEN"},
		{"\ufeffmark", 1, "U+FEFF ZERO WIDTH NO-BREAK SPACE"},
		{"a\u2060b", 2, "U+2060 WORD JOINER"},
		{"\u2067x\u2069", 1, "U+2067 RIGHT-TO-LEFT ISOLATE"},
		{"x\u200f", 2, "U+200F RIGHT-TO-LEFT MARK"},
		{"x\u061c", 2, "U+061C ARABIC LETTER MARK"},
		{"x\u2028y", 2, "U+2028 LINE SEPARATOR"},
	} {
		position, what := job.FindHidden(tt.text)
		if position != tt.position || what != tt.what {
			t.Errorf("%q: %q at %d, want %q at %d", tt.text, what, position, tt.what, tt.position)
		}
	}
}
