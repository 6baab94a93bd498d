// Package spelling finds the word that was probably meant.
package spelling

import "strings"

// maxWord bounds the words that are compared, in bytes: one may come from outside.
const maxWord = 64

// Nearest is the one of known that is fewer than limit letters away from word,
// ignoring case; empty if none is.
func Nearest(word string, known []string, limit int) (best string) {
	if len(word) > maxWord {
		return ""
	}
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < limit {
			best, limit = k, d
		}
	}
	return best
}

// distance counts the letters to change, add or drop (Levenshtein).
func distance(a, b string) int {
	if len(b) > maxWord {
		return maxWord
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
