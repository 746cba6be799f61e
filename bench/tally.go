package main

import "slices"

// A tally gathers figures of several rounds, each of some numbers in one sentence, and shows the median of each number.
type tally struct{ rows []tallied }

type tallied struct {
	what, format string
	rounds       [][]any // int, float64 or string; the same of each
}

// figure adds a figure of one round.
func (t *tally) figure(what, format string, args ...any) {
	i := slices.IndexFunc(t.rows, func(r tallied) bool { return r.what == what })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, tallied{what: what, format: format})
	}
	t.rows[i].rounds = append(t.rows[i].rounds, args)
}

// print prints all.
func (t *tally) print() {
	for _, r := range t.rows {
		figure(r.what, r.format, r.medians()...)
	}
}

// medians returns the median of each number, and of words the last.
func (r tallied) medians() []any {
	out := slices.Clone(r.rounds[len(r.rounds)-1])
	for i := range out {
		switch out[i].(type) {
		case int:
			out[i] = middle[int](r.rounds, i)
		case float64:
			out[i] = middle[float64](r.rounds, i)
		}
	}
	return out
}

// middle returns the one in the middle of what the rounds have at i; of an even number of rounds the greater.
func middle[T int | float64](rounds [][]any, i int) T {
	var all []T
	for _, args := range rounds {
		all = append(all, args[i].(T))
	}
	slices.Sort(all)
	return all[len(all)/2]
}
