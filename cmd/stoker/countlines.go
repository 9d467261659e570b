package main

import (
	"fmt"

	"github.com/stokerd/stoker/internal/output"
)

// countLine is a number of jobs and what becomes of them.
type countLine struct {
	count int64
	text  string
}

// countLines writes the counts that are not zero, below each other.
func countLines(all ...countLine) []string {
	width := 0
	for _, l := range all {
		if l.count > 0 {
			width = max(width, len(output.Number(l.count)))
		}
	}
	var lines []string
	for _, l := range all {
		if l.count > 0 {
			lines = append(lines, fmt.Sprintf("%*s %s", width, output.Number(l.count), l.text))
		}
	}
	return lines
}
