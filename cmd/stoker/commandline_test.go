package main

import (
	"os/exec"
	"testing"
)

// A shell takes a quoted word as the word that was meant.
func TestShellQuote(t *testing.T) {
	bash, err := exec.LookPath("bash") // dash knows no $'...', which POSIX has since 2024
	for _, tt := range []struct{ word, want string }{
		{"", "''"},
		{"list.csv", "list.csv"},
		{"key=a/b:c,d@e%f", "key=a/b:c,d@e%f"},
		{"two words", "'two words'"},
		{"it's", `'it'\''s'`},
		{`$HOME "x" \n`, `'$HOME "x" \n'`},
		{"~/a", "'~/a'"},
		{"#1", "'#1'"},
		{"häxan", "'häxan'"},
		{"夜 的", "'夜 的'"},
		{"l'été", `'l'\''été'`},
		{"a\u00a0b", "'a\u00a0b'"},
		{"a\nb", `$'a\nb'`},
		{"a\tb", `$'a\011b'`},
		{"it's\n\\", `$'it\'s\n\\'`},
		{"\x1b[31mé", `$'\033[31mé'`},
		{"a\u200bb", `$'a\342\200\213b'`},
		{"\xff1", `$'\3771'`},
	} {
		got := shellQuote(tt.word)
		if got != tt.want {
			t.Errorf("%q: %s, want %s", tt.word, got, tt.want)
		}
		if err != nil {
			continue // no bash here: the forms above are what counts
		}
		out, err := exec.CommandContext(t.Context(), bash, "-c", "printf %s "+got).Output()
		if err != nil || string(out) != tt.word {
			t.Errorf("%q: bash takes %s as %q, %v", tt.word, got, out, err)
		}
	}
}
