package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A board gathers the figures of rounds, and shows their medians with the goal beside.
type board struct {
	columns []way
	rows    []*row
}

// A row is one figure in all ways.
type row struct {
	what, format, goal string // format is of one number, "%.2f ms"
	values             map[way][]float64
}

// note adds the figure of one round. The first note of a row says how it is shown.
func (b *board) note(what, format, goal string, w way, value float64) {
	i := slices.IndexFunc(b.rows, func(r *row) bool { return r.what == what })
	if i < 0 {
		i = len(b.rows)
		b.rows = append(b.rows, &row{what, format, goal, map[way][]float64{}})
	}
	b.rows[i].values[w] = append(b.rows[i].values[w], value)
}

// print shows the board as a table that can be pasted.
func (b *board) print() {
	head := []string{"medians"}
	for _, w := range b.columns {
		head = append(head, string(w))
	}
	fmt.Println("| " + strings.Join(append(head, "goal"), " | ") + " |\n|" + strings.Repeat("---|", len(head)+1))
	for _, r := range b.rows {
		cells := []string{r.what}
		for _, w := range b.columns {
			cells = append(cells, r.cell(w))
		}
		fmt.Println("| " + strings.Join(append(cells, r.goal), " | ") + " |")
	}
}

func (r *row) cell(w way) string {
	v := slices.Sorted(slices.Values(r.values[w]))
	if len(v) == 0 {
		return ""
	}
	return fmt.Sprintf(r.format, v[len(v)/2])
}

// An age is how long after its last packet was written a frame was complete, less what the link itself takes.
type ages struct {
	sorted []time.Duration // of the frames that became whole
	all    int             // also those that did not
}

// agesOf returns the ages of the frames from to to, both included, whose link takes link. What the meter has never heard
// of counts as not whole.
func agesOf(takes []Take, from, to uint32, link time.Duration) ages {
	a := ages{all: int(to) - int(from) + 1}
	for _, t := range takes {
		if t.Frame >= from && t.Frame <= to && t.Whole > 0 {
			a.sorted = append(a.sorted, time.Duration(t.Whole-t.Sent)-link)
		}
	}
	slices.Sort(a.sorted)
	return a
}

// within returns the share of all frames that were whole within d, in percent.
func (a ages) within(d time.Duration) float64 {
	n, _ := slices.BinarySearch(a.sorted, d+1)
	return 100 * float64(n) / float64(max(a.all, 1))
}

// at returns the age in milliseconds below which the share p of the frames that became whole lies.
func (a ages) at(p float64) float64 {
	if len(a.sorted) == 0 {
		return 0
	}
	return float64(a.sorted[min(len(a.sorted)-1, int(p*float64(len(a.sorted))))]) / float64(time.Millisecond)
}
