package main

import (
	"fmt"
	"testing"
)

func TestATallyShowsTheMedianOfEachNumber(t *testing.T) {
	var y tally
	for _, v := range [][]any{{3, 0.5, "first"}, {1, 9.0, "second"}, {2, 0.1, "last"}} {
		y.figure("a", "%d, %.1f: %s", v...)
	}
	y.figure("b", "%d", 7)
	if got := fmt.Sprintf(y.rows[0].format, y.rows[0].medians()...); got != "2, 0.5: last" || len(y.rows) != 2 {
		t.Errorf("%q of %d rows", got, len(y.rows))
	}
}
