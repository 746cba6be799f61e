package relay

import (
	"testing"
	"time"
)

func TestWindowIsOpenForAWhileAfterItWasAskedFor(t *testing.T) {
	start := time.Now()
	var p primer
	for _, step := range []struct{ at, asks, want int }{ // milliseconds, bytes
		{0, 1000, 1000}, {1000, 1000, 1000}, {2000, 0, 1000}, {3000, 0, 1000}, {3001, 0, 0},
		{4000, 500, 500}, {5000, 2000, 2000}, {6000, 500, 2000}, {7001, 500, 500},
	} {
		if got := p.open(step.asks, start.Add(time.Duration(step.at)*time.Millisecond)); got != step.want {
			t.Errorf("%d ms: %d bytes, want %d", step.at, got, step.want)
		}
	}
}
