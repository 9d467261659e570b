// Package spelling finds the word that somebody probably meant, for messages
// about names that do not exist.
package spelling

import "strings"

// Closest returns the known word nearest to the given one, or "" if none is
// near enough to be a slip of the fingers, or the beginning of the other. Case, and
// - against _, do not count as differences; among equally near words the first
// one wins.
func Closest(word string, known []string) string {
	word = fold(word)
	best, closest := 1+len([]rune(word))/3, ""
	for _, k := range known {
		if d := distance(word, fold(k)); d < best || d == best && closest == "" {
			best, closest = d, k
		}
	}
	if closest != "" {
		return closest
	}
	for _, k := range known {
		if begins(fold(k), word) || begins(word, fold(k)) {
			return k
		}
	}
	return ""
}

// begins reports whether word begins with enough letters to be meant by them.
func begins(word, letters string) bool {
	const enough = 3
	return len(letters) >= enough && strings.HasPrefix(word, letters)
}

// Hint is [Closest] as the end of a message, such as `; did you mean "name"?`,
// and empty if nothing is close.
func Hint(word string, known []string) string {
	if closest := Closest(word, known); closest != "" {
		return `; did you mean "` + closest + `"?`
	}
	return ""
}

func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "-", "_")
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to turn a into b.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	rows := make([][]int, len(from)+1)
	for i := range rows {
		rows[i] = make([]int, len(to)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := range from {
		for j := range to {
			cost := 1
			if from[i] == to[j] {
				cost = 0
			}
			d := min(rows[i][j]+cost, rows[i][j+1]+1, rows[i+1][j]+1)
			if i > 0 && j > 0 && from[i] == to[j-1] && from[i-1] == to[j] {
				d = min(d, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = d
		}
	}
	return rows[len(from)][len(to)]
}
