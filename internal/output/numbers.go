package output

import (
	"math"
	"strconv"
)

// Number is a count for people, with commas: 198,406.
func Number[T int | int32 | int64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	first := 1
	if n < 0 {
		first = 2
	}
	for at := len(text) - 3; at >= first; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// Percent is a share of 100 in a list, rounded down, so that 100 % means all: 61 %.
func Percent(percent float64) string {
	return strconv.Itoa(int(math.Floor(percent))) + " %"
}

// ExactPercent is [Percent] for a single thing, with a digit behind the point: 61.8 %.
func ExactPercent(percent float64) string {
	return strconv.FormatFloat(math.Floor(percent*10+1e-9)/10, 'f', 1, 64) + " %"
}

// Plural counts a noun whose plural ends in s: "1 job", "2,000 jobs".
func Plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Number(n) + " " + noun + "s"
}
