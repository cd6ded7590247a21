// Package similar finds the known name that somebody probably meant. Pure.
package similar

import (
	"fmt"
	"strings"
)

// Name returns the known name that is most similar to a word, or "" if none is similar
// enough. Among equals the first wins.
func Name(word string, known []string) string {
	best, least := "", 0
	for _, k := range known {
		if d := distance(plain(word), plain(k)); best == "" || d < least {
			best, least = k, d
		}
	}
	if best != "" && least <= tolerance(word, best) {
		return best
	}
	for _, k := range known {
		if partOf(plain(word), plain(k)) {
			return k
		}
	}
	return ""
}

// Hint asks whether a name was meant, for the middle of a message; "" without a name.
func Hint(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %s? ", name)
}

// maxWord bounds the work: a longer word is no mistyped name.
const maxWord = 64

// tolerance returns how many mistakes a word may have: one for every three characters. A
// word whose characters all differ is another word.
func tolerance(word, known string) int {
	if n := len([]rune(word)); n <= maxWord {
		return min(3, (min(n, len([]rune(known)))+1)/3)
	}
	return -1
}

// plain returns a name as people remember it: dashes, underscores and case are forgotten
// first.
func plain(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "_", "-"))
}

// partOf reports whether a word of some length begins a name, or is one of its parts.
func partOf(word, name string) bool {
	return len(word) >= 3 && len(word) <= maxWord && (strings.HasPrefix(name, word) || strings.HasSuffix(name, "-"+word))
}

// distance counts the characters that are missing, added, replaced, or exchanged with
// their neighbour (optimal string alignment).
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	if len(from) > maxWord || len(to) > 4*maxWord {
		return max(len(from), len(to))
	}
	var before, above []int
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range from {
		before, above, row = above, row, make([]int, len(to)+1)
		row[0] = i + 1
		for j, t := range to {
			replaced := above[j]
			if r != t {
				replaced++
			}
			row[j+1] = min(replaced, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && r == to[j-1] && from[i-1] == t {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(to)]
}
