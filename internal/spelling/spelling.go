// Package spelling finds the known word that is closest to a misspelt one, for messages about
// unknown names.
package spelling

import (
	"strings"
	"unicode/utf8"
)

// longest is the length of the longest word that is compared, in bytes. Comparing takes time and memory for each
// letter of the one and each of the other, and callers may send words of megabytes.
const longest = 200

// Closest returns the known word that word probably stands for: the one with the fewest
// differing letters if they are few enough for a typing error, otherwise the first one that
// begins with word or with which word begins. It returns "" if there is none. Upper and lower
// case count as the same letter, and so do - and _. Among equally close words the first wins.
// To a word of more than 200 bytes none is close, and none of that length to any.
func Closest(word string, known []string) string {
	if len(word) > longest {
		return ""
	}
	word = fold(word)
	best, closest := 1+utf8.RuneCountInString(word)/3, ""
	for _, k := range known {
		if len(k) > longest {
			continue
		}
		if d := distance(word, fold(k)); d < best || d == best && closest == "" {
			best, closest = d, k
		}
	}
	if closest != "" {
		return closest
	}
	for _, k := range known {
		if len(k) <= longest && (begins(fold(k), word) || begins(word, fold(k))) {
			return k
		}
	}
	return ""
}

// begins reports whether word begins with letters, and these are enough to mean it.
func begins(word, letters string) bool {
	const enough = 3
	return len(letters) >= enough && strings.HasPrefix(word, letters)
}

// Hint returns [Closest] as the end of a message, such as `; did you mean "name"?`. It is empty
// if no known word is close.
func Hint(word string, known []string) string {
	if closest := Closest(word, known); closest != "" {
		return `; did you mean "` + closest + `"?`
	}
	return ""
}

// fold makes words equal that differ only in case, or in - and _.
func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "-", "_")
}

// distance returns how many letters must be inserted, deleted, replaced or swapped with their
// neighbours to turn a into b.
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
