package job

import (
	"fmt"
)

// Hidden reports whether r is a hidden character, which must not be in a name, label, reason, key or
// path. Hidden are control characters, which a terminal obeys; invisible characters, which make
// different texts look equal; and characters that change the direction of a text. Joiners (U+200C,
// U+200D) and variation selectors are not hidden: words and emoji are written with them.
func Hidden(r rune) bool {
	if r < 0x80 {
		return r < 0x20 || r == 0x7f
	}
	return r < 0xa0 || hiddenNames[r] != ""
}

// FindHidden finds the first [Hidden] character of a text. It returns the position of the character,
// in characters from 1, and its name, such as "U+200B ZERO WIDTH SPACE". The position is 0 if no
// character is hidden.
func FindHidden(text string) (position int, what string) {
	if !mayHide(text) {
		return 0, ""
	}
	for _, r := range text {
		position++
		if Hidden(r) {
			return position, CharacterName(r)
		}
	}
	return 0, ""
}

// mayHide reports whether a text has other than printable ASCII characters, which are never hidden.
func mayHide(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c >= 0x7f {
			return true
		}
	}
	return false
}

// CharacterName names a [Hidden] character by its number and its Unicode name.
func CharacterName(r rune) string {
	name := hiddenNames[r]
	if name == "" {
		name = "control character"
	}
	return fmt.Sprintf("U+%04X %s", r, name)
}

// hiddenNames has the names of hidden characters and of the better known control characters.
var hiddenNames = map[rune]string{
	0x00: "NULL", 0x07: "BELL", 0x08: "BACKSPACE", 0x09: "TAB", 0x0a: "LINE FEED", 0x0b: "LINE TABULATION",
	0x0c: "FORM FEED", 0x0d: "CARRIAGE RETURN", 0x1a: "SUBSTITUTE", 0x1b: "ESCAPE", 0x7f: "DELETE",
	0x85: "NEXT LINE", 0x90: "DEVICE CONTROL STRING", 0x9b: "CONTROL SEQUENCE INTRODUCER",
	0x9c: "STRING TERMINATOR", 0x9d: "OPERATING SYSTEM COMMAND",

	0x00ad: "SOFT HYPHEN",
	0x180e: "MONGOLIAN VOWEL SEPARATOR",
	0x200b: "ZERO WIDTH SPACE",
	0x2028: "LINE SEPARATOR",
	0x2029: "PARAGRAPH SEPARATOR",
	0x2060: "WORD JOINER",
	0x2061: "FUNCTION APPLICATION",
	0x2062: "INVISIBLE TIMES",
	0x2063: "INVISIBLE SEPARATOR",
	0x2064: "INVISIBLE PLUS",
	0xfeff: "ZERO WIDTH NO-BREAK SPACE",
	0xfff9: "INTERLINEAR ANNOTATION ANCHOR",
	0xfffa: "INTERLINEAR ANNOTATION SEPARATOR",
	0xfffb: "INTERLINEAR ANNOTATION TERMINATOR",

	// Characters that change the direction of a text.
	0x061c: "ARABIC LETTER MARK",
	0x200e: "LEFT-TO-RIGHT MARK",
	0x200f: "RIGHT-TO-LEFT MARK",
	0x202a: "LEFT-TO-RIGHT EMBEDDING",
	0x202b: "RIGHT-TO-LEFT EMBEDDING",
	0x202c: "POP DIRECTIONAL FORMATTING",
	0x202d: "LEFT-TO-RIGHT OVERRIDE",
	0x202e: "RIGHT-TO-LEFT OVERRIDE",
	0x2066: "LEFT-TO-RIGHT ISOLATE",
	0x2067: "RIGHT-TO-LEFT ISOLATE",
	0x2068: "FIRST STRONG ISOLATE",
	0x2069: "POP DIRECTIONAL ISOLATE",
	0x206a: "INHIBIT SYMMETRIC SWAPPING",
	0x206b: "ACTIVATE SYMMETRIC SWAPPING",
	0x206c: "INHIBIT ARABIC FORM SHAPING",
	0x206d: "ACTIVATE ARABIC FORM SHAPING",
	0x206e: "NATIONAL DIGIT SHAPES",
	0x206f: "NOMINAL DIGIT SHAPES",
}
