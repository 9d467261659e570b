package output

import (
	"strings"
)

// Bar draws a percentage as a bar of so many cells.
func (l Look) Bar(percent float64, cells int) string {
	done := min(max(int(percent/100*float64(cells)), 0), cells)
	return l.Paint(Green, l.Spell(strings.Repeat("━", done))) + l.Paint(Faint, l.Spell(strings.Repeat("─", cells-done)))
}

// Sparkline draws numbers as columns of a height each, the largest at full height. In ASCII the heights
// are digits from 0 to 9.
func (l Look) Sparkline(numbers []float64) string {
	levels := []rune("▁▂▃▄▅▆▇█")
	if l.ASCII {
		levels = []rune("0123456789")
	}
	largest := 0.0
	for _, n := range numbers {
		largest = max(largest, n)
	}
	var b strings.Builder
	for _, n := range numbers {
		level := 0
		if largest > 0 {
			level = max(int(n/largest*float64(len(levels)-1)), 0)
		}
		b.WriteRune(levels[level])
	}
	return b.String()
}
