package output

const (
	gap         = 2  // blanks between two columns
	readableCut = 24 // cells of a text that is cut and still says what it is about
	shortestCut = 8  // cells of a text that is cut; a shorter one says nothing
)

// layout returns the width of each column of a table that fits into width cells; 0 for a column that is
// left out. natural are the widths that the columns would like to have, heads included; 0 for a column
// that has nothing to show.
//
// First the column with shrinkTo is shortened; then columns are left out in the order of leaveOut. After the
// first of them, texts that never go are cut as far as they can be read. Then the widest texts are cut.
// Where even that is not enough, columns go from the right, but never the first.
func layout(shapes []shape, natural []int, width int) []int {
	widths := append([]int(nil), natural...)
	for turn := 0; turn <= len(shapes); turn++ {
		for i, s := range shapes {
			if turn > 0 && s.leaveOut == turn {
				widths[i] = 0
			}
		}
		if shrink(shapes, widths, width) || turn > 0 && cutReadable(shapes, widths, width) {
			return widths
		}
	}
	for i, s := range shapes {
		if s.shrinkTo > 0 && widths[i] > 0 {
			widths[i] = min(widths[i], s.shrinkTo)
		}
	}
	return squeeze(shapes, widths, width)
}

// shrink makes the table fit by the column with shrinkTo alone, and reports whether that was enough.
func shrink(shapes []shape, widths []int, width int) bool {
	over := total(widths) - width
	if over <= 0 {
		return true
	}
	for i, s := range shapes {
		if s.shrinkTo > 0 && widths[i]-over >= max(s.shrinkTo, len(s.head)) {
			widths[i] -= over
			return true
		}
	}
	return false
}

// cutReadable makes the table fit by shortening the column with shrinkTo and the texts that are never left
// out, as far as they can be read, and reports whether that was enough.
func cutReadable(shapes []shape, widths []int, width int) bool {
	least := append([]int(nil), widths...)
	for i, s := range shapes {
		switch {
		case s.shrinkTo > 0:
			least[i] = min(widths[i], max(s.shrinkTo, len(s.head)))
		case s.cut != CutNever && s.leaveOut == 0:
			least[i] = min(widths[i], max(readableCut, len(s.head)))
		}
	}
	if total(least) > width {
		return false
	}
	for total(widths) > width {
		widest := -1
		for i := range widths {
			if widths[i] > least[i] && (widest < 0 || widths[i]-least[i] > widths[widest]-least[widest]) {
				widest = i
			}
		}
		widths[widest]--
	}
	return true
}

// squeeze cuts the widest text until the table fits, and then leaves out columns from the right.
func squeeze(shapes []shape, widths []int, width int) []int {
	for total(widths) > width {
		widest := -1
		for i, s := range shapes {
			if s.cut != CutNever && widths[i] > shortestCut && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	first := 0
	for first < len(widths)-1 && widths[first] == 0 {
		first++
	}
	for i := len(widths) - 1; i > first && total(widths) > width; i-- {
		widths[i] = 0
	}
	if len(widths) > 0 {
		widths[first] = min(widths[first], width)
	}
	return widths
}

// total is the width of a table.
func total(widths []int) int {
	sum := 0
	for _, w := range widths {
		if w > 0 {
			sum += w + gap
		}
	}
	return max(0, sum-gap)
}
