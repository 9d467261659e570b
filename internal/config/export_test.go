package config

import "strings"

// Uncommented is the example with every line turned on.
func Uncommented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		code := strings.TrimLeft(line, " ")
		if len(code) > 1 && code[0] == '#' && code[1] != ' ' && code[1] != '\n' || strings.HasPrefix(code, "#  ") {
			line = strings.Replace(line, "#", "", 1)
		}
		b.WriteString(line)
	}
	return b.String()
}
