package cli

import (
	"fmt"
	"strings"
)

// DidYouMean returns a question such as `did you mean "server"?` when one of
// known is close to word, and "" otherwise. It serves flags, commands and the
// keys of configuration files.
func DidYouMean(word string, known []string) string {
	if best, ok := Closest(word, known); ok {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// Closest returns the known word that was meant by word: one that word begins
// or that is few slips of the finger away (one for each three letters, at least
// one). Of equally close ones it returns the first.
func Closest(word string, known []string) (string, bool) {
	w := strings.ToLower(word)
	best, bestSlips := "", max(1, len([]rune(w))/3)+1
	for _, k := range known {
		if n := slips(w, strings.ToLower(k)); n < bestSlips {
			best, bestSlips = k, n
		}
	}
	if best != "" {
		return best, true
	}
	for _, k := range known {
		if len(w) >= 2 && strings.HasPrefix(strings.ToLower(k), w) {
			return k, true
		}
	}
	return "", false
}

// slips counts the letters that were left out, put in, exchanged or swapped
// with their neighbour (the optimal string alignment distance).
func slips(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last := []int(nil), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			wrong := 1
			if x[i-1] == y[j-1] {
				wrong = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+wrong)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(y)]
}
