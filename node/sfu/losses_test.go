package sfu

import (
	"slices"
	"testing"
	"time"
)

func TestLosses(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	var l losses
	expect := func(ms int, want ...uint16) {
		t.Helper()
		if got := l.due(at(ms)); !slices.Equal(got, want) {
			t.Fatalf("at %d ms: %v, want %v", ms, got, want)
		}
	}
	l.arrived(65533, at(0))
	l.arrived(65534, at(1))
	expect(1)
	l.arrived(2, at(2)) // 65535, 0 and 1 are missing, over the wrap
	expect(3)           // may be reordering
	l.arrived(0, at(4)) // it was, for one
	expect(8, 65535, 1)
	expect(9) // asked already
	l.arrived(65535, at(50))
	expect(108, 1)
	for i := range maxAsks - 2 {
		expect(208+100*i, 1)
	}
	expect(2000) // given up
	l.arrived(1, at(2001))
	l.arrived(30000, at(2002)) // a jump is a new beginning, not 29,997 losses
	expect(3000)
	l.arrived(30400, at(3001))
	if got := l.due(at(3100)); len(got) != 399 {
		t.Errorf("asked for %d of 399", len(got))
	}
}
